#!/usr/bin/env python3
"""Shoal's tracker beside opentracker: BEP 15 announces, each tracker on core 0, the load (udp_tracker_bench) on core 1.

usage: udp_trackers_bench.py [--rounds 5] [--seconds 2] [--greetings 0.05]

Both trackers are filled with the same peers and then asked in turns, with 256 announces in flight over 8 sockets, for 50 peers each;
one request in twenty is a connect. Medians of the rounds. Needs Debian's package opentracker; root lets it go before what else runs.
In a network namespace of its own (unshare -n) no firewall rules of the machine are in the way of either.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

os.environ["SHOAL_TRUST_ADDRESSES"] = "true"  # the peers of the load are nowhere
PROGRAMS = pathlib.Path(os.environ.get("SHOAL_PROGRAMS", "build/release/bin")).resolve()
CASES = {"few": (10_000, 100), "many": (100_000, 10_000), "million": (1_000_000, 10_000)}
LOAD = [str(PROGRAMS / "udp_tracker_bench")]
FIRST = ["nice", "-n", "-20"] if os.geteuid() == 0 else []


def start(tracker, port, folder):
    if tracker == "shoal":
        command = [str(PROGRAMS / "shoal-tracker"), "--grpc=127.0.0.1:0", f"--udp=127.0.0.1:{port}", "--http=none"]
    else:
        command = ["opentracker", "-i", "127.0.0.1", "-p", str(port), "-P", str(port), "-d", folder, "-u", "nobody",
                   "-w", "hashes"]
    return subprocess.Popen(FIRST + ["taskset", "-c", "0"] + command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def load(tracker, port, pid, peers, swarms, *more):
    other = ["--other"] if tracker != "shoal" else []
    command = [f"--port={port}", f"--pid={pid}", f"--peers={peers}", f"--swarms={swarms}", *other, *more]
    run = subprocess.run(FIRST + ["taskset", "-c", "1"] + LOAD + command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout)


def measure(name, arguments, folder):
    peers, swarms = CASES[name]
    subprocess.run(LOAD + [f"--swarms={swarms}", f"--whitelist={folder}/hashes"], check=True)
    os.chmod(f"{folder}/hashes", 0o644)
    ports = {"opentracker": 16969, "shoal": 16970}
    trackers = {tracker: start(tracker, port, folder) for tracker, port in ports.items()}
    try:
        time.sleep(0.5)
        filled = {t: load(t, ports[t], trackers[t].pid, peers, swarms, "--seconds=0.1") for t in trackers}
        rounds = {tracker: [] for tracker in trackers}
        for _ in range(arguments.rounds):
            for tracker, process in trackers.items():
                rounds[tracker].append(load(tracker, ports[tracker], process.pid, peers, swarms, "--no-fill",
                                            f"--seconds={arguments.seconds}", f"--greetings={arguments.greetings}"))
    finally:
        for process in trackers.values():
            process.terminate()
            process.wait()
    medians = {}
    for tracker, results in rounds.items():
        medians[tracker] = {key: statistics.median(result[key] for result in results) for key in results[0]}
        rates = [result["replies_per_s"] for result in results]
        one = medians[tracker]
        print(f"{name:8} {tracker:12} {one['replies_per_s']:8.0f}/s ({min(rates):.0f}-{max(rates):.0f})  "
              f"p50 {one['p50_us']:.0f} us  p99 {one['p99_us']:.0f} us  peers a reply {one['peers_per_reply']:.1f}  "
              f"lost {sum(result['lost'] for result in results)}  wrong {sum(result['wrong'] for result in results)}  "
              f"bytes a peer {filled[tracker]['bytes_per_peer']:.1f}", flush=True)
    print(f"{name:8} {medians['shoal']['replies_per_s'] / medians['opentracker']['replies_per_s']:.2f} times", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--greetings", type=float, default=0.05)
    parser.add_argument("--cases", default=",".join(CASES))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        for name in arguments.cases.split(","):
            measure(name, arguments, folder)


if __name__ == "__main__":
    main()
