#!/usr/bin/env python3
"""The images and compose.yaml, on a Docker engine: built, up, healthy, used, down, and nothing left behind.

Compiles inside the image, unless the environment says BINARIES=prebuilt (see docker/Dockerfile); makes its own base image,
unless it says BASE_IMAGE.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

import grpc

from swarm import MEBIBYTE, random_bytes, sha256

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAME = f"shoal-test-{os.getpid()}"
PROGRAMS = ("tracker", "seeder", "leecher", "agent")
IMAGES = (*PROGRAMS, "downloads")
SEEDERS = ("seeder1", "seeder2", "seeder3")
PATIENCE = 180


def fresh_shell():
    """The environment of a shell in which nothing was set for the images."""
    return {name: value for name, value in os.environ.items()
            if not name.startswith(("SHOAL_", "COMPOSE_")) and name not in ("BASE_IMAGE", "BINARIES")}


def run(*command, environment=None, **options):
    result = subprocess.run([*map(str, command)], cwd=ROOT, env={**fresh_shell(), **(environment or {})}, capture_output=True, text=True,
                            errors="replace", check=False, **options)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {result.returncode}:\n{result.stdout[-8000:]}{result.stderr[-4000:]}")
    return result.stdout


def compose_command():
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    return ["docker", "compose"] if plugin.returncode == 0 else ["docker-compose"]


def docker_objects():
    """What the engine has of ours, by kind."""
    label = f"label=com.docker.compose.project={NAME}"
    return {
        "containers": run("docker", "ps", "-aq", "--filter", label).split(),
        "networks": run("docker", "network", "ls", "-q", "--filter", label).split(),
        "volumes": run("docker", "volume", "ls", "-q", "--filter", label).split(),
    }


class ContainersTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.images_before = set(run("docker", "images", "-aq", "--no-trunc").split())
        cls.addClassCleanup(cls.remove_images)
        cls.base = os.environ.get("BASE_IMAGE") or run("docker/base_image.sh", f"{NAME}-base").strip()
        cls.build_images()

    @classmethod
    def build_images(cls):
        """The whole Dockerfile: the stage that compiles under a tag of its own, then the images that share it."""
        for target in ("build", *IMAGES):
            tag = f"{NAME}-build" if target == "build" else f"shoal-{target}:{NAME}"
            started = time.monotonic()
            run("docker", "build", "-q", "-f", "docker/Dockerfile", "--target", target, "-t", tag, "--build-arg",
                f"BASE_IMAGE={cls.base}", "--build-arg", f"BINARIES={os.environ.get('BINARIES', 'compiled')}", ".")
            megabytes = int(run("docker", "image", "inspect", "-f", "{{.Size}}", tag)) / 1e6
            print(f"{tag}: built in {time.monotonic() - started:.0f} s, {megabytes:.0f} MB", file=sys.stderr)

    @classmethod
    def remove_images(cls):
        tags = [f"shoal-{image}:{NAME}" for image in IMAGES] + [f"{NAME}-build"]
        if "BASE_IMAGE" not in os.environ:
            tags.append(f"{NAME}-base")
        for tag in tags:
            subprocess.run(["docker", "rmi", "--force", tag], capture_output=True, check=False)
        left = set(run("docker", "images", "-aq", "--no-trunc").split()) - cls.images_before
        if left:
            raise AssertionError(f"images are left behind: {left}")

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="shoal-containers-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.compose_files = ["compose.yaml"]
        self.folder.chmod(0o755)
        (self.folder / "shared").mkdir()
        (self.folder / "downloads").mkdir()
        (self.folder / "shared" / "sample.bin").write_bytes(random_bytes(3 * MEBIBYTE, 1))
        (self.folder / "shared" / "large.bin").write_bytes(random_bytes(128 * MEBIBYTE, 2))
        self.environment = {
            "COMPOSE_PROJECT_NAME": NAME,
            "SHOAL_TAG": NAME,
            "SHOAL_SAMPLE": "sample.bin",
            "SHOAL_SHARED": str(self.folder / "shared"),
            "SHOAL_DOWNLOADS": str(self.folder / "downloads"),
            "SHOAL_UID": str(os.getuid() or 1000),
            "SHOAL_GID": str(os.getgid() or 1000),
            "SHOAL_GRPC_PORT": "0",
            "SHOAL_UDP_PORT": "0",
            "SHOAL_HTTP_PORT": "0",
            "SHOAL_AGENT_PORT": "0",
        }

    def compose(self, *arguments):
        files = [word for file in self.compose_files for word in ("-f", file)]
        return [*compose_command(), "--project-directory", str(ROOT), *files, *arguments]

    def run_compose(self, *arguments):
        return run(*self.compose(*arguments), environment=self.environment, timeout=600)

    def inspect(self, service, what):
        container = self.run_compose("ps", "-q", service).strip()
        return json.loads(run("docker", "inspect", "-f", f"{{{{json {what}}}}}", container))

    def await_healthy(self, *services):
        deadline = time.monotonic() + PATIENCE
        for service in services:
            while True:
                state = self.inspect(service, ".State")
                if state["Health"]["Status"] == "healthy":
                    break
                if time.monotonic() > deadline:
                    raise AssertionError(f"{service} is not healthy: {state}\n" + self.run_compose("logs", service))
                time.sleep(0.5)

    @contextlib.contextmanager
    def up(self):
        try:
            # Never builds here: the images stand already, so a build that takes minutes would be a mistake.
            self.run_compose("up", "-d", "--no-build", "tracker", *SEEDERS)
            yield
        finally:
            self.run_compose("down", "--volumes", "--remove-orphans", "--timeout", "5")
            self.assertEqual({"containers": [], "networks": [], "volumes": []}, docker_objects())

    def check_copy(self, name):
        self.assertEqual(sha256(self.folder / "shared" / name), sha256(self.folder / "downloads" / name))

    def await_sample(self):
        deadline = time.monotonic() + PATIENCE
        while not (self.folder / "downloads" / "sample.bin").exists():
            self.assertLess(time.monotonic(), deadline, self.run_compose("logs", "leecher"))
            time.sleep(0.2)
        self.check_copy("sample.bin")

    def check_tracker_from_outside(self):
        """By reflection and health alone, without a proto file, as grpcurl would."""
        address = self.run_compose("port", "tracker", "50051").strip().replace("0.0.0.0", "127.0.0.1")
        with grpc.insecure_channel(address) as channel:
            health = channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=PATIENCE, wait_for_ready=True)
            self.assertEqual(health, b"\x08\x01", "not SERVING")
            ask = channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
            services = next(ask(iter([b"\x3a\x00"]), timeout=PATIENCE))  # list_services = ""
            self.assertIn(b"shoal.tracker.v1.TrackerService", services)

    def fetch_through_chaos(self):
        """One seeder is killed, one is frozen, one loses its network, until none is left; then they come back."""
        seeders = [self.run_compose("ps", "-q", service).strip() for service in SEEDERS]
        network = f"{NAME}_default"
        steps = [(0.1, ("kill", seeders[0])), (0.25, ("pause", seeders[1])), (0.4, ("network", "disconnect", network, seeders[2])),
                 (0.4, ("unpause", seeders[1])), (0.6, ("network", "connect", network, seeders[2])), (0.75, ("pause", seeders[1])),
                 (0.9, ("unpause", seeders[1]))]
        command = self.compose("run", "--rm", "-T", "leecher", "get", "large.bin", "--json", "--seed=no", "--limit-down=12MiB")
        finished = None
        left = list(steps)
        with subprocess.Popen(command, cwd=ROOT, env={**fresh_shell(), **self.environment}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as fetch:
            try:
                for line in fetch.stdout:
                    event = json.loads(line) if line.startswith("{") else {}
                    if event.get("event") == "progress" and event["length_bytes"] > 0:
                        while left and event["bytes"] >= left[0][0] * event["length_bytes"]:
                            run("docker", *left.pop(0)[1])
                    if event.get("event") == "finished":
                        finished = event
                errors = fetch.stderr.read()
            finally:
                fetch.kill()
                subprocess.run(["docker", "unpause", seeders[1]], capture_output=True, check=False)  # a frozen one can't be stopped
        self.assertEqual(fetch.returncode, 0, f"{finished}\n{errors}")
        self.assertEqual(left, [], "the transfer was over too soon")
        self.assertGreaterEqual(len([peer for peer in finished["peers"] if peer["chunks"] > 0]), 3, finished)

    def round(self):
        with self.up():
            self.await_healthy("tracker", *SEEDERS)
            self.check_tracker_from_outside()
            self.run_compose("up", "-d", "--no-build", "leecher")
            self.await_healthy("leecher")
            self.await_sample()
            self.fetch_through_chaos()
            self.check_copy("large.bin")
            self.use_the_agent()
            self.restart_everything()
            self.check_agent_after_restart()

    def use_the_agent(self):
        (self.folder / "shared" / "by-agent.bin").write_bytes(random_bytes(5 * MEBIBYTE, 3))
        self.run_compose("up", "-d", "--no-build", "agent")
        self.await_healthy("agent")
        deadline = time.monotonic() + PATIENCE
        self.run_compose("exec", "-T", "agent", "shoal", "add", "by-agent.bin")
        while not (self.folder / "downloads" / "by-agent.bin").exists():
            self.assertLess(time.monotonic(), deadline, self.run_compose("exec", "-T", "agent", "shoal", "status"))
            time.sleep(0.2)
        self.check_copy("by-agent.bin")
        token = re.search(r"\btoken=(\w+)", self.run_compose("logs", "--no-color", "agent"))[1]
        self.assertEqual(self.call_agent_page(None), 401)
        self.assertEqual(self.call_agent_page(token), 200)

    def call_agent_page(self, token):
        """The HTTP status of a call to the API, at the port that is published."""
        address = self.run_compose("port", "agent", "7433").strip()
        self.assertTrue(address.startswith("127.0.0.1:"), address)
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        call = urllib.request.Request(f"http://{address}/api/shoal.leecher.v1.DownloadsService/List", b"{}", headers)
        try:
            with urllib.request.urlopen(call, timeout=PATIENCE) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def check_agent_after_restart(self):
        listed = json.loads(self.run_compose("exec", "-T", "agent", "shoal", "status", "--json"))
        self.assertEqual([download["name"] for download in listed["downloads"]], ["by-agent.bin"])

    def restart_everything(self):
        """All at once and in no order; then each serves again, without having failed and started anew on the way."""
        (self.folder / "downloads" / "sample.bin").unlink()
        self.run_compose("restart", "--timeout", "5")
        self.await_healthy("tracker", *SEEDERS, "leecher", "agent")
        self.await_sample()
        for service in ("tracker", *SEEDERS, "leecher", "agent"):
            self.assertEqual(self.inspect(service, ".RestartCount"), 0, service)

    def test_up_fetch_down_twice(self):
        for number in (1, 2):
            with self.subTest(number):
                self.round()
                for copy in (self.folder / "downloads").iterdir():
                    copy.unlink()

    def ticket_key(self):
        """By which the tracker signed tickets when it started last."""
        return re.findall(r"lookups bring tickets key=(\S+)", self.run_compose("logs", "--no-color", "tracker"))[-1]

    def test_everything_speaks_tls(self):
        self.compose_files.append("compose.tls.yaml")
        with self.up():
            self.await_healthy("tracker", *SEEDERS)
            self.run_compose("up", "-d", "--no-build", "leecher")
            self.await_sample()
            container = self.run_compose("ps", "-q", "tracker").strip()
            run("docker", "cp", f"{container}:/tls/certs/ca.pem", self.folder)
            port = self.run_compose("port", "tracker", "8080").strip().rsplit(":", 1)[1]
            trusting = ssl.create_default_context(cafile=self.folder / "ca.pem")
            with urllib.request.urlopen(f"https://localhost:{port}/healthz", context=trusting, timeout=PATIENCE) as page:
                self.assertEqual(page.status, 200)
            key = self.ticket_key()
            for service in SEEDERS:  # a get says nothing of it
                self.assertIn(key, self.run_compose("logs", service), f"{service} does not know whose tickets count")
            # Made once: the programs find the same certificates and the same key again.
            self.run_compose("restart", "--timeout", "5")
            self.await_healthy("tracker", *SEEDERS, "leecher")
            self.assertEqual(self.ticket_key(), key)

    def test_only_images_that_are_built_here_are_run(self):
        images = re.findall(r"^ +image: +(\S+)$", self.run_compose("config"), re.MULTILINE)
        self.assertEqual(set(images), {f"shoal-{image}:{NAME}" for image in IMAGES})

    def test_images_hold_one_program_each_and_run_without_root(self):
        for program in PROGRAMS:
            config = json.loads(run("docker", "image", "inspect", "-f", "{{json .Config}}", f"shoal-{program}:{NAME}"))
            self.assertEqual(config["User"], "1000:1000")
            self.assertRegex(config["Healthcheck"]["Test"][2], "^--health-check")
            shell = subprocess.run(["docker", "run", "--rm", "--entrypoint", "/bin/sh", f"shoal-{program}:{NAME}", "-c", "true"],
                                   capture_output=True, check=False)
            self.assertNotEqual(shell.returncode, 0, "there is a shell in the image")
            self.assertIn("libgrpc++-dev", self.file_of(f"shoal-{program}:{NAME}", "/usr/share/doc/shoal/shoal.spdx.json"))

    def file_of(self, image, path):
        """The text of a file in an image."""
        container = run("docker", "create", image).strip()
        try:
            return run("sh", "-c", f"docker cp {container}:{path} - | tar -xO")
        finally:
            run("docker", "rm", container)


if __name__ == "__main__":
    unittest.main(verbosity=2)
