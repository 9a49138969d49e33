#!/usr/bin/env python3
"""A folder of very many small files beside one file of the same size: at what part of its rate does it move?

    SHOAL_PROGRAMS=build/release/bin tests/bench/many_files_bench.py [--files 100000] [--rounds 3] [--link 1000]

One seeder, one leecher, loopback, files of 1 to 16 KiB, in memory (/dev/shm), so that no disk is measured. The time is that
of the whole receiving program. Two yardsticks, in turns with it: `cp -r` of the same folder, which is what making the files
costs alone; and both contents over a link of so many Mbit/s, which the leecher keeps to.
"""

import argparse
import random
import shutil
import statistics
import subprocess
import time

import bench_place  # noqa: F401
from swarm import Swarm, random_bytes, sha256


def make(shared, count):
    """Files in folders of 1,000, and one file of all their bytes. Returns the length."""
    lengths = random.Random(1)
    length = 0
    with open(shared / "one", "wb") as one:
        for number in range(count):
            folder = shared / "many" / f"{number // 1000:03}"
            folder.mkdir(parents=True, exist_ok=True)
            content = random_bytes(lengths.randrange(1024, 16 * 1024 + 1), number)
            (folder / f"{number % 1000:03}").write_bytes(content)
            one.write(content)
            length += len(content)
    return length


def check(name, source, copy):
    files = [source] if source.is_file() else [path for path in source.rglob("*") if path.is_file()]
    for path in files:
        if sha256(path) != sha256(copy / path.relative_to(source) if source.is_dir() else copy):
            raise RuntimeError(f"{name}: {path} came wrong")


def fetch(swarm, content, folder, *flags):
    """Seconds."""
    fetch = swarm.fetch(content, folder, *flags)
    fetch.expect(r'"event": ?"finished"')
    if not fetch.finish()["ok"]:
        raise RuntimeError(f"{content} did not come")
    return fetch.seconds_to("finished")


def copy(source, to):
    """Seconds."""
    began = time.monotonic()
    subprocess.run(["cp", "-r", source, to], check=True)
    return time.monotonic() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--link", type=int, default=1000, help="Mbit/s; 0: leave that out")
    options = parser.parse_args()

    with Swarm() as swarm:
        shared = swarm.folder("shared")
        length = make(shared, options.files)
        swarm.start_seeder(shared)
        link = [f"--limit-down={options.link * 125_000}"]
        ways = {
            "one": lambda to: fetch(swarm, "one", to.name),
            "many": lambda to: fetch(swarm, "many", to.name),
            "cp -r": lambda to: copy(shared / "many", to),
        }
        if options.link:
            ways["one, link"] = lambda to: fetch(swarm, "one", to.name, *link)
            ways["many, link"] = lambda to: fetch(swarm, "many", to.name, *link)
        seconds = {way: [] for way in ways}
        for number in range(options.rounds):
            for way, run in ways.items():
                to = swarm.root / "copy"
                seconds[way].append(run(to))
                if number == 0 and way in ("one", "many"):
                    check(way, shared / way, to / way)
                shutil.rmtree(to)
    print(f"{options.files} files, {length / 2**20:.0f} MiB, medians of {options.rounds} rounds, link {options.link} Mbit/s")
    for way, times in seconds.items():
        middle = statistics.median(times)
        one = statistics.median(seconds["one, link" if "link" in way else "one"])
        print(f"{way:10} {middle:7.2f} s ({min(times):.2f}-{max(times):.2f}) {length / 2**20 / middle:7.0f} MiB/s"
              f"  {one / middle:.2f} of the rate of one file")


if __name__ == "__main__":
    main()
