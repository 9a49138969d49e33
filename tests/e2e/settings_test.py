#!/usr/bin/env python3
"""Settings as people write them: on the command line, in variables and in files, right and wrong."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from swarm import PATIENCE, Daemon, program

QUIET = ("--grpc=127.0.0.1:0", "--udp=none", "--http=none")


class SettingsTest(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="shoal-settings-"))
        self.addCleanup(shutil.rmtree, self.root)

    def refused(self, name, *words, code=2, environment=None):
        """Runs a program that is to end at once; returns what it says."""
        result = subprocess.run([program(name), *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                timeout=PATIENCE, check=False, cwd=self.root, env={**os.environ, **(environment or {})})
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stdout + result.stderr

    def config(self, content):
        path = self.root / "shoal.conf"
        path.write_bytes(content)
        return f"--config={path}"

    def test_a_wrong_value_is_named_with_its_place(self):
        said = self.refused("shoal-tracker", *QUIET, self.config(b"# how long\nlease=30\n"))
        self.assertIn("shoal.conf:2: --lease: '30' is no length of time", said)
        said = self.refused("shoal-seeder", "--tracker=127.0.0.1:1", "--share=.", self.config(b"\nsettle=5\n"))
        self.assertIn("shoal.conf:2: --settle: '5'", said)
        said = self.refused("shoal-leecher", "serve", self.config(b"tracker=127.0.0.1:1\ndisk=many\n"))
        self.assertIn("shoal.conf:2: --disk: 'many' is no size", said)
        said = self.refused("shoal-leecher", "get", "x", "--tracker=127.0.0.1:1", environment={"SHOAL_WAIT": "30"})
        self.assertIn("$SHOAL_WAIT: --wait: '30'", said)
        said = self.refused("shoal-leecher", "get", "x", "--tracker=127.0.0.1:1", environment={"SHOAL_PEERS_MAX": "many"})
        self.assertIn("$SHOAL_PEERS_MAX: --peers-max: Value many not in range", said)
        said = self.refused("shoal-leecher", "get", "x", "--tracker=127.0.0.1:1", environment={"SHOAL_JSON": "perhaps"})
        self.assertIn("$SHOAL_JSON: --json: 'perhaps' is neither true nor false", said)
        said = self.refused("shoal-leecher", "get", "x", "--tracker=127.0.0.1:1", "--wait=20", environment={"SHOAL_WAIT": "30"})
        self.assertIn("shoal-leecher: --wait: '20'", said)

    def test_files_of_any_editor(self):
        tracker = Daemon("shoal-tracker", self.config(b"\xef\xbb\xbf# settings\r\ngrpc=127.0.0.1:0\r\nudp=none\r\nhttp=none\r\n"))
        self.addCleanup(tracker.stop)
        tracker.expect(r"listening on grpc://127\.0\.0\.1:")

    def test_usual_slips_in_a_file(self):
        for line, what in ((b'lease="30s"', "without quotation marks"), (b"--lease=30s", "did you mean 'lease'?"),
                           (b"lease=30s\nlease=40s", "may be given once"), (b"lease: 30s", "NAME=VALUE")):
            self.assertIn(what, self.refused("shoal-tracker", *QUIET, self.config(line)), line)
        self.assertIn("is it there", self.refused("shoal-tracker", *QUIET, "--config=nowhere.conf"))
        self.assertIn("is it there", self.refused("shoal-tracker", *QUIET, f"--config={self.root}"))

    def test_listeners_that_can_not_be_opened(self):
        first = Daemon("shoal-tracker", *QUIET)
        self.addCleanup(first.stop)
        port = first.expect(r"listening on grpc://127\.0\.0\.1:(\d+)").group(1)
        for flags in ((f"--grpc=127.0.0.1:{port}", "--udp=none", "--http=none"), (*QUIET[:2], f"--http=127.0.0.1:{port}")):
            self.assertIn("another program uses this port", self.refused("shoal-tracker", *flags, code=1))
        self.assertIn("this machine has no such address",
                      self.refused("shoal-tracker", "--grpc=203.0.113.1:0", "--udp=none", "--http=none", code=1))
        # Before it hashes anything.
        said = self.refused("shoal-leecher", "seed", "nothing", "--tracker=127.0.0.1:1", f"--listen=127.0.0.1:{port}", code=1)
        self.assertIn("another program uses this port", said)

    def test_the_name_of_this_machine_is_a_listener(self):
        tracker = Daemon("shoal-tracker", "--grpc=localhost:0", "--udp=none", "--http=localhost:0")
        self.addCleanup(tracker.stop)
        port = tracker.expect(r"listening on grpc://127\.0\.0\.1:(\d+)").group(1)
        (self.root / "share").mkdir()
        (self.root / "share" / "file").write_bytes(b"x")
        seeder = Daemon("shoal-seeder", f"--tracker=localhost:{port}", "--tracker=127.0.0.1:1", f"--share={self.root / 'share'}", "--state=none",
                        "--listen=localhost:0", "--http=localhost:0")
        self.addCleanup(seeder.stop)
        seeder.expect(r"trackers_told=1 trackers_away=1")

    def test_usual_slips_on_the_command_line(self):
        get = ("shoal-leecher", "get", "--tracker=127.0.0.1:1")
        self.assertIn("its value is missing", self.refused(*get, "x", "--wait="))
        self.assertIn("behind --", self.refused(*get, "-x"))
        # A flag that may be repeated leaves the words behind it alone.
        said = self.refused("shoal-leecher", "get", "--tracker=127.0.0.1:1", "one", "two", "--wait=0", "--listen=none", code=4)
        self.assertIn("one: no tracker answers", said)
        self.assertIn("two: no tracker answers", said)
        self.assertIn("no tracker could be reached", self.refused("shoal-leecher", "list", "--tracker", "127.0.0.1:1", "text", "--json", code=4))
        self.assertIn("is a URL", self.refused(*get, "http://example/x"))
        self.assertIn("--advertise: ", self.refused(*get, "x", "--advertise=http://me/"))
        self.assertIn("--advertise: ", self.refused(*get, "x", "--advertise=,"))
        self.assertIn("--trust: /dev/null is no regular file", self.refused(*get, "x", "--wait=0", "--trust=/dev/null"))
        self.assertIn("bytes; see --socket", self.refused("shoal-leecher", "status", f"--socket=/tmp/{'x' * 150}"))
        self.assertIn("--listen=none contradict", self.refused(*get, "x", "--seed", "2h", "--listen=none"))
        for words in (("help",), ("help", "get"), ("get", "--help")):
            self.assertIn("Usage: shoal", self.refused("shoal-leecher", *words, code=0))

    def test_a_rate_without_its_unit(self):
        for flag in ("--limit-down=10", "--limit-up=100"):
            self.assertIn("name a unit", self.refused("shoal-leecher", "get", "x", "--tracker=127.0.0.1:1", flag))

    def test_wrong_usage_as_json(self):
        for words in (["get", "x", "--tracker=127.0.0.1:1", "--wait=-5", "--json"], ["get", "x", "--trakcer=y", "--json"],
                      ["list", "--json"], ["info", "a/b", "--tracker=127.0.0.1:1", "--json"], ["status", "x", "--no-such", "--json"],
                      ["token", "--rights=write", "--json"]):
            result = subprocess.run([program("shoal-leecher"), *words], capture_output=True, text=True, timeout=PATIENCE, check=False)
            self.assertEqual(result.returncode, 2, words)
            error = json.loads(result.stdout)
            self.assertEqual((error["event"], error["exit_code"], error["error"]["cause"]), ("error", 2, "usage"), words)
            self.assertIn(error["error"]["message"], result.stderr)

    def test_an_agent_that_can_not_start_says_so_in_its_log(self):
        result = subprocess.run([program("shoal-leecher"), "serve", "--log-format=json", "--disk=many"], capture_output=True, text=True,
                                timeout=PATIENCE, check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn("--disk", json.loads(result.stderr)["message"])

    def test_a_health_check_speaks_plainly(self):
        for words in (("shoal-tracker", "--health-check=127.0.0.1:1"), ("shoal-seeder", "--health-check=127.0.0.1:1"),
                      ("shoal-leecher", "--health-check=127.0.0.1:1")):
            self.assertIn("127.0.0.1:1 does not answer: connection refused: is it running", self.refused(*words, code=1))
        said = self.refused("shoal-tracker", "--health-check=no-such.invalid:1", code=1)
        self.assertIn("the host is not known", said)
        self.assertNotIn("ares", said.lower())


if __name__ == "__main__":
    unittest.main(verbosity=2)
