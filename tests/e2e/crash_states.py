"""What a crash of a machine can leave of recorded changes to files.

Only what was synced before the crash is certain: a file's bytes, length and mode by a sync of the file, a name by a sync of its
folder, all of them by a sync of the file system. Of everything else any part may be missing, pages of one write included. A change of
a name implies the earlier changes of the same name and of the same file's names, as it does in every file system with a journal.
"""

import copy
import hashlib
import os
import pathlib
import random
import shutil
from dataclasses import dataclass, field

PAGE = 4096
WAYS = ("all", "synced", "names", "data", "some")


@dataclass
class Entry:
    """A file, folder or symbolic link, whatever names it has."""
    kind: str
    mode: int = 0o644
    bytes: bytearray = field(default_factory=bytearray)
    names: dict = field(default_factory=dict)  # of a folder: name -> number of an entry
    target: str = ""


@dataclass
class Step:
    """A change, with the paths resolved to entries."""
    kind: str  # "names", "data", "sync", "sync_all", "mark"
    entry: int = 0
    names: tuple = ()  # of a change of names: (folder, name, entry or None)...
    change: object = None


class Crashes:
    """The crash states of one recording of changes below `root`. `start`: what `root` held before it."""

    def __init__(self, root, start, changes):
        self.root = pathlib.Path(root).resolve()
        self.entries = copy.deepcopy(start)
        self.steps = []
        self._live = copy.deepcopy(self.entries)
        self._inodes = {}  # inode -> number of the entry
        for change in changes:
            self._take(change)

    def _find(self, path):
        """The number of the folder and the name, of an absolute path."""
        parts = pathlib.PurePath(path).relative_to(self.root).parts
        folder = 0
        for part in parts[:-1]:
            folder = self._live[folder].names[part]
        return folder, (parts[-1] if parts else None)

    def _at(self, path):
        folder, name = self._find(path)
        return 0 if name is None else self._live[folder].names.get(name)

    def _take(self, change):
        if change.kind == "mark":
            self.steps.append(Step("mark", change=change))
        elif change.kind == "sync_all":
            self.steps.append(Step("sync_all"))
        elif change.kind in ("file", "folder", "link"):
            number = len(self._live)
            entry = Entry(change.kind, change.length or 0o644, target=change.other)
            self._live[number] = entry
            self.entries[number] = copy.deepcopy(entry)
            self._inodes[change.inode] = number
            folder, name = self._find(change.path)
            self._rename((folder, name, number))
        elif change.kind == "remove":
            folder, name = self._find(change.path)
            self._rename((folder, name, None))
        elif change.kind == "rename":
            number = self._at(change.path)
            self._rename((*self._find(change.path), None), (*self._find(change.other), number))
        else:
            number = self._inodes.get(change.inode)
            if number is None:  # there before the recording
                number = self._inodes[change.inode] = self._at(change.path)
            self.steps.append(Step("sync" if change.kind == "sync" else "data", number, change=change))

    def _rename(self, *names):
        self.steps.append(Step("names", names=names))
        for folder, name, number in names:
            if number is None:
                self._live[folder].names.pop(name, None)  # a socket was never recorded
            else:
                self._live[folder].names[name] = number

    def _certain(self, end):
        """Of each of the first `end` steps, whether it is synced by another of them."""
        certain = [False] * end
        files, folders, everything = set(), set(), False
        for number in range(end - 1, -1, -1):
            step = self.steps[number]
            everything = everything or step.kind == "sync_all"
            if step.kind == "sync":
                files.add(step.entry)
                folders.add(step.entry)
            elif step.kind == "data":
                certain[number] = everything or step.entry in files
            elif step.kind == "names":
                certain[number] = everything or step.names[-1][0] in folders
        return certain

    def _with_earlier_names(self, end, kept):
        """`kept`: numbers of changes of names that were kept. Adds those that they imply."""
        implied, names, entries = set(), set(), set()
        for number in range(end - 1, -1, -1):
            step = self.steps[number]
            if step.kind != "names":
                continue
            its_names = {(folder, name) for folder, name, _ in step.names}
            its_entries = {entry for _, _, entry in step.names if entry is not None}
            if number in kept or its_names & names or its_entries & entries:
                implied.add(number)
                names |= its_names
                entries |= its_entries
        return implied

    def state(self, end, way, seed=0):
        """The entries after a crash after the first `end` steps. `way`: one of WAYS, what became of that which is not certain.

        all: it is there; synced: it is not; names: names only; data: data only; some: a part of it, chosen by `seed`.
        """
        source = random.Random(f"{seed} {end}")
        certain = self._certain(end)
        # Some crashes lose most, others little.
        chance = source.choice((0.15, 0.5, 0.85))
        kept_names = {number for number in range(end) if self.steps[number].kind == "names" and (
            certain[number] or way in ("all", "names") or (way == "some" and source.random() < chance))}
        kept_names = self._with_earlier_names(end, kept_names)
        entries = copy.deepcopy(self.entries)
        for number in range(end):
            step = self.steps[number]
            if number in kept_names:
                for folder, name, entry in step.names:
                    if entry is None:
                        entries[folder].names.pop(name, None)
                    else:
                        entries[folder].names[name] = entry
            elif step.kind == "data":
                if certain[number] or way in ("all", "data"):
                    apply(entries[step.entry], step.change, lambda: True)
                elif way == "some":
                    apply(entries[step.entry], step.change, lambda: source.random() < chance)
        return entries

    def marks(self, end):
        return [step.change.path for step in self.steps[:end] if step.kind == "mark"]

    def states(self, ends, seed, ways=WAYS):
        """Yields (end, way, entries), each state once."""
        seen = set()
        for end in ends:
            for way in ways:
                entries = self.state(end, way, seed)
                digest = (digest_of(entries), len(self.marks(end)))
                if digest not in seen:
                    seen.add(digest)
                    yield end, way, entries

    def some_ends(self, count, seed):
        """At most `count` moments: the last ones, in which a download gets its name, and others by chance."""
        last = len(self.steps)
        late = range(max(0, last - count // 2), last + 1)
        early = range(late[0])
        chosen = random.Random(seed).sample(early, min(len(early), count - len(late))) if count > len(late) else []
        return sorted(chosen) + list(late)


def apply(entry, change, keeps):
    """Applies a change of data, as far as `keeps` says so, which is asked for each page."""
    if change.kind == "length":
        if keeps():
            if change.length < len(entry.bytes):
                del entry.bytes[change.length:]
            else:
                entry.bytes.extend(bytes(change.length - len(entry.bytes)))
    elif change.kind == "mode":
        if keeps():
            entry.mode = change.length
    elif change.kind == "write":
        at = change.offset
        while at < change.offset + change.length:
            end = min((at // PAGE + 1) * PAGE, change.offset + change.length)
            if keeps():
                if len(entry.bytes) < end:
                    entry.bytes.extend(bytes(end - len(entry.bytes)))
                entry.bytes[at:end] = change.bytes[at - change.offset:end - change.offset]
            at = end


def digest_of(entries, number=0):
    """Of all that can be reached from a folder."""
    digest = hashlib.sha256()
    for name, child in sorted(entries[number].names.items()):
        entry = entries[child]
        digest.update(f"{name}\0{entry.kind}\0{entry.mode}\0{entry.target}\0{len(entry.bytes)}\0".encode())
        digest.update(bytes(entry.bytes) if entry.kind == "file" else digest_of(entries, child).encode())
    return digest.hexdigest()


def read_folder(path, entries=None):
    """The entries below a folder, which is number 0."""
    entries = {} if entries is None else entries
    number = len(entries)
    folder = entries[number] = Entry("folder", pathlib.Path(path).stat().st_mode & 0o7777)
    for child in sorted(pathlib.Path(path).iterdir()):
        folder.names[child.name] = len(entries)
        if child.is_symlink():
            entries[len(entries)] = Entry("link", target=os.readlink(child))
        elif child.is_dir():
            read_folder(child, entries)
        elif child.is_file():
            entries[len(entries)] = Entry("file", child.stat().st_mode & 0o7777, bytearray(child.read_bytes()))
        else:
            del folder.names[child.name]  # a socket
    return entries


def write_folder(entries, path, number=0):
    """Replaces what is below `path`."""
    path = pathlib.Path(path)
    path.mkdir(parents=True, exist_ok=True)
    if number == 0:
        for child in path.iterdir():
            shutil.rmtree(child) if child.is_dir() and not child.is_symlink() else child.unlink()
    for name, child in entries[number].names.items():
        entry = entries[child]
        if entry.kind == "folder":
            write_folder(entries, path / name, child)
        elif entry.kind == "link":
            (path / name).symlink_to(entry.target)
        else:
            (path / name).write_bytes(entry.bytes)
        if entry.kind != "link":
            (path / name).chmod(entry.mode)
