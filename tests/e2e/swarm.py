"""A swarm of the real programs, on the loopback or on hosts of a network of their own: starts them on free ports, reads their
output, stops them.

The folder of the programs is in the environment as SHOAL_PROGRAMS.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

CHUNK = 64 * 1024  # of a content under 32 MiB
MEBIBYTE = 1024 * 1024
PATIENCE = 120  # seconds; most waits take a fraction of one, but the machine may be busy
PACED = "--limit-down=96MiB"  # for Fetch.pace_until


def program(name):
    return str(pathlib.Path(os.environ["SHOAL_PROGRAMS"], name).resolve())


def random_bytes(length, seed):
    source = random.Random(seed)
    return b"".join(source.randbytes(min(MEBIBYTE, length - at)) for at in range(0, length, MEBIBYTE))


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(MEBIBYTE):
            digest.update(block)
    return digest.hexdigest()


class Host:
    """Where a program runs: an address, and what goes before its command so that it runs there."""

    def __init__(self, address, *before):
        self.address = address
        self.before = before


LOOPBACK = Host("127.0.0.1")


class Daemon:
    """A program in the background. Its lines are kept, with the times when they came; `expect` waits for one of them."""

    def __init__(self, name, *flags, environment=None, host=LOOPBACK):
        self.name = name
        self.lines = []
        self.times = []
        self.began = time.monotonic()
        self._news = threading.Condition()
        self._over = False
        self.process = subprocess.Popen(
            [*host.before, program(name), *flags], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", env={**os.environ, **(environment or {})})
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._news:
                self.times.append(time.monotonic())
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._over = True
            self._news.notify_all()

    def expect(self, pattern, after=0):
        """Waits for a line, from number `after` on, that matches; returns the match."""
        deadline = time.monotonic() + PATIENCE
        with self._news:
            while True:
                for line in self.lines[after:]:
                    if match := re.search(pattern, line):
                        return match
                after = len(self.lines)
                if self._over or not self._news.wait(deadline - time.monotonic()):
                    raise AssertionError(f"{self.name} never said {pattern!r} but:\n" + "\n".join(self.lines[-30:]))

    def time_of(self, pattern, after=0):
        """As `expect`; returns when (time.monotonic) the line came."""
        self.expect(pattern, after)
        return next(when for line, when in zip(self.lines[after:], self.times[after:]) if re.search(pattern, line))

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def descriptors(self):
        """What is open in it, by number."""
        found = {}
        for link in pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                found[int(link.name)] = os.readlink(link)
        return found

    def stop(self, number=signal.SIGTERM):
        """Ends it; returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.send_signal(signal.SIGCONT)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
        self._reader.join()
        self.process.stdout.close()
        return self.process.wait()


class Fetch(Daemon):
    """A `shoal-leecher get --json` that runs; its events as they come."""

    def __init__(self, *flags, environment=None, host=LOOPBACK):
        super().__init__("shoal-leecher", "get", "--json", *flags, environment=environment, host=host)

    def events(self, kind=None):
        found = []
        for line in list(self.lines):
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and kind in (None, event.get("event")):
                found.append(event)
        return found

    def seconds_to(self, kind):
        """From the start of the program to its first event of this kind; None before that."""
        for line, when in zip(list(self.lines), list(self.times)):
            if re.search(rf'"event": ?"{kind}"', line):
                return when - self.began
        return None

    def fraction(self):
        """The fraction of the content that is there, from 0 to 1, by the last progress event."""
        progress = self.events("progress")
        return progress[-1]["bytes"] / max(progress[-1]["length_bytes"], 1) if progress else 0.0

    def pace_until(self, fraction):
        """Lets it run in short spells until at least so much is there, and leaves it stopped.

        What a test does next then happens in the middle of the transfer, if the fetch is PACED: over a loopback one spell
        that a busy machine stretches would move the rest of any file.
        """
        deadline = time.monotonic() + PATIENCE
        while self.fraction() < fraction:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"over at {self.fraction():.0%}, before {fraction:.0%}:\n" + "\n".join(self.lines[-20:]))
            self.process.send_signal(signal.SIGCONT)
            time.sleep(0.01)
            self.process.send_signal(signal.SIGSTOP)
            time.sleep(0.05)
        if self.fraction() >= 1:
            raise AssertionError("the transfer ended before it could be disturbed")

    def finish(self):
        """Waits for the program to end. Returns the last event."""
        code = self.process.wait(PATIENCE)
        self._reader.join()
        finished = self.events("finished")
        if not finished:
            raise AssertionError(f"no finished event, exit {code}:\n" + "\n".join(self.lines[-20:]))
        return finished[-1]


class Swarm:
    """A tracker, its seeders and leechers, below a temporary folder. A context manager."""

    LEASE = "10s"

    def __init__(self, scheme="grpc", host=LOOPBACK, tracker_flags=(), tracker_environment=None):
        """`host`: the tracker's. `tracker_flags`: more flags of it; `{root}` in one is the temporary folder."""
        self.scheme = scheme
        self.host = host
        self.tracker_flags = tracker_flags
        self.tracker_environment = tracker_environment
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="shoal-e2e-"))
        self.daemons = []
        self.ports = {"grpc": 0, "udp": 0, "http": 0}
        self.start_tracker()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for daemon in reversed(self.daemons):
            daemon.stop(signal.SIGKILL)
        shutil.rmtree(self.root, ignore_errors=True)

    def keep(self, daemon):
        self.daemons.append(daemon)
        return daemon

    def folder(self, name):
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def share(self, name, entries):
        """A folder with `entries`: relative path -> bytes."""
        folder = self.folder(name)
        for path, content in entries.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return folder

    @property
    def tracker_url(self):
        return f"{self.scheme}://{self.host.address}:{self.ports[self.scheme]}"

    def start_tracker(self):
        """Starts the tracker, on the ports that it had before, if any."""
        self.tracker = self.keep(Daemon(
            "shoal-tracker", f"--lease={self.LEASE}", *(f"--{protocol}={self.host.address}:{port}" for protocol, port in self.ports.items()),
            *(flag.format(root=self.root) for flag in self.tracker_flags), host=self.host, environment=self.tracker_environment))
        for protocol in self.ports:
            self.ports[protocol] = int(self.tracker.expect(rf"listening on {protocol}s?://\S*:(\d+)").group(1))

    def launch_seeder(self, folder, *flags, host=LOOPBACK, state=None, environment=None):
        """`state`: the name of the folder of its hashes, if not a new one."""
        return self.keep(Daemon(
            "shoal-seeder", f"--tracker={self.tracker_url}", f"--share={folder}", f"--listen={host.address}:0",
            f"--advertise={host.address}", f"--state={self.folder('state') / (state or str(len(self.daemons)))}", *flags, host=host,
            environment=environment))

    def start_seeder(self, folder, *flags, **options):
        """As launch_seeder; returns when the tracker knows what is in `folder`."""
        seeder = self.launch_seeder(folder, *flags, **options)
        seeder.port = int(seeder.expect(r"seeder listens.*\bport=(\d+)").group(1))
        seeder.expect(r"\bready\b.*trackers_told=1")
        return seeder

    def await_listed(self, name):
        """Waits until the tracker knows a content of that name."""
        deadline = time.monotonic() + PATIENCE
        while name not in self.leecher("list", f"--tracker={self.tracker_url}").stdout:
            if time.monotonic() > deadline:
                raise AssertionError(f"the tracker never heard of {name}")
            time.sleep(0.1)

    def leecher(self, *arguments, **options):
        """Runs a command of the leecher to its end."""
        return subprocess.run([program("shoal-leecher"), *map(str, arguments)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace", timeout=PATIENCE, **options)

    def make_key(self, name):
        """Returns the path of a new private key, and the text of its public key."""
        path = self.root / f"{name}.pem"
        made = self.leecher("key", path)
        assert made.returncode == 0, made.stderr
        return path, made.stdout.strip()

    def fetch(self, name, output, *flags, seed="no", host=LOOPBACK, environment=None):
        """Starts fetching `name` into the folder `output`."""
        return self.keep(Fetch(name, f"--tracker={self.tracker_url}", f"--output={self.folder(output)}",
                               f"--listen={host.address}:0", f"--advertise={host.address}", f"--seed={seed}", *flags, host=host,
                               environment=environment))
