#!/usr/bin/env python3
"""The cost of one slow or frozen seeder beside two good ones, against the two good ones alone.

    SHOAL_PROGRAMS=build/release/bin tests/bench/frozen_seeder_bench.py [--rounds 3]

The bad one is capped at 1 Mbit/s, or is stopped (SIGSTOP) when a fifth of the content is there. Prints medians of the time
to the content and their ratio to that of two good seeders. Needs root: every host is a network namespace of its own.
"""

import argparse
import statistics
import time

import bench_place  # noqa: F401
from capped_network import CappedNetwork
from swarm import MEBIBYTE, Swarm, random_bytes, sha256

GOOD_MBPS = 50
BAD_MBPS = 1


def await_fraction(fetch, fraction):
    while fetch.fraction() < fraction:
        if fetch.process.poll() is not None:
            raise RuntimeError("it was over too soon")
        time.sleep(0.02)


def one_round(third, length, seed):
    """`third`: none, capped, frozen."""
    with CappedNetwork() as network, Swarm(host=network.add_host()) as swarm:
        shared = swarm.share("shared", {"content": random_bytes(length, seed)})
        for _ in range(2):
            swarm.start_seeder(shared, host=network.add_host(GOOD_MBPS))
        if third != "none":
            bad = swarm.start_seeder(shared, host=network.add_host(BAD_MBPS if third == "capped" else GOOD_MBPS))
        fetch = swarm.fetch("content", "copy", host=network.add_host())
        if third == "frozen":
            await_fraction(fetch, 0.2)
            bad.freeze()
        fetch.expect(r'"event": ?"finished"')
        if sha256(swarm.root / "copy" / "content") != sha256(shared / "content"):
            raise RuntimeError("wrong bytes")
        return fetch.seconds_to("finished")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mebibytes", type=int, default=128)
    options = parser.parse_args()

    seconds = {"none": [], "capped": [], "frozen": []}
    for number in range(options.rounds):
        for third, times in seconds.items():
            times.append(one_round(third, options.mebibytes * MEBIBYTE, number))
    alone = statistics.median(seconds["none"])
    print(f"{options.mebibytes} MiB, two seeders of {GOOD_MBPS} Mbit/s, medians of {options.rounds} rounds")
    for third, times in seconds.items():
        middle = statistics.median(times)
        print(f"third {third:7} {middle:7.2f} s ({min(times):.2f}-{max(times):.2f})  {middle / alone:.3f} of two alone")


if __name__ == "__main__":
    main()
