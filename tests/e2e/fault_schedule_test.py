#!/usr/bin/env python3
"""Swarms in which things go wrong at random: the bytes are right, errors are clear, and nothing is left behind.

tests/bench/fault_schedules_bench.py runs hundreds of such schedules.
"""

import concurrent.futures
import unittest

from fault_schedules import outcome, unavailable

SEEDS = (1, 2, 3, 4, 5)


class FaultScheduleTest(unittest.TestCase):
    def test_all_is_well_after_the_faults(self):
        for line in unavailable():
            print(line, flush=True)
        with concurrent.futures.ProcessPoolExecutor(3) as pool:
            for result in pool.map(outcome, SEEDS):
                with self.subTest(seed=result.seed):
                    self.assertIsNone(result.wrong, result.wrong)


if __name__ == "__main__":
    unittest.main()
