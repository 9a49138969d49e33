#!/usr/bin/env python3
"""What a download waits for, what it says meanwhile, and whom it blames at the end."""

import json
import os
import signal
import socket
import unittest

from agents import Agent
from slow_link import SlowLink
from swarm import MEBIBYTE, Daemon, Swarm, random_bytes, sha256


class WaitingTest(unittest.TestCase):
    def setUp(self):
        self.swarm = Swarm()
        self.addCleanup(self.swarm.__exit__)

    def get(self, name, *flags):
        return self.swarm.leecher("get", name, f"--tracker={self.swarm.tracker_url}", "--listen=none", "--seed=no",
                                  "-o", self.swarm.folder("copy"), *flags)

    def seed(self, path):
        seed = self.swarm.keep(Daemon("shoal-leecher", "seed", str(path), f"--tracker={self.swarm.tracker_url}",
                                      "--listen=127.0.0.1:0", "--advertise=127.0.0.1"))
        seed.expect(r"^Serving ")
        self.swarm.await_listed(path.name)
        return seed

    def test_a_content_that_is_published_late(self):
        shared = self.swarm.share("late", {"model.bin": random_bytes(MEBIBYTE, 1)})
        fetch = self.swarm.fetch("model.bin", "copy", "--wait=forever")
        fetch.expect(r'"waiting".*does not know it yet')
        self.swarm.start_seeder(shared)
        self.assertTrue(fetch.finish()["ok"])
        self.assertEqual(sha256(self.swarm.root / "copy" / "model.bin"), sha256(shared / "model.bin"))

    def test_the_beginning_of_an_id_that_is_known_late(self):
        shared = self.swarm.share("late", {"model.bin": random_bytes(MEBIBYTE, 7)})
        made = self.swarm.leecher("make", shared / "model.bin", "--json", "-o", self.swarm.root / "x.shoal")
        content = json.loads(made.stdout)["content_id"]
        self.swarm.tracker.stop()
        fetch = self.swarm.fetch(content[:12], "copy", "--wait=forever")
        fetch.expect(r'"tracker".*"away"')
        self.swarm.start_tracker()
        self.swarm.start_seeder(shared)
        self.assertTrue(fetch.finish()["ok"])
        self.assertEqual(sha256(self.swarm.root / "copy" / "model.bin"), sha256(shared / "model.bin"))
        agent = Agent(self.swarm, "agent")
        self.assertEqual(agent.command("add", content[:8].upper()).returncode, 0)
        agent.daemon.expect(r"complete.*model\.bin")
        self.assertEqual(sha256(agent.output / "model.bin"), sha256(shared / "model.bin"))
        self.assertEqual(self.get("0123456789ab", "--wait=0").returncode, 3)

    def test_a_distant_tracker(self):
        self.swarm.start_seeder(self.swarm.share("shared", {"model.bin": random_bytes(MEBIBYTE, 8)}))
        with SlowLink(self.swarm.ports["grpc"], 0.4) as link:
            tracker = f"--tracker=127.0.0.1:{link.port}"
            listed = self.swarm.leecher("list", tracker, "model")
            self.assertEqual((listed.returncode, listed.stderr), (0, ""))
            self.assertIn("model.bin", listed.stdout)
            got = self.swarm.leecher("get", tracker, "model.bin", "--listen=none", "--wait=0", "-o", self.swarm.folder("copy"))
            self.assertEqual((got.returncode, got.stderr), (0, ""))

    def test_no_wait_at_all(self):
        self.assertEqual(self.get("unknown", "--wait=0").returncode, 3)
        self.swarm.tracker.stop()
        self.assertEqual(self.get("unknown", "--wait=0").returncode, 4)

    def test_a_version_that_replaces_another_while_a_download_waits(self):
        shared = self.swarm.share("shared", {"model.bin": random_bytes(MEBIBYTE, 2)})
        first = self.seed(shared / "model.bin")
        first.freeze()  # known to the tracker, and mute
        fetch = self.swarm.fetch("model.bin", "copy", "--wait=forever")
        fetch.expect(r'"waiting"')
        first.stop(signal.SIGKILL)
        new = self.swarm.share("new", {"model.bin": random_bytes(MEBIBYTE, 3)})
        self.swarm.start_seeder(new)
        self.assertTrue(fetch.finish()["ok"])
        self.assertEqual(sha256(self.swarm.root / "copy" / "model.bin"), sha256(new / "model.bin"))

    def test_peers_that_can_not_be_reached_are_named(self):
        shared = self.swarm.share("shared", {"model.bin": random_bytes(MEBIBYTE, 4)})
        with socket.socket() as closed:  # bound, not listening
            closed.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{closed.getsockname()[1]}"
            seed = self.swarm.keep(Daemon("shoal-leecher", "seed", str(shared / "model.bin"), f"--tracker={self.swarm.tracker_url}",
                                          "--listen=127.0.0.1:0", f"--advertise={address}"))
            seed.expect(r"^Serving ")
            self.swarm.await_listed("model.bin")
            result = self.get("model.bin", "--wait=0")
        self.assertEqual(result.returncode, 5, result.stderr)
        for words in (address, "Connection refused", "firewall", "--advertise"):
            self.assertIn(words, result.stderr)

    def test_a_file_that_changes_under_its_seed(self):
        shared = self.swarm.share("shared", {"model.bin": random_bytes(MEBIBYTE, 5)})
        seed = self.seed(shared / "model.bin")
        os.truncate(shared / "model.bin", 1000)
        result = self.get("model.bin", "--wait=0")
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertIn("can't read", result.stderr)
        self.assertNotIn("busy", result.stderr)
        seed.expect(r"model.bin is no longer served")
        self.assertEqual(seed.process.wait(60), 1)
        self.assertEqual(sum("no longer served" in line for line in seed.lines), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
