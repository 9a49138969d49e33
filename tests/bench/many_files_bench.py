#!/usr/bin/env python3
"""A folder of very many small files beside one file of the same size: at what part of its rate does it move?

    SHOAL_PROGRAMS=build/release/bin tests/bench/many_files_bench.py [--files 100000] [--rounds 3]

One seeder, one leecher, loopback, files of 1 to 16 KiB. The time is that of the whole receiving program.
"""

import argparse
import os
import pathlib
import random
import shutil
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

from swarm import Swarm, random_bytes, sha256  # noqa: E402


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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if pathlib.Path("/dev/shm").is_dir():
        tempfile.tempdir = "/dev/shm"
    os.environ.setdefault("SHOAL_PROGRAMS", "build/release/bin")

    with Swarm() as swarm:
        shared = swarm.folder("shared")
        length = make(shared, options.files)
        swarm.start_seeder(shared)
        seconds = {"one": [], "many": []}
        for number in range(options.rounds):
            for name, times in seconds.items():
                fetch = swarm.fetch(name, f"copy{number}{name}")
                fetch.expect(r'"event": ?"finished"')
                if not fetch.finish()["ok"]:
                    raise RuntimeError(f"{name} did not come")
                times.append(fetch.seconds_to("finished"))
                if number == 0:
                    check(name, shared / name, swarm.root / f"copy{number}{name}" / name)
                shutil.rmtree(swarm.root / f"copy{number}{name}")
    one = statistics.median(seconds["one"])
    print(f"{options.files} files, {length / 2**20:.0f} MiB, medians of {options.rounds} rounds")
    for name, times in seconds.items():
        middle = statistics.median(times)
        print(f"{name:5} {middle:7.2f} s ({min(times):.2f}-{max(times):.2f}) {length / 2**20 / middle:7.0f} MiB/s"
              f"  {one / middle:.2f} of the rate of one file")


if __name__ == "__main__":
    main()
