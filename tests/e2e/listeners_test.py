#!/usr/bin/env python3
"""Who may use which listener: tables that docs/operations.md shows to its readers.

What tokens let their holders do at a tracker is in the table of tests/integration/tracker_access_integration_test.cc.
"""

import collections
import functools
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import unittest

from agents import SERVICE, Agent
from chunk_stream import HELLO, hello
from swarm import PATIENCE, Daemon, Fetch, Swarm, program
from tls_swarm import TlsSwarm, make_certificates, tls_flags

MANUAL = pathlib.Path(__file__).resolve().parents[2] / "docs" / "operations.md"
YES, NO = "yes", "no"
NOBODY = 65534
# The commands and flags that open a listener besides the programs' own.
COMMANDS = ("get", "seed", "serve")

# `act(caller)` makes the request as one of the callers; returns whether it was answered. `outcomes`: one for each caller.
Row = collections.namedtuple("Row", "program listener request outcomes act")


def ports_of(daemon, table="tcp"):
    """The ports on which a program listens (of "udp": to which it is bound)."""
    sockets = set(daemon.descriptors().values())
    entries = [line.split() for line in pathlib.Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]]
    return {int(entry[1].split(":")[1], 16) for entry in entries
            if f"socket:[{entry[9]}]" in sockets and (table == "udp" or entry[3] == "0A")}


def whoever(ask):
    """For a request that is the same for all callers, and made once."""
    once = functools.cache(ask)
    return lambda caller: once()


def table_of(callers, rows):
    lines = [("program", "listener", "request", *callers), ["---"] * (3 + len(callers))]
    lines += [(row.program, f"`{row.listener}`", row.request, *row.outcomes) for row in rows]
    return "\n".join([f"| {' | '.join(lines[0])} |", f"|{'|'.join(lines[1])}|", *(f"| {' | '.join(line)} |" for line in lines[2:])]) + "\n"


class CertificateTest(unittest.TestCase):
    """Every program has a certificate, and the CA that others must have theirs from."""

    CALLERS = ("clear text", "no certificate", "one of another CA", "one of the CA")

    @classmethod
    def setUpClass(cls):
        cls.swarm = swarm = TlsSwarm("--tls-http-client-certs")
        cls.addClassCleanup(swarm.__exit__)
        strangers = swarm.root / "strangers"
        assert make_certificates(strangers).returncode == 0
        cls.contexts = {"clear text": None, "no certificate": swarm.context(certificate=False), "one of the CA": swarm.context(),
                        "one of another CA": swarm.context(certificate=False)}
        cls.contexts["one of another CA"].load_cert_chain(strangers / "cert.pem", strangers / "key.pem")
        cls.folder = swarm.share("share", {"model.bin": b"m" * 100_000})
        listeners = ("--http=127.0.0.1:0", "--grpc=127.0.0.1:0", *swarm.flags)
        cls.seeder = swarm.start_seeder(cls.folder, "--tls-http-client-certs", *listeners)
        cls.seeder.http, cls.seeder.grpc = (int(cls.seeder.expect(rf"\b{name}_port=(\d+)").group(1)) for name in ("http", "grpc"))
        cls.content = cls.seeder.expect(r": published name=model\.bin id=(\w+)").group(1)
        cls.open_seeder = swarm.start_seeder(swarm.share("other", {"other.bin": b"o"}), *listeners)
        cls.open_seeder.http = int(cls.open_seeder.expect(r"\bhttp_port=(\d+)").group(1))
        flags = (f"--tracker={swarm.tracker_url}", "--listen=127.0.0.1:0", "--advertise=127.0.0.1", "--tls-http-client-certs", *listeners)
        cls.get = swarm.keep(Fetch("model.bin", *flags, "--seed=forever", "-o", str(swarm.folder("copy"))))
        cls.seed = swarm.keep(Daemon("shoal-leecher", "seed", "--json", str(cls.folder / "model.bin"), *flags))
        for daemon in (cls.get, cls.seed):
            daemon.http = int(daemon.expect(r'"http_port": ?(\d+)').group(1))
            daemon.port = int(daemon.expect(r'"event": ?"serving",.*"port": ?(\d+)').group(1))
            daemon.grpc, = ports_of(daemon) - {daemon.http, daemon.port}
        cls.agent = swarm.keep(Daemon(
            "shoal-leecher", "serve", f"--tracker={swarm.tracker_url}", "--listen=127.0.0.1:0", "--advertise=127.0.0.1",
            "--http=127.0.0.1:0", f"--socket={swarm.root / 'socket'}", f"--state={swarm.folder('state')}", "--follow=model*",
            f"--output={swarm.folder('agent')}", "--tls-http-client-certs", *swarm.flags))
        cls.agent.http = int(cls.agent.expect(r"the agent runs .*https://[^ ]*:(\d+)/").group(1))
        cls.agent.expect(r"complete.*model\.bin")
        cls.agent.port, = ports_of(cls.agent) - {cls.agent.http}

    def connect(self, caller, port):
        plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
        context = self.contexts[caller]
        return plain if context is None else context.wrap_socket(plain, server_hostname="localhost")

    def ask(self, caller, port, request, enough):
        """Sends a request, and reads until `enough(answer)`, or the end. With TLS 1.3 a server judges when the client has finished."""
        answer = b""
        try:
            with self.connect(caller, port) as connection:
                connection.sendall(request)
                while not enough(answer):
                    got = connection.recv(4096)
                    if not got:
                        break
                    answer += got
        except (ssl.SSLError, ConnectionError):
            return NO
        return YES if enough(answer) else NO

    def stream(self, port):
        return lambda caller: self.ask(caller, port, hello(self.content), lambda answer: answer[:1] == bytes([HELLO]))

    def http(self, port, path="/metrics"):
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        return lambda caller: self.ask(caller, port, request, lambda answer: answer.startswith(b"HTTP/1.1 200 "))

    def grpc(self, port):
        # The preface of HTTP/2 and empty settings, which a server answers with its own.
        request = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
        return lambda caller: self.ask(caller, port, request, lambda answer: len(answer) > 3 and answer[3] == 4)

    @staticmethod
    def datagrams(daemon):
        return lambda: YES if ports_of(daemon, "udp") else NO

    def rows(self):
        owners = (NO, NO, NO, YES)
        tls = (NO, YES, YES, YES)
        tracker, seeder, agent = self.swarm.tracker, self.seeder, self.agent
        peers = [("shoal-seeder", seeder), ("shoal get", self.get), ("shoal seed", self.seed)]
        pages = "any, with `--tls-http-client-certs`"
        rows = [
            Row("shoal-tracker", "--grpc", "any call", owners, self.grpc(self.swarm.ports["grpc"])),
            Row("shoal-tracker", "--udp", "any datagram", (NO,) * 4, whoever(self.datagrams(tracker))),
            Row("shoal-tracker", "--http", pages, owners, self.http(self.swarm.ports["http"])),
        ]
        for name, peer in peers:
            rows += [
                Row(name, "--listen", "Hello, and so chunks and manifests", owners, self.stream(peer.port)),
                Row(name, "--grpc", "health, which speaks no TLS", (YES, NO, NO, NO), self.grpc(peer.grpc)),
                Row(name, "--http", pages, owners, self.http(peer.http)),
            ]
        rows += [
            Row("shoal serve", "--listen", "Hello, and so chunks and manifests", owners, self.stream(agent.port)),
            Row("shoal serve", "--http", pages, owners, self.http(agent.http)),
            Row("any of them", "--http", "any, without `--tls-http-client-certs`", tls, self.http(self.open_seeder.http)),
        ]
        return rows

    def test_each_listener_judges_certificates(self):
        for row in self.rows():
            for caller, outcome in zip(self.CALLERS, row.outcomes, strict=True):
                with self.subTest(program=row.program, listener=row.listener, request=row.request, caller=caller):
                    self.assertEqual(row.act(caller), outcome)

    def test_the_manual_has_this_table(self):
        table = table_of(self.CALLERS, self.rows())
        self.assertTrue(f"\n\n{table}\n" in MANUAL.read_text(encoding="utf-8"), f"docs/operations.md lacks this table:\n{table}")


class AgentTest(unittest.TestCase):
    """An agent with `--token-file`, or with a listener that needs none."""

    CALLERS = ("no token", "an unknown token", "its token")

    @classmethod
    def setUpClass(cls):
        cls.swarm = swarm = Swarm()
        cls.addClassCleanup(swarm.__exit__)
        tokens = {"an unknown token": "u" * 32, "its token": "k" * 32}
        (swarm.root / "tokens").write_text(tokens["its token"] + "\n", encoding="ascii")
        cls.headers = {caller: {"Authorization": f"Bearer {token}"} for caller, token in tokens.items()}
        swarm.start_seeder(swarm.share("share", {"model.bin": b"m" * 100_000}))
        cls.agent = Agent(swarm, "agent", f"--token-file={swarm.root / 'tokens'}", "--follow=model*")
        cls.agent.daemon.expect(r"complete.*model\.bin")
        cls.local = Agent(swarm, "local", "--grpc=127.0.0.1:0")
        # A user who may not use the socket gets as far as the socket.
        swarm.root.chmod(0o755)

    def http(self, method, path, headers=None, agent=None):
        def act(caller):
            status, _, _ = (agent or self.agent).ask(method, path, "{}" if method == "POST" else None,
                                                     {"Content-Type": "application/json", **self.headers.get(caller, {}), **(headers or {})})
            self.assertIn(status, (200, 401, 403, 421))
            return YES if status == 200 else NO

        return act

    def grpc(self):
        answers = [self.swarm.leecher(f"--health-check=127.0.0.1:{port}").returncode for port in ports_of(self.local.daemon)]
        return YES if 0 in answers else NO

    def start_elsewhere(self, flag):
        """Whether an agent starts that listens to other machines."""
        def act():
            daemon = Daemon("shoal-leecher", "serve", f"--tracker={self.swarm.tracker_url}", f"--state={self.swarm.folder('refused')}",
                            f"--socket={self.swarm.root / 'refused.sock'}", "--http=none", "--listen=none", f"{flag}=0.0.0.0:0")
            daemon.process.wait(PATIENCE)
            self.assertEqual(daemon.stop(), 2, daemon.lines)
            return NO

        return act

    def socket(self, user):
        def act():
            if user is not None and os.geteuid() != 0:
                self.skipTest("only root can try as another user")
            connect = f"import socket; socket.socket(socket.AF_UNIX).connect({str(self.local.socket)!r})"
            as_user = {} if user is None else {"user": user, "group": user, "extra_groups": []}
            return YES if subprocess.run([sys.executable, "-c", connect], stderr=subprocess.DEVNULL, timeout=PATIENCE, check=False,
                                         **as_user).returncode == 0 else NO

        return act

    def rows(self):
        everyone, holders, nobody = (YES,) * 3, (NO, NO, YES), (NO,) * 3
        content = f"/content/{self.agent.call('List', headers=self.headers['its token'])['downloads'][0]['contentHex']}/model.bin"
        api = f"/api/{SERVICE}"
        foreign = {"Origin": "http://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
        rebound = {"Host": "elsewhere.example"}
        return [
            Row("shoal serve", "--http", "`/` and the files of the page", everyone, self.http("GET", "/")),
            Row("shoal serve", "--http", "`/healthz`, `/readyz`", everyone, self.http("GET", "/healthz")),
            Row("shoal serve", "--http", "`/metrics`", holders, self.http("GET", "/metrics")),
            Row("shoal serve", "--http", "`/api/`: what is there", holders, self.http("POST", f"{api}/List")),
            Row("shoal serve", "--http", "`/api/`: what others offer", holders, self.http("POST", f"{api}/ListAvailable")),
            Row("shoal serve", "--http", "`/api/`: any change", holders, self.http("POST", f"{api}/SetLimits")),
            Row("shoal serve", "--http", "`/content/`", holders, self.http("GET", content)),
            Row("shoal serve", "--http", "`/api/`, for a page of another site", nobody, self.http("POST", f"{api}/List", foreign)),
            Row("shoal serve", "--http", "anything, by a name that is not its own", nobody, self.http("GET", "/healthz", rebound)),
            Row("shoal serve", "--http", "anything, from this machine, without `--token-file`", everyone,
                self.http("POST", f"{api}/List", agent=self.local)),
            Row("shoal serve", "--http", "from other machines, without `--token-file`", nobody, whoever(self.start_elsewhere("--http"))),
            Row("shoal serve", "--grpc", "any call, from this machine", everyone, whoever(self.grpc)),
            Row("shoal serve", "--grpc", "from other machines", nobody, whoever(self.start_elsewhere("--grpc"))),
            Row("shoal serve", "--socket", "any call, by its user and root", everyone, whoever(self.socket(None))),
            Row("shoal serve", "--socket", "any call, by another user", nobody, whoever(self.socket(NOBODY))),
        ]

    def test_each_listener_judges_tokens(self):
        for row in self.rows():
            for caller, outcome in zip(self.CALLERS, row.outcomes, strict=True):
                with self.subTest(listener=row.listener, request=row.request, caller=caller):
                    self.assertEqual(row.act(caller), outcome)

    def test_the_manual_has_this_table(self):
        table = table_of(self.CALLERS, self.rows())
        self.assertTrue(f"\n\n{table}\n" in MANUAL.read_text(encoding="utf-8"), f"docs/operations.md lacks this table:\n{table}")


class CompletenessTest(unittest.TestCase):
    def test_no_listener_is_forgotten(self):
        """Each flag that opens a listener has a row in a table."""
        found = set()
        for name in ("shoal-tracker", "shoal-seeder", "shoal-leecher"):
            dump = json.loads(subprocess.run([program(name), "--dump-flags"], capture_output=True, text=True, timeout=PATIENCE,
                                             check=True).stdout)
            commands = [(f"shoal {command['name']}", command) for command in dump["commands"] if command["name"] in COMMANDS]
            for owner, command in [(name, dump), *commands]:
                for flag in command["flags"]:
                    if re.match(r"(HOST|ADDRESS):PORT", flag["value"] or ""):
                        found.add((owner, flag["names"][-1]))
        found.add(("shoal serve", "--socket"))
        manual = MANUAL.read_text(encoding="utf-8")
        self.assertGreater(len(found), 10)
        for owner, flag in sorted(found):
            self.assertRegex(manual, rf"(?m)^\| {owner} \| `{flag}` \|")


if __name__ == "__main__":
    unittest.main()
