#!/usr/bin/env python3
"""Runs the programs from every state that a crash of the machine could have left: are the bytes right, is every command kept?

    SHOAL_PROGRAMS=build/dev/bin tests/bench/crash_replay_bench.py [--seed 1] [--commands 40] [--only file,nothing]

The programs must be linked dynamically, so that their changes to files can be recorded (tests/support/fault_layer.c). A download is
recorded, and then its next run starts from what each prefix of the changes may leave: all of it, only what was synced, the names
without the data, the data without the names, and a part of it by chance. The same with an agent that takes commands. Ends with exit
code 1 when something was wrong.
"""

import argparse
import sys
import time

import bench_place  # noqa: F401
import fault_layer
from crash_replay import AgentCrashes, DownloadCrashes

DOWNLOADS = [(kind, before) for before in ("nothing", "half", "damaged") for kind in ("file", "small", "folder")
             if (kind, before) != ("small", "half")]


def report(what, crashes, run):
    began = time.monotonic()
    count, wrong = run()
    print(f"{what}: {len(crashes.steps)} changes, {count} states, {len(wrong)} wrong; {time.monotonic() - began:.0f} s", flush=True)
    for problem in wrong:
        print(f"  {problem}", flush=True)
    return len(wrong)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--commands", type=int, default=40, help="that the agent takes")
    parser.add_argument("--only", help="one of: agent, " + "; ".join(",".join(download) for download in DOWNLOADS))
    options = parser.parse_args()
    if why := fault_layer.why_unavailable():
        sys.exit(f"can't record: {why}")

    wrong = 0
    for kind, before in DOWNLOADS:
        if options.only in (None, f"{kind},{before}"):
            with DownloadCrashes(kind, before, options.seed) as download:
                wrong += report(f"{kind}, {before} there", download.crashes, download.run)
    if options.only in (None, "agent"):
        with AgentCrashes(options.seed, options.commands) as agent:
            wrong += report(f"agent, {options.commands} commands", agent.crashes, agent.run)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
