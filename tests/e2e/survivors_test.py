#!/usr/bin/env python3
"""What is left of a swarm without its tracker, its only publisher and a third of its leechers ends with the content."""

import signal
import time
import unittest

from killing import sent_bytes
from swarm import MEBIBYTE, PATIENCE, Swarm, random_bytes, sha256

LEECHERS = 6
KILLED = 2
SIZE = 8 * MEBIBYTE
NAME = "model.bin"


class SurvivorsTest(unittest.TestCase):
    def await_sent(self, seeder, share):
        """Waits until the seeder has sent this part of the content."""
        deadline = time.monotonic() + PATIENCE
        while sent_bytes(seeder) < share * SIZE:
            self.assertLess(time.monotonic(), deadline, f"never sent {share} of it")
            time.sleep(0.02)

    def test_the_survivors_finish(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {NAME: random_bytes(SIZE, 1)})
            seeder = swarm.start_seeder(shared, "--http=127.0.0.1:0", "--limit-up=2MiB")
            leechers = [swarm.fetch(NAME, f"leecher{number}", "--limit-down=2MiB", "--limit-up=4MiB", "--wait=30s", seed="forever")
                        for number in range(LEECHERS)]
            for leecher in leechers:
                leecher.expect(r'"event": ?"start"')
            # By then each knows others.
            self.await_sent(seeder, 0.3)
            swarm.tracker.stop(signal.SIGKILL)
            self.await_sent(seeder, 0.9)
            for leecher in leechers[:KILLED]:
                leecher.stop(signal.SIGKILL)
            self.await_sent(seeder, 1.1)
            seeder.stop(signal.SIGKILL)
            self.assertTrue(any(leecher.fraction() < 1 for leecher in leechers[KILLED:]), "all was over before")
            for number, leecher in enumerate(leechers[KILLED:], KILLED):
                leecher.expect(r'"event": ?"finished"')
                finished = leecher.events("finished")[-1]
                self.assertTrue(finished["ok"], finished)
                self.assertEqual(sha256(swarm.root / f"leecher{number}" / NAME), sha256(shared / NAME))


if __name__ == "__main__":
    unittest.main()
