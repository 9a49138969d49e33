#!/usr/bin/env python3
"""Random orders of starting and restarting a tracker, two seeders and three leechers: does each leecher end with the file?

    SHOAL_PROGRAMS=build/release/bin tests/bench/boot_orders_bench.py [--orders 20] [--seed 1] [--longest-pause 2]

Each order starts the six programs in a random order, with random pauses, and restarts the tracker and two more of them. The
leechers run `get --wait=forever` by name. Over gRPC or UDP, as the seed says. Prints for each order the time from its last
step to the end of its last leecher; ends with exit code 1 when a leecher did not end with the right bytes.
"""

import argparse
import sys
import time

import bench_place  # noqa: F401
from boot_orders import BootOrder
from swarm import MEBIBYTE


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1, help="of the first order; the next ones count up")
    parser.add_argument("--longest-pause", type=float, default=2, help="seconds between two steps, at most")
    parser.add_argument("--mebibytes", type=int, default=16)
    options = parser.parse_args()

    failed = 0
    for seed in range(options.seed, options.seed + options.orders):
        began = time.monotonic()
        with BootOrder(seed, options.mebibytes * MEBIBYTE, options.longest_pause) as order:
            try:
                order.run()
                print(f"seed {seed}: all have it, over {order.scheme}; {time.monotonic() - began:.1f} s in all,"
                      f" {time.monotonic() - order.last_step:.1f} s after the last step", flush=True)
            except AssertionError as error:
                failed += 1
                print(f"seed {seed}: {error}", flush=True)
    print(f"{options.orders - failed} of {options.orders} orders ended with the file everywhere")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
