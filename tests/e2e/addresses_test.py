#!/usr/bin/env python3
"""Peers find each other across machines, however they name themselves and the tracker."""

import json
import os
import pathlib
import shutil
import tempfile
import unittest

import machines
from swarm import MEBIBYTE, program, random_bytes, sha256

SERVER = "tracker.example"
CLIENT = "client.example"
CONTENT = "model.bin"


@unittest.skipIf(machines.why_unavailable(), machines.why_unavailable())
class AddressesTest(unittest.TestCase):
    def setUp(self):
        self.programs = pathlib.Path(tempfile.mkdtemp(prefix="shoal-programs-"))
        self.addCleanup(shutil.rmtree, self.programs)
        for name in ("shoal-tracker", "shoal-seeder", "shoal-leecher"):
            os.symlink(program(name), self.programs / name)
        try:
            both = machines.Machines((SERVER, CLIENT), self.programs)
        except RuntimeError as error:
            self.skipTest(f"no network namespace can be made here: {error}")
        self.addCleanup(both.__exit__)
        self.server, self.client = both[SERVER], both[CLIENT]
        share = self.server.root / "srv" / "models"
        share.mkdir()
        (share / CONTENT).write_bytes(random_bytes(MEBIBYTE + 3, seed=1))
        self.wanted = sha256(share / CONTENT)

    def start_tracker(self, flags=""):
        """On a gRPC port that is not the usual one."""
        self.server.say(f"shoal-tracker --grpc=0.0.0.0:50077 --udp=0.0.0.0:6969 --http=none {flags} &")
        self.server.expect(lambda line: "listening on udp" in line)

    def start_seeder(self, tracker, flags=""):
        self.server.say(f"shoal-seeder --tracker={tracker} --share=/srv/models --state=$HOME/state {flags} &")
        self.server.expect(lambda line: "ready" in line and "trackers_told=1" in line)

    def assert_fetched(self, tracker):
        copy = self.client.root / "home" / CONTENT
        code, output = self.client.run(f"shoal-leecher get {CONTENT} --tracker={tracker} --wait=30s")
        self.assertEqual(code, 0, output)
        self.assertEqual(sha256(copy), self.wanted)
        copy.unlink()

    def test_a_seeder_that_knows_the_tracker_as_localhost(self):
        self.start_tracker()
        self.start_seeder("localhost:50077")
        for tracker in (f"{SERVER}:50077", f"udp://{SERVER}:6969"):
            with self.subTest(tracker):
                self.assert_fetched(tracker)

    def test_a_seeder_that_registers_over_datagrams_to_localhost(self):
        self.start_tracker()
        self.start_seeder("udp://localhost:6969")
        self.assert_fetched(f"udp://{SERVER}:6969")

    def test_a_client_of_another_network_of_the_server(self):
        self.server.run("ip addr add 10.98.0.1/24 dev eth0")
        self.client.run(f"ip addr del {self.client.address}/24 dev eth0; ip addr add 10.98.0.2/24 dev eth0")
        self.start_tracker()
        # By an address that the client has no route to.
        self.start_seeder(f"{self.server.address}:50077")
        for tracker in ("10.98.0.1:50077", "udp://10.98.0.1:6969"):
            with self.subTest(tracker):
                self.assert_fetched(tracker)

    def test_a_client_of_the_other_address_family(self):
        for machine, address in ((self.server, "fd00:97::1"), (self.client, "fd00:97::2")):
            code, output = machine.run(f"ip addr add {address}/64 dev eth0 nodad")
            if code != 0:
                self.skipTest(f"no IPv6 here: {output}")
        self.start_tracker()
        self.start_seeder("127.0.0.1:50077")
        for tracker in ("[fd00:97::1]:50077", "udp://[fd00:97::1]:6969"):
            with self.subTest(tracker):
                self.assert_fetched(tracker)

    def test_a_list_over_datagrams_asks_the_tracker_that_was_named(self):
        self.start_tracker()
        self.start_seeder("localhost:50077")
        code, output = self.client.run(f"shoal-leecher list --tracker=udp://{SERVER}:6969 --json")
        self.assertEqual(code, 0, output)
        self.assertIn(CONTENT, output)
        code, output = self.client.run(f"shoal-leecher info {CONTENT} --tracker=udp://{SERVER}:6969")
        self.assertEqual(code, 0, output)
        self.assertIn(self.server.address, output)

    def test_a_seeder_that_no_other_machine_can_reach_says_so(self):
        self.start_tracker()
        self.server.say("shoal-seeder --tracker=localhost:50077 --share=/srv/models --state=$HOME/state "
                        "--listen=127.0.0.1:0 --log-format=json &")
        line, _ = self.server.expect(lambda line: "may not reach this seeder" in line)
        self.assertIn("--listen=0.0.0.0", json.loads(line)["why"])

    def test_a_mapped_port_is_advertised(self):
        self.start_tracker()
        # What a router in front of the server does.
        code, output = self.server.run("iptables -t nat -A PREROUTING -p tcp --dport 17001 -j REDIRECT --to-ports 7001")
        if code != 0:
            self.skipTest(f"no port can be mapped here: {output}")
        self.start_seeder("localhost:50077", f"--listen=0.0.0.0:7001 --advertise={self.server.address}:17001")
        self.assert_fetched(f"{SERVER}:50077")
        code, output = self.client.run(f"shoal-leecher info {CONTENT} --tracker={SERVER}:50077")
        self.assertEqual(code, 0, output)
        self.assertIn(f"{self.server.address}:17001", output)

    def test_a_name_of_the_clients_own_that_is_known_later(self):
        self.start_tracker()
        self.start_seeder("localhost:50077")
        get = f"shoal-leecher get {CONTENT} --tracker={SERVER}:50077 --listen=0.0.0.0:0 --advertise=late.example"
        code, output = self.client.run(f"{get} --wait=0")
        self.assertEqual(code, 1, output)
        self.assertIn("cannot resolve 'late.example'", output)
        self.client.say(f"{get} --wait=forever; echo it ended with $?")
        self.client.expect(lambda line: line.startswith("waiting because") and "late.example" in line)
        with open(self.client.hosts, "a", encoding="utf-8") as hosts:
            hosts.write(f"{self.client.address} late.example\n")
        self.client.expect(lambda line: line == "it ended with 0")
        self.assertEqual(sha256(self.client.root / "home" / CONTENT), self.wanted)

    def test_a_strangers_address_is_not_handed_out(self):
        self.start_tracker()
        victim = f"{self.client.address}:7001"
        self.server.say(f"shoal-seeder --tracker={self.server.address}:50077 --share=/srv/models --state=$HOME/state "
                        f"--listen=0.0.0.0:7001 --advertise={self.client.address} &")
        self.server.expect(lambda line: "does not answer this tracker" in line and victim in line)
        self.assert_fetched(f"{SERVER}:50077")
        code, output = self.client.run(f"shoal-leecher info {CONTENT} --tracker={SERVER}:50077")
        self.assertEqual(code, 0, output)
        self.assertIn(f"{self.server.address}:7001", output)
        self.assertNotIn(victim, output)


if __name__ == "__main__":
    unittest.main()
