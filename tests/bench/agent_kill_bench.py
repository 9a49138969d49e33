#!/usr/bin/env python3
"""Kills an agent at random moments while commands run, and checks that nothing that it acknowledged is lost.

    SHOAL_PROGRAMS=build/release/bin tests/bench/agent_kill_bench.py [--kills 200] [--seed 1]
"""

import argparse
import time

import bench_place  # noqa: F401
from agent_killing import kill_agent
from swarm import Swarm


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.monotonic()
    with Swarm() as swarm:
        figures = kill_agent(swarm, options.kills, options.seed)
    print(f"seed {options.seed}, {time.monotonic() - began:.0f} s: {figures}")


if __name__ == "__main__":
    main()
