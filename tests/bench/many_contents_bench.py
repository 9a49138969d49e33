#!/usr/bin/env python3
"""Many contents in one `get`: threads, memory and tracker connections of a leecher that fetches them all at once.

    tests/bench/many_contents_bench.py [--programs build/release/bin] [--beside DIR] [--contents 100] [--mebibytes 4]

A tracker and a seeder of so many files of random bytes, one `shoal-leecher get` of all their names, over the loopback and in
memory (/dev/shm), so that no disk is measured. Prints the medians of the rounds: wall time, CPU seconds, the most threads,
the peak resident set, and the most TCP connections to the tracker at a time. Every byte is checked after each round.

With --beside, another build's programs run in alternation with the first ones, and the ratios are those of that one run.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import tempfile
import typing

import bench_place  # noqa: F401
from programs import ShoalPair, connections_of, peak_mib_of, run_sampled, sha256, status_of, write_random


class Sample(typing.NamedTuple):
    wall: float
    cpu: float
    threads: int
    mib: float
    connections: int


def fetch_all(pair, wanted, work):
    """One `get` of all contents. `wanted`: SHA-256 by name."""
    folder = pathlib.Path(tempfile.mkdtemp(dir=work))
    threads, mib, connections = [0], [0.0], [0]

    def sample(process):
        threads.append(status_of(process, "Threads"))
        mib.append(peak_mib_of(process))
        connections.append(connections_of(process, pair.port))

    os.sync()  # or this round would wait for the writes and removals of earlier ones
    wall, cpu = run_sampled(pair.get(wanted, folder, "--seed=no"), 0.01, sample)
    for name, digest in wanted.items():
        if sha256(folder / name) != digest:
            raise RuntimeError(f"{name}: the bytes differ from what was published")
    shutil.rmtree(folder)
    return Sample(wall, cpu, max(threads), max(mib), max(connections))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, default=os.environ["SHOAL_PROGRAMS"])
    parser.add_argument("--beside", type=pathlib.Path, help="the programs of another build")
    parser.add_argument("--contents", type=int, default=100)
    parser.add_argument("--mebibytes", type=int, default=4, help="of each content")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()

    builds = [options.programs] + ([options.beside] if options.beside else [])
    with tempfile.TemporaryDirectory(prefix="many-contents-bench-") as folder:
        work = pathlib.Path(folder)
        (work / "shared").mkdir()
        names = [f"content{number:03}" for number in range(options.contents)]
        wanted = {name: write_random(work / "shared" / name, options.mebibytes) for name in names}
        pairs, samples = [], [[] for _ in builds]
        try:
            for build in builds:
                pairs.append(ShoalPair(build.resolve(), work / "shared"))
            for number in range(options.rounds + 1):
                for pair, taken in zip(pairs, samples):
                    sample = fetch_all(pair, wanted, work)
                    if number > 0:  # the first round warms up
                        taken.append(sample)
        finally:
            for pair in pairs:
                pair.close()

    print(f"{options.contents} contents of {options.mebibytes} MiB in one get, medians of {options.rounds} rounds")
    print(f"{'wall s':>7} {'min':>6} {'max':>6} {'CPU s':>7} {'threads':>8} {'peak MiB':>9} {'connections':>12}  programs")
    medians = [Sample(*(statistics.median(column) for column in zip(*taken))) for taken in samples]
    for build, taken, middle in zip(builds, samples, medians):
        walls = [sample.wall for sample in taken]
        print(f"{middle.wall:7.2f} {min(walls):6.2f} {max(walls):6.2f} {middle.cpu:7.2f} {middle.threads:8.0f}"
              f" {middle.mib:9.1f} {middle.connections:12.0f}  {build}")
    if options.beside:
        wall, cpu, threads, mib, connections = (a / max(b, 1e-9) for a, b in zip(*medians))
        print(f"{wall:7.2f} {'':6} {'':6} {cpu:7.2f} {threads:8.2f} {mib:9.2f} {connections:12.2f}  the first over the second")


if __name__ == "__main__":
    main()
