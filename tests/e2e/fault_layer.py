"""The library tests/support/fault_layer.c: builds it, and gives its rules to programs and reads its records."""

import errno
import hashlib
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass, field

from swarm import program

SOURCE = pathlib.Path(__file__).resolve().parent.parent / "support" / "fault_layer.c"
PT_INTERP = 3
ALWAYS = 1_000_000_000


def is_static(path):
    """Whether no library can be loaded before those of the program at `path` (ELF, 64 bits, this machine's order of bytes)."""
    with open(path, "rb") as file:
        head = file.read(64)
        offset, = struct.unpack_from("=Q", head, 32)
        size, count = struct.unpack_from("=HH", head, 54)
        file.seek(offset)
        segments = file.read(size * count)
    return all(struct.unpack_from("=I", segments, number * size)[0] != PT_INTERP for number in range(count))


def why_unavailable():
    """The reason why the layer can't be used with the programs, or None."""
    if shutil.which("cc") is None:
        return "there is no C compiler"
    if is_static(program("shoal-leecher")):
        return "the programs are static"
    return None


def library():
    """The path of the library, which is built when its source has changed."""
    source = SOURCE.read_bytes()
    path = pathlib.Path(tempfile.gettempdir(), f"shoal-fault-layer-{os.getuid()}-{hashlib.sha256(source).hexdigest()[:12]}.so")
    if not path.exists():
        fresh = path.with_suffix(f".{os.getpid()}")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", fresh, SOURCE, "-ldl"], check=True)
        fresh.rename(path)
    return path


class Layer:
    """The layer of one program, which may run several times. `environment` is what the program is started with."""

    def __init__(self, folder, *watched, trace=False, boot_id=None):
        """`folder`: for its files, outside of `watched`, the folders whose files are disturbed."""
        folder.mkdir(parents=True, exist_ok=True)
        self._control = folder / "rules"
        self.trace = folder / "trace"
        self.environment = {"LD_PRELOAD": str(library()), "SHOAL_FAULT_FOLDERS": ":".join(str(path.resolve()) for path in watched),
                            "SHOAL_FAULT_CONTROL": str(self._control)}
        if trace:
            self.environment["SHOAL_FAULT_TRACE"] = str(self.trace)
        if boot_id:
            self.environment["SHOAL_FAULT_BOOT_ID"] = boot_id

    def set(self, *rules):
        """Replaces all rules, at once; none: no faults."""
        fresh = self._control.with_suffix(".new")
        fresh.write_text("".join(f"{rule}\n" for rule in rules))
        fresh.rename(self._control)

    def mark(self, text):
        """Adds a record of kind `mark`. What the program did before it is before it, if the program has said so."""
        with open(self.trace, "ab", buffering=0) as file:
            file.write(f"0\tmark\t0\t0\t0\t{text}\t\t0\n".encode())


def fail(kind, error, chance=1000, most=ALWAYS):
    """A rule. `error`: such as "EIO"; `chance`: of 1000."""
    return f"fail {kind} {getattr(errno, error)} {chance} {most}"


@dataclass
class Change:
    kind: str
    inode: int
    offset: int
    length: int
    path: str
    other: str
    bytes: bytes = field(repr=False)


def read_trace(path):
    """The changes in their order."""
    changes = []
    everything = pathlib.Path(path).read_bytes()
    at = 0
    while at < len(everything):
        end = everything.index(b"\n", at)
        _, kind, inode, offset, length, name, other, size = everything[at:end].decode().split("\t")
        at = end + 1 + int(size)
        changes.append(Change(kind, int(inode), int(offset), int(length), name, other, everything[end + 1:at]))
    return changes
