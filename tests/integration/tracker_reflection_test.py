#!/usr/bin/python3
"""Drives the real shoal-tracker with a client in another language that has none of our proto files.

All it is given is the binary. Services, messages and fields are learned over server reflection, as grpcurl does; where
grpcurl is at hand (on PATH or named by $GRPCURL) it is driven as well.

Usage: tracker_reflection_test.py SHOAL_TRACKER
"""

import base64
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

BINARY = None
SERVICE = "shoal.tracker.v1.TrackerService"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
TIMEOUT = 20

CONTENT = bytes(range(32))
SECRETS = {}  # by peer id


def peer_of(secret):
    peer = hashlib.sha256(b"shoal peer id v1\n" + secret).digest()[:16]
    SECRETS[peer] = secret
    return peer


PEER_A = peer_of(b"a" * 32)
PEER_B = peer_of(b"b" * 32)
CHUNK_SIZE = 512 * 1024
ALL_CHUNKS = b"\x01"  # docs/wire_format.md, "Chunk set": the full set


def reflection_pool():
    """The two messages of the reflection protocol that are needed, made by hand."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="reflection.proto", package="grpc.reflection.v1alpha", syntax="proto3")

    def message(name, fields):
        made = file.message_type.add(name=name)
        for number, (field_name, kind, type_name, repeated) in fields.items():
            made.field.add(
                name=field_name,
                number=number,
                type=kind,
                type_name=type_name and ".grpc.reflection.v1alpha." + type_name,
                label=field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL,
            )

    message(
        "ServerReflectionRequest",
        {
            4: ("file_containing_symbol", field.TYPE_STRING, None, False),
            3: ("file_by_filename", field.TYPE_STRING, None, False),
            7: ("list_services", field.TYPE_STRING, None, False),
        },
    )
    message("FileDescriptorResponse", {1: ("file_descriptor_proto", field.TYPE_BYTES, None, True)})
    message("ServiceResponse", {1: ("name", field.TYPE_STRING, None, False)})
    message("ListServiceResponse", {1: ("service", field.TYPE_MESSAGE, "ServiceResponse", True)})
    message(
        "ErrorResponse",
        {1: ("error_code", field.TYPE_INT32, None, False), 2: ("error_message", field.TYPE_STRING, None, False)},
    )
    message(
        "ServerReflectionResponse",
        {
            4: ("file_descriptor_response", field.TYPE_MESSAGE, "FileDescriptorResponse", False),
            6: ("list_services_response", field.TYPE_MESSAGE, "ListServiceResponse", False),
            7: ("error_response", field.TYPE_MESSAGE, "ErrorResponse", False),
        },
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


class ReflectedClient:
    """Calls any method of a server by name, with and to plain dictionaries of fields."""

    def __init__(self, channel):
        self.channel = channel
        self.files = {}
        self.pool = descriptor_pool.DescriptorPool()
        self.factory = message_factory.MessageFactory(self.pool)
        own = reflection_pool()
        own_factory = message_factory.MessageFactory(own)
        prototype = lambda name: own_factory.GetPrototype(own.FindMessageTypeByName("grpc.reflection.v1alpha." + name))
        self.request_class = prototype("ServerReflectionRequest")
        self.ask = channel.stream_stream(
            REFLECTION,
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=prototype("ServerReflectionResponse").FromString,
        )

    def reflect(self, **question):
        response = next(self.ask(iter([self.request_class(**question)]), timeout=TIMEOUT))
        if response.error_response.error_message:
            raise LookupError(f"{question}: {response.error_response.error_message}")
        return response

    def services(self):
        return sorted(s.name for s in self.reflect(list_services="*").list_services_response.service)

    def learn(self, **question):
        for raw in self.reflect(**question).file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(raw)
            if file.name in self.files:
                continue
            self.files[file.name] = file
            for dependency in file.dependency:
                if dependency not in self.files:
                    self.learn(file_by_filename=dependency)
            self.pool.Add(file)

    def method(self, service, name):
        try:
            described = self.pool.FindServiceByName(service)
        except KeyError:
            self.learn(file_containing_symbol=service)
            described = self.pool.FindServiceByName(service)
        return described.methods_by_name[name]

    def prepare(self, service, name, fields):
        method = self.method(service, name)
        request = self.factory.GetPrototype(method.input_type)(**fields)
        response_class = self.factory.GetPrototype(method.output_type)
        return f"/{service}/{name}", request, response_class

    def call(self, service, name, /, **fields):
        path, request, response_class = self.prepare(service, name, fields)
        unary = self.channel.unary_unary(
            path, request_serializer=lambda r: r.SerializeToString(), response_deserializer=response_class.FromString
        )
        return unary(request, timeout=TIMEOUT, wait_for_ready=True)

    def stream(self, service, name, /, **fields):
        path, request, response_class = self.prepare(service, name, fields)
        stream = self.channel.unary_stream(
            path, request_serializer=lambda r: r.SerializeToString(), response_deserializer=response_class.FromString
        )
        return stream(request, timeout=TIMEOUT)


class Tracker:
    """A shoal-tracker on ports of the system's choice."""

    def __init__(self, *flags):
        self.process = subprocess.Popen(
            [BINARY, "--grpc=127.0.0.1:0", "--udp=127.0.0.1:0", "--http=127.0.0.1:0", "--trust-addresses", *flags],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ports = {}
        while len(self.ports) < 3:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError(f"shoal-tracker ended with {self.process.wait()} before it listened")
            found = re.search(r"(grpc|udp|http)://127\.0\.0\.1:(\d+)", line)
            if found:
                self.ports[found.group(1)] = int(found.group(2))
        self.address = f"127.0.0.1:{self.ports['grpc']}"

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def registration(peer, chunks=ALL_CHUNKS, **changes):
    fields = {
        "peer_id": peer,
        "peer_secret": SECRETS.get(peer, b""),
        "endpoint": {"port": 7001},
        "content": {
            "content_id": CONTENT,
            "name": "model.bin",
            "length_bytes": 4 * CHUNK_SIZE - 7,
            "chunk_size_bytes": CHUNK_SIZE,
            "chunk_count": 4,
            "file_count": 1,
        },
        "held": {"encoded": chunks, "size": 4},
        "free_slots": 3,
        "max_peers": 10,
    }
    fields.update(changes)
    return fields


class TrackerReflectionTest(unittest.TestCase):
    def setUp(self):
        self.tracker = Tracker("--lease=60s")
        self.addCleanup(self.tracker.close)
        channel = grpc.insecure_channel(self.tracker.address)
        self.addCleanup(channel.close)
        self.client = ReflectedClient(channel)

    def call(self, name, /, **fields):
        return self.client.call(SERVICE, name, **fields)

    def assert_error(self, code, words, name, /, **fields):
        with self.assertRaises(grpc.RpcError) as caught:
            self.call(name, **fields)
        self.assertEqual(caught.exception.code(), code)
        self.assertIn(words, caught.exception.details())

    def test_lists_its_services(self):
        services = self.client.services()
        for service in (SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"):
            self.assertIn(service, services)

    def test_every_unary_call(self):
        registered = self.call("Register", **registration(PEER_A))
        self.assertNotEqual(registered.lease_id, 0)
        self.assertEqual(registered.ttl.seconds, 60)
        self.assertEqual(registered.heartbeat_interval.seconds, 20)
        self.assertEqual(len(registered.peers), 0)
        again = self.call("Register", **registration(PEER_A))
        self.assertEqual(again.lease_id, registered.lease_id)

        # A leecher with no chunk yet learns of the seeder, and of the seeder alone.
        leecher = self.call("Register", **registration(PEER_B, chunks=b"\x00", endpoint={"ip": "192.0.2.9", "port": 9}))
        self.assertEqual([peer.peer_hex for peer in leecher.peers], [PEER_A.hex()])
        self.assertEqual(leecher.peers[0].endpoint.ip, "127.0.0.1")  # where the call came from
        self.assertTrue(leecher.peers[0].complete)

        beat = self.call(
            "Heartbeat",
            peer_id=PEER_B,
            peer_secret=SECRETS[PEER_B],
            leases=[
                {"lease_id": leecher.lease_id, "gained": [{"first": 0, "count": 2}, {"first": 3, "count": 1}], "received_bytes": 9},
                {"lease_id": 12345},
            ],
        )
        self.assertEqual([(d.kind, d.lease_id) for d in beat.directives], [(1, 12345)])  # register again

        found = self.call("Lookup", name="model.bin", exclude_peer_id=PEER_A)
        self.assertEqual(found.contents[0].summary.content_hex, CONTENT.hex())
        self.assertEqual((found.contents[0].seeders, found.contents[0].leechers), (1, 1))
        self.assertEqual([(p.peer_id, p.chunks_held) for p in found.peers], [(PEER_B, 3)])
        self.assertEqual(self.call("Lookup", content_hex=CONTENT.hex()).contents, found.contents)
        self.assertEqual(self.call("Lookup", content_id=CONTENT).contents, found.contents)

        listed = self.call("ListContents", name_contains="model")
        self.assertEqual([content.summary.name for content in listed.contents], ["model.bin"])
        self.assertEqual(len(self.call("ListContents", name_contains="nothing").contents), 0)

        swarm = self.call("GetSwarm", name="model.bin")
        held = {peer.peer.peer_id: peer.held.ranges for peer in swarm.peers}
        self.assertEqual(held, {PEER_A: "0-3", PEER_B: "0-1,3"})
        self.assertEqual({p.received_bytes for p in swarm.peers}, {0, 9})

        self.assertEqual(self.call("Leave", peer_id=PEER_B, peer_secret=SECRETS[PEER_B]).ended, 1)
        self.assertEqual(self.call("Leave", peer_id=PEER_B, peer_secret=SECRETS[PEER_B]).ended, 0)
        self.assertEqual(len(self.call("Lookup", name="model.bin").peers), 1)

    def test_errors_say_what_is_wrong(self):
        code = grpc.StatusCode
        self.assert_error(code.INVALID_ARGUMENT, "peer_secret: is missing", "Leave", peer_id=PEER_A)
        self.assert_error(code.NOT_FOUND, "nothing.bin", "Lookup", name="nothing.bin")
        self.assert_error(code.NOT_FOUND, CONTENT.hex(), "Lookup", content_id=CONTENT)
        self.assert_error(code.NOT_FOUND, "nothing.bin", "GetSwarm", name="nothing.bin")
        self.assert_error(code.INVALID_ARGUMENT, "content_id", "Lookup", content_id=b"short")
        self.assert_error(code.INVALID_ARGUMENT, "content_hex", "Lookup", content_hex="xyz")
        self.assert_error(code.INVALID_ARGUMENT, "peer_id", "Register", **registration(b"short"))
        self.assert_error(code.INVALID_ARGUMENT, "port", "Register", **registration(PEER_A, endpoint={"port": 0}))
        self.assert_error(
            code.INVALID_ARGUMENT, "ip", "Register", **registration(PEER_A, endpoint={"ip": "0.0.0.0", "port": 1})
        )
        self.assert_error(code.INVALID_ARGUMENT, "page_token", "ListContents", page_token="made up")
        lease = self.call("Register", **registration(PEER_A, chunks=b"\x00")).lease_id
        past_the_end = [{"lease_id": lease, "gained": [{"first": 3, "count": 2}]}]
        self.assert_error(code.INVALID_ARGUMENT, "gained", "Heartbeat", peer_id=PEER_A, peer_secret=SECRETS[PEER_A], leases=past_the_end)
        lie = dict(registration(PEER_B)["content"], name="another.bin")
        self.assert_error(code.ALREADY_EXISTS, "is known with another name, length", "Register", **registration(PEER_B, content=lie))

    def test_watch(self):
        self.call("Register", **registration(PEER_A))
        events = self.client.stream(SERVICE, "Watch", content_hex=CONTENT.hex())
        self.assertEqual(next(events).peer.peer_id, PEER_A)
        self.call("Register", **registration(PEER_B))
        self.assertEqual(next(events).peer.peer_id, PEER_B)
        self.call("Leave", peer_id=PEER_A, peer_secret=SECRETS[PEER_A])
        self.assertEqual(next(events).left_peer_id, PEER_A)
        events.cancel()

    def test_health(self):
        serving = self.client.call("grpc.health.v1.Health", "Check")
        self.assertEqual(serving.status, 1)
        self.assertEqual(self.client.call("grpc.health.v1.Health", "Check", service=SERVICE).status, 1)
        check = subprocess.run([BINARY, f"--health-check={self.tracker.address}"], stdout=subprocess.PIPE, timeout=TIMEOUT)
        self.assertEqual(check.returncode, 0)

    def test_a_restarted_tracker_asks_for_registration(self):
        lease = self.call("Register", **registration(PEER_A)).lease_id
        restarted = Tracker()
        self.addCleanup(restarted.close)
        with grpc.insecure_channel(restarted.address) as channel:
            beat = ReflectedClient(channel).call(SERVICE, "Heartbeat", peer_id=PEER_A, peer_secret=SECRETS[PEER_A], leases=[{"lease_id": lease}])
        self.assertEqual([(d.kind, d.lease_id) for d in beat.directives], [(1, lease)])

    def test_sigterm_drains(self):
        events = self.client.stream(SERVICE, "Watch", content_hex=CONTENT.hex())
        self.call("Register", **registration(PEER_A))
        self.assertEqual(next(events).peer.peer_id, PEER_A)
        began = time.monotonic()
        self.tracker.process.send_signal(signal.SIGTERM)
        with self.assertRaises(grpc.RpcError) as caught:
            next(events)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(self.tracker.process.wait(timeout=TIMEOUT), 0)
        self.assertLess(time.monotonic() - began, 5)  # what supervisors are promised
        check = subprocess.run(
            [BINARY, f"--health-check={self.tracker.address}"], stderr=subprocess.PIPE, timeout=TIMEOUT
        )
        self.assertEqual(check.returncode, 1)

    def test_an_address_in_use_is_an_error(self):
        second = subprocess.run(
            [BINARY, f"--grpc={self.tracker.address}", "--udp=none", "--http=none"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=TIMEOUT,
        )
        self.assertEqual(second.returncode, 1)
        self.assertIn(self.tracker.address, second.stderr)
        self.assertIn("in use", second.stderr)


GRPCURL = os.environ.get("GRPCURL") or shutil.which("grpcurl")


@unittest.skipUnless(GRPCURL, "grpcurl is neither on PATH nor named by $GRPCURL")
class GrpcurlTest(unittest.TestCase):
    def setUp(self):
        self.tracker = Tracker()
        self.addCleanup(self.tracker.close)

    def grpcurl(self, *words, data=None):
        flags = ["-plaintext", *(["-d", json.dumps(data)] if data is not None else [])]
        command = [GRPCURL, *flags, self.tracker.address, *words]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_list_describe_and_call(self):
        self.assertIn(SERVICE, self.grpcurl("list").split())
        self.assertIn(SERVICE + ".Register", self.grpcurl("list", SERVICE).split())
        self.assertIn("rpc Watch", self.grpcurl("describe", SERVICE))
        fields = registration(PEER_A)
        me = {key: base64.b64encode(fields[key]).decode() for key in ("peer_id", "peer_secret")}
        fields.update(me)
        fields["content"]["content_id"] = base64.b64encode(CONTENT).decode()
        fields["held"]["encoded"] = base64.b64encode(ALL_CHUNKS).decode()
        registered = json.loads(self.grpcurl(SERVICE + "/Register", data=fields))
        self.assertEqual(registered["ttl"], "30s")
        swarm = json.loads(self.grpcurl(SERVICE + "/GetSwarm", data={"content_hex": CONTENT.hex()}))
        self.assertIn(CONTENT.hex(), json.dumps(swarm))
        self.assertIn(PEER_A.hex(), json.dumps(swarm))
        for call, data in {
            "Lookup": {"name": "model.bin"},
            "ListContents": {},
            "Heartbeat": me,
            "Leave": me,
        }.items():
            self.grpcurl(f"{SERVICE}/{call}", data=data)
        self.assertIn("SERVING", self.grpcurl("grpc.health.v1.Health/Check"))
        self.assertIn("Idempotent", self.grpcurl("describe", SERVICE))


if __name__ == "__main__":
    BINARY = sys.argv.pop(1)
    unittest.main()
