"""BitTorrent clients as they are packaged find each other through the tracker's UDP port and finish a download.

Every other way of finding peers (DHT, peer exchange, local discovery) is off, or shut out because the torrent is private,
and no client is given the address of another: only an announce over BEP 15 connects them.
"""

import pathlib
import subprocess
import time
import unittest
import urllib.request

import libtorrent

from swarm import MEBIBYTE, PATIENCE, Swarm, random_bytes, sha256

LENGTH = 3 * MEBIBYTE + 12345
# Whichever of these is free: aria2 takes no port 0.
ARIA2_PORTS = "20000-59999"


class LibtorrentPeer:
    """A session with one torrent: seeds what is in `folder` already, fetches what is not."""

    def __init__(self, torrent, folder):
        self.session = libtorrent.session({
            "listen_interfaces": "127.0.0.1:0", "enable_dht": False, "enable_lsd": False, "enable_upnp": False,
            "enable_natpmp": False, "allow_multiple_connections_per_ip": True,
            "alert_mask": int(libtorrent.alert.category_t.status_notification | libtorrent.alert.category_t.error_notification |
                              libtorrent.alert.category_t.tracker_notification |
                              libtorrent.alert.category_t.storage_notification)})
        parameters = libtorrent.add_torrent_params()
        parameters.ti = libtorrent.torrent_info(str(torrent))
        parameters.save_path = str(folder)
        parameters.flags |= libtorrent.torrent_flags.disable_pex
        self.handle = self.session.add_torrent(parameters)

    def expect(self, kind):
        """Waits for an alert of that type."""
        said = []
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.session.wait_for_alert(1000)
            for alert in self.session.pop_alerts():
                said.append(alert.message())
                if isinstance(alert, kind):
                    return
        raise AssertionError(f"libtorrent never gave {kind.__name__} but:\n" + "\n".join(said[-40:]))

    def close(self):
        self.session.pause()


class BitTorrentTest(unittest.TestCase):
    def setUp(self):
        self.swarm = Swarm()
        self.addCleanup(self.swarm.__exit__)
        self.source = self.swarm.share("source", {"payload.bin": random_bytes(LENGTH, 1)})
        self.digest = sha256(self.source / "payload.bin")
        files = libtorrent.file_storage()
        libtorrent.add_files(files, str(self.source / "payload.bin"))
        made = libtorrent.create_torrent(files, 64 * 1024, libtorrent.create_torrent.v1_only)
        # With a path, as most announce addresses have one: libtorrent sends it along as an option (BEP 41).
        made.add_tracker(f"udp://127.0.0.1:{self.swarm.ports['udp']}/announce")
        made.set_priv(True)
        libtorrent.set_piece_hashes(made, str(self.source))
        self.torrent = self.swarm.root / "payload.torrent"
        self.torrent.write_bytes(libtorrent.bencode(made.generate()))

    def aria2(self, folder, *flags):
        client = subprocess.Popen(
            # Without its DHT it has no UDP socket and asks no UDP tracker.
            ["aria2c", "--no-conf", "--enable-dht=true", "--enable-dht6=false", "--bt-enable-lpd=false",
             f"--dht-file-path={self.swarm.root / 'dht.dat'}",
             "--enable-peer-exchange=false", "--disable-ipv6=true", f"--listen-port={ARIA2_PORTS}",
             f"--dht-listen-port={ARIA2_PORTS}", "--file-allocation=none", f"--dir={folder}", "--summary-interval=0",
             "--allow-overwrite=true", *flags, str(self.torrent)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        self.addCleanup(client.communicate)
        self.addCleanup(client.kill)
        return client

    def await_peers(self, count):
        """Until the tracker has so many BitTorrent peers."""
        url = f"http://127.0.0.1:{self.swarm.ports['http']}/metrics"
        deadline = time.monotonic() + PATIENCE
        while f"\nshoal_tracker_bittorrent_peers {count}\n" not in urllib.request.urlopen(url).read().decode():
            self.assertLess(time.monotonic(), deadline, "the tracker never heard of them")
            time.sleep(0.05)

    def libtorrent(self, folder):
        peer = LibtorrentPeer(self.torrent, folder)
        self.addCleanup(peer.close)
        return peer

    def test_aria2_fetches_from_libtorrent(self):
        self.libtorrent(self.source)
        self.await_peers(1)
        target = self.swarm.folder("aria2")
        client = self.aria2(target, "--seed-time=0")
        said = client.communicate(timeout=PATIENCE)[0]
        self.assertEqual(client.returncode, 0, said)
        self.assertEqual(sha256(target / "payload.bin"), self.digest)

    def test_libtorrent_fetches_from_aria2(self):
        self.aria2(self.source, "--seed-ratio=0", "--bt-seed-unverified=true")
        self.await_peers(1)
        target = self.swarm.folder("libtorrent")
        leecher = self.libtorrent(target)
        leecher.expect(libtorrent.torrent_finished_alert)
        leecher.handle.flush_cache()
        leecher.expect(libtorrent.cache_flushed_alert)
        self.assertEqual(sha256(target / "payload.bin"), self.digest)


if __name__ == "__main__":
    unittest.main(verbosity=2)
