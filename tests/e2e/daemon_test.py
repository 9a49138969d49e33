#!/usr/bin/env python3
"""How the programs behave as parts of a machine: log lines, metrics, health, signals, limits of descriptors."""

import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import time
import unittest
import urllib.error
import urllib.request

from agents import Agent
from swarm import PATIENCE, Daemon, Swarm, program, random_bytes

NO_HOST = "no-such-host.invalid:50051"


def run(name, *arguments, before=None, environment=None):
    return subprocess.run([program(name), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, preexec_fn=before,
                          env={**os.environ, **(environment or {})})


def get(port, path):
    """Returns the status and the body of a page."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def value_of(metrics, name):
    """The value of a series that has no labels."""
    for line in metrics.splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    raise AssertionError(f"no {name} in:\n{metrics}")


class LogTest(unittest.TestCase):
    def parse(self, lines):
        events = []
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                self.fail(f"no JSON: {line}")
            self.assertLessEqual({"time", "level", "program", "message"}, event.keys())
            events.append(event)
        self.assertTrue(events)
        return events

    def test_every_line_of_a_daemon_is_json_and_numbers_are_numbers(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {"a.bin": random_bytes(300_000, 1)})
            state = swarm.folder("other") / "tracker.state"
            tracker = swarm.keep(Daemon("shoal-tracker", "--grpc=127.0.0.1:0", "--udp=127.0.0.1:0", "--http=127.0.0.1:0",
                                        "--log-format=json", "--log-level=debug", f"--state={state}"))
            port = tracker.expect(r'"grpc_port":(\d+)').group(1)
            # A tracker whose name can't be resolved makes gRPC and c-ares print errors of their own.
            seeder = swarm.keep(Daemon("shoal-seeder", f"--tracker=127.0.0.1:{port},{NO_HOST}", f"--share={shared}",
                                       "--listen=127.0.0.1:0", "--http=127.0.0.1:0", "--state=none", "--log-format=json",
                                       "--log-level=debug"))
            seeder.expect(r'"message":"ready"')
            self.assertEqual(seeder.stop(), 0)
            self.assertEqual(tracker.stop(), 0)
            events = {event["message"]: event for event in self.parse(tracker.lines) + self.parse(seeder.lines)}
            for message, keys in {"tracker listens": ["grpc_port", "udp_port", "http_port"],
                                  "seeder listens": ["port", "http_port"],
                                  "published": ["size", "chunks", "files"],
                                  "first scan done": ["contents", "size", "problems"],
                                  "ready": ["contents", "trackers_told", "trackers_away"],
                                  "wrote the state file": ["contents", "peers"]}.items():
                for key in keys:
                    self.assertIsInstance(events[message][key], int, events[message])
            self.assertEqual(events["published"]["size"], 300_000)

    def test_errors_before_the_start_are_json_too(self):
        for name, arguments in (("shoal-tracker", ["--grpc=nonsense"]), ("shoal-tracker", ["--no-such-flag"]),
                                ("shoal-tracker", ["--log-level=loud"]), ("shoal-seeder", []),
                                ("shoal-seeder", ["--no-such-flag"]), ("shoal-seeder", ["--tracker=x:1", "--share=/none", "--settle=x"])):
            by_flag = run(name, *arguments, "--log-format=json")
            by_environment = run(name, *arguments, environment={"SHOAL_LOG_FORMAT": "json"})
            for ended in (by_flag, by_environment):
                self.assertEqual(ended.returncode, 2, ended.stdout)
                event, = self.parse(ended.stdout.splitlines())
                self.assertEqual((event["level"], event["program"]), ("error", name))
        taken = run("shoal-seeder", f"--tracker={NO_HOST}", "--share=/no/such/folder", "--state=none", "--log-format=json")
        self.assertEqual(taken.returncode, 1, taken.stdout)
        self.parse(taken.stdout.splitlines())

    def test_what_libraries_print_stays_out_of_what_people_read(self):
        for arguments in (["list"], ["info", "x"]):
            ended = run("shoal-leecher", *arguments, f"--tracker={NO_HOST}")
            self.assertNotEqual(ended.returncode, 0)
            self.assertIn("domain name not found", ended.stdout)
            for word in ("ares", "qtype", ".cc:"):
                self.assertNotIn(word, ended.stdout.lower())


class MetricsTest(unittest.TestCase):
    def check(self, port, *prefixes):
        status, metrics = get(port, "/metrics")
        self.assertEqual(status, 200)
        self.assertGreater(value_of(metrics, "process_cpu_seconds_total"), 0)
        self.assertGreater(value_of(metrics, "process_resident_memory_bytes"), 1_000_000)
        self.assertGreater(value_of(metrics, "process_max_fds"), value_of(metrics, "process_open_fds"))
        self.assertAlmostEqual(value_of(metrics, "process_start_time_seconds"), time.time(), delta=3600)
        self.assertRegex(metrics, r'\nshoal_build_info\{version="[0-9.]+"\} 1\n')
        for kind, name in [line.split()[3:1:-1] for line in metrics.splitlines() if line.startswith("# TYPE ")]:
            self.assertEqual(kind == "counter", name.endswith("_total"), name)
            self.assertTrue(name.startswith((*prefixes, "process_", "shoal_build_info")), name)
        if shutil.which("promtool"):
            checked = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, text=True)
            self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))
        return metrics

    def test_every_program_has_metrics_and_health(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {"a.bin": random_bytes(300_000, 1), "b.bin": random_bytes(1000, 2)})
            seeder = swarm.start_seeder(shared, "--http=127.0.0.1:0")
            leecher = swarm.fetch("a.bin", "copy", "--http=127.0.0.1:0", seed="forever")
            leecher.expect(r'"event": ?"finished"')
            sole = swarm.keep(Daemon("shoal-leecher", "seed", shared / "b.bin", f"--tracker={swarm.tracker_url}", "--json",
                                     "--listen=127.0.0.1:0", "--http=127.0.0.1:0"))
            sole.expect(r'"event": ?"serving"')
            self.check(swarm.ports["http"], "shoal_tracker_")
            metrics = self.check(seeder.expect(r"http_port=(\d+)").group(1), "shoal_seeder_")
            self.assertEqual(value_of(metrics, "shoal_seeder_sent_bytes_total"), 300_000)
            self.assertIn('name="a.bin"} 300000\n', metrics)
            for daemon, name in ((leecher, "a.bin"), (sole, "b.bin")):
                port = daemon.expect(r'"http_port": ?(\d+)').group(1)
                metrics = self.check(port, "shoal_leecher_")
                self.assertEqual(value_of(metrics, "shoal_leecher_contents"), 1)
                self.assertRegex(metrics, rf'shoal_leecher_content_peers\{{content="[0-9a-f]+",name="{name}"\}} 0\n')
                self.assertEqual(get(port, "/healthz"), (200, "ok\n"))
                self.assertEqual(get(port, "/nothing")[0], 404)
            self.check(Agent(swarm, "agent").port, "shoal_leecher_", "shoal_agent_")

    @unittest.skipUnless(shutil.which("promtool") is None, "promtool is installed, and used above")
    def test_promtool_can_be_installed(self):
        """Skips when the package is there; fails when it could be there."""
        if shutil.which("apt-cache") is None:
            self.skipTest("no Debian system")
        known = subprocess.run(["apt-cache", "show", "prometheus"], capture_output=True, text=True)
        if known.returncode != 0:
            self.skipTest("the package prometheus can't be installed here")
        self.fail("promtool is missing: scripts/install_packages test")


class DescriptorTest(unittest.TestCase):
    def limited(self, number):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))
        return limit

    def test_too_few_descriptors_are_an_error_and_no_abort(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {"a.bin": b"some bytes"})
            tracker = f"--tracker={swarm.tracker_url}"
            commands = [
                ("shoal-tracker", "--grpc=127.0.0.1:0", "--udp=127.0.0.1:0", "--http=127.0.0.1:0"),
                ("shoal-seeder", tracker, f"--share={shared}", "--state=none", "--grpc=127.0.0.1:0", "--http=127.0.0.1:0"),
                ("shoal-leecher", "get", "a.bin", tracker, f"--output={swarm.folder('copy')}"),
                ("shoal-leecher", "seed", shared / "a.bin", tracker),
                ("shoal-leecher", "list", tracker),
                ("shoal-leecher", "info", "a.bin", tracker),
            ]
            for number in (8, 16, 24, 32, 48):
                for command in commands:
                    ended = run(*command, before=self.limited(number))
                    self.assertEqual(ended.returncode, 1, (number, command, ended.stdout))
                    self.assertRegex(ended.stdout, r"^shoal-\w+: too few files can be opened: .*ulimit -n", (number, command))
            logged = run(*commands[0], "--log-format=json", before=self.limited(16))
            self.assertEqual(json.loads(logged.stdout)["level"], "error")

    def test_as_many_as_are_asked_for_suffice(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {"a.bin": random_bytes(3_000_000, 1)})
            limit = ["prlimit", "--nofile=134:134"]  # 128 and some that are open already
            tracker = swarm.keep(Daemon("shoal-tracker", "--grpc=127.0.0.1:0", "--udp=127.0.0.1:0", "--http=127.0.0.1:0",
                                        host=type(swarm.host)("127.0.0.1", *limit)))
            url = f"--tracker=127.0.0.1:{tracker.expect(r'listening on grpc://[^ ]*:([0-9]+)').group(1)}"
            host = type(swarm.host)("127.0.0.1", *limit)
            seeder = swarm.keep(Daemon("shoal-seeder", url, f"--share={shared}", "--state=none", "--listen=127.0.0.1:0",
                                       "--advertise=127.0.0.1", "--grpc=127.0.0.1:0", "--http=127.0.0.1:0", host=host))
            seeder.expect(r"\bready\b.*trackers_told=1")
            leecher = swarm.keep(Daemon("shoal-leecher", "get", "a.bin", url, f"--output={swarm.folder('copy')}", "--seed=no",
                                        "--http=127.0.0.1:0", "--grpc=127.0.0.1:0", host=host))
            self.assertEqual(leecher.process.wait(PATIENCE), 0, leecher.lines)
            self.assertEqual((swarm.root / "copy" / "a.bin").read_bytes(), (shared / "a.bin").read_bytes())


class SignalTest(unittest.TestCase):
    def test_sighup_ends_every_program_in_order(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {"a.bin": random_bytes(300_000, 1), "b.bin": b"bytes"})
            seeder = swarm.start_seeder(shared)
            sole = swarm.keep(Daemon("shoal-leecher", "seed", shared / "b.bin", f"--tracker={swarm.tracker_url}", "--json",
                                     "--listen=127.0.0.1:0"))
            sole.expect(r'"trackers_told": ?1')
            waiting = swarm.fetch("no-such-content", "copy", "--wait=forever")
            waiting.expect(r'"event"')
            self.assertEqual(sole.stop(signal.SIGHUP), 0)
            sole.expect(r'"event": ?"served"|"last": ?true|"done": ?true|"serving"')
            self.assertEqual(waiting.stop(signal.SIGHUP), 129)
            self.assertEqual(seeder.stop(signal.SIGHUP), 0)
            seeder.expect(r"stopping signal=SIGHUP")
            seeder.expect(r"stopped$")
            self.assertEqual(swarm.tracker.stop(signal.SIGHUP), 0)
            swarm.tracker.expect(r"stopping signal=SIGHUP")

    def test_sighup_of_a_tracker_with_limits_reads_them_again(self):
        with Swarm() as swarm:
            limits = swarm.root / "limits"
            limits.write_text("max-leases=10\n")
            tracker = swarm.keep(Daemon("shoal-tracker", "--grpc=127.0.0.1:0", "--udp=none", "--http=none", f"--limits={limits}"))
            tracker.expect("listening on grpc")
            tracker.process.send_signal(signal.SIGHUP)
            tracker.expect("new limits")
            self.assertEqual(tracker.stop(), 0)

    def test_nohup_holds(self):
        with Swarm() as swarm:
            shared = swarm.share("shared", {"a.bin": b"some bytes"})
            host = type(swarm.host)("127.0.0.1", "nohup")
            seeder = swarm.start_seeder(shared, host=host)
            seeder.process.send_signal(signal.SIGHUP)
            self.assertEqual(seeder.stop(), 0)
            seeder.expect(r"stopping signal=SIGTERM")


if __name__ == "__main__":
    unittest.main()
