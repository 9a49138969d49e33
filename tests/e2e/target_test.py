#!/usr/bin/env python3
"""What lies in the target before and during a download: damaged and partial files, folders that go away."""

import os
import shutil
import unittest

from swarm import MEBIBYTE, PACED, Swarm, random_bytes, sha256

SIZE = 64 * MEBIBYTE


class RepairTest(unittest.TestCase):
    def get(self, swarm, name, *flags):
        return swarm.leecher("get", name, f"--tracker={swarm.tracker_url}", f"--output={swarm.folder('copy')}",
                             "--listen=none", "--seed=no", *flags)

    def test_a_damaged_file(self):
        content = random_bytes(SIZE, 1)
        with Swarm() as swarm:
            swarm.start_seeder(swarm.share("shared", {"model.bin": content}))
            damaged = bytearray(content)
            damaged[SIZE // 2] ^= 1
            copy = swarm.share("copy", {"model.bin": bytes(damaged)}) / "model.bin"
            refused = self.get(swarm, "model.bin")
            self.assertEqual(refused.returncode, 7, refused.stderr)
            self.assertIn("--repair", refused.stderr)
            self.assertEqual(copy.read_bytes(), damaged)
            finished = swarm.fetch("model.bin", "copy", "--repair").finish()
            self.assertTrue(finished["ok"], finished)
            self.assertEqual(copy.read_bytes(), content)
            self.assertEqual(sum(peer["chunks"] for peer in finished["peers"]), 1, finished)
            self.assertEqual(os.listdir(copy.parent), ["model.bin"])

    def test_half_a_file_of_another_program(self):
        content = random_bytes(SIZE, 2)
        with Swarm() as swarm:
            swarm.start_seeder(swarm.share("shared", {"model.bin": content}))
            copy = swarm.share("copy", {"model.bin": content[:SIZE // 2]}) / "model.bin"
            self.assertEqual(self.get(swarm, "model.bin").returncode, 7)
            finished = swarm.fetch("model.bin", "copy", "--repair").finish()
            self.assertTrue(finished["ok"], finished)
            self.assertEqual(finished["resumed_bytes"], SIZE // 2)
            self.assertEqual(copy.read_bytes(), content)

    def test_an_older_folder_keeps_what_is_not_of_the_content(self):
        with Swarm() as swarm:
            files = {"set/a": random_bytes(MEBIBYTE, 3), "set/b/c": random_bytes(MEBIBYTE, 4), "set/d": b"small"}
            swarm.start_seeder(swarm.share("shared", files))
            copy = swarm.share("copy", {"set/a": files["set/a"], "set/b/c": b"older", "set/notes": b"mine"})
            inode = os.stat(copy / "set/a").st_ino
            self.assertEqual(self.get(swarm, "set").returncode, 7)
            self.assertEqual(self.get(swarm, "set", "--repair").returncode, 0)
            for path, content in files.items():
                self.assertEqual((copy / path).read_bytes(), content, path)
            self.assertEqual((copy / "set/notes").read_bytes(), b"mine")
            self.assertEqual(os.stat(copy / "set/a").st_ino, inode)


class DisturbedTargetTest(unittest.TestCase):
    def test_a_file_that_another_program_damages(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {"model.bin": random_bytes(256 * MEBIBYTE, 5)})
            swarm.start_seeder(shared)
            fetch = swarm.fetch("model.bin", "copy", PACED)
            fetch.pace_until(0.3)
            data, = (swarm.root / "copy").glob(".*.shoal-tmp")
            with open(data, "r+b") as file:
                for offset in range(0, 256 * MEBIBYTE, 8 * MEBIBYTE):
                    file.seek(offset)
                    file.write(b"damage")
            fetch.go_on()
            finished = fetch.finish()
            self.assertTrue(finished["ok"], finished)
            self.assertEqual(sha256(swarm.root / "copy" / "model.bin"), sha256(shared / "model.bin"))

    def test_an_output_folder_that_goes_away(self):
        with Swarm() as swarm:
            swarm.start_seeder(swarm.share("shared", {"model.bin": random_bytes(256 * MEBIBYTE, 6)}))
            for how in ("removed", "renamed"):
                fetch = swarm.fetch("model.bin", "copy", PACED)
                fetch.pace_until(0.2)
                if how == "removed":
                    shutil.rmtree(swarm.root / "copy")
                else:
                    os.rename(swarm.root / "copy", swarm.root / "elsewhere")
                fetch.go_on()
                finished = fetch.finish()
                self.assertFalse(finished["ok"], finished)
                text = "\n".join(fetch.lines)
                self.assertIn(f"was {how}", text)
                self.assertNotIn("are kept", text)
                self.assertFalse((swarm.root / "copy").exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
