"""Frames of the chunk stream (docs/wire_format.md, "Chunk stream")."""

import os
import struct
import zlib

HELLO, PING = 1, 9


def frame(kind, body=b""):
    return struct.pack(">BBHIII", kind, 0, 0, len(body), 0, zlib.crc32(body)) + body


def hello(content):
    """Of a peer that holds nothing. `content`: its id, in hex."""
    return frame(HELLO, b"\x08\x01\x10\x01\x1a\x20" + bytes.fromhex(content) + b"\x22\x10" + os.urandom(16))
