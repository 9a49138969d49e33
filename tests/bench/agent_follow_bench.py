#!/usr/bin/env python3
"""Agents that follow a name, on capped links: how soon a new version that is put into the seeder's folder stands on all of them.

    SHOAL_PROGRAMS=build/release/bin tests/bench/agent_follow_bench.py [--agents 8] [--mbps 50] [--down-mbps 200] [--mebibytes 256] [--rounds 3]

Needs root: every host is a network namespace of its own (capped_network.py). The bound is the fluid one over nominal rates, from
the moment when the tracker knows the new version: it must leave the seeder once, enter each agent once, and all copies must
leave some uplink.
"""

import argparse
import os
import statistics

import bench_place  # noqa: F401
from capped_network import CappedNetwork
from swarm import MEBIBYTE, Daemon, Swarm, random_bytes, sha256


def start_agent(swarm, number, host):
    return swarm.keep(Daemon(
        "shoal-leecher", "serve", "--follow=model*", "--http=none", f"--state={swarm.folder(f'agent{number}')}",
        f"--socket={swarm.root / f'agent{number}.sock'}", f"--output={swarm.folder(f'copy{number}')}", f"--tracker={swarm.tracker_url}",
        f"--listen={host.address}:0", f"--advertise={host.address}", host=host))


def put(swarm, shared, content):
    """As a person would: a copy beside the folder, then a rename into it."""
    beside = swarm.folder("beside") / "model.bin"
    beside.write_bytes(content)
    os.rename(beside, shared / "model.bin")


def one_round(options, seed):
    with CappedNetwork() as network, Swarm(host=network.add_host()) as swarm:
        seeder_host = network.add_host(options.mbps, options.down_mbps)
        hosts = [network.add_host(options.mbps, options.down_mbps) for _ in range(options.agents)]
        shared = swarm.folder("shared")
        put(swarm, shared, random_bytes(MEBIBYTE, seed))
        seeder = swarm.start_seeder(shared, host=seeder_host)
        agents = [start_agent(swarm, number, host) for number, host in enumerate(hosts)]
        for agent in agents:
            agent.expect(r": complete ")
        seen = [len(agent.lines) for agent in agents]
        seeder_seen = len(seeder.lines)
        put(swarm, shared, random_bytes(options.mebibytes * MEBIBYTE, 1000 + seed))
        published = seeder.time_of(r": published name=model\.bin", seeder_seen)
        ends = [agent.time_of(r": complete ", after) for agent, after in zip(agents, seen)]
        wanted = sha256(shared / "model.bin")
        for number in range(options.agents):
            if sha256(swarm.root / f"copy{number}" / "model.bin") != wanted:
                raise RuntimeError(f"agent {number} has wrong bytes")
        return max(ends) - published, statistics.mean(ends) - published


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=8)
    parser.add_argument("--mbps", type=int, default=50)
    parser.add_argument("--down-mbps", type=int, default=200, help="of each link; --mbps is that of its uplink")
    parser.add_argument("--mebibytes", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    megabits = options.mebibytes * MEBIBYTE * 8 / 1e6
    bound = megabits / options.mbps * max(1, options.agents / (options.agents + 1))
    rounds = [one_round(options, number) for number in range(options.rounds)]
    print(f"bound {bound:.2f} s; last {statistics.median(last for last, _ in rounds) / bound:.3f} of it "
          f"({' '.join(f'{last / bound:.3f}' for last, _ in rounds)}), mean {statistics.median(mean for _, mean in rounds) / bound:.3f}")


if __name__ == "__main__":
    main()
