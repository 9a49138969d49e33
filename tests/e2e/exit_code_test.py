#!/usr/bin/env python3
"""Each way in which the leecher can fail: its exit code, its message, and that nothing is lost."""

import os
import socket
import subprocess
import unittest

from swarm import MEBIBYTE, Swarm, program, random_bytes

NOBODY = 65534


class ExitCodeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.swarm = Swarm()
        cls.addClassCleanup(cls.swarm.__exit__)
        cls.content = random_bytes(20 * MEBIBYTE, 1)
        cls.swarm.start_seeder(cls.swarm.share("shared", {"model.bin": cls.content, "two": b"one", "gone": b"x" * 1000}))
        cls.swarm.start_seeder(cls.swarm.share("other", {"two": b"another"}))

    def get(self, *arguments, **options):
        return self.swarm.leecher("get", f"--tracker={self.swarm.tracker_url}", "--listen=none", "--seed=no", *arguments, **options)

    def check(self, result, code, *words):
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        for word in words:
            self.assertIn(word, result.stdout + result.stderr)

    def test_usage(self):
        self.check(self.swarm.leecher("get", "--no-such-flag"), 2)

    def test_no_such_content(self):
        self.check(self.get("nobody has this", "-o", self.swarm.folder("a")), 3, "nobody has this")

    def test_no_tracker(self):
        with socket.socket() as unused:  # bound, not listening: no other process gets the port
            unused.bind(("127.0.0.1", 0))
            url = f"127.0.0.1:{unused.getsockname()[1]}"
            self.check(self.swarm.leecher("get", "model.bin", f"--tracker={url}", "--listen=none", "--wait=1s", "-o",
                                          self.swarm.folder("b")), 4, url)

    def test_no_peer(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {"model.bin": b"x" * 1000})
            metadata = swarm.root / "m.shoal"
            made = swarm.leecher("make", shared / "model.bin", "-o", metadata, f"--tracker={swarm.tracker_url}")
            self.assertEqual(made.returncode, 0, made.stderr)
            self.check(swarm.leecher("get", metadata, "--listen=none", "--wait=1s", "--seed=no", "-o", swarm.folder("c")), 5)

    def test_two_contents_with_one_name(self):
        result = self.get("two", "-o", self.swarm.folder("d"))
        self.check(result, 6)
        ids = [line.split()[0] for line in result.stderr.splitlines() if line.startswith("  ") and len(line.split()) >= 5]
        ids = [word for word in ids if all(digit in "0123456789abcdef" for digit in word)]
        self.assertEqual(len(ids), 2, result.stderr)
        self.check(self.get(ids[0], "-o", self.swarm.folder("d")), 0)

    def test_target_exists_with_other_bytes(self):
        folder = self.swarm.share("e", {"model.bin": b"mine"})
        self.check(self.get("model.bin", "-o", folder), 7, "model.bin")
        self.assertEqual((folder / "model.bin").read_bytes(), b"mine")

    def test_target_exists_with_the_same_bytes(self):
        folder = self.swarm.share("f", {"model.bin": self.content})
        self.check(self.get("model.bin", "-o", folder), 0)

    def test_disk_full(self):
        folder = self.swarm.folder("g")
        small_disk = ["unshare", "--mount", "--map-root-user"]
        if subprocess.run([*small_disk, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no mount namespaces here, so no small disk")
        result = subprocess.run(
            [*small_disk, "sh", "-c", 'mount -t tmpfs -o size=4m none "$0" && exec "$@"', str(folder), program("shoal-leecher"), "get",
             "model.bin", f"--tracker={self.swarm.tracker_url}", "--listen=none", "--seed=no", "-o", str(folder)],
            capture_output=True, text=True, check=False, timeout=120)
        self.check(result, 8)

    def test_no_permission(self):
        folder = self.swarm.folder("h")
        os.chmod(folder, 0o555)
        os.chmod(self.swarm.root, 0o755)
        as_nobody = {"user": NOBODY} if os.geteuid() == 0 else {}
        self.check(self.get("model.bin", "-o", folder, **as_nobody), 9, str(folder))

    def test_on_complete(self):
        self.check(self.get("two", "-o", self.swarm.folder("i"), "--on-complete=true"), 6)
        self.check(self.get("gone", "-o", self.swarm.folder("i"), "--on-complete=exit 3"), 10)
        self.assertEqual((self.swarm.root / "i" / "gone").read_bytes(), b"x" * 1000)


if __name__ == "__main__":
    unittest.main(verbosity=2)
