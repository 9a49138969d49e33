#!/usr/bin/env python3
"""Changes a shared folder by random operations while leechers fetch its entries by name, and checks what they bring.

    SHOAL_PROGRAMS=build/release/bin tests/bench/changing_folder_bench.py [--operations 1000] [--seed 1]

Files are created, appended to slowly, replaced by rename, deleted, truncated, overwritten with their time restored, linked and
renamed. It fails when a leecher brings bytes that an entry never had, when an error names a cause that can't be true, or when
10 s after the last operation a name does not resolve to what lies in the folder.
"""

import argparse
import time

import bench_place  # noqa: F401
from changing_folder import change_while_fetching, shown
from swarm import Swarm


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operations", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--leechers", type=int, default=3)
    parser.add_argument("--settle", default="2s", help="of the seeder (its default)")
    options = parser.parse_args()
    began = time.monotonic()
    with Swarm() as swarm:
        figures = change_while_fetching(swarm, options.operations, options.seed, options.leechers, pause=2.5 if options.settle == "2s" else 0.5,
                                        settle=options.settle, rest=0.3)
    print(f"seed {options.seed}, {time.monotonic() - began:.0f} s: {shown(figures)}")


if __name__ == "__main__":
    main()
