#!/usr/bin/env python3
"""Tracker, seeders and leechers may start and restart in any order: `get --wait=forever` ends with the file.

tests/bench/boot_orders_bench.py runs more orders, with longer pauses.
"""

import unittest

from boot_orders import BootOrder
from swarm import MEBIBYTE


class BootOrderTest(unittest.TestCase):
    def test_every_leecher_ends_with_the_file(self):
        for seed in (1, 2, 3):
            with self.subTest(seed=seed), BootOrder(seed, 4 * MEBIBYTE, longest_pause=0.5) as order:
                order.run()


if __name__ == "__main__":
    unittest.main()
