#!/usr/bin/env python3
"""Kills a leecher at random moments of one download, again and again: checks the bytes, and counts those that came twice.

    SHOAL_PROGRAMS=build/release/bin tests/bench/kill_bench.py [--kills 1000] [--seed 1]

One seeder, loopback; the rate is limited so that the download outlasts the kills. What came twice is what the seeder sent
beyond the content's length. It must be less than what was in flight at the kills: chunks that were asked for and not stored,
as the leecher's last words before each kill say (which come five times a second: of the kills before the first nothing is
known, and they count as the average of the others). Then a content of 10 GiB (a sparse file) is interrupted once, and the time in which the next run
decides what is missing is read from its own words.
"""

import argparse
import signal
import tempfile
import time

import bench_place  # noqa: F401
from killing import download_under_fire
from swarm import MEBIBYTE, Swarm, random_bytes

BIG_BYTES = 10 * 1024 * MEBIBYTE


def under_fire(kills, seed, length, limit_down):
    with Swarm() as swarm:
        shared = swarm.share("shared", {"content": random_bytes(length, seed)})
        seeder = swarm.start_seeder(shared, "--http=127.0.0.1:0")
        began = time.monotonic()
        killed = download_under_fire(swarm, seeder, "content", length, kills, seed, limit_down, longest=0.8)
        print(f"{killed.kills} kills in {time.monotonic() - began:.0f} s: the bytes are right; {killed.twice_bytes} bytes came twice,"
              f" {killed.chunks_twice_per_kill():.2f} chunks of {killed.chunk_bytes // 1024} KiB per kill;"
              f" in flight were {killed.chunks_in_flight():.2f} on average, {min(killed.in_flight, default=0)}-{max(killed.in_flight, default=0)}"
              f" (known of {len(killed.in_flight)} kills)", flush=True)
        if killed.in_flight and killed.chunks_twice_per_kill() > killed.chunks_in_flight():
            raise RuntimeError("more came twice than was in flight")


def decision():
    with Swarm() as swarm:
        shared = swarm.folder("shared")
        with open(shared / "big", "wb") as file:
            file.truncate(BIG_BYTES)
        swarm.start_seeder(shared)
        fetch = swarm.fetch("big", "copy")
        while fetch.fraction() < 0.3:
            if fetch.process.poll() is not None:
                raise RuntimeError("\n".join(fetch.lines[-20:]))
            time.sleep(0.1)
        fetch.stop(signal.SIGKILL)
        again = swarm.fetch("big", "copy")
        again.expect(r'"event": ?"start"')
        start = again.events("start")[0]
        print(f"10 GiB, {start['resumed_bytes'] / BIG_BYTES:.0%} there: decided in {start['decided_ms']} ms,"
              f" start event {1000 * again.seconds_to('start'):.0f} ms after the program's start", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mebibytes", type=int, default=0, help="default: one and three quarters per kill")
    parser.add_argument("--limit-down", type=int, default=4 * MEBIBYTE, help="bytes per second")
    parser.add_argument("--no-decision", action="store_true", help="leave out the content of 10 GiB")
    options = parser.parse_args()

    length = (options.mebibytes or max(8, options.kills * 7 // 4)) * MEBIBYTE
    under_fire(options.kills, options.seed, length, options.limit_down)
    if not options.no_decision:
        tempfile.tempdir = None  # too large for memory
        decision()


if __name__ == "__main__":
    main()
