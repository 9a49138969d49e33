#!/usr/bin/env python3
"""The options of a download: pause, limits, a selection of files, an order."""

import os
import signal
import unittest

from swarm import MEBIBYTE, Swarm, random_bytes, sha256

FILES = {
    "set/train/a.bin": random_bytes(3 * MEBIBYTE + 1, 1),
    "set/train/b.bin": random_bytes(2 * MEBIBYTE, 2),
    "set/labels/a.csv": b"1,2\n",
    "set/labels/empty.csv": b"",
    "set/read me, please": b"text",
}


def files_below(folder):
    return {os.path.relpath(os.path.join(where, name), folder)
            for where, _, names in os.walk(folder) for name in names if not name.endswith(".shoal-progress")}


class ChoiceTest(unittest.TestCase):
    def setUp(self):
        self.swarm = Swarm()
        self.addCleanup(self.swarm.__exit__)

    def get(self, output, *flags, name="set"):
        finished = self.swarm.fetch(name, output, *flags).finish()
        self.assertTrue(finished["ok"], finished)
        return finished

    def check_files(self, output, *expected):
        """Exactly these files are there, and right."""
        folder = self.swarm.root / output
        self.assertEqual(files_below(folder), set(expected))
        for path in expected:
            self.assertEqual((folder / path).read_bytes(), FILES[path], path)


class SelectionTest(ChoiceTest):
    def setUp(self):
        super().setUp()
        self.swarm.start_seeder(self.swarm.share("shared", FILES))

    def test_include_and_exclude(self):
        finished = self.get("copy", "--include=*.csv,train/", "--exclude=b.*")
        self.check_files("copy", "set/train/a.bin", "set/labels/a.csv", "set/labels/empty.csv")
        self.assertEqual((finished["files"], finished["wanted_files"]), (5, 3))
        self.assertEqual(finished["fetched_bytes"], 3 * MEBIBYTE + 1 + 4)
        self.assertEqual(finished["wanted_bytes"], finished["bytes"])

    def test_skipping_by_priority_and_a_comma_in_a_name(self):
        self.get("copy", "--priority=*=skip", "--priority=read me\\, please=low")
        self.check_files("copy", "set/read me, please")

    def test_a_later_run_with_other_globs_fetches_what_is_missing(self):
        self.get("copy", "--include=*.csv")
        finished = self.get("copy", "--include=train/a.bin")
        self.assertEqual(finished["fetched_bytes"], 3 * MEBIBYTE + 1)
        self.check_files("copy", "set/train/a.bin", "set/labels/a.csv", "set/labels/empty.csv")
        finished = self.get("copy")
        self.assertEqual(finished["fetched_bytes"], 2 * MEBIBYTE + 4)
        self.check_files("copy", *FILES)
        self.assertEqual(os.listdir(self.swarm.root / "copy"), ["set"], "nothing is left beside the whole content")
        self.assertEqual(self.get("copy")["fetched_bytes"], 0)

    def test_the_same_choice_again_fetches_nothing(self):
        self.get("copy", "--include=train/")
        finished = self.get("copy", "--include=train/")
        self.assertEqual((finished["fetched_bytes"], finished["resumed_bytes"]), (0, 5 * MEBIBYTE + 1))

    def test_one_file_of_a_choice_serves_the_next(self):
        first = self.swarm.fetch("set", "first", "--include=train/a.bin", seed="forever")
        first.expect(r'"trackers_told": ?1')
        self.get("second", "--include=train/a.bin")
        self.check_files("second", "set/train/a.bin")

    def test_a_choice_of_nothing_is_wrong_usage(self):
        fetch = self.swarm.fetch("set", "copy", "--include=*.cvs")
        finished = fetch.finish()
        self.assertEqual(finished["exit_code"], 2, finished)
        self.assertIn("5 files", finished["error"]["message"])
        self.assertEqual(files_below(self.swarm.root / "copy"), set())

    def test_words_that_are_no_choice(self):
        for flag in ("--priority=a", "--priority=a=best", "--include=", "--limit-up=0", "--limit-down=fast"):
            with self.subTest(flag):
                result = self.swarm.leecher("get", "set", f"--tracker={self.swarm.tracker_url}", flag)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn(flag.split("=")[0], result.stderr)

    def test_the_environment_chooses_too(self):
        result = self.swarm.leecher("get", "set", "--seed=no", env={
            **os.environ, "SHOAL_TRACKER": self.swarm.tracker_url, "SHOAL_OUTPUT": str(self.swarm.folder("copy")),
            "SHOAL_INCLUDE": "*.csv,*please", "SHOAL_PRIORITY": "empty.csv=skip", "SHOAL_LIMIT_DOWN": "100MiB"})
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("limits: down 100 MiB/s, up none", result.stdout)
        self.assertIn("2 of 5 files", result.stdout)
        self.check_files("copy", "set/labels/a.csv", "set/read me, please")


class PaceTest(ChoiceTest):
    SIZE = 24 * MEBIBYTE

    def setUp(self):
        super().setUp()
        shared = self.swarm.share("shared", {"model.bin": random_bytes(self.SIZE, 3)})
        self.source = shared / "model.bin"
        self.swarm.start_seeder(shared)

    def check_copy(self, output):
        self.assertEqual(sha256(self.swarm.root / output / "model.bin"), sha256(self.source))

    def test_limits_are_reported_and_the_bytes_are_right(self):
        finished = self.get("copy", "--limit-down=32MiB", "--limit-up=8Mbit", name="model.bin")
        self.assertEqual(finished["limit_down_bytes_per_second"], 32 * MEBIBYTE)
        self.assertEqual(finished["limit_up_bytes_per_second"], 1_000_000)
        self.assertGreaterEqual(finished["received_bytes"], self.SIZE)
        self.check_copy("copy")

    def test_what_goes_up_is_counted(self):
        first = self.swarm.fetch("model.bin", "first", "--limit-down=8MiB")
        first.expect('"event": ?"start"')
        second = self.swarm.fetch("model.bin", "second", seed="forever")
        finished = first.finish()
        self.check_copy("first")
        self.assertEqual(finished["sent_bytes"], sum(peer["sent_bytes"] for peer in finished["peers"]), finished)
        second.expect(r'"event": ?"finished"')
        self.check_copy("second")

    def test_pause_and_resume(self):
        fetch = self.swarm.fetch("model.bin", "copy", "--limit-down=8MiB", "--wait=1s")
        fetch.expect('"event": ?"start"')
        fetch.process.send_signal(signal.SIGUSR1)
        fetch.expect('"event": ?"paused"')
        fetch.expect(r'"paused": ?true.*"bytes_per_second": ?0,')  # what was under way has come
        self.assertLess(fetch.fraction(), 1)
        fetch.process.send_signal(signal.SIGUSR2)
        fetch.expect('"event": ?"resumed"')
        finished = fetch.finish()
        self.assertTrue(finished["ok"], finished)
        self.check_copy("copy")

    def test_a_paused_download_serves(self):
        first = self.swarm.fetch("model.bin", "first", "--limit-down=8MiB")
        first.expect('"event": ?"start"')
        first.process.send_signal(signal.SIGUSR1)
        first.expect(r'"paused": ?true.*"bytes_per_second": ?0,')
        second = self.swarm.fetch("model.bin", "second", "--limit-down=16MiB")
        self.assertTrue(second.finish()["ok"])
        self.check_copy("second")
        first.process.send_signal(signal.SIGUSR2)
        self.assertTrue(first.finish()["ok"])
        self.check_copy("first")

    def test_a_paused_download_can_be_stopped(self):
        fetch = self.swarm.fetch("model.bin", "copy", "--limit-down=8MiB")
        fetch.expect('"event": ?"start"')
        fetch.process.send_signal(signal.SIGUSR1)
        fetch.expect('"event": ?"paused"')
        self.assertEqual(fetch.stop(signal.SIGINT), 130)

    def test_sequential(self):
        fetch = self.swarm.fetch("model.bin", "copy", "--limit-down=16MiB", "--sequential")
        self.assertTrue(fetch.finish()["ok"])
        self.check_copy("copy")
        middle = [event for event in fetch.events("progress") if 0 < event["bytes"] < self.SIZE]
        self.assertTrue(middle, "no progress was told between the first chunk and the last")
        for event in middle:
            # Chunks of several disk threads may pass each other by a few.
            self.assertLessEqual(event["bytes"] - event["in_order_bytes"], 4 * MEBIBYTE, event)

    def test_high_comes_before_normal_and_low(self):
        self.swarm.start_seeder(self.swarm.share("ordered", {
            f"folder/{name}": random_bytes(4 * MEBIBYTE, 10 + number)
            for number, name in enumerate(("a-low", "b-normal", "c-high"))}))
        fetch = self.swarm.fetch("folder", "copy", "--limit-down=8MiB", "--sequential", "--priority=*-low=low,*-high=high")
        finished = fetch.finish()
        self.assertTrue(finished["ok"], finished)
        for event in fetch.events("progress"):
            # The file that comes first in the content comes last, and nothing is in order before it.
            if event["bytes"] <= 7 * MEBIBYTE:
                self.assertEqual(event["in_order_bytes"], 0, event)


del ChoiceTest  # the cases above have it; by itself it has no test

if __name__ == "__main__":
    unittest.main(verbosity=2)
