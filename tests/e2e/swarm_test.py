#!/usr/bin/env python3
"""A swarm of the real programs without faults."""

import os
import unittest

from swarm import CHUNK, MEBIBYTE, Swarm, random_bytes, sha256


def chunks_by_port(finished):
    return {int(peer["endpoint"].rsplit(":", 1)[1]): peer["chunks"] for peer in finished["peers"]}


class SwarmTest(unittest.TestCase):
    def check(self, finished, source, copy):
        self.assertTrue(finished["ok"], finished)
        self.assertEqual(finished["exit_code"], 0)
        self.assertEqual(sha256(copy), sha256(source))

    def three_seeders(self, scheme):
        with Swarm(scheme) as swarm:
            shared = swarm.share("shared", {"model.bin": random_bytes(128 * MEBIBYTE + 12_345, 1)})
            seeders = [swarm.start_seeder(shared) for _ in range(3)]
            finished = swarm.fetch("model.bin", "copy").finish()
            self.check(finished, shared / "model.bin", swarm.root / "copy" / "model.bin")
            self.assertEqual(finished["chunks"], 513)
            self.assertEqual(finished["fetched_bytes"], 128 * MEBIBYTE + 12_345)
            chunks = chunks_by_port(finished)
            self.assertEqual(sum(chunks.values()), 513)
            for seeder in seeders:
                self.assertGreater(chunks.get(seeder.port, 0), 513 // 10, f"no fair share: {chunks}")

    def test_three_seeders(self):
        self.three_seeders("grpc")

    def test_three_seeders_by_datagrams(self):
        self.three_seeders("udp")

    def test_odd_sizes_and_names(self):
        contents = {
            "empty": b"",
            "one byte": b"x",
            "exactly one chunk": random_bytes(CHUNK, 2),
            "one chunk and a byte": random_bytes(CHUNK + 1, 3),
            "ein Schwärm 魚 🐟": random_bytes(1000, 4),
            "l" * 255: random_bytes(2000, 5),
        }
        with Swarm() as swarm:
            shared = swarm.share("shared", contents)
            swarm.start_seeder(shared)
            for name in contents:
                with self.subTest(name):
                    finished = swarm.fetch(name, "copy").finish()
                    self.check(finished, shared / name, swarm.root / "copy" / name)

    def test_folder(self):
        files = {
            "dataset/train/a.bin": random_bytes(3 * MEBIBYTE + 1, 6),
            "dataset/train/b.bin": random_bytes(10, 7),
            "dataset/labels/größe.csv": b"1,2\n",
            "dataset/empty": b"",
        }
        with Swarm() as swarm:
            shared = swarm.share("shared", files)
            swarm.start_seeder(shared)
            finished = swarm.fetch("dataset", "copy").finish()
            self.assertTrue(finished["ok"], finished)
            copied = {os.path.relpath(os.path.join(folder, name), swarm.root / "copy")
                      for folder, _, names in os.walk(swarm.root / "copy") for name in names}
            self.assertEqual(copied, set(files))
            for path in files:
                self.assertEqual(sha256(shared / path), sha256(swarm.root / "copy" / path))

    def test_several_contents_side_by_side(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {"a": random_bytes(5 * MEBIBYTE, 8), "b": random_bytes(7 * MEBIBYTE, 9)})
            swarm.start_seeder(shared)
            fetch = swarm.fetch("a", "copy", "b")
            self.assertEqual(fetch.process.wait(60), 0)
            for name in ("a", "b"):
                self.assertEqual(sha256(shared / name), sha256(swarm.root / "copy" / name))

    def test_metadata_file_needs_no_tracker_flag(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {"model.bin": random_bytes(2 * MEBIBYTE, 10)})
            swarm.start_seeder(shared)
            metadata = swarm.root / "model.bin.shoal"
            made = swarm.leecher("make", shared / "model.bin", "-o", metadata, f"--tracker={swarm.tracker_url}")
            self.assertEqual(made.returncode, 0, made.stderr)
            got = swarm.leecher("get", metadata, "-o", swarm.folder("copy"), "--listen=127.0.0.1:0", "--seed=no")
            self.assertEqual(got.returncode, 0, got.stderr)
            self.assertEqual(sha256(shared / "model.bin"), sha256(swarm.root / "copy" / "model.bin"))

    def test_leecher_serves_what_it_has(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {"model.bin": random_bytes(16 * MEBIBYTE, 11)})
            seeder = swarm.start_seeder(shared)
            first = swarm.fetch("model.bin", "first", seed="forever")
            first.expect(r'"event": ?"finished"')
            first.expect(r'"trackers_told": ?1')
            seeder.stop()
            finished = swarm.fetch("model.bin", "second").finish()
            self.check(finished, shared / "model.bin", swarm.root / "second" / "model.bin")

    def test_file_that_appears_later(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {"first": b"1"})
            seeder = swarm.start_seeder(shared, "--settle=100ms")
            (shared / "second").write_bytes(random_bytes(MEBIBYTE, 12))
            seeder.expect(r"published.*name=second")
            finished = swarm.fetch("second", "copy").finish()
            self.check(finished, shared / "second", swarm.root / "copy" / "second")


if __name__ == "__main__":
    unittest.main(verbosity=2)
