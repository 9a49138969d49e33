#!/usr/bin/env python3
"""Peers that mean no good to a real seeder: what they do, and that an honest fetch goes on."""

import contextlib
import socket
import threading
import unittest

from chunk_stream import PING, frame, hello
from swarm import MEBIBYTE, Swarm, random_bytes, sha256


class Crowd(contextlib.AbstractContextManager):
    """Connections to a port which each send `first`, and then `again` once a second. Those that are ended come back."""

    def __init__(self, port, count, first, again):
        self.address, self.first, self.again = ("127.0.0.1", port), first, again
        self.over = threading.Event()
        self.connections = [self.connect() for _ in range(count)]
        self.thread = threading.Thread(target=self.keep_up)
        self.thread.start()

    def connect(self):
        connection = socket.create_connection(self.address)
        connection.sendall(self.first)
        connection.setblocking(False)
        return connection

    def keep_up(self):
        while not self.over.wait(1):
            for number, connection in enumerate(self.connections):
                try:
                    connection.sendall(self.again)
                    while connection.recv(65536):
                        pass
                    raise ConnectionResetError
                except BlockingIOError:
                    pass
                except OSError:
                    connection.close()
                    with contextlib.suppress(OSError):
                        self.connections[number] = self.connect()

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        for connection in self.connections:
            connection.close()


class HostilePeersTest(unittest.TestCase):
    def check(self, count, make_first, again):
        with Swarm() as swarm:
            shared = swarm.share("shared", {"model.bin": random_bytes(8 * MEBIBYTE, 1)})
            seeder = swarm.start_seeder(shared)
            content = seeder.expect(r": published name=model\.bin id=(\w+)").group(1)
            with Crowd(seeder.port, count, make_first(content), again):
                finished = swarm.fetch("model.bin", "copy").finish()
            self.assertTrue(finished["ok"], finished)
            self.assertEqual(sha256(swarm.root / "copy" / "model.bin"), sha256(shared / "model.bin"))

    def test_connections_that_only_ping(self):
        self.check(300, hello, frame(PING))

    def test_connections_that_never_say_hello(self):
        self.check(600, lambda content: b"\x01", b"\x00")


if __name__ == "__main__":
    unittest.main(verbosity=2)
