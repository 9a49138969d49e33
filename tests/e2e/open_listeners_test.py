#!/usr/bin/env python3
"""What the programs say at their start about listeners that admit anyone."""

import re
import unittest

from swarm import Daemon, Swarm
from tls_swarm import TlsSwarm

OPEN = r"anyone who reaches (.*) can (.*); see docs/security\.md"
EVERYWHERE, LOCAL = "0.0.0.0:0", "127.0.0.1:0"


def said_by(lines):
    """What such lines say: [(listeners, what anyone can)], the ports left out."""
    found = [re.search(OPEN, line) for line in lines]
    return [(re.sub(r":\d+\b", "", match.group(1)), match.group(2)) for match in found if match]


class TrackerTest(unittest.TestCase):
    """Each combination of listeners and of what they ask for."""

    @classmethod
    def setUpClass(cls):
        cls.swarm = TlsSwarm()
        cls.addClassCleanup(cls.swarm.__exit__)
        cls.tokens = cls.swarm.root / "tokens"
        cls.tokens.write_text("", encoding="ascii")

    def said_at_start(self, grpc, udp, *flags):
        tracker = Daemon("shoal-tracker", f"--grpc={grpc}", f"--udp={udp}", "--http=none", *flags)
        tracker.expect(r"listening on grpc://")
        # The lines of the start come before those of the end.
        self.assertEqual(tracker.stop(), 0, tracker.lines)
        self.assertTrue(any("stopped" in line for line in tracker.lines), tracker.lines)
        return said_by(tracker.lines)

    def test_exactly_the_open_listeners_are_named(self):
        mutual = self.swarm.flags
        one_sided = mutual[:2]
        tokens = f"--tokens={self.tokens}"
        both = "0.0.0.0 or udp://0.0.0.0"
        for grpc, udp, flags, named in (
                (EVERYWHERE, EVERYWHERE, [], both),
                (EVERYWHERE, LOCAL, [], "0.0.0.0"),
                (EVERYWHERE, "none", [], "0.0.0.0"),
                (LOCAL, EVERYWHERE, [], "udp://0.0.0.0"),
                (LOCAL, LOCAL, [], None),
                (LOCAL, "none", [], None),
                (EVERYWHERE, EVERYWHERE, [tokens], None),
                (EVERYWHERE, "none", mutual, None),
                (EVERYWHERE, EVERYWHERE, [*mutual, "--tls-plain-udp"], "udp://0.0.0.0"),
                (EVERYWHERE, EVERYWHERE, [*mutual, "--tls-plain-udp", tokens], None),
                (EVERYWHERE, LOCAL, [*mutual, "--tls-plain-udp"], None),
                (EVERYWHERE, "none", one_sided, "0.0.0.0"),
                (EVERYWHERE, EVERYWHERE, [*one_sided, "--tls-plain-udp"], both)):
            with self.subTest(grpc=grpc, udp=udp, flags=flags):
                self.assertEqual(self.said_at_start(grpc, udp, *flags), [(named, "publish here")] if named else [])

    def test_the_ports_are_those_of_the_listeners(self):
        tracker = self.swarm.keep(Daemon("shoal-tracker", f"--grpc={EVERYWHERE}", f"--udp={EVERYWHERE}", "--http=none"))
        grpc, udp = (tracker.expect(rf"listening on {scheme}://(\S+)").group(1) for scheme in ("grpc", "udp"))
        self.assertEqual(tracker.expect(OPEN).group(1), f"{grpc} or udp://{udp}")


class PeerTest(unittest.TestCase):
    """Programs that serve chunks."""

    SERVED = [("0.0.0.0", "fetch what is served here")]

    @classmethod
    def setUpClass(cls):
        cls.swarm = Swarm()
        cls.addClassCleanup(cls.swarm.__exit__)
        cls.folder = cls.swarm.share("share", {"a.bin": b"a" * 100_000})
        cls.swarm.start_seeder(cls.folder)

    def flags(self, listen, swarm=None):
        return [f"--tracker={(swarm or self.swarm).tracker_url}", f"--listen={listen}", "--advertise=127.0.0.1"]

    def get(self, output, listen, *flags, swarm=None):
        swarm = swarm or self.swarm
        fetched = swarm.leecher("get", "a.bin", *self.flags(listen, swarm), f"--output={swarm.folder(output)}", *flags)
        self.assertEqual(fetched.returncode, 0, fetched)
        return said_by([*fetched.stdout.splitlines(), *fetched.stderr.splitlines()])

    def test_get_says_it_once(self):
        self.assertEqual(self.get("plain", EVERYWHERE), self.SERVED)
        self.assertEqual(self.get("seeding", EVERYWHERE, "--seed=1s"), self.SERVED)
        self.assertEqual(self.get("two", EVERYWHERE, "a.bin", "--seed=0s"), self.SERVED)

    def test_get_says_nothing_where_nothing_is_open_or_nobody_reads(self):
        for output, listen, *flags in (("local", LOCAL), ("none", "none"), ("quiet", EVERYWHERE, "--quiet"), ("json", EVERYWHERE, "--json")):
            with self.subTest(output):
                self.assertEqual(self.get(output, listen, *flags), [])

    def test_seed(self):
        path = str(self.folder / "a.bin")
        for listen, said in ((EVERYWHERE, self.SERVED), (LOCAL, [])):
            served = self.swarm.leecher("seed", path, *self.flags(listen), "--for=1s")
            self.assertEqual(served.returncode, 0, served)
            self.assertEqual(said_by(served.stdout.splitlines()), said)

    def agent(self, name, listen, *flags, swarm=None):
        swarm = swarm or self.swarm
        folder = swarm.folder(name)
        agent = Daemon("shoal-leecher", "serve", *self.flags(listen, swarm), "--http=none", f"--socket={folder}/socket",
                       f"--state={folder}/state", f"--output={folder}/output", *flags)
        agent.expect("the agent runs")
        self.assertEqual(agent.stop(), 0, agent.lines)
        return said_by(agent.lines)

    def seeder(self, folder, listen, *flags, swarm=None):
        swarm = swarm or self.swarm
        seeder = swarm.keep(Daemon("shoal-seeder", *self.flags(listen, swarm), f"--share={folder}", "--state=none", *flags))
        seeder.expect(r"\bready\b.*trackers_told=1")
        return said_by(seeder.lines)

    def test_serve(self):
        self.assertEqual(self.agent("open-agent", EVERYWHERE), self.SERVED)
        self.assertEqual(self.agent("open-agent-json", EVERYWHERE, "--log-format=json"), self.SERVED)
        self.assertEqual(self.agent("local-agent", LOCAL), [])
        self.assertEqual(self.agent("silent-agent", "none"), [])

    def test_tickets_close_a_peer(self):
        _, key = self.swarm.make_key("issuer")
        tickets = ("--require-ticket", f"--ticket-issuer={key}")
        self.assertEqual(self.get("tickets", EVERYWHERE, *tickets), [])
        self.assertEqual(self.agent("tickets-agent", EVERYWHERE, *tickets), [])

    def test_certificates_close_a_peer(self):
        with TlsSwarm() as swarm:
            folder = swarm.share("share", {"a.bin": b"a" * 1000})
            self.assertEqual(self.seeder(folder, EVERYWHERE, *swarm.flags, swarm=swarm), [])
            self.assertEqual(self.get("out", EVERYWHERE, *swarm.flags, swarm=swarm), [])
            self.assertEqual(self.agent("agent", EVERYWHERE, *swarm.flags, swarm=swarm), [])

    def test_a_seeder_says_it_of_what_it_publishes(self):
        self.assertEqual(self.seeder(self.folder, EVERYWHERE), [("0.0.0.0", "fetch what is published here")])
        self.assertEqual(self.seeder(self.folder, LOCAL), [])


if __name__ == "__main__":
    unittest.main()
