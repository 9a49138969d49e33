#!/usr/bin/env python3
"""Peers that serve only holders of a tracker's ticket, and who tries without one."""

import base64
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest

from agents import Agent
from chunk_stream import HELLO, MANIFEST_REQUEST, REFUSE, REQUEST, frame, hello
from swarm import MEBIBYTE, PATIENCE, Daemon, Swarm, program, random_bytes, sha256
from tls_swarm import TlsSwarm

NO_TICKET = 8
NOT_PERMITTED = 12


def raw_hello(port, content, peer, tickets):
    """Says hello, asks for the manifest and the first chunk, and returns all frames that come back: (type, body)."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(hello(content.hex(), peer, tickets) + frame(MANIFEST_REQUEST, b"\x10\x01")
                           + frame(REQUEST, b"\x0a\x02\x10\x01"))
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while block := connection.recv(1 << 20):
            received += block
    frames = []
    while received:
        kind, _, _, length, _, _ = struct.unpack(">BBHIII", received[:16])
        frames.append((kind, received[16:16 + length]))
        received = received[16 + length:]
    return frames


class Keys:
    """Keys of tickets in a folder, and tickets that are made with them as docs/wire_format.md says."""

    def __init__(self, folder):
        self.folder = folder

    def make(self, name):
        """Returns the text of the public key."""
        made = subprocess.run([program("shoal-leecher"), "key", str(self.folder / name)], capture_output=True, text=True,
                              timeout=PATIENCE, check=True)
        return made.stdout.strip()

    def ticket(self, name, public, content, content_name, peer, seconds_left):
        statement = (b"shoal ticket v2\n" + base64.b64decode(public.removeprefix("ed25519:")) + content
                     + hashlib.sha256(content_name.encode()).digest() + peer + struct.pack(">Q", int(time.time()) + seconds_left))
        (self.folder / "statement").write_bytes(statement)
        signature = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.folder / name, "-in",
                                    self.folder / "statement"], capture_output=True, timeout=PATIENCE, check=True).stdout
        return statement + signature


class TicketTest(unittest.TestCase):
    """A tracker with tokens and tickets, an open one beside it, and a seeder that is registered with both."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="shoal-ticket-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.keys = Keys(cls.folder)
        cls.public = cls.keys.make("ticket.pem")
        cls.other_public = cls.keys.make("other.pem")
        lines = []
        cls.tokens = {}
        for rights in ("publish", "fetch,list"):
            made = json.loads(subprocess.run([program("shoal-leecher"), "token", f"--rights={rights}", "--json"],
                                             capture_output=True, text=True, timeout=PATIENCE, check=True).stdout)
            lines.append(made["line"])
            file = cls.folder / f"token-{len(lines)}"
            file.write_text(made["token"] + "\n")
            cls.tokens[rights.split(",")[0]] = f"--tracker-token-file={file}"
        (cls.folder / "tokens").write_text("\n".join(lines) + "\n")
        cls.swarm = Swarm(tracker_flags=(f"--tokens={cls.folder}/tokens", f"--ticket-key={cls.folder}/ticket.pem"))
        cls.addClassCleanup(cls.swarm.__exit__)
        cls.open = Swarm()
        cls.addClassCleanup(cls.open.__exit__)
        cls.demand = ("--require-ticket", f"--ticket-issuer={cls.public}")
        cls.shared = cls.swarm.share("shared", {"model.bin": random_bytes(3 * MEBIBYTE, 1)})
        cls.seeder = cls.swarm.keep(Daemon(
            "shoal-seeder", f"--tracker={cls.swarm.tracker_url},{cls.open.tracker_url}", f"--share={cls.shared}",
            "--listen=127.0.0.1:0", "--advertise=127.0.0.1", "--state=none", cls.tokens["publish"], *cls.demand))
        cls.port = int(cls.seeder.expect(r"seeder listens.*\bport=(\d+)").group(1))
        cls.content = bytes.fromhex(cls.seeder.expect(r": published name=model\.bin id=(\w+)").group(1))
        cls.seeder.expect(r"\bready\b.*trackers_told=2")

    def check_copy(self, path):
        self.assertEqual(sha256(path), sha256(self.shared / "model.bin"))

    def check_refused(self, port, peer, tickets, *words, content=None):
        frames = raw_hello(port, content or self.content, peer, tickets)
        self.assertEqual([kind for kind, _ in frames], [REFUSE], "not a byte of the content")
        self.assertEqual(frames[0][1][:2], bytes([8, NO_TICKET]))
        for word in words:
            self.assertIn(word, frames[0][1].decode(errors="replace"))

    def ticket(self, content=None, content_name="model.bin", peer=None, seconds_left=600, key="ticket.pem", public=None):
        return self.keys.ticket(key, public or self.public, content or self.content, content_name, peer, seconds_left)

    def test_who_has_a_token_fetches_and_serves_those_who_have_one(self):
        first = self.swarm.fetch("model.bin", "first", self.tokens["fetch"], *self.demand, seed="forever")
        first.expect(r'"event": ?"finished"')
        self.check_copy(self.swarm.root / "first" / "model.bin")
        second = self.swarm.fetch("model.bin", "second", self.tokens["fetch"])
        self.assertTrue(second.finish()["ok"])
        self.check_copy(self.swarm.root / "second" / "model.bin")
        port = int(first.expect(r'"event": ?"serving".*"port": ?(\d+)').group(1))
        self.check_refused(port, os.urandom(16), b"", "ticket of its tracker is missing")

    def ports(self):
        """Of the peers that the tracker knows."""
        swarm = self.swarm.leecher("info", "model.bin", "--json", f"--tracker={self.swarm.tracker_url}", self.tokens["fetch"])
        return {int(peer["endpoint"].rpartition(":")[2]) for peer in json.loads(swarm.stdout)["peers"]}

    def test_an_agent_demands_tickets_too(self):
        before = self.ports()
        self.assertIn(self.port, before)
        agent = Agent(self.swarm, "agent", self.tokens["fetch"], *self.demand)
        added = self.swarm.leecher("add", "model.bin", f"--socket={agent.socket}")
        self.assertEqual(added.returncode, 0, added.stderr)
        agent.daemon.expect(r"\bcomplete\b")
        deadline = time.monotonic() + PATIENCE
        while not (own := self.ports() - before):
            self.assertLess(time.monotonic(), deadline, "the agent never registered")
            time.sleep(0.1)
        for port in own:
            self.check_refused(port, os.urandom(16), b"", "ticket of its tracker is missing")

    def test_who_learns_of_the_seeder_elsewhere_gets_a_sentence(self):
        refused = self.swarm.leecher("get", "model.bin", f"--tracker={self.open.tracker_url}", "--listen=none", "--seed=no",
                                     "--wait=0", "--json", "-o", self.swarm.folder("refused"))
        self.assertEqual(refused.returncode, NOT_PERMITTED, refused.stdout + refused.stderr)
        finished = json.loads(refused.stdout.splitlines()[-1])
        self.assertEqual(finished["error"]["cause"], "no_ticket")
        for words in (f"127.0.0.1:{self.port}", "a ticket of its tracker is missing", "--tracker-token-file"):
            self.assertIn(words, finished["error"]["message"])
        self.assertEqual(os.listdir(self.swarm.root / "refused"), [])

    def test_each_wrong_ticket_is_refused(self):
        peer = os.urandom(16)
        self.check_refused(self.port, peer, b"", "--tracker-token-file")
        self.check_refused(self.port, peer, b"nonsense", "no ticket that this peer can read")
        self.check_refused(self.port, peer, self.ticket(peer=peer, seconds_left=-90), "expired 1m30s ago")
        self.check_refused(self.port, peer, self.ticket(peer=os.urandom(16)), "for another peer")
        self.check_refused(self.port, peer, self.ticket(peer=peer, content=bytes(32)), "for another content")
        self.check_refused(self.port, peer, self.ticket(peer=peer, key="other.pem"), "signature")
        self.check_refused(self.port, peer, self.ticket(peer=peer, key="other.pem", public=self.other_public),
                           "of another tracker")
        # Nor does it say which contents it has.
        self.check_refused(self.port, peer, b"", "--tracker-token-file", content=os.urandom(32))

    def test_a_right_ticket_opens(self):
        peer = os.urandom(16)
        frames = raw_hello(self.port, self.content, peer, self.ticket(peer=peer))
        self.assertEqual(frames[0][0], HELLO)
        self.assertIn(self.content, frames[0][1])
        # Beside one of another tracker, and a little after its time: clocks differ.
        shown = self.ticket(peer=peer, key="other.pem", public=self.other_public) + self.ticket(peer=peer, seconds_left=-20)
        self.assertEqual(raw_hello(self.port, self.content, peer, shown)[0][0], HELLO)

    def test_somebodys_tickets_need_to_count(self):
        for command in (["shoal-seeder", f"--share={self.shared}"], ["shoal-leecher", "get", "model.bin"]):
            result = subprocess.run([program(command[0]), *command[1:], f"--tracker={self.swarm.tracker_url}", "--require-ticket"],
                                    capture_output=True, text=True, timeout=PATIENCE)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn("--ticket-issuer", result.stderr)


class TicketOverTlsTest(unittest.TestCase):
    def test_the_key_comes_from_the_tracker_and_may_change(self):
        with tempfile.TemporaryDirectory(prefix="shoal-ticket-") as folder:
            keys = Keys(pathlib.Path(folder))
            first = keys.make("ticket.pem")
            with TlsSwarm(f"--ticket-key={folder}/ticket.pem") as swarm:
                shared = swarm.share("shared", {"model.bin": random_bytes(MEBIBYTE, 1)})
                seeder = swarm.start_seeder(shared, "--require-ticket", *swarm.flags)
                seeder.expect(r"tickets of this tracker count.*" + re.escape(first))
                self.assertTrue(swarm.fetch("model.bin", "first", *swarm.flags).finish()["ok"])
                second = keys.make("new.pem")
                os.rename(f"{folder}/new.pem", f"{folder}/ticket.pem")
                swarm.tracker.process.send_signal(signal.SIGHUP)
                swarm.tracker.expect(r"the key of tickets was read")
                seeder.expect(r"tickets of this tracker count.*" + re.escape(second))
                self.assertTrue(swarm.fetch("model.bin", "second", *swarm.flags, "--require-ticket").finish()["ok"])


if __name__ == "__main__":
    unittest.main()
