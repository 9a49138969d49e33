#!/usr/bin/env python3
"""A tracker with tokens, and programs that have a token, none, or one for something else."""

import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from swarm import MEBIBYTE, PATIENCE, Fetch, Swarm, program, random_bytes, sha256

NOT_PERMITTED = 12


class AccessTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="shoal-access-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.lines = []
        self.publisher = self.make_token("publish")
        self.fetcher = self.make_token("fetch,list", "--names=model*")
        self.admit(self.lines)
        self.swarm = Swarm(tracker_flags=(f"--tokens={self.folder}/tokens",))
        self.addCleanup(self.swarm.__exit__)

    def make_token(self, rights, *flags):
        """The flag that names the file of a new token, whose line is the last of self.lines."""
        made = json.loads(subprocess.run([program("shoal-leecher"), "token", f"--rights={rights}", "--json", *flags],
                                         capture_output=True, text=True, timeout=PATIENCE, check=True).stdout)
        file = self.folder / f"token-{len(self.lines)}"
        file.write_text(made["token"] + "\n")
        self.lines.append(made["line"])
        return f"--tracker-token-file={file}"

    def admit(self, lines):
        (self.folder / "new-tokens").write_text("".join(f"{line}  # for a test\n" for line in lines))
        (self.folder / "new-tokens").rename(self.folder / "tokens")

    def run_leecher(self, command, *flags, tracker=None):
        return self.swarm.leecher(*command, f"--tracker={tracker or self.swarm.tracker_url}", *flags)

    def assert_refused(self, result, code, *words):
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)

    def test_each_may_do_what_its_token_is_for(self):
        shared = self.swarm.share("shared", {"model.bin": random_bytes(MEBIBYTE, 1), "other.bin": random_bytes(MEBIBYTE, 2)})
        self.swarm.start_seeder(shared, self.publisher)
        fetch = self.swarm.fetch("model.bin", "copy", self.fetcher)
        self.assertTrue(fetch.finish()["ok"])
        self.assertEqual(sha256(self.swarm.root / "copy" / "model.bin"), sha256(shared / "model.bin"))
        listed = self.run_leecher(["list"], self.fetcher)
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertIn("model.bin", listed.stdout)
        self.assertNotIn("other.bin", listed.stdout)

        target = self.swarm.folder("refused")
        get = ["get", "--listen=none", "--seed=no", "--wait=0", "-o", str(target)]
        self.assert_refused(self.run_leecher([*get, "model.bin"]), NOT_PERMITTED, "asks for a token", "--tracker-token-file")
        self.assert_refused(self.run_leecher([*get, "model.bin"], self.publisher), NOT_PERMITTED, "lacks the right fetch")
        self.assert_refused(self.run_leecher([*get, "other.bin"], self.fetcher), NOT_PERMITTED, "is for contents named model*")
        self.assert_refused(self.run_leecher(["list"]), NOT_PERMITTED, "asks for a token")
        self.assert_refused(self.run_leecher(["list"], "--tracker-token-file=/nonexistent"), 3, "/nonexistent")
        datagrams = f"udp://127.0.0.1:{self.swarm.ports['udp']}"
        self.assert_refused(self.run_leecher([*get, "model.bin"], self.fetcher, tracker=datagrams), NOT_PERMITTED,
                            f"grpc://127.0.0.1:{self.swarm.ports['grpc']}")

    def test_every_command_says_that_it_is_not_permitted(self):
        self.swarm.start_seeder(self.swarm.share("shared", {"model.bin": random_bytes(MEBIBYTE, 1)}), self.publisher)
        target = self.swarm.folder("refused")
        for command in (["list"], ["info", "model.bin"], ["save", "model.bin", "--wait=0", "-o", str(target / "model.shoal")],
                        ["get", "model.bin", "--dry-run", "--wait=0"], ["get", "model.bin", "--wait=2s", "-o", str(target)]):
            with self.subTest(command=command):
                self.assert_refused(self.run_leecher(command), NOT_PERMITTED, "--tracker-token-file")
                refused = self.run_leecher([*command, "--json"])
                self.assertEqual(refused.returncode, NOT_PERMITTED, refused)
                last = json.loads(refused.stdout.splitlines()[-1])
                error = last.get("error", last)
                self.assertEqual(error["cause"], "not_permitted", last)
        self.assertEqual(list(target.iterdir()), [])

    def test_a_tracker_that_refuses_does_not_end_what_others_admit(self):
        with Swarm() as open_swarm:
            shared = open_swarm.share("shared", {"model.bin": random_bytes(MEBIBYTE, 1)})
            open_swarm.start_seeder(shared)
            both = f"{self.swarm.tracker_url},{open_swarm.tracker_url}"
            fetch = self.swarm.keep(Fetch("model.bin", f"--tracker={both}", "--listen=none", "-o", str(self.swarm.folder("copy"))))
            self.assertTrue(fetch.finish()["ok"])
            told = [event for event in fetch.events("tracker") if event["state"] == "refusing"]
            self.assertIn("asks for a token", told[0]["why"])
            listed = self.run_leecher(["list"], tracker=both)
            self.assertEqual(listed.returncode, 0, listed)
            self.assertIn("model.bin", listed.stdout)
            self.assertIn("refuses: this tracker asks for a token", listed.stderr)
            self.assert_refused(self.run_leecher(["get", "nothing", "--wait=0"], tracker=both), 3, "no tracker knows", "asks for a token")

    def test_a_token_that_is_withdrawn_during_a_wait_is_the_reason_to_wait(self):
        shared = self.swarm.share("shared", {"model.bin": random_bytes(4 * MEBIBYTE, 1)})
        seeder = self.swarm.start_seeder(shared, self.publisher, "--limit-up=256KiB")
        fetch = self.swarm.fetch("model.bin", "copy", self.fetcher, "--wait=forever")
        fetch.expect(r'"event": ?"progress"')
        self.admit(self.lines[:1])
        self.swarm.tracker.expect(r"new tokens.*\btokens=1\b")
        seeder.stop()
        fetch.expect(r'"event": ?"waiting".*refuses to answer: .*does not know the token')
        self.admit(self.lines)
        self.swarm.start_seeder(shared, self.publisher)
        self.assertTrue(fetch.finish()["ok"])

    def test_a_token_may_come_and_go_while_the_tracker_runs(self):
        self.admit(self.lines[:1])
        self.swarm.tracker.expect(r"new tokens.*\btokens=1\b")
        self.assert_refused(self.run_leecher(["list"], self.fetcher), NOT_PERMITTED, "does not know the token")
        (self.folder / "tokens").write_text("nonsense\n")
        self.swarm.tracker.expect("the tokens stay as they are.*line 1")
        self.admit(self.lines)
        self.swarm.tracker.expect(r"new tokens.*\btokens=2\b")
        self.assertEqual(self.run_leecher(["list"], self.fetcher).returncode, 0)


if __name__ == "__main__":
    unittest.main()
