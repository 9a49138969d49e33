#!/usr/bin/env python3
"""What crowds of useless connections do to honest transfers and calls, and to the memory of a seeder and a tracker.

    tests/bench/hostile_bench.py [--programs build/release/bin] [--connections 10000] [--rounds 5] [--mebibytes 512]

The connections come from four addresses of the loopback. Half of them send nothing, half send one byte of a beginning a second;
each that is ended comes back, 500 a second at most. The crowd itself takes CPU time from the programs, which share the machine with
it: so the figures without it are measured while a crowd of the same size bothers another program, which accepts and does nothing.
"""

import argparse
import contextlib
import pathlib
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import grpc

from programs import ShoalPair, sha256, start, status_of, stop, wait_for_line, write_random

ADDRESSES = [f"127.0.9.{number}" for number in range(1, 5)]
COME_BACK_PER_SECOND = 500
# What a connection would begin with: a frame of the chunk stream, and the preface of HTTP/2.
BEGINNINGS = {"seeder": bytes([1, 0]) + bytes(64), "tracker": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(64)}
SECONDS_OF_CALLS = 3
LISTS = "/shoal.tracker.v1.TrackerService/ListContents"


class Crowd:
    """The connections of one process to one port."""

    def __init__(self, port, count, beginning):
        self.port, self.beginning = port, beginning
        self.connections = [self.connect(number) for number in range(count)]

    def connect(self, number):
        """A socket and how many bytes it has sent."""
        connection = socket.socket()
        connection.bind((ADDRESSES[number % len(ADDRESSES)], 0))
        with contextlib.suppress(OSError):
            connection.connect(("127.0.0.1", self.port))
        connection.setblocking(False)
        return connection, 0

    def go_on(self):
        """One second's worth. Returns how many connections had been ended."""
        ended = 0
        for number, (connection, sent) in enumerate(self.connections):
            try:
                if number % 2 == 1 and sent < len(self.beginning):
                    connection.send(self.beginning[sent:sent + 1])
                    self.connections[number] = connection, sent + 1
                while connection.recv(65536):
                    pass
            except BlockingIOError:
                continue
            except OSError:
                pass
            ended += 1
            if ended <= COME_BACK_PER_SECOND:
                connection.close()
                self.connections[number] = self.connect(number)
        return ended


def be_a_crowd(target, port, count):
    raise_descriptor_limit()
    crowd = Crowd(port, count, BEGINNINGS[target])
    crowd.go_on()
    print("here", flush=True)
    while True:
        began = time.monotonic()
        print(f"ended {crowd.go_on()}", flush=True)
        time.sleep(max(0.0, 1 - (time.monotonic() - began)))


def start_crowd(target, port, count):
    process = subprocess.Popen([sys.executable, __file__, "--crowd", target, str(port), str(count)], stdout=subprocess.PIPE, text=True)
    wait_for_line(process, "here")
    threading.Thread(target=process.stdout.read, daemon=True).start()
    return process


def transfer_rate(pair, work, digest):
    """MiB/s of one `get`, from start to end."""
    began = time.monotonic()
    subprocess.run([str(word) for word in pair.get(["file"], work / "copy", "--quiet", "--seed=no")], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL)
    took = time.monotonic() - began
    size = (work / "copy/file").stat().st_size
    if sha256(work / "copy/file") != digest:
        raise RuntimeError("wrong bytes")
    shutil.rmtree(work / "copy")
    return size / took / (1 << 20)


def call_rate(pair):
    """Calls per second on a new connection, the time until the first answer included."""
    with grpc.insecure_channel(f"127.0.0.1:{pair.port}", options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        call = channel.unary_unary(LISTS)
        began, calls = time.monotonic(), 0
        while time.monotonic() - began < SECONDS_OF_CALLS:
            call(b"", wait_for_ready=True, timeout=60)
            calls += 1
        return calls / (time.monotonic() - began)


def be_a_sink():
    raise_descriptor_limit()
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        print(listener.getsockname()[1], flush=True)
        accepted = []
        while True:
            accepted.append(listener.accept()[0])


def raise_descriptor_limit():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def measured_beside(crowd, measure):
    try:
        time.sleep(3)
        return statistics.median(measure() for _ in range(3))
    finally:
        stop(crowd)


def compare(name, unit, process, measure, rounds, make_crowd):
    """Prints the rates with a crowd elsewhere and with one at `process`. `make_crowd`: port -> crowd; None: the process's own."""
    measure()
    sink = start(sys.executable, __file__, "--sink")
    sink_port = int(sink.stdout.readline())
    elsewhere, here, memory = [], [], 0.0
    for _ in range(rounds):
        elsewhere.append(measured_beside(make_crowd(sink_port), measure))
        here.append(measured_beside(make_crowd(None), measure))
        memory = max(memory, status_of(process, "VmRSS") / 1024)
    stop(sink)
    ratios = [mine / other for mine, other in zip(here, elsewhere)]
    print(f"{name}: {statistics.median(elsewhere):.0f} -> {statistics.median(here):.0f} {unit}, of a round {statistics.median(ratios):.2f} "
          f"({min(ratios):.2f}-{max(ratios):.2f}); memory {memory:.0f} MiB", flush=True)


def main():
    if sys.argv[1:2] == ["--crowd"]:
        return be_a_crowd(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    if sys.argv[1:2] == ["--sink"]:
        return be_a_sink()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, default="build/release/bin")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mebibytes", type=int, default=512)
    options = parser.parse_args()
    raise_descriptor_limit()
    with tempfile.TemporaryDirectory(prefix="shoal-hostile-") as work:
        work = pathlib.Path(work)
        (work / "shared").mkdir()
        digest = write_random(work / "shared/file", options.mebibytes)
        with ShoalPair(options.programs.resolve(), work / "shared") as pair:
            for daemon in (pair.seeder, pair.tracker):
                threading.Thread(target=daemon.stdout.read, daemon=True).start()  # a full pipe would stop its log
            compare(f"{options.connections} connections to the seeder, get of {options.mebibytes} MiB", "MiB/s", pair.seeder,
                    lambda: transfer_rate(pair, work, digest), options.rounds,
                    lambda port: start_crowd("seeder", port or pair.seeder_port, options.connections))
            compare(f"{options.connections} connections to the tracker, ListContents", "calls/s", pair.tracker,
                    lambda: call_rate(pair), options.rounds,
                    lambda port: start_crowd("tracker", port or pair.port, options.connections))
    return None


if __name__ == "__main__":
    sys.exit(main())
