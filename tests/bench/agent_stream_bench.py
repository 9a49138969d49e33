#!/usr/bin/env python3
"""A player on a file that an agent is still fetching: how long a seek waits for its first byte, and how often playback stalls.

    SHOAL_PROGRAMS=build/release/bin tests/bench/agent_stream_bench.py [--seeks 20] [--play-mbps 40] [--link-mbps 60] [--peers 4]

Needs root: every host is a network namespace of its own (capped_network.py). The player seeks to a random place, plays for some
seconds at a steady rate, as a film does, and seeks again.
"""

import argparse
import http.client
import json
import random
import statistics
import subprocess
import sys
import time

import bench_place  # noqa: F401
from capped_network import CappedNetwork
from swarm import MEBIBYTE, Daemon, Swarm, random_bytes

BLOCK = 64 * 1024


def await_download(port):
    """Until its bytes can be asked for, and then for the rates of peers to be known."""
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("HEAD", "/content/1/film.bin")
        status = connection.getresponse().status
        connection.close()
        if status == 200:
            break
        time.sleep(0.1)
    time.sleep(2)


def play(options):
    """In the agent's namespace. Prints a line of JSON for each seek."""
    dice = random.Random(options.seed)
    await_download(options.play)
    length = options.mebibytes * MEBIBYTE
    rate = options.play_mbps * 1e6 / 8
    for _ in range(options.seeks):
        first = dice.randrange(int(length - rate * options.play_seconds))
        connection = http.client.HTTPConnection("127.0.0.1", options.play, timeout=60)
        began = time.monotonic()
        connection.request("GET", "/content/1/film.bin", headers={"Range": f"bytes={first}-"})
        response = connection.getresponse()
        if response.status != 206 or not response.read(1):
            raise RuntimeError(f"{response.status} instead of bytes")
        first_byte = time.monotonic() - began
        # What is late by more than what was played before is a stall; the clock goes on from there, as a player's does.
        due = time.monotonic()
        worst, read = 0.0, 1
        while read < rate * options.play_seconds:
            read += len(response.read(BLOCK))
            due += BLOCK / rate
            late = time.monotonic() - due
            if late > 0:
                worst = max(worst, late)
                due = time.monotonic()
            else:
                time.sleep(-late)
        connection.close()
        print(json.dumps({"first_byte": first_byte, "stall": worst}), flush=True)


def measure(options):
    with CappedNetwork() as network, Swarm(host=network.add_host()) as swarm:
        shared = swarm.share("shared", {"film.bin": random_bytes(options.mebibytes * MEBIBYTE, options.seed)})
        for _ in range(options.peers):
            swarm.start_seeder(shared, host=network.add_host(options.link_mbps, options.link_mbps))
        host = network.add_host(options.link_mbps, options.link_mbps)
        agent = swarm.keep(Daemon(
            "shoal-leecher", "serve", "--http=127.0.0.1:0", f"--state={swarm.folder('agent')}", f"--socket={swarm.root / 'agent.sock'}",
            f"--output={swarm.folder('copy')}", f"--tracker={swarm.tracker_url}", f"--listen={host.address}:0",
            f"--advertise={host.address}", host=host))
        port = int(agent.expect(r"the agent runs .*http://127\.0\.0\.1:(\d+)/").group(1))
        swarm.leecher("add", "film.bin", f"--socket={swarm.root / 'agent.sock'}").check_returncode()
        player = subprocess.run([*host.before, sys.executable, __file__, f"--play={port}", *sys.argv[1:]], capture_output=True, text=True,
                                check=False)
        if player.returncode != 0:
            raise RuntimeError(player.stderr + "\n".join(agent.lines[-5:]))
        seeks = [json.loads(line) for line in player.stdout.splitlines()]
        firsts = sorted(seek["first_byte"] for seek in seeks)
        stalls = sorted(seek["stall"] for seek in seeks)
        print(f"{options.peers} peers, {len(seeks)} seeks: first byte {statistics.median(firsts):.3f} s (median), {firsts[-1]:.3f} s (worst); "
              f"longest stall {stalls[-1]:.3f} s, {sum(stall > 1 for stall in stalls)} over 1 s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeks", type=int, default=20)
    parser.add_argument("--play-mbps", type=float, default=40)
    parser.add_argument("--play-seconds", type=float, default=5)
    parser.add_argument("--link-mbps", type=int, default=60)
    parser.add_argument("--peers", type=int, default=4)
    parser.add_argument("--mebibytes", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--play", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.play:
        play(options)
    else:
        measure(options)


if __name__ == "__main__":
    main()
