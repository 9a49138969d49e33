#!/usr/bin/env python3
"""Hundreds of swarms in which things go wrong at random moments: does each end well once the faults are over?

    SHOAL_PROGRAMS=build/dev/bin tests/bench/fault_schedules_bench.py [--schedules 300] [--seed 1] [--jobs 2]

A schedule has a tracker, one or two seeders and three leechers of one to four MiB, and three to six faults out of its seed
(tests/e2e/fault_schedules.py): kills, freezes, failing and full disks, changed source files, jumping clocks, network cuts. Failing
disks and clocks need programs that are linked dynamically; network cuts and full disks need root. After the faults each leecher has
to end with the right bytes, or with a clear error and a next run that ends with them; no lease, descriptor or temporary file may be
left. Prints each schedule that fails with its seed; ends with exit code 1 when there was one.
"""

import argparse
import concurrent.futures
import statistics
import sys
import time

import bench_place  # noqa: F401
from fault_schedules import outcome, unavailable


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1, help="of the first schedule; the next ones count up")
    parser.add_argument("--jobs", type=int, default=2, help="schedules at a time")
    parser.add_argument("--verbose", action="store_true", help="print what happened in each schedule")
    options = parser.parse_args()

    for line in unavailable():
        print(line, flush=True)
    began = time.monotonic()
    seconds, errors, failed = [], {}, []
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        for result in pool.map(outcome, range(options.seed, options.seed + options.schedules)):
            for end in result.ends:
                errors[end] = errors.get(end, 0) + 1
            if result.wrong is None:
                seconds.append(result.seconds_after)
            else:
                failed.append(result.seed)
                print(result.wrong, flush=True)
            if options.verbose:
                print(f"seed {result.seed}: {'failed' if result.wrong else 'well'}, {result.seconds_after:.1f} s after"
                      f" {'; '.join(result.steps)}; errors {result.ends}", flush=True)
    print(f"{len(seconds)} of {options.schedules} schedules ended well, in {time.monotonic() - began:.0f} s; seeds that failed: {failed}")
    print(f"runs that ended with an error during the faults, by exit code: {dict(sorted(errors.items()))}")
    if seconds:
        print(f"from the end of the faults to the last leecher's end: median {statistics.median(seconds):.1f} s, most {max(seconds):.1f} s")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
