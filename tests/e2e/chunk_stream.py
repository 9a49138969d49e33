"""Frames of the chunk stream (docs/wire_format.md, "Chunk stream")."""

import os
import struct
import zlib

HELLO, REQUEST, REFUSE, MANIFEST_REQUEST, PING = 1, 3, 5, 6, 9


def frame(kind, body=b""):
    return struct.pack(">BBHIII", kind, 0, 0, len(body), 0, zlib.crc32(body)) + body


def field(tag, data):
    """A field of protobuf with a length."""
    length, size = len(data), b""
    while length > 127:
        size, length = size + bytes([length & 127 | 128]), length >> 7
    return bytes([tag]) + size + bytes([length]) + data


def hello(content, peer=None, tickets=b""):
    """Of a peer that holds nothing. `content`: its id, in hex. `peer`: its id; None: one at random."""
    ids = field(0x1A, bytes.fromhex(content)) + field(0x22, peer or os.urandom(16))
    return frame(HELLO, b"\x08\x01\x10\x01" + ids + (field(0x32, tickets) if tickets else b""))
