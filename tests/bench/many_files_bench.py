#!/usr/bin/env python3
"""A folder of very many small files and one file of the same size: the ratio of their rates.

    tests/bench/many_files_bench.py [--files 100000] [--rounds 3] [--link 1000]

One seeder, one leecher, files of 1 to 16 KiB, in memory (/dev/shm), so that no disk is measured. The time is that of the whole
receiving program. First over a link of so many Mbit/s between two hosts (network namespaces, which need root); then over the
loopback, where nothing but the processors is the limit, in alternation with `cp -r` of the folder: the cost of making the files alone.
"""

import argparse
import random
import shutil
import statistics
import subprocess
import time

import bench_place  # noqa: F401
from capped_network import CappedNetwork
from swarm import LOOPBACK, Swarm, random_bytes, sha256


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


def fetch(swarm, content, host):
    """Seconds."""
    to = swarm.root / "copy"
    fetch = swarm.fetch(content, to.name, host=host)
    fetch.expect(r'"event": ?"finished"')
    if not fetch.finish()["ok"]:
        raise RuntimeError(f"{content} did not come")
    check(content, swarm.root / "shared" / content, to / content)
    shutil.rmtree(to)
    return fetch.seconds_to("finished")


def copy(swarm):
    """Seconds."""
    to = swarm.root / "copy"
    began = time.monotonic()
    subprocess.run(["cp", "-r", swarm.root / "shared" / "many", to], check=True)
    seconds = time.monotonic() - began
    shutil.rmtree(to)
    return seconds


def measure(title, swarm, seeder, leecher, options, with_copy):
    shared = swarm.folder("shared")
    length = make(shared, options.files)
    swarm.start_seeder(shared, host=seeder)
    ways = {"one": lambda: fetch(swarm, "one", leecher), "many": lambda: fetch(swarm, "many", leecher)}
    if with_copy:
        ways["cp -r"] = lambda: copy(swarm)
    seconds = {way: [] for way in ways}
    for _ in range(options.rounds):
        for way, run in ways.items():
            seconds[way].append(run())
    print(f"{options.files} files, {length / 2**20:.0f} MiB, {title}, medians of {options.rounds} rounds")
    one = statistics.median(seconds["one"])
    for way, times in seconds.items():
        middle = statistics.median(times)
        print(f"{way:6} {middle:7.2f} s ({min(times):.2f}-{max(times):.2f}) {length / 2**20 / middle:7.0f} MiB/s"
              f"  {one / middle:.2f} of the rate of one file", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--link", type=int, default=1000, help="Mbit/s; 0: leave that out")
    options = parser.parse_args()
    if options.link:
        with CappedNetwork() as network, Swarm(host=network.add_host()) as swarm:
            hosts = [network.add_host(options.link, options.link) for _ in range(2)]
            measure(f"a link of {options.link} Mbit/s", swarm, *hosts, options, with_copy=False)
    with Swarm() as swarm:
        measure("loopback", swarm, LOOPBACK, LOOPBACK, options, with_copy=True)


if __name__ == "__main__":
    main()
