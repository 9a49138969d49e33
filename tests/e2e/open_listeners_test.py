#!/usr/bin/env python3
"""What the programs say at their start about listeners that admit anyone."""

import re
import unittest

from swarm import Daemon
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


if __name__ == "__main__":
    unittest.main()
