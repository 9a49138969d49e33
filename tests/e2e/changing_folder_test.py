#!/usr/bin/env python3
"""A folder that changes under a seeder: what is published, what is not, and what leechers bring meanwhile."""

import os
import unittest

from changing_folder import change_while_fetching
from swarm import Swarm, random_bytes, sha256


class ChangingFolderTest(unittest.TestCase):
    def get(self, swarm, name, output, wait="1m"):
        return swarm.leecher("get", name, f"--tracker={swarm.tracker_url}", f"--output={swarm.folder(output)}", "--listen=127.0.0.1:0",
                             "--advertise=127.0.0.1", "--seed=no", f"--wait={wait}", "--quiet")

    def test_leechers_bring_only_versions_that_were_there(self):
        with Swarm() as swarm:
            figures = change_while_fetching(swarm, operations=80, seed=1)
            self.assertGreater(figures["brought"], 0, figures)

    def test_a_file_is_not_published_while_it_is_open_for_writing(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {"other": b"x"})
            seeder = swarm.start_seeder(shared, "--settle=50ms", "--patience=200ms")
            with open(shared / "model.bin", "wb") as file:
                file.write(b"the first half, ")
                file.flush()
                seeder.expect(r"not published name=model.bin .*open for writing")
                self.assertNotIn("model.bin", swarm.leecher("list", f"--tracker={swarm.tracker_url}").stdout)
                file.write(b"and the second")
            seeder.expect(r": published name=model.bin ")
            self.assertEqual(self.get(swarm, "model.bin", "copy").returncode, 0)
            self.assertEqual((swarm.root / "copy" / "model.bin").read_bytes(), b"the first half, and the second")

    def test_a_folder_is_published_without_its_live_log(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {"run/model.bin": random_bytes(100_000, 1), "run/live.log": b"a line\n"})
            with open(shared / "run" / "live.log", "ab") as file:
                seeder = swarm.start_seeder(shared, "--settle=50ms", "--patience=200ms")
                seeder.expect(r"left out name=run path=live.log .*open for writing")
                swarm.await_listed("run")
                self.assertEqual(self.get(swarm, "run", "copy").returncode, 0)
                self.assertEqual(os.listdir(swarm.root / "copy" / "run"), ["model.bin"])
                published = len(seeder.lines)
                file.write(b"another line\n")
            seeder.expect(r"nothing is left out any more name=run", after=published)
            self.assertEqual(self.get(swarm, "run", "again").returncode, 0)
            self.assertEqual((swarm.root / "again" / "run" / "live.log").read_bytes(), b"a line\nanother line\n")

    def test_a_link_to_the_folder_is_switched(self):
        with Swarm() as swarm:
            swarm.share("releases/1", {"model.bin": b"one"})
            swarm.share("releases/2", {"model.bin": b"two", "new.bin": b"2"})
            current = swarm.root / "current"
            current.symlink_to("releases/1")
            seeder = swarm.start_seeder(current, "--settle=50ms")
            (swarm.root / "next").symlink_to("releases/2")
            os.rename(swarm.root / "next", current)
            seeder.expect(r": published name=new.bin ")
            withdrawn = seeder.lines.index(seeder.expect(r".*withdrawn name=model.bin .*").string)
            seeder.expect(r": published name=model.bin ", after=withdrawn)
            self.assertEqual(self.get(swarm, "model.bin", "copy").returncode, 0)
            self.assertEqual((swarm.root / "copy" / "model.bin").read_bytes(), b"two")

    def test_a_change_with_its_time_restored_while_no_seeder_ran_is_noticed(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {"model.bin": b"the old bytes"})
            swarm.start_seeder(shared, "--settle=0s", state="hashes").stop()
            before = os.stat(shared / "model.bin")
            (shared / "model.bin").write_bytes(b"the new bytes")
            os.utime(shared / "model.bin", ns=(before.st_atime_ns, before.st_mtime_ns))
            seeder = swarm.start_seeder(shared, "--settle=0s", state="hashes")
            seeder.expect(r": published name=model.bin .*hashed=now")
            self.assertEqual(self.get(swarm, "model.bin", "copy").returncode, 0)
            self.assertEqual(sha256(swarm.root / "copy" / "model.bin"), sha256(shared / "model.bin"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
