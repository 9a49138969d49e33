"""A swarm in which things go wrong, in an order and at moments out of a seed. Then they are put right, and everything must be well.

The machines may be killed, frozen, cut off from the network; disks may be full or fail; files of publishers may change; clocks may jump.
"""

import functools
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass

import fault_layer
import machines
from capped_network import CappedNetwork
from fault_layer import Layer, fail
from swarm import LOOPBACK, MEBIBYTE, PATIENCE, Swarm, random_bytes

NAME = "content"
LEECHERS = 3
# A download may end with one of these (docs/cli.md), and then it has to say why.
CLEAR_EXITS = (1, 3, 4, 5, 7, 8, 9)
# Within this time after the end of the faults everything is over; most needs a few seconds.
BOUND = 75
AT_REST = 30
DESCRIPTORS_OF_LOOP = 3


@functools.cache
def why_no_layer():
    return fault_layer.why_unavailable()


@functools.cache
def why_no_network():
    return machines.why_unavailable() or (None if shutil.which("ethtool") else "the package ethtool is not installed")


def unavailable():
    """What is left out here, in words."""
    left_out = []
    if why := why_no_layer():
        left_out.append(f"failing disks and jumping clocks are left out: {why}")
    if why := why_no_network():
        left_out.append(f"network cuts and full disks are left out: {why}")
    return left_out


def make_content(source):
    """Relative path -> bytes."""
    if source.random() < 0.6:
        return {NAME: source.randbytes(source.randint(MEBIBYTE, 3 * MEBIBYTE))}
    return {f"{NAME}/{path}": random_bytes(length, source.randint(1, 1 << 30)) for path, length in
            {"a": MEBIBYTE + 7, "b/c": 700_000, "b/small": 900, "empty": 0,
             **{f"many/{number}": source.randint(1, 40_000) for number in range(source.randint(0, 30))}}.items()}


def more_than(before, now):
    """Whether more is open, apart from the event loops that a program makes when the first connections come, at most one per core."""
    def counts(held):
        anonymous = sum(name.startswith("anon_inode:") for name in held)
        return anonymous, len(held) - anonymous
    (loops_before, rest_before), (loops, rest) = counts(before), counts(now)
    return rest > rest_before or loops > loops_before + DESCRIPTORS_OF_LOOP * os.cpu_count()


class Leecher:
    """A machine that fetches. Its programs come and go; its folder stays."""

    def __init__(self, schedule, number, host):
        self.schedule = schedule
        self.number = number
        self.host = host
        self.folder = schedule.folder(f"leecher{number}")
        self.layer = None if why_no_layer() else Layer(schedule.root / "layers" / f"leecher{number}", self.folder)
        self.fetch = None
        self.ends = []  # exit codes of runs that ended by themselves

    def start(self):
        self.fetch = self.schedule.fetch(
            self.schedule.content_id, self.folder.name, "--limit-down=1MiB", "--wait=60s", host=self.host,
            environment=self.layer.environment if self.layer else None)

    def kill(self, number=signal.SIGKILL):
        if self.fetch.process.poll() is None:
            self.fetch.stop(number)
            self.schedule.daemons.remove(self.fetch)
        else:
            self.look_at_end()
        self.schedule.check_names(self)

    def look_at_end(self):
        """The program ended by itself."""
        code = self.fetch.stop()
        if self.fetch in self.schedule.daemons:
            self.schedule.daemons.remove(self.fetch)
            self.ends.append(code)
        said = [event["error"] for event in self.fetch.events() if event.get("event") in ("finished", "error") and event.get("error")]
        if code != 0 and (code not in CLEAR_EXITS or not any(error.get("message") for error in said)):
            raise self.schedule.failure(f"leecher{self.number} ended with {code} and no clear error", self.fetch)
        return code


class FaultSchedule(Swarm):
    """One schedule. A context manager."""

    LEASE = "2s"

    def __init__(self, seed):
        self.seed = seed
        self.random = random.Random(seed)
        self.began = time.monotonic()
        self.steps = []  # in words
        self.leechers = []
        self.seconds_after = 0.0  # from the end of the faults to the end of the last leecher
        self.undo = []  # (words, function), of faults that last
        self.mounts = []
        self.networked = self.random.random() < 0.35 and why_no_network() is None
        self.network = CappedNetwork() if self.networked else None
        self.layers_folder = pathlib.Path(tempfile.mkdtemp(prefix="shoal-faults-"))
        self.tracker_layer = None if why_no_layer() else Layer(self.layers_folder / "tracker")
        try:
            super().__init__(scheme=self.random.choice(["grpc", "udp"]), host=self.new_host(),
                             tracker_environment=self.tracker_layer.environment if self.tracker_layer else None)
        except BaseException:
            self._remove_places()
            raise

    def _remove_places(self):
        for mount in self.mounts:
            subprocess.run(["umount", "-l", mount], check=False)
        if self.network is not None:
            self.network.__exit__()
        shutil.rmtree(self.layers_folder, ignore_errors=True)

    def __exit__(self, *_):
        for daemon in reversed(self.daemons):
            daemon.stop(signal.SIGKILL)
        self._remove_places()
        super().__exit__()

    def new_host(self):
        return self.network.add_host() if self.networked else LOOPBACK

    def failure(self, what, *daemons):
        said = "".join(f"\n--- {' '.join(daemon.process.args[-8:])}\n" + "\n".join(daemon.lines[-25:]) for daemon in daemons)
        return AssertionError(f"seed {self.seed}: {what}; over {self.scheme}{', networked' if self.networked else ''}, with "
                              f"{'; '.join(self.steps)}{said}")

    # --- The machines

    def publish(self):
        self.content = make_content(self.random)
        self.seeder_hosts = [self.new_host() for _ in range(self.random.randint(1, 2))]
        self.seeder_layers = []
        self.seeders = []
        for number in range(len(self.seeder_hosts)):
            shared = self.share(f"shared{number}", self.content)
            self.seeder_layers.append(None if why_no_layer() else Layer(self.root / "layers" / f"seeder{number}", shared))
            self.seeders.append(None)
            self.boot_seeder(number)
            # On a busy machine the first attempt to reach the tracker may time out.
            self.seeders[number].expect(r"\bready\b.*trackers_told=1|\btracker is back\b")
        listed = self.ask_tracker("ListContents")["contents"]
        self.content_id = [status for status in listed if status["summary"]["name"] == NAME][0]["summary"]["contentHex"]

    def boot_seeder(self, number):
        host, layer = self.seeder_hosts[number], self.seeder_layers[number]
        self.seeders[number] = self.launch_seeder(
            self.root / f"shared{number}", "--settle=0s", "--rescan=1s", "--limit-up=4MiB", host=host, state=f"seeder{number}",
            environment=layer.environment if layer else None)

    def ask_tracker(self, method, query=""):
        url = f"http://{self.host.address}:{self.ports['http']}/api/shoal.tracker.v1.TrackerService/{method}{query}"
        ask = f"import urllib.request; print(urllib.request.urlopen({url!r}, timeout=20).read().decode())"
        done = subprocess.run([*self.host.before, sys.executable, "-c", ask], capture_output=True, text=True, timeout=PATIENCE, check=False)
        if done.returncode != 0:
            if "404" in done.stderr:
                return {}
            raise self.failure(f"the tracker does not answer: {done.stderr.strip().splitlines()[-1:]}", self.tracker)
        return json.loads(done.stdout)

    # --- Faults. Each returns what puts it right, or None.

    def kill_leecher(self):
        leecher = self.random.choice(self.leechers)
        if leecher.fetch not in self.daemons:
            return None
        self.steps.append(f"leecher{leecher.number} killed")
        leecher.kill(self.random.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
        return f"leecher{leecher.number} starts", leecher.start

    def kill_seeder(self):
        number = self.random.randrange(len(self.seeders))
        seeder = self.seeders[number]
        if seeder not in self.daemons:
            return None
        how = self.random.choice([signal.SIGKILL, signal.SIGTERM])
        self.steps.append(f"seeder{number} ended by {how.name}")
        self.end(seeder, how)
        return f"seeder{number} starts", lambda: self.boot_seeder(number)

    def restart_tracker(self):
        if self.tracker not in self.daemons:
            return None
        how = self.random.choice([signal.SIGKILL, signal.SIGTERM])
        self.steps.append(f"tracker ended by {how.name}")
        self.end(self.tracker, how)
        return "tracker starts", self.start_tracker

    def end(self, daemon, how):
        code = daemon.stop(how)
        self.daemons.remove(daemon)
        if code not in (0, -how):
            raise self.failure(f"{daemon.name} ended with {code}", daemon)

    def any_daemon(self):
        running = [(f"leecher{leecher.number}", leecher.fetch, leecher.layer) for leecher in self.leechers]
        running += [(f"seeder{number}", seeder, self.seeder_layers[number]) for number, seeder in enumerate(self.seeders)]
        running.append(("tracker", self.tracker, self.tracker_layer))
        return self.random.choice(running)

    def freeze(self):
        name, daemon, _ = self.any_daemon()
        if daemon.process.poll() is not None:
            return None
        self.steps.append(f"{name} frozen")
        daemon.freeze()
        return f"{name} goes on", lambda: daemon.process.poll() is None and daemon.go_on()

    def change_source(self):
        number = self.random.randrange(len(self.seeders))
        path, held = self.random.choice([(path, held) for path, held in self.content.items() if held])
        file = self.root / f"shared{number}" / path
        way = self.random.choice(["shortened", "overwritten", "removed", "lengthened"])
        self.steps.append(f"{path} of seeder{number} {way}")
        if way == "shortened":
            os.truncate(file, self.random.randrange(len(held)))
        elif way == "removed":
            file.unlink(missing_ok=True)
        elif file.exists():
            with open(file, "r+b") as opened:
                opened.seek(self.random.randrange(len(held)) if way == "overwritten" else len(held))
                opened.write(self.random.randbytes(10_000))
        return f"{path} of seeder{number} restored", lambda: self.share(f"shared{number}", {path: held})

    def fail_disk(self):
        if why_no_layer():
            return None
        leecher = self.random.choice(self.leechers)
        kind, error = self.random.choice([("write", "EIO"), ("write", "ENOSPC"), ("sync", "EIO"), ("sync", "ENOSPC"), ("rename", "EIO"),
                                          ("read", "EIO"), ("room", "ENOSPC"), ("open", "EIO"), ("open", "EMFILE")])
        rules = [fail(kind, error, self.random.choice([50, 300, 1000]), self.random.choice([1, 3, 1_000_000]))]
        if self.random.random() < 0.5:
            rules.append("short 500")
        return self._disturb(leecher.layer, f"leecher{leecher.number}", rules)

    def shorten_transfers(self):
        if why_no_layer():
            return None
        leecher = self.random.choice(self.leechers)
        return self._disturb(leecher.layer, f"leecher{leecher.number}", ["short 800"])

    def fail_source(self):
        if why_no_layer():
            return None
        number = self.random.randrange(len(self.seeders))
        return self._disturb(self.seeder_layers[number], f"seeder{number}",
                             [fail("read", "EIO", self.random.choice([20, 300, 1000])), "short 300"])

    def _disturb(self, layer, name, rules):
        self.steps.append(f"{name}: {', '.join(rules)}")
        layer.set(f"seed {self.random.randint(1, 1 << 30)}", *rules)
        return f"{name} without faults", layer.set

    def move_clock(self):
        name, _, layer = self.any_daemon()
        if layer is None:
            return None
        seconds = self.random.choice([-86400, -3600, -30, 30, 3600, 86400, 30 * 86400])
        return self._disturb(layer, name, [f"clock {seconds}"])

    def cut_network(self):
        if not self.networked:
            return None
        hosts = {"tracker": self.host, **{f"seeder{number}": host for number, host in enumerate(self.seeder_hosts)},
                 **{f"leecher{leecher.number}": leecher.host for leecher in self.leechers}}
        name = self.random.choice(sorted(hosts))
        self.steps.append(f"{name} cut off")
        self.network.cut(hosts[name])
        return f"{name} reachable", lambda: self.network.mend(hosts[name])

    def fill_disk(self, leecher):
        """Before its first start: a file system of its own, and too little room in it for the content."""
        self.steps.append(f"leecher{leecher.number} has a small disk")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", leecher.folder], check=True)
        self.mounts.append(leecher.folder)
        room = int(sum(map(len, self.content.values())) * self.random.uniform(0.05, 0.95))
        filler = leecher.folder / "filler"
        filler.write_bytes(bytes(16 * MEBIBYTE - room))
        return f"leecher{leecher.number} has room", lambda: filler.unlink(missing_ok=True)

    # --- The schedule

    def run(self):
        self.publish()
        before = self.descriptors_at_rest()
        self.leechers = [Leecher(self, number, self.new_host()) for number in range(LEECHERS)]
        if self.random.random() < 0.25 and why_no_network() is None:
            self.undo.append(self.fill_disk(self.random.choice(self.leechers)))
        for leecher in self.leechers:
            leecher.start()
        faults = [self.kill_leecher, self.kill_leecher, self.kill_seeder, self.restart_tracker, self.freeze, self.freeze, self.change_source,
                  self.fail_disk, self.fail_disk, self.fail_source, self.shorten_transfers, self.move_clock,
                  *([self.cut_network] * 4 if self.networked else [])]
        for _ in range(self.random.randint(3, 6)):
            time.sleep(self.random.uniform(0.05, 0.5))
            if self.undo and self.random.random() < 0.4:
                self.put_right(self.random.randrange(len(self.undo)))
            elif (undo := self.random.choice(faults)()) is not None:
                self.undo.append(undo)
        time.sleep(self.random.uniform(0.05, 0.5))
        while self.undo:
            self.put_right(0)
        self.last_step = time.monotonic()
        self.check_downloads()
        self.seconds_after = time.monotonic() - self.last_step
        self.check_tracker()
        self.check_descriptors(before)
        self.check_leftovers()

    def put_right(self, number):
        words, function = self.undo.pop(number)
        self.steps.append(words)
        function()

    # --- What must be true

    def wrong_names(self, leecher):
        """Files under their final names that have other bytes."""
        return [path for path, held in self.content.items()
                if (leecher.folder / path).exists() and (leecher.folder / path).read_bytes() != held]

    def check_names(self, leecher):
        if wrong := self.wrong_names(leecher):
            raise self.failure(f"leecher{leecher.number} has wrong bytes in {wrong}", leecher.fetch)

    def check_downloads(self):
        """Each leecher ends, and if it is with an error, the next run ends with the content."""
        for leecher in self.leechers:
            for run in ("with faults", "without faults"):
                if leecher.fetch not in self.daemons:
                    leecher.start()
                try:
                    leecher.fetch.process.wait(max(0.1, self.last_step + BOUND - time.monotonic()))
                except subprocess.TimeoutExpired as late:
                    raise self.failure(f"leecher{leecher.number} still waits", leecher.fetch, *self.seeders, self.tracker) from late
                code = leecher.look_at_end()
                self.check_names(leecher)
                if code == 0:
                    break
            else:
                raise self.failure(f"leecher{leecher.number} ended with {code} {run}", leecher.fetch, *self.seeders)
            missing = [path for path in self.content if not (leecher.folder / path).exists()]
            if missing:
                raise self.failure(f"leecher{leecher.number} lacks {missing}", leecher.fetch)

    def check_tracker(self):
        """No lease of a leecher is left: they left, or their leases expire."""
        deadline = time.monotonic() + AT_REST
        while True:
            peers = self.ask_tracker("GetSwarm", f"?contentHex={self.content_id}").get("peers", [])
            if len(peers) == len(self.seeders):
                return
            if time.monotonic() > deadline:
                raise self.failure(f"{len(self.seeders)} seeders, but the tracker knows {json.dumps(peers)}", self.tracker, *self.seeders)
            time.sleep(0.3)

    def running(self):
        return {"tracker": self.tracker, **{f"seeder{number}": seeder for number, seeder in enumerate(self.seeders)}}

    def descriptors_at_rest(self):
        """Without files that a seeder publishes, of which it keeps some open for the next peer. One that is gone counts."""
        return {name: [held for held in daemon.descriptors().values() if not pathlib.Path(held).is_relative_to(self.root) or
                       held.endswith(" (deleted)")] for name, daemon in self.running().items()}

    def check_descriptors(self, before):
        """The daemons that run have no more open than those at the start had."""
        deadline = time.monotonic() + AT_REST
        while True:
            now = self.descriptors_at_rest()
            grown = [name for name in now if more_than(before[name], now[name])]
            if not grown:
                return
            if time.monotonic() > deadline:
                said = "; ".join(f"{name} had {sorted(before[name])}, has {sorted(now[name])}" for name in grown)
                raise self.failure(f"descriptors are leaked: {said}", *(self.running()[name] for name in grown))
            time.sleep(0.3)

    def check_leftovers(self):
        for leecher in self.leechers:
            there = sorted(path.name for path in leecher.folder.iterdir())
            if there != [NAME]:
                raise self.failure(f"leecher{leecher.number} left {there}", leecher.fetch)
        left = [str(path) for path in (self.root / "state").rglob("*.shoal-tmp")]
        if left:
            raise self.failure(f"seeders left {left}", *self.seeders)


@dataclass
class Outcome:
    seed: int
    steps: list
    ends: list  # exit codes of runs that ended with an error
    seconds_after: float
    wrong: str | None


def outcome(seed):
    """Runs a schedule; for a process of its own."""
    wrong = None
    with FaultSchedule(seed) as schedule:
        try:
            schedule.run()
        except AssertionError as error:
            wrong = str(error)
        except Exception:  # of the machinery: it is reported like a failure
            wrong = f"seed {seed}: {traceback.format_exc()}"
        ends = [end for leecher in schedule.leechers for end in leecher.ends if end]
        return Outcome(seed, schedule.steps, ends, schedule.seconds_after, wrong)
