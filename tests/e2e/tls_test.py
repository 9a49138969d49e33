#!/usr/bin/env python3
"""A swarm that speaks TLS everywhere, with certificates that `shoal certs` makes."""

import shutil
import signal
import socket
import ssl
import stat
import unittest
import urllib.error
import urllib.request

from swarm import MEBIBYTE, PACED, PATIENCE, Daemon, Swarm, random_bytes, sha256
from tls_swarm import TlsSwarm, answer_of, make_certificates, tls_flags

NOT_PERMITTED = 12


class TlsTest(unittest.TestCase):
    def test_a_file_arrives_over_mutual_tls(self):
        with TlsSwarm() as swarm:
            content = random_bytes(40 * MEBIBYTE, 1)
            folder = swarm.share("share", {"model.bin": content, "tree/a": b"a" * 100_000, "tree/b/c": b"c" * 300_000})
            seeder = swarm.start_seeder(folder, "--http=127.0.0.1:0", *swarm.flags)
            self.assertRegex("\n".join(seeder.lines), r"seeder listens .*\btls=(process|kernel)")
            first = swarm.fetch("model.bin", "first", *swarm.flags, seed="forever")
            first.expect(r'"event": ?"finished"')
            self.assertEqual(sha256(swarm.root / "first/model.bin"), sha256(folder / "model.bin"))
            # The second has two peers, of which one is a leecher that serves.
            second = swarm.fetch("model.bin", "second", *swarm.flags).finish()
            self.assertTrue(second["ok"], second)
            self.assertEqual(sha256(swarm.root / "second/model.bin"), sha256(folder / "model.bin"))
            tree = swarm.fetch("tree", "third", *swarm.flags).finish()
            self.assertTrue(tree["ok"], tree)
            self.assertEqual((swarm.root / "third/tree/b/c").read_bytes(), b"c" * 300_000)
            listed = swarm.leecher("list", f"--tracker={swarm.tracker_url}", *swarm.flags)
            self.assertIn("model.bin", listed.stdout)
            with swarm.connect(seeder.port, swarm.context()) as connection:
                self.assertEqual(connection.version(), "TLSv1.3")
                self.assertEqual(connection.cipher()[0], "TLS_AES_128_GCM_SHA256")

    def test_pages_are_https(self):
        with TlsSwarm() as swarm:
            url = f"https://localhost:{swarm.ports['http']}"
            with urllib.request.urlopen(f"{url}/metrics", context=swarm.context(certificate=False), timeout=PATIENCE) as page:
                self.assertIn(b"shoal_tracker", page.read())
            with urllib.request.urlopen(url, context=swarm.context(certificate=False), timeout=PATIENCE) as page:
                self.assertIn(b"<html", page.read())
            with self.assertRaises(urllib.error.HTTPError) as plain:
                urllib.request.urlopen(f"http://localhost:{swarm.ports['http']}/metrics", timeout=PATIENCE)
            self.assertIn(b"https", plain.exception.read())

    def test_who_has_no_certificate_is_refused(self):
        with TlsSwarm("--tls-http-client-certs") as swarm:
            seeder = swarm.start_seeder(swarm.share("share", {"a.bin": b"a" * 1000}), *swarm.flags)
            for port in (swarm.ports["http"], seeder.port):
                self.assertIn("certificate required", answer_of(swarm, port, swarm.context(certificate=False)))
                self.assertNotIn("certificate", answer_of(swarm, port, swarm.context()))
            # gRPC hangs up without a word. Whom it accepts gets its settings.
            preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
            answers = [answer_of(swarm, swarm.ports["grpc"], swarm.context(certificate), preface) for certificate in (False, True)]
            self.assertEqual([answer == "received b'\\x00'" for answer in answers], [False, True], answers)
            authority = f"--tls-ca={swarm.certificates}/ca.pem"
            without = swarm.leecher("list", f"--tracker={swarm.tracker_url}", authority)
            self.assertEqual(without.returncode, NOT_PERMITTED, without)
            self.assertIn("--tls-cert and --tls-key", without.stderr)
            plain = swarm.leecher("list", f"--tracker={swarm.tracker_url}")
            self.assertEqual(plain.returncode, 4, plain)
            self.assertIn("if it speaks TLS: give --tls-ca", plain.stderr)
            strangers = swarm.root / "strangers"
            make_certificates(strangers)
            stranger = swarm.leecher("list", f"--tracker={swarm.tracker_url}", *tls_flags(strangers))
            self.assertEqual(stranger.returncode, NOT_PERMITTED, stranger)
            self.assertIn("--tls-ca", stranger.stderr)

    def test_nothing_below_tls_1_3(self):
        with TlsSwarm() as swarm:
            seeder = swarm.start_seeder(swarm.share("share", {"a.bin": b"a" * 1000}), *swarm.flags)
            for port in (swarm.ports["grpc"], swarm.ports["http"], seeder.port):
                with self.assertRaises((ssl.SSLError, ConnectionError), msg=port):
                    swarm.connect(port, swarm.context(version=ssl.TLSVersion.TLSv1_2))

    def test_a_tracker_without_tls_is_named(self):
        with Swarm() as swarm:
            certificates = swarm.root / "certs"
            make_certificates(certificates)
            listed = swarm.leecher("list", f"--tracker={swarm.tracker_url}", *tls_flags(certificates))
            self.assertIn("speaks no TLS", listed.stderr)

    def test_datagrams_need_a_word_of_their_own(self):
        with TlsSwarm("--udp=127.0.0.1:0", "--tls-plain-udp") as swarm:
            port = swarm.tracker.expect(r"listening on udp://\S*:(\d+)").group(1)
            listed = swarm.leecher("list", f"--tracker=udp://127.0.0.1:{port}", *swarm.flags)
            self.assertEqual(listed.returncode, 0, listed)
            swarm.tracker.stop()
            refused = Daemon("shoal-tracker", "--udp=127.0.0.1:0", *swarm.flags)
            refused.expect("--tls-plain-udp")
            self.assertEqual(refused.process.wait(PATIENCE), 2)
            refused.stop()

    def test_certificates_change_under_load(self):
        with TlsSwarm() as swarm:
            content = random_bytes(200 * MEBIBYTE, 2)
            folder = swarm.share("share", {"model.bin": content})
            seeder = swarm.start_seeder(folder, *swarm.flags)
            fetch = swarm.fetch("model.bin", "out", PACED, *swarm.flags)
            fetch.pace_until(0.1)
            ports = (swarm.ports["grpc"], swarm.ports["http"], seeder.port)
            before = [self.certificate_at(swarm, port) for port in ports]
            # As an operator rotates a CA: first both are trusted, then the certificates change.
            fresh = swarm.root / "fresh"
            make_certificates(fresh)
            both = (swarm.certificates / "ca.pem").read_bytes() + (fresh / "ca.pem").read_bytes()
            (swarm.certificates / "ca.pem").write_bytes(both)
            for daemon in (swarm.tracker, seeder):
                seen = len(daemon.lines)
                daemon.process.send_signal(signal.SIGHUP)
                daemon.expect("new certificates are in use", seen)
            # A certificate without its key is not used.
            shutil.copy(fresh / "cert.pem", swarm.certificates)
            for daemon in (swarm.tracker, seeder):
                seen = len(daemon.lines)
                daemon.process.send_signal(signal.SIGHUP)
                daemon.expect("the certificates stay as they are.*not the key", seen)
            self.assertEqual([self.certificate_at(swarm, port) for port in ports], before)
            shutil.copy(fresh / "key.pem", swarm.certificates)
            for daemon in (swarm.tracker, seeder):
                seen = len(daemon.lines)
                daemon.process.send_signal(signal.SIGHUP)
                daemon.expect("new certificates are in use", seen)
            after = [self.certificate_at(swarm, port) for port in ports]
            self.assertEqual(len(set(after)), 1)
            self.assertNotEqual(after, before)
            fetch.go_on()
            self.assertTrue(fetch.finish()["ok"])
            self.assertEqual([event for event in fetch.events("peer") if event["state"] != "connected"], [])
            self.assertEqual(sha256(swarm.root / "out/model.bin"), sha256(folder / "model.bin"))
            # The seeder's next heartbeat goes over a new connection.
            again = swarm.fetch("model.bin", "again", *swarm.flags).finish()
            self.assertTrue(again["ok"], again)

    def certificate_at(self, swarm, port):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as plain, context.wrap_socket(plain) as connection:
            return connection.getpeercert(binary_form=True)

    def test_the_agent_serves_its_page_over_https(self):
        with TlsSwarm() as swarm:
            folder = swarm.share("share", {"a.bin": random_bytes(MEBIBYTE, 3)})
            swarm.start_seeder(folder, *swarm.flags)
            out = swarm.folder("agent")
            agent = swarm.keep(Daemon("shoal-leecher", "serve", f"--tracker={swarm.tracker_url}", f"--output={out}",
                                      f"--state={swarm.folder('agent-state')}", f"--socket={swarm.root}/agent.sock",
                                      "--listen=127.0.0.1:0", "--advertise=127.0.0.1", "--http=127.0.0.1:0", *swarm.flags))
            port = agent.expect(r"https://127\.0\.0\.1:(\d+)/").group(1)
            added = swarm.leecher("add", "a.bin", f"--socket={swarm.root}/agent.sock")
            self.assertEqual(added.returncode, 0, added)
            agent.expect(r"\bcomplete")
            self.assertEqual((out / "a.bin").read_bytes(), (folder / "a.bin").read_bytes())
            with urllib.request.urlopen(f"https://localhost:{port}/metrics", context=swarm.context(False), timeout=PATIENCE) as page:
                self.assertIn(b"shoal_leecher", page.read())
            seen = len(agent.lines)
            agent.process.send_signal(signal.SIGHUP)
            agent.expect("new certificates are in use", seen)


class CertsTest(unittest.TestCase):
    def test_keys_are_private_and_nothing_is_overwritten(self):
        with Swarm() as swarm:
            folder = swarm.root / "certs"
            made = make_certificates(folder, "--host=tracker.example,192.0.2.7", "--host=b.example")
            self.assertEqual(made.returncode, 0, made)
            self.assertIn(f"--tls-cert={folder}/cert.pem", made.stdout)
            for name in ("key.pem", "ca-key.pem"):
                self.assertEqual(stat.S_IMODE((folder / name).stat().st_mode), 0o600)
            before = {path.name: path.read_bytes() for path in folder.iterdir()}
            again = make_certificates(folder)
            self.assertNotEqual(again.returncode, 0)
            self.assertIn("is not overwritten", again.stderr)
            self.assertEqual(make_certificates(folder, "--if-missing").returncode, 0)
            self.assertEqual({path.name: path.read_bytes() for path in folder.iterdir()}, before)
            self.assertNotEqual(make_certificates(swarm.root / "wrong", "--host=a b").returncode, 0)

    def test_flags_that_do_not_suit_are_named(self):
        with Swarm() as swarm:
            make_certificates(swarm.root / "certs")
            certificate, key, authority = tls_flags(swarm.root / "certs")
            tracker = f"--tracker={swarm.tracker_url}"
            for flags, missing in (([certificate], "--tls-key"), ([key], "--tls-cert"), ([authority], "--tls-cert"),
                                   ([certificate, key], "--tls-ca")):
                refused = swarm.leecher("get", "a.bin", tracker, *flags)
                self.assertEqual(refused.returncode, 2, refused)
                self.assertIn(f"{missing} is missing", refused.stderr)
            absent = swarm.leecher("get", "a.bin", tracker, certificate, key, "--tls-ca=/none")
            self.assertEqual(absent.returncode, 2, absent)
            self.assertIn("/none", absent.stderr)


if __name__ == "__main__":
    unittest.main()
