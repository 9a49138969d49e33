#!/usr/bin/env python3
"""A machine may crash at any moment: the next run ends with the right bytes, and no acknowledged command is lost.

tests/bench/crash_replay_bench.py runs every moment; here are some.
"""

import unittest

import fault_layer
from crash_replay import AgentCrashes, DownloadCrashes

SEED = 1


class CrashReplayTest(unittest.TestCase):
    def setUp(self):
        if why := fault_layer.why_unavailable():
            self.skipTest(f"can't record: {why}")

    def check_download(self, kind, before):
        with DownloadCrashes(kind, before, SEED) as download:
            count, wrong = download.run(download.crashes.some_ends(10, SEED))
        self.assertGreater(count, 5)
        self.assertEqual(wrong, [], "\n".join(wrong))

    def test_a_file(self):
        self.check_download("file", "nothing")

    def test_a_file_of_one_chunk(self):
        self.check_download("small", "nothing")

    def test_a_folder(self):
        self.check_download("folder", "nothing")

    def test_a_folder_that_a_killed_run_began(self):
        self.check_download("folder", "half")

    def test_a_damaged_file(self):
        self.check_download("file", "damaged")

    def test_an_agent(self):
        with AgentCrashes(SEED, commands=12) as agent:
            count, wrong = agent.run(agent.crashes.some_ends(10, SEED), ways=("synced", "some"))
        self.assertGreater(count, 5)
        self.assertEqual(wrong, [], "\n".join(wrong))


if __name__ == "__main__":
    unittest.main()
