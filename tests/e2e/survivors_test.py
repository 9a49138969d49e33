#!/usr/bin/env python3
"""What is left of a swarm without its tracker, its only publisher and a third of its leechers ends with the content."""

import signal
import time
import unittest

from killing import sent_bytes
from swarm import CHUNK, MEBIBYTE, PATIENCE, Swarm, random_bytes, sha256

LEECHERS = 6
KILLED = 2
SIZE = 4 * MEBIBYTE
NAME = "model.bin"


def held_by(swarm, content, numbers):
    """The chunks that the files of these leechers have."""
    held = set()
    for number in numbers:
        for path in (swarm.root / f"leecher{number}").glob(f"*{NAME}*"):
            try:
                there = path.read_bytes()
            except FileNotFoundError:  # it has its final name now
                continue
            held |= {chunk for chunk in range(SIZE // CHUNK) if there[chunk * CHUNK:][:CHUNK] == content[chunk * CHUNK:][:CHUNK]}
    return held


class SurvivorsTest(unittest.TestCase):
    def await_sent(self, seeder, share):
        """Waits until the seeder has sent this part of the content."""
        deadline = time.monotonic() + PATIENCE
        while sent_bytes(seeder) < share * SIZE:
            self.assertLess(time.monotonic(), deadline, f"never sent {share} of it")
            time.sleep(0.02)

    def await_passed_on(self, swarm, content):
        """Waits until those that will survive have all chunks together: what one alone holds dies with it."""
        deadline = time.monotonic() + PATIENCE
        while held_by(swarm, content, range(KILLED, LEECHERS)) != set(range(SIZE // CHUNK)):
            self.assertLess(time.monotonic(), deadline, "the chunks are not passed on")
            time.sleep(0.05)

    def test_the_survivors_finish(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {NAME: random_bytes(SIZE, 1)})
            seeder = swarm.start_seeder(shared, "--http=127.0.0.1:0", "--limit-up=1MiB")
            leechers = [swarm.fetch(NAME, f"leecher{number}", "--limit-up=160KiB", "--wait=20s", seed="forever")
                        for number in range(LEECHERS)]
            for leecher in leechers:
                leecher.expect(r'"event": ?"start"')
            # Only the tracker tells of peers, and it names those that came later when it is asked again.
            for leecher in leechers:
                leecher.expect(rf'"event": ?"progress".*"peers": ?{LEECHERS}\b')
            self.assertLess(sent_bytes(seeder), SIZE, "it took too long until they knew each other")
            swarm.tracker.stop(signal.SIGKILL)
            self.await_sent(seeder, 1.1)
            seeder.stop(signal.SIGKILL)
            self.await_passed_on(swarm, (shared / NAME).read_bytes())
            for leecher in leechers[:KILLED]:
                leecher.stop(signal.SIGKILL)
            survivors = leechers[KILLED:]
            self.assertTrue(any(leecher.fraction() < 1 for leecher in survivors), "all was over before")
            for number, leecher in enumerate(survivors, KILLED):
                leecher.expect(r'"event": ?"finished"')
                finished = leecher.events("finished")[-1]
                self.assertTrue(finished["ok"], finished)
                self.assertEqual(sha256(swarm.root / f"leecher{number}" / NAME), sha256(shared / NAME))


if __name__ == "__main__":
    unittest.main()
