#!/usr/bin/env python3
"""A swarm under constant churn: do memory, descriptors, threads and the time of a lookup stay flat?

    SHOAL_PROGRAMS=build/release/bin tests/bench/soak_bench.py [--minutes 60] [--seed 1] [--every 5]

A tracker, a seeder with contents that are replaced by new versions all the time, an agent that follows them, and leechers that come,
finish, are asked to end or killed. Every few seconds the tracker, the seeder and the agent are looked at (/proc), and twenty lookups
are timed. For each figure prints the first and last sample, and the slope of a line through the second half, as a share of its mean
that is gained per hour; a figure with a slope is "not flat" only if the second half also grew by more than a part that noise may have.
"""

import argparse
import itertools
import random
import signal
import statistics
import sys
import threading
import time
import urllib.request

import bench_place  # noqa: F401
from agents import Agent
from programs import status_of
from swarm import MEBIBYTE, Swarm, random_bytes

CONTENTS = 6
LOOKUPS = 20
# By how much the second half of a figure may grow: caches and allocators settle slowly, and counts go up and down with the churn.
GROWTH = 0.05
MOST_LEECHERS = 3


class Churn:
    """Changes one thing after the other, until it is stopped."""

    def __init__(self, swarm, seed):
        self.swarm = swarm
        self.random = random.Random(seed)
        self.shared = swarm.folder("shared")
        self.versions = itertools.count()
        self.leechers = []
        self.done = {"published": 0, "joined": 0, "finished": 0, "failed": 0, "left": 0, "killed": 0}
        self.ending = threading.Event()
        self.error = None
        for number in range(CONTENTS):
            self.publish(number)
        self.thread = threading.Thread(target=self.work)

    def publish(self, number):
        path = self.shared / f"soak-{number}"
        fresh = self.shared / f".fresh-{number}"
        fresh.write_bytes(random_bytes(self.random.randint(1, 2 * MEBIBYTE), next(self.versions)))
        fresh.rename(path)
        self.done["published"] += 1

    def join(self):
        number = next(self.versions)
        leecher = self.swarm.fetch(f"soak-{self.random.randrange(CONTENTS)}", f"leecher-{number}", "--limit-down=1MiB", "--wait=20s",
                                   seed=self.random.choice(["no", "2s"]))
        leecher.folder = self.swarm.root / f"leecher-{number}"
        self.leechers.append(leecher)
        self.done["joined"] += 1

    def end(self, leecher, number):
        self.leechers.remove(leecher)
        code = leecher.stop(number)
        self.swarm.daemons.remove(leecher)
        for path in leecher.folder.iterdir():
            path.unlink()
        leecher.folder.rmdir()
        return code

    def work(self):
        try:
            while not self.ending.wait(self.random.uniform(0.1, 0.8)):
                for leecher in [leecher for leecher in self.leechers if leecher.process.poll() is not None]:
                    # One whose content was replaced meanwhile may fail, as nobody has it any more.
                    self.done["finished" if self.end(leecher, signal.SIGTERM) == 0 else "failed"] += 1
                if self.random.random() < 0.3:
                    self.publish(self.random.randrange(CONTENTS))
                elif len(self.leechers) < MOST_LEECHERS:
                    self.join()
                else:
                    how = self.random.choice([signal.SIGTERM, signal.SIGKILL])
                    self.end(self.random.choice(self.leechers), how)
                    self.done["left" if how == signal.SIGTERM else "killed"] += 1
        except BaseException as error:
            self.error = error
            raise

    def stop(self):
        self.ending.set()
        self.thread.join()


def sample(watched, lookup_url):
    figures = {}
    for name, daemon in watched.items():
        figures[f"{name} memory MiB"] = status_of(daemon.process, "VmRSS") / 1024
        figures[f"{name} descriptors"] = len(daemon.descriptors())
        figures[f"{name} threads"] = status_of(daemon.process, "Threads")
    times = []
    for number in range(LOOKUPS):
        began = time.monotonic()
        with urllib.request.urlopen(f"{lookup_url}?name=soak-{number % CONTENTS}", timeout=60) as response:
            response.read()
        times.append(1000 * (time.monotonic() - began))
    figures["lookup median ms"] = statistics.median(times)
    return figures


def report(samples):
    """Prints each figure. Returns the names of those that are not flat."""
    half = len(samples) // 2
    not_flat = []
    print(f"{'figure':28} {'first':>9} {'last':>9} {'half 2 mean':>12} {'per hour':>9}")
    for name in samples[0][1]:
        values = [figures[name] for _, figures in samples]
        late, times = values[half:], [when for when, _ in samples[half:]]
        slope = statistics.linear_regression(times, late).slope if len(set(times)) > 1 else 0
        mean = statistics.mean(late)
        growth = slope * (times[-1] - times[0]) / mean
        flat = growth < GROWTH
        if not flat:
            not_flat.append(name)
        print(f"{name:28} {values[0]:9.2f} {values[-1]:9.2f} {mean:12.2f} {100 * slope * 3600 / mean:+8.1f}%"
              f"  {'flat' if flat else f'NOT FLAT: {100 * growth:+.1f}% in the second half'}")
    return not_flat


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=5, help="seconds between two samples")
    options = parser.parse_args()

    with Swarm() as swarm:
        churn = Churn(swarm, options.seed)
        seeder = swarm.start_seeder(churn.shared, "--settle=0s", "--rescan=1s")
        agent = Agent(swarm, "agent", "--follow=soak-*")
        watched = {"tracker": swarm.tracker, "seeder": seeder, "agent": agent.daemon}
        url = f"http://127.0.0.1:{swarm.ports['http']}/api/shoal.tracker.v1.TrackerService/Lookup"
        began = time.monotonic()
        samples = []
        churn.thread.start()
        try:
            while (now := time.monotonic() - began) < 60 * options.minutes and churn.error is None:
                samples.append((now, sample(watched, url)))
                time.sleep(options.every)
        finally:
            churn.stop()
        print(f"{(time.monotonic() - began) / 60:.1f} minutes, {len(samples)} samples; {churn.done};"
              f" the agent has {len(agent.downloads())} downloads", flush=True)
        not_flat = report(samples)
    sys.exit(1 if not_flat or churn.error else 0)


if __name__ == "__main__":
    main()
