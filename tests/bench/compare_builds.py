#!/usr/bin/env python3
"""Compares two builds of the programs in one run, in alternation: does a change of the code cost speed?

    tests/bench/compare_builds.py BEFORE AFTER [--rounds 7] [--only file,udp,grpc]

BEFORE and AFTER are the folders of the programs, each with the benchmark programs of its own build. Measured are

    file   one file from a seeder to a leecher over the loopback, in memory (/dev/shm): wall time, and CPU seconds of both sides
    udp    BEP 15 announces per second (udp_tracker_bench), the tracker on core 0 and the load on core 1
    grpc   Heartbeat and Lookup calls per second (grpc_tracker_bench unary), the tracker on one core and the load on the other

Prints the medians of the rounds, and of each round's ratio the median and the range. The order of the two alternates from
round to round. The same folder for both sides shows the noise.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile
import time

import bench_place  # noqa: F401
from programs import ShoalPair, cpu_of, run_sampled, sha256, start, stop, wait_for_line, write_random

os.environ["SHOAL_TRUST_ADDRESSES"] = "true"  # the peers of the load are nowhere

SIDES = ("before", "after")
FIRST = ["nice", "-n", "-20"] if os.geteuid() == 0 else []


class Results:
    """Values of both sides by what was measured, and how the table shows them."""

    def __init__(self):
        self._rounds = {}

    def add(self, name, side, value):
        self._rounds.setdefault(name, {side: [] for side in SIDES})[side].append(value)

    def print(self):
        print(f"{'':30} {'before':>10} {'after':>10}  after over before (range of rounds)")
        for name, sides in self._rounds.items():
            before, after = (statistics.median(sides[side]) for side in SIDES)
            ratios = [new / old for old, new in zip(*(sides[side] for side in SIDES))]
            digits = 0 if before >= 1000 else 3
            print(f"{name:30} {before:10.{digits}f} {after:10.{digits}f}  {statistics.median(ratios):.3f}"
                  f" ({min(ratios):.3f}-{max(ratios):.3f})", flush=True)


def alternate(rounds, run):
    """Calls `run(side, counts)` for both sides in each round; the first round warms up and does not count."""
    for number in range(rounds + 1):
        for side in SIDES if number % 2 else reversed(SIDES):
            run(side, number > 0)


def compare_file(programs, options, results):
    with tempfile.TemporaryDirectory(prefix="compare-builds-") as folder:
        work = pathlib.Path(folder)
        (work / "shared").mkdir()
        wanted = write_random(work / "shared" / "file", options.mebibytes)
        pairs = {}

        def run(side, counts):
            pair, copy = pairs[side], work / "copy"
            os.sync()
            seeder_before = cpu_of(pair.seeder)
            wall, cpu = run_sampled(pair.get(["file"], copy, "--seed=no"), 0.005, lambda process: None)
            cpu += cpu_of(pair.seeder) - seeder_before
            if sha256(copy / "file") != wanted:
                raise RuntimeError(f"{side}: the bytes differ from what was published")
            shutil.rmtree(copy)
            if counts:
                results.add(f"{options.mebibytes} MiB, wall s", side, wall)
                results.add(f"{options.mebibytes} MiB, CPU s", side, cpu)

        try:
            for side in SIDES:
                pairs[side] = ShoalPair(programs[side], work / "shared")
            alternate(options.rounds, run)
        finally:
            for pair in pairs.values():
                pair.close()


def value_of(result, pattern):
    """The value whose key matches: the builds may name it differently."""
    return next(value for key, value in result.items() if re.fullmatch(pattern, key))


def compare_udp(programs, options, results):
    trackers, ports = {}, {}

    def load(side, *flags):
        command = [*FIRST, "taskset", "-c", "1", programs[side] / "udp_tracker_bench", f"--port={ports[side]}",
                   f"--pid={trackers[side].pid}", "--peers=100000", "--swarms=10000", *flags]
        return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)

    def run(side, counts):
        result = load(side, "--no-fill", f"--seconds={options.seconds}", "--greetings=0.05")
        if counts:
            results.add("BEP 15 announces per s", side, value_of(result, r"(replies|responses)_per_s"))
            results.add("BEP 15 announce, CPU us", side, value_of(result, r"cpu_us_per_(reply|response)"))

    try:
        for side in SIDES:
            trackers[side] = start(*FIRST, "taskset", "-c", "0", programs[side] / "shoal-tracker", "--grpc=127.0.0.1:0",
                                   "--udp=127.0.0.1:0", "--http=none")
            ports[side] = int(wait_for_line(trackers[side], r"udp://\S*:(\d+)")[1])
            load(side, "--seconds=0.1")
        alternate(options.rounds, run)
    finally:
        for tracker in trackers.values():
            stop(tracker)


def compare_grpc(programs, options, results):
    # The bench itself runs five rounds, in alternation with two bare services, and prints their medians. Its ratio to the
    # service that gRPC generates is measured within a minute, so it is steadier than the rate.
    for number in range(options.grpc_rounds):
        for side in SIDES if number % 2 else reversed(SIDES):
            command = [*FIRST, programs[side] / "grpc_tracker_bench", programs[side] / "shoal-tracker", "unary"]
            output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            for call in ("Heartbeat", "Lookup"):
                rate, cpu = re.search(rf"^{call}\s+tracker\s+(\d+)/s\s+([\d.]+) us", output, re.MULTILINE).groups()
                ratio = re.search(rf"^{call}\s+generated\s.* by rate ([\d.]+)", output, re.MULTILINE)[1]
                results.add(f"gRPC {call} per s", side, int(rate))
                results.add(f"gRPC {call}, CPU us", side, float(cpu))
                results.add(f"gRPC {call}, over generated", side, float(ratio))


COMPARISONS = {"file": compare_file, "udp": compare_udp, "grpc": compare_grpc}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=pathlib.Path)
    parser.add_argument("after", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--grpc-rounds", type=int, default=2, help="each takes a minute for each build")
    parser.add_argument("--mebibytes", type=int, default=1024)
    parser.add_argument("--seconds", type=float, default=2, help="of each round of announces")
    parser.add_argument("--only", default=",".join(COMPARISONS), help="of " + ", ".join(COMPARISONS))
    options = parser.parse_args()

    programs = {"before": options.before.resolve(), "after": options.after.resolve()}
    results = Results()
    began = time.monotonic()
    for name in options.only.split(","):
        COMPARISONS[name](programs, options, results)
    print(f"medians of {options.rounds} rounds ({options.grpc_rounds} of gRPC), {time.monotonic() - began:.0f} s in all")
    results.print()


if __name__ == "__main__":
    main()
