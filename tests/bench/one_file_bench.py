#!/usr/bin/env python3
"""One file from one seeder to one leecher over the loopback: shoal, libtorrent, and nginx with curl, in alternation.

Prints the wall time, the CPU seconds per GiB of both sides and the peak resident set of either side (pages of mapped files
count, and libtorrent maps its files).

    tests/bench/one_file_bench.py [--programs build/release/bin] [--mebibytes 1024] [--rounds 5]

Wall time runs from the start of the receiving program to its end, with the source in the page cache and every check of
each program on (curl has none). Only shoal has flushed the file to the disk by then; `on disk` is the time until it is
there, for the others with an fdatasync after their end. Each round begins with nothing left to write. The medians and the
ratios belong to this one run: do not compare across runs. libtorrent needs Debian's python3-libtorrent, the third needs
nginx-light and curl; a program that is not installed is left out.
"""

import argparse
import importlib.util
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import typing

from programs import ShoalPair, cpu_of, peak_mib_of, run_sampled, sha256, start, stop, wait_for_line, write_random

LIBTORRENT_PEER = """
import os, sys, time
import libtorrent as lt
role, metadata, folder, other = sys.argv[1:]
# Default settings, minus whatever only costs time on one machine: TCP, no encryption, no queue of torrents.
session = lt.session({"listen_interfaces": "127.0.0.1:0", "outgoing_interfaces": "127.0.0.1", "enable_dht": False,
                      "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False, "enable_incoming_utp": False,
                      "enable_outgoing_utp": False, "out_enc_policy": 2, "in_enc_policy": 2,
                      "alert_mask": int(lt.alert.category_t.status_notification | lt.alert.category_t.storage_notification)})
terms = lt.add_torrent_params()
terms.ti, terms.save_path = lt.torrent_info(metadata), folder
terms.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
if role == "seed":
    terms.flags |= lt.torrent_flags.seed_mode
handle = session.add_torrent(terms)
if role == "seed":
    print(session.listen_port(), flush=True)
    time.sleep(3600)
handle.connect_peer(("127.0.0.1", int(other)))
while True:
    session.wait_for_alert(200)
    for alert in session.pop_alerts():
        if isinstance(alert, lt.torrent_finished_alert):
            handle.flush_cache()
        if isinstance(alert, lt.cache_flushed_alert):
            os._exit(0)
"""


class Shoal:
    name = "shoal"

    def __init__(self, programs, work, source):
        self.pair = ShoalPair(programs, source.parent)
        self.sender = self.pair.seeder
        self.file = source.name

    def receive(self, folder):
        return self.pair.get([self.file], folder)

    def close(self):
        self.pair.close()


class Libtorrent:
    name = "libtorrent"

    def __init__(self, programs, work, source):
        import libtorrent as lt
        storage = lt.file_storage()
        lt.add_files(storage, str(source))
        made = lt.create_torrent(storage, piece_size=512 * 1024)
        lt.set_piece_hashes(made, str(source.parent))
        self.metadata = work / "one.torrent"
        self.metadata.write_bytes(lt.bencode(made.generate()))
        self.seeder = start(sys.executable, "-c", LIBTORRENT_PEER, "seed", self.metadata, source.parent, "-")
        self.port = wait_for_line(self.seeder, r"^(\d+)$")[1]
        self.sender = self.seeder

    def receive(self, folder):
        return [sys.executable, "-c", LIBTORRENT_PEER, "leech", self.metadata, folder, self.port]

    def close(self):
        stop(self.seeder)


class NginxCurl:
    name = "nginx+curl"

    def __init__(self, programs, work, source):
        port = 18000 + os.getpid() % 1000
        folder = work / "nginx"
        folder.mkdir()
        spare = "".join(f"{kind}_temp_path {folder}/{kind}; "
                        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "conf").write_text(
            f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/errors; events {{}}"
            f" http {{ access_log off; sendfile on; tcp_nopush on; {spare}"
            f" server {{ listen 127.0.0.1:{port}; root {source.parent}; }} }}")
        self.sender = self.server = start("nginx", "-c", folder / "conf", "-p", folder, "-e", folder / "errors")
        self.url = f"http://127.0.0.1:{port}/{source.name}"
        subprocess.run(["curl", "-sf", "--retry", "20", "--retry-connrefused", "--retry-delay", "1", "-o", "/dev/null",
                        self.url], check=True)
        self.file = source.name

    def receive(self, folder):
        return ["curl", "-sf", "-o", pathlib.Path(folder, self.file), self.url]

    def close(self):
        stop(self.server)


class Sample(typing.NamedTuple):
    wall: float
    on_disk: float
    receiver_cpu: float
    sender_cpu: float
    receiver_mib: float


def timed(peer, work, wanted, file):
    folder = pathlib.Path(tempfile.mkdtemp(dir=work))
    os.sync()  # or this round would wait for the writes and removals of earlier ones
    sender_before = cpu_of(peer.sender)
    peaks = [0.0]
    began = time.monotonic()
    wall, receiver_cpu = run_sampled(peer.receive(folder), 0.005, lambda receiver: peaks.append(peak_mib_of(receiver)))
    with open(folder / file, "rb") as received:
        os.fdatasync(received.fileno())
    on_disk = time.monotonic() - began
    if sha256(folder / file) != wanted:
        raise RuntimeError(f"{peer.name} brought wrong bytes")
    shutil.rmtree(folder)
    return Sample(wall, on_disk, receiver_cpu, cpu_of(peer.sender) - sender_before, max(peaks))


def available():
    yield Shoal
    if importlib.util.find_spec("libtorrent"):
        yield Libtorrent
    if shutil.which("nginx") and shutil.which("curl"):
        yield NginxCurl


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=lambda text: pathlib.Path(text).resolve(), default="build/release/bin")
    parser.add_argument("--mebibytes", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="one-file-bench-") as folder:
        work = pathlib.Path(folder)
        source = work / "source" / "file"
        source.parent.mkdir()
        wanted = write_random(source, options.mebibytes)
        peers = [kind(options.programs, work, source) for kind in available()]
        samples, sender_mib = {peer.name: [] for peer in peers}, {}
        try:
            for at in range(options.rounds + 1):
                for peer in peers:
                    sample = timed(peer, work, wanted, source.name)
                    if at > 0:  # the first round warms up
                        samples[peer.name].append(sample)
                    sender_mib[peer.name] = peak_mib_of(peer.sender)
        finally:
            for peer in peers:
                peer.close()

    gibibytes = options.mebibytes / 1024
    ours = statistics.median(sample.wall for sample in samples["shoal"])
    ours_on_disk = statistics.median(sample.on_disk for sample in samples["shoal"])
    print(f"{options.mebibytes} MiB, medians of {options.rounds} rounds; CPU in seconds per GiB, memory at its peak")
    print(f"{'':12} {'wall s':>7} {'min':>6} {'max':>6} {'MiB/s':>6} {'CPU in':>7} {'CPU out':>8} {'MiB in':>7}"
          f" {'MiB out':>8} {'over it':>8} {'on disk s':>10} {'over it':>8}")
    for name, taken in samples.items():
        wall, on_disk, receiver_cpu, sender_cpu, receiver_mib = (statistics.median(column) for column in zip(*taken))
        walls = [sample.wall for sample in taken]
        print(f"{name:12} {wall:7.2f} {min(walls):6.2f} {max(walls):6.2f} {options.mebibytes / wall:6.0f}"
              f" {receiver_cpu / gibibytes:7.2f} {sender_cpu / gibibytes:8.2f} {receiver_mib:7.0f}"
              f" {sender_mib[name]:8.0f} {wall / ours:8.2f} {on_disk:10.2f} {on_disk / ours_on_disk:8.2f}")


if __name__ == "__main__":
    main()
