#!/usr/bin/env python3
"""Signed contents: who trusts whom, what is refused before a byte of it is fetched, and names that are reserved."""

import json
import os
import signal
import struct
import unittest
import zlib

from agents import Agent
from swarm import MEBIBYTE, Daemon, Fetch, Swarm, program, random_bytes

UNTRUSTED = 11


class TrustTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.swarm = Swarm()
        cls.addClassCleanup(cls.swarm.__exit__)
        cls.private, cls.public = cls.swarm.make_key("publisher")
        cls.other_private, cls.other_public = cls.swarm.make_key("other")
        cls.content = random_bytes(2 * MEBIBYTE, 1)
        cls.swarm.start_seeder(cls.swarm.share("shared", {"model.bin": cls.content, "both": cls.content[:100_000]}),
                               f"--sign-key={cls.private}")
        # A forger of names signs too, with a key of its own.
        cls.forged = random_bytes(MEBIBYTE, 2)
        cls.swarm.start_seeder(cls.swarm.share("forged", {"forged.bin": cls.forged, "both": cls.forged}),
                               f"--sign-key={cls.other_private}")
        cls.swarm.start_seeder(cls.swarm.share("plain", {"plain.bin": cls.forged}))

    def get(self, *arguments, to):
        return self.swarm.leecher("get", f"--tracker={self.swarm.tracker_url}", "--listen=none", "--seed=no", *arguments, "-o",
                                  self.swarm.folder(to))

    def check(self, result, code, *words):
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        for word in words:
            self.assertIn(word, result.stdout + result.stderr)

    def check_untouched(self, folder):
        self.assertEqual(os.listdir(self.swarm.folder(folder)), [])

    def test_a_key_file_is_never_overwritten(self):
        before = self.private.read_bytes()
        self.assertEqual(self.private.stat().st_mode & 0o777, 0o600)
        self.check(self.swarm.leecher("key", self.private), 7, "never overwritten")
        self.assertEqual(self.private.read_bytes(), before)

    def test_what_a_trusted_publisher_signed_is_fetched(self):
        self.check(self.get("model.bin", f"--trust={self.public}", to="trusted"), 0)
        self.assertEqual((self.swarm.folder("trusted") / "model.bin").read_bytes(), self.content)

    def test_a_file_may_hold_the_keys(self):
        keys = self.swarm.root / "keys"
        keys.write_text(f"# ours\n{self.other_public}\n{self.public}  # the build machine\n", encoding="utf-8")
        self.check(self.get("model.bin", f"--trust={keys}", to="by_file"), 0)
        keys.write_text("# nobody\n", encoding="utf-8")
        self.check(self.get("model.bin", f"--trust={keys}", to="by_empty_file"), 2, "no public key")

    def test_a_forged_name_is_refused_without_a_byte(self):
        fetch = self.swarm.keep(Fetch("forged.bin", f"--tracker={self.swarm.tracker_url}", f"--trust={self.public}", "--listen=none",
                                      "--wait=0", "-o", str(self.swarm.folder("refused"))))
        finished = fetch.finish()
        self.assertEqual((finished["exit_code"], finished["error"]["cause"]), (UNTRUSTED, "untrusted"))
        self.assertIn(self.other_public, finished["error"]["message"])
        self.assertEqual(fetch.events("peer"), [], "no peer was asked")
        self.check_untouched("refused")

    def test_an_unsigned_content_is_refused(self):
        self.check(self.get("plain.bin", f"--trust={self.public}", "--wait=0", to="unsigned"), UNTRUSTED, "nobody signed it")
        self.check_untouched("unsigned")
        self.check(self.get("plain.bin", to="anybody"), 0)

    def test_of_several_contents_the_trusted_one_is_chosen(self):
        self.check(self.get("both", to="ambiguous"), 6)
        self.check(self.get("both", f"--trust={self.public}", to="ours"), 0)
        self.assertEqual((self.swarm.folder("ours") / "both").read_bytes(), self.content[:100_000])
        self.check(self.get("both", f"--trust={self.other_public}", to="theirs"), 0)
        self.assertEqual((self.swarm.folder("theirs") / "both").read_bytes(), self.forged)

    def test_list_and_info_show_the_signer(self):
        listed = self.swarm.leecher("list", "model", "--json", f"--tracker={self.swarm.tracker_url}")
        self.assertEqual([signer["key"] for signer in json.loads(listed.stdout)["signers"]], [self.public])
        self.check(self.swarm.leecher("info", "model.bin", f"--tracker={self.swarm.tracker_url}"), 0, self.public)
        self.check(self.swarm.leecher("list", f"--tracker={self.swarm.tracker_url}"), 0, "SIGNER", self.public)

    def test_a_shoal_file_carries_its_signature(self):
        shared = self.swarm.root / "shared" / "model.bin"
        path = self.swarm.root / "model.bin.shoal"
        made = self.swarm.leecher("make", shared, "-o", path, f"--sign={self.private}", f"--tracker={self.swarm.tracker_url}", "--json")
        self.check(made, 0, self.public)
        self.check(self.swarm.leecher("info", path), 0, self.public)
        self.check(self.get(path, f"--trust={self.public}", to="by_shoal_file"), 0)
        self.check(self.get(path, f"--trust={self.other_public}", to="by_untrusted_file"), UNTRUSTED, self.public)
        self.check_untouched("by_untrusted_file")
        # A signature that is not of these bytes is refused whomever one trusts.
        changed = bytearray(path.read_bytes())
        changed[-5] ^= 1
        changed[-4:] = struct.pack(">I", zlib.crc32(changed[:-4]))
        path.write_bytes(changed)
        for trust in ([], [f"--trust={self.public}"]):
            self.check(self.get(path, *trust, to="by_changed_file"), UNTRUSTED, "somebody changed the file")
        self.check_untouched("by_changed_file")

    def test_a_saved_shoal_file_keeps_the_signature(self):
        path = self.swarm.root / "saved.shoal"
        saved = self.swarm.leecher("save", "model.bin", "-o", path, f"--tracker={self.swarm.tracker_url}", "--json")
        self.check(saved, 0)
        self.assertEqual([signer["key"] for signer in json.loads(saved.stdout)["signers"]], [self.public])
        self.check(self.get(path, f"--trust={self.public}", to="by_saved_file"), 0)
        self.assertEqual((self.swarm.folder("by_saved_file") / "model.bin").read_bytes(), self.content)
        # What nobody signed, and what others signed.
        plain = self.swarm.root / "saved_plain.shoal"
        self.check(self.swarm.leecher("save", "plain.bin", "-o", plain, f"--tracker={self.swarm.tracker_url}"), 0)
        self.assertEqual(plain.read_bytes()[:8], b"SHOALFL\x01")
        other = self.swarm.root / "saved_other.shoal"
        self.check(self.swarm.leecher("save", "forged.bin", "-o", other, "--wait=0", f"--trust={self.public}",
                                      f"--tracker={self.swarm.tracker_url}"), UNTRUSTED)
        self.assertFalse(other.exists())

    def test_an_unsigned_shoal_file_is_as_it_was(self):
        path = self.swarm.root / "plain.shoal"
        self.check(self.swarm.leecher("make", self.swarm.root / "plain" / "plain.bin", "-o", path), 0)
        self.assertEqual(path.read_bytes()[:8], b"SHOALFL\x01")
        self.check(self.get(path, f"--trust={self.public}", to="by_unsigned_file"), UNTRUSTED, "nobody signed it")

    def test_an_agent_fetches_what_is_trusted(self):
        agent = Agent(self.swarm, "agent", f"--trust={self.public}", "--follow=model*,forged*")
        agent.daemon.expect(r"forged\.bin .* is not fetched")
        agent.daemon.expect(r"complete.*model\.bin")
        self.assertEqual([download["name"] for download in agent.downloads()], ["model.bin"])
        # A rule may have keys of its own, and keeps them over a restart.
        self.check(agent.command("follow", "forged*", f"--trust={self.other_public}"), 0)
        agent.daemon.expect(r"complete.*forged\.bin")
        agent.kill()
        agent.start()
        rules = {rule["glob"]: rule.get("trustedKeys") for rule in agent.call("List")["follows"]}
        self.assertEqual(rules, {"model*": None, "forged*": [self.other_public]})


class PassedOnTest(unittest.TestCase):
    def test_re_seeders_keep_the_signature_when_tracker_and_publisher_are_gone(self):
        with Swarm() as swarm:
            private, public = swarm.make_key("publisher")
            folder = swarm.share("shared", {"model.bin": random_bytes(MEBIBYTE, 3), "tool.bin": random_bytes(MEBIBYTE, 4)})
            seeder = swarm.start_seeder(folder, f"--sign-key={private}")
            # Neither of the two asks for a signature.
            leecher = swarm.keep(Fetch("model.bin", f"--tracker={swarm.tracker_url}", "--seed=forever", "--listen=127.0.0.1:0",
                                       "--advertise=127.0.0.1", "-o", str(swarm.folder("out"))))
            leecher.expect(r'"event": ?"serving"')
            agent = Agent(swarm, "agent", "--follow=tool*")
            agent.daemon.expect(r"complete.*tool\.bin")
            seeder.stop()
            swarm.tracker.stop()
            agent.kill()
            swarm.start_tracker()
            agent.start()

            def signers():
                listed = swarm.leecher("list", "--json", f"--tracker={swarm.tracker_url}")
                contents = [json.loads(line) for line in listed.stdout.splitlines()]
                return {content["name"]: [signer["key"] for signer in content["signers"]] for content in contents}

            for name in ("model.bin", "tool.bin"):
                swarm.await_listed(name)
            self.assertEqual(signers(), {"model.bin": [public], "tool.bin": [public]})


class ReserveTest(unittest.TestCase):
    def test_a_reserved_name_needs_its_key(self):
        with Swarm() as swarm:
            swarm.tracker.stop()
            reserved = swarm.root / "reserved"
            reserved.write_text("", encoding="utf-8")
            swarm.tracker_flags = (f"--reserve={reserved}",)
            swarm.start_tracker()
            self.publish(swarm, reserved)

    def publish(self, swarm, reserved):
        private, public = swarm.make_key("publisher")
        other, _ = swarm.make_key("other")
        reserved.write_text(f"# names\nmodel* {public}\n", encoding="utf-8")
        content = swarm.share("shared", {"model.bin": b"x" * 100_000}) / "model.bin"
        swarm.tracker.process.send_signal(signal.SIGHUP)
        swarm.tracker.expect("new reserved names.*rules=1")

        def seed(*flags):
            return swarm.keep(Daemon("shoal-leecher", "seed", str(content), f"--tracker={swarm.tracker_url}", "--listen=127.0.0.1:0",
                                     "--advertise=127.0.0.1", *flags))

        for flags in ((), (f"--sign-key={other}",)):
            seed(*flags).expect("a tracker rejects model.bin.*is reserved at this tracker.*--sign-key")
        refused = swarm.leecher("info", "model.bin", f"--tracker={swarm.tracker_url}")
        self.assertEqual(refused.returncode, 3, refused.stdout)
        seed(f"--sign-key={private}").expect("id [0-9a-f]{64}")
        got = swarm.leecher("get", "model.bin", f"--tracker={swarm.tracker_url}", f"--trust={public}", "--listen=none", "--seed=no", "-o",
                            swarm.folder("out"))
        self.assertEqual(got.returncode, 0, got.stderr)

        # A file with a fault changes nothing.
        reserved.write_text("model*\n", encoding="utf-8")
        swarm.tracker.process.send_signal(signal.SIGHUP)
        swarm.tracker.expect("the reserved names stay as they are.*line 1")


if __name__ == "__main__":
    unittest.main()
