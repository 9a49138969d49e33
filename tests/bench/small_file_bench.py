#!/usr/bin/env python3
"""Time to fetch a file of one byte, from the start of `get` to its end, while a whole swarm runs.

    tests/bench/small_file_bench.py [--programs build/release/bin] [--runs 31] [--leechers 3] [--protocol grpc]

The payload costs nothing. The time covers the start of the program, the lookup of the content and its peers, one
connection, one chunk, the move of the file into place, and the leave. A tracker, a seeder and some leechers that serve the
same file run meanwhile. Prints the median, the spread, and, with --trace, the time of each step of one more run.
"""

import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

from programs import start, stop, wait_for_line


class Swarm:
    """A tracker, a seeder of one file of one byte, and leechers that have it and serve it."""

    def __init__(self, programs, work, protocol, leechers):
        self.programs = programs
        self.processes = []
        tracker = self.keep(start(programs / "shoal-tracker", *(f"--{name}=127.0.0.1:0" for name in ("grpc", "udp", "http"))))
        self.url = wait_for_line(tracker, rf"({protocol}://\S+:\d+)")[1]
        shared = work / "shared"
        shared.mkdir()
        (shared / "one").write_bytes(b"1")
        seeder = self.keep(start(programs / "shoal-seeder", f"--tracker={self.url}", f"--share={shared}", "--listen=127.0.0.1:0",
                                 "--advertise=127.0.0.1", "--settle=0s", "--state=none"))
        wait_for_line(seeder, r"\bready\b.*trackers_told=1")
        for number in range(leechers):
            leecher = self.keep(start(*self.get(work / f"leecher{number}", "--json", "--seed=forever")))
            wait_for_line(leecher, r'"trackers_told": ?1')

    def keep(self, process):
        self.processes.append(process)
        return process

    def get(self, folder, *flags):
        return [self.programs / "shoal-leecher", "get", "one", f"--tracker={self.url}", "-o", folder, "--listen=127.0.0.1:0",
                "--advertise=127.0.0.1", *flags]

    def close(self):
        for process in reversed(self.processes):
            stop(process)


def fetch_once(swarm, folder):
    """Milliseconds from start to end."""
    command = [str(word) for word in swarm.get(folder, "--quiet", "--seed=no")]
    began = time.monotonic()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    took = time.monotonic() - began
    if (folder / "one").read_bytes() != b"1":
        raise RuntimeError("the fetched byte differs from the published one")
    shutil.rmtree(folder)
    return took * 1000


def trace_once(swarm, folder):
    """Prints the events of one run, each with its time in milliseconds after the start."""
    began = time.time()
    process = start(*swarm.get(folder, "--json", "--seed=no"))
    for line in process.stdout:
        event = json.loads(line)
        print(f"{(time.time() - began) * 1000:7.1f}  {event['event']} {event.get('state', event.get('phase', ''))}")
    process.wait()
    print(f"{(time.time() - began) * 1000:7.1f}  the end")
    process.stdout.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, default="build/release/bin")
    parser.add_argument("--runs", type=int, default=31)
    parser.add_argument("--leechers", type=int, default=3)
    parser.add_argument("--protocol", choices=("grpc", "udp"), default="grpc")
    parser.add_argument("--trace", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="shoal-small-") as work:
        work = pathlib.Path(work)
        swarm = Swarm(options.programs.resolve(), work, options.protocol, options.leechers)
        try:
            fetch_once(swarm, work / "warm")
            times = sorted(fetch_once(swarm, work / "copy") for _ in range(options.runs))
            if options.trace:
                trace_once(swarm, work / "traced")
        finally:
            swarm.close()
    print(f"1 byte, {options.leechers} other leechers, {options.protocol}: median {statistics.median(times):.1f} ms, "
          f"least {times[0]:.1f}, 90th percentile {times[int(len(times) * 0.9)]:.1f}, most {times[-1]:.1f} ({options.runs} runs)")


if __name__ == "__main__":
    main()
