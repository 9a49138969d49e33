"""Hosts with capped links, each in a network namespace of its own, on one bridge. Needs root, iproute2 and ethtool.

A cap is a token bucket on the host's interface (up) and on its port of the bridge (down), which counts Ethernet frames and
lets 50 ms of them wait. Segmentation offload is off, so that what a bucket counts are packets of one MTU. There is no other
delay: a link's latency is that of its own queue.
"""

import json
import os
import subprocess

from swarm import Host

QUEUE_MS = 50


def run(command):
    done = subprocess.run(command.split(), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr.strip()}")
    return done.stdout


class CappedNetwork:
    """A context manager: what it made is gone at its end."""

    def __init__(self):
        self._made = []
        self._bridge = self._namespace("bridge")
        self._hosts = {}
        self._ports = {}  # of the bridge
        run(f"ip -n {self._bridge} link add bridge type bridge")
        run(f"ip -n {self._bridge} link set bridge up")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for name in reversed(self._made):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)

    def _namespace(self, name):
        name = f"shoal{os.getpid()}-{name}"
        run(f"ip netns add {name}")
        self._made.append(name)
        run(f"ip -n {name} link set lo up")
        return name

    def add_host(self, up_mbps=0, down_mbps=0):
        """0: no cap."""
        number = len(self._made)
        host = self._namespace(str(number))
        address = f"10.98.{number // 250}.{number % 250 + 1}"
        run(f"ip link add eth0 netns {host} type veth peer name port{number} netns {self._bridge}")
        run(f"ip -n {self._bridge} link set port{number} master bridge up")
        run(f"ip -n {host} addr add {address}/16 dev eth0")
        run(f"ip -n {host} link set eth0 up")
        for namespace, device, mbps in ((host, "eth0", up_mbps), (self._bridge, f"port{number}", down_mbps)):
            run(f"ip netns exec {namespace} ethtool -K {device} tso off gso off gro off")
            if mbps:
                burst = "16k" if mbps <= 100 else "64k"
                run(f"tc -n {namespace} qdisc add dev {device} root tbf rate {mbps}mbit burst {burst} latency {QUEUE_MS}ms")
        made = Host(address, "ip", "netns", "exec", host)
        self._hosts[address] = host
        self._ports[address] = f"port{number}"
        return made

    def cut(self, host):
        """No packet reaches or leaves the host from now on, and no connection hears of it."""
        run(f"ip -n {self._bridge} link set {self._ports[host.address]} down")

    def mend(self, host):
        run(f"ip -n {self._bridge} link set {self._ports[host.address]} up")

    def sent_bytes(self, host):
        """That left the host, frames and headers included."""
        return json.loads(run(f"ip -n {self._hosts[host.address]} -j -s link show eth0"))[0]["stats64"]["tx"]["bytes"]
