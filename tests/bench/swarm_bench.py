#!/usr/bin/env python3
"""One seeder and N leechers with capped links: how far the last finisher is from what the links allow.

    SHOAL_PROGRAMS=build/release/bin tests/bench/swarm_bench.py [--profiles equal4,equal16,fast8,late16] [--rounds 3] [--tls]

Needs root: every host is a network namespace of its own (capped_network.py). All leechers start together (but the late one),
and serve until the last is done. The bound is the fluid one over nominal rates: the content must leave the seeder once,
enter each leecher once, and all copies must leave some uplink. TCP and IP headers alone cost 1.044 of it.

With --tls each round runs twice: as it is, and with mutual TLS on all connections.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import tempfile
import time
from unittest import mock

import bench_place  # noqa: F401
from capped_network import CappedNetwork
from swarm import MEBIBYTE, Swarm, program, random_bytes, sha256

DOWN_MBPS = 200


class Profile:
    def __init__(self, leechers, seeder_mbps=20, leecher_mbps=20, late=0, down_mbps=DOWN_MBPS):
        self.leechers, self.seeder_mbps, self.leecher_mbps, self.late = leechers, seeder_mbps, leecher_mbps, late
        self.down_mbps = down_mbps

    def bound(self, length, late_at=0.0):
        """Seconds. The uplinks of the late ones count from their joining."""
        megabits = length * 8 / 1e6
        copies = self.leechers + self.late
        together = self.seeder_mbps + copies * self.leecher_mbps
        missed = self.late * late_at * self.leecher_mbps
        return max(megabits / self.seeder_mbps, late_at + megabits / self.down_mbps, (copies * megabits + missed) / together)


PROFILES = {
    "equal4": Profile(4),
    "equal8": Profile(8),
    "equal16": Profile(16),
    "equal32": Profile(32),
    "fast8": Profile(8, seeder_mbps=80),
    "late16": Profile(16, late=1),
    "agents8": Profile(8, seeder_mbps=50, leecher_mbps=50),
    "symmetric8": Profile(8, seeder_mbps=50, leecher_mbps=50, down_mbps=50),
}


@contextlib.contextmanager
def mutual_tls(tracker):
    """Programs that start in it speak TLS alone, with one certificate for all."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program("shoal-leecher"), "certs", folder, "--quiet", f"--host={tracker.address}"], check=True)
        files = {"SHOAL_TLS_CERT": "cert.pem", "SHOAL_TLS_KEY": "key.pem", "SHOAL_TLS_CA": "ca.pem"}
        with mock.patch.dict(os.environ, {name: f"{folder}/{file}" for name, file in files.items()}, SHOAL_TLS_PLAIN_UDP="true"):
            yield


def one_round(profile, length, seed, chunk_size, tls):
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(CappedNetwork())
        tracker = network.add_host()
        if tls:
            stack.enter_context(mutual_tls(tracker))
        swarm = stack.enter_context(Swarm(host=tracker))
        seeder_host = network.add_host(profile.seeder_mbps, profile.down_mbps)
        hosts = [network.add_host(profile.leecher_mbps, profile.down_mbps) for _ in range(profile.leechers + profile.late)]
        shared = swarm.share("shared", {"content": random_bytes(length, seed)})
        if chunk_size:
            swarm.leecher("make", shared / "content", "-o", shared / "content.shoal", f"--chunk-size={chunk_size}").check_returncode()
        swarm.start_seeder(shared, host=seeder_host)
        sent_before = network.sent_bytes(seeder_host)
        late_at = profile.bound(length) / 2
        began = time.monotonic()
        fetches = []
        for number, host in enumerate(hosts):
            if number == profile.leechers:
                time.sleep(late_at)
            fetches.append(swarm.fetch("content", f"copy{number}", seed="forever", host=host))
        for fetch in fetches:
            fetch.expect(r'"event": ?"finished"')
        seconds = [fetch.began - began + fetch.seconds_to("finished") for fetch in fetches]
        sent = network.sent_bytes(seeder_host) - sent_before
        wanted = sha256(shared / "content")
        for number in range(len(hosts)):
            if sha256(swarm.root / f"copy{number}" / "content") != wanted:
                raise RuntimeError(f"leecher {number} has wrong bytes")
        bound = profile.bound(length, late_at if profile.late else 0.0)
        return max(seconds) / bound, statistics.mean(seconds) / bound, sent / length, bound


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profiles", default="equal4,equal8,equal16,fast8,late16", help="of " + ", ".join(PROFILES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mebibytes", type=int, default=64)
    parser.add_argument("--chunk-size", default="", help="of the manifest; default: as the seeder chooses")
    parser.add_argument("--tls", action="store_true", help="compare with mutual TLS")
    options = parser.parse_args()

    kinds = {"": False, " TLS": True} if options.tls else {"": False}
    print(f"{'':14} {'bound s':>8} {'last':>7} {'rounds':>22} {'mean':>7} {'seeder sent':>12}")
    for name in options.profiles.split(","):
        rounds = {kind: [] for kind in kinds}
        for number in range(options.rounds):
            for kind, tls in kinds.items():
                rounds[kind].append(one_round(PROFILES[name], options.mebibytes * MEBIBYTE, number, options.chunk_size, tls))
        medians = {kind: [statistics.median(column) for column in zip(*taken)] for kind, taken in rounds.items()}
        for kind, (last, mean, sent, bound) in medians.items():
            each = " ".join(f"{ratio:.3f}" for ratio, *_ in rounds[kind])
            print(f"{name + kind:14} {bound:8.2f} {last:7.3f} {each:>22} {mean:7.3f} {sent:12.3f}", flush=True)
        if options.tls:
            print(f"{name}: the last of a swarm with TLS takes {medians[' TLS'][0] / medians[''][0]:.3f} of its time without", flush=True)


if __name__ == "__main__":
    main()
