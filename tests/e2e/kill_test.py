#!/usr/bin/env python3
"""A leecher that is killed at random moments loses the chunks in flight, and nothing else."""

import unittest

from killing import download_under_fire
from swarm import MEBIBYTE, Swarm, random_bytes

KILLS = 10
# What one leecher may have asked for and not stored at one moment, at the rate below.
IN_FLIGHT_BYTES = 4 * MEBIBYTE
SIZE = 64 * MEBIBYTE


class KillTest(unittest.TestCase):
    def test_ten_kills_in_one_download(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {"model.bin": random_bytes(SIZE, 1)})
            seeder = swarm.start_seeder(shared, "--http=127.0.0.1:0")
            killed = download_under_fire(swarm, seeder, "model.bin", SIZE, KILLS, seed=1, limit_down=8 * MEBIBYTE)
            self.assertEqual(killed.kills, KILLS)
            self.assertGreaterEqual(killed.twice_bytes, 0)
            self.assertLessEqual(killed.twice_bytes, KILLS * IN_FLIGHT_BYTES)
            self.assertGreater(max(killed.resumed_bytes), 0, "nothing was ever resumed")


if __name__ == "__main__":
    unittest.main()
