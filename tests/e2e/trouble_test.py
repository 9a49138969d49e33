#!/usr/bin/env python3
"""Faults during a download, after which the bytes must be right."""

import signal
import unittest

from swarm import MEBIBYTE, PACED, Swarm, random_bytes, sha256

SIZE = 256 * MEBIBYTE


class TroubleTest(unittest.TestCase):
    def setUp(self):
        self.content = random_bytes(SIZE, 1)

    def check(self, swarm, finished):
        self.assertTrue(finished["ok"], finished)
        self.assertEqual(sha256(swarm.root / "copy" / "model.bin"), sha256(swarm.root / "shared" / "model.bin"))

    def all_at_once(self, scheme):
        with Swarm(scheme) as swarm:
            shared = swarm.share("shared", {"model.bin": self.content})
            own = swarm.share("own", {"model.bin": self.content})
            first = swarm.start_seeder(shared)
            swarm.start_seeder(own)
            swarm.start_seeder(shared)
            fetch = swarm.fetch("model.bin", "copy", PACED)
            fetch.pace_until(0.1)
            first.stop(signal.SIGKILL)
            fetch.pace_until(0.25)
            with open(own / "model.bin", "r+b") as file:
                file.write(random_bytes(SIZE, 2))
            fetch.pace_until(0.4)
            swarm.tracker.stop(signal.SIGKILL)
            fetch.pace_until(0.5)
            swarm.start_tracker()
            fetch.go_on()
            finished = fetch.finish()
            self.check(swarm, finished)
            failures = {int(peer["endpoint"].rsplit(":", 1)[1]): peer["failures"] for peer in finished["peers"]}
            self.assertGreater(failures[first.port], 0, finished)

    def test_killed_seeder_overwritten_file_restarted_tracker(self):
        self.all_at_once("grpc")

    def test_the_same_by_datagrams(self):
        self.all_at_once("udp")

    def test_last_seeder_dies_and_another_comes(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {"model.bin": self.content})
            first = swarm.start_seeder(shared)
            fetch = swarm.fetch("model.bin", "copy", PACED)
            fetch.pace_until(0.2)
            first.stop(signal.SIGKILL)
            late = swarm.start_seeder(shared)
            fetch.go_on()
            finished = fetch.finish()
            self.check(swarm, finished)
            self.assertIn(f"127.0.0.1:{late.port}", [peer["endpoint"] for peer in finished["peers"] if peer["chunks"]])

    def test_frozen_seeder_gives_its_chunks_to_others(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {"model.bin": self.content})
            frozen = swarm.start_seeder(shared)
            swarm.start_seeder(shared)
            fetch = swarm.fetch("model.bin", "copy", PACED)
            fetch.pace_until(0.2)
            frozen.freeze()
            fetch.go_on()
            self.check(swarm, fetch.finish())

    def test_restarted_tracker_is_whole_again_by_itself(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {"model.bin": self.content[:MEBIBYTE]})
            swarm.start_seeder(shared)
            swarm.tracker.stop(signal.SIGKILL)
            swarm.start_tracker()
            swarm.await_listed("model.bin")
            self.check(swarm, swarm.fetch("model.bin", "copy").finish())


class InterruptionTest(unittest.TestCase):
    def test_a_second_run_fetches_only_what_is_missing(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {"model.bin": random_bytes(SIZE, 3)})
            swarm.start_seeder(shared)
            for number, at in ((signal.SIGINT, 0.3), (signal.SIGKILL, 0.6)):
                fetch = swarm.fetch("model.bin", "copy", PACED)
                fetch.pace_until(at)
                code = fetch.stop(number)
                self.assertEqual(code, 130 if number == signal.SIGINT else -signal.SIGKILL)
                self.assertFalse((swarm.root / "copy" / "model.bin").exists())
            finished = swarm.fetch("model.bin", "copy").finish()
            self.assertTrue(finished["ok"], finished)
            self.assertGreaterEqual(finished["resumed_bytes"], SIZE * 0.55)
            self.assertEqual(finished["resumed_bytes"] + finished["fetched_bytes"], SIZE)
            self.assertEqual(sha256(swarm.root / "copy" / "model.bin"), sha256(shared / "model.bin"))

    def test_a_seeder_that_is_asked_to_end_ends_well(self):
        with Swarm() as swarm:
            seeder = swarm.start_seeder(swarm.share("shared", {"model.bin": b"x"}))
            self.assertEqual(seeder.stop(), 0)
            self.assertEqual(swarm.tracker.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
