"""A shared folder whose files are changed at random while leechers fetch them by name.

The operations are those of programs that don't know that the folder is shared. Each version that an entry had while no
program had it open for writing is remembered: what a leecher brings must be one of these.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import threading
import time

FILES = [f"file-{number}.bin" for number in range(6)]
TREES = ["tree-0", "tree-1"]
CHUNK = 16 * 1024
RESOLVES_WITHIN = 10  # seconds after the last operation

# What a `get` may end with while the folder changes, by exit code.
TRUE_CAUSES = {3, 5}
# Nothing in this test is a cause for these: the seeder is there and idle, and so are the tracker and the disk.
FALSE_CAUSES = r"contents have th|busy|can't be reached|does not answer|wrong bytes|disk|permission"


def digest_of(path):
    """Of a file's bytes, or of all files of a folder; None when there is nothing."""
    path = pathlib.Path(path)
    digest = hashlib.sha256()
    if path.is_file():
        digest.update(path.read_bytes())
    elif path.is_dir():
        files = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
        if not files:
            return None
        for file in files:
            content = (path / file).read_bytes()
            digest.update(f"{file}\0{len(content)}\0".encode())
            digest.update(content)
    else:
        return None
    return digest.hexdigest()


class ChangingFolder:
    """The folder, the operations on it, and the versions that its entries had. `operate` belongs to one thread."""

    def __init__(self, folder, seed, pause):
        """`pause`: the longest time in seconds that a slow writer pauses, with the file open."""
        self.folder = pathlib.Path(folder)
        self.random = random.Random(seed)
        self.pause = pause
        self.counts = {}
        self.entries = FILES + TREES
        self._lock = threading.Lock()
        self._versions = {entry: set() for entry in self.entries}
        self._aside = 0

    def had_version(self, entry, digest):
        with self._lock:
            return digest in self._versions[entry]

    def operate(self):
        """One random operation. Returns its name."""
        operations = [self.create, self.append_slowly, self.rename_over, self.delete, self.truncate, self.touch_back,
                      self.chmod, self.link, self.rename_away]
        operation = self.random.choice(operations)
        path = self._any_path()
        operation(path)
        self.counts[operation.__name__] = self.counts.get(operation.__name__, 0) + 1
        return f"{operation.__name__} {path.relative_to(self.folder)}"

    # --- the operations

    def create(self, path):
        """Writes a file in place, in several steps."""
        with self._open_for_writing(path, "wb") as file:
            for _ in range(self.random.randint(1, 3)):
                file.write(self._bytes())
                file.flush()

    def append_slowly(self, path):
        with self._open_for_writing(path, "ab") as file:
            for _ in range(self.random.randint(1, 3)):
                file.write(self._bytes())
                file.flush()
                time.sleep(self.random.uniform(0, self.pause))

    def rename_over(self, path):
        self._put(path, self._bytes())

    def delete(self, path):
        entry = self._entry_of(path)
        target = self.folder / entry if self.random.random() < 0.3 else path
        if target.is_dir():
            # All at once, as seen by others.
            os.rename(target, self._hidden())
        else:
            target.unlink(missing_ok=True)
        self._note()

    def truncate(self, path):
        if not path.exists():
            return self._put(path, self._bytes())
        length = self.random.randint(0, path.stat().st_size)
        self._note_alike(path, path.read_bytes()[:length])
        os.truncate(path, length)
        return self._note()

    def touch_back(self, path):
        """Overwrites bytes in place and restores the modification time."""
        if not path.exists():
            return self._put(path, self._bytes())
        before = path.stat()
        with self._open_for_writing(path, "r+b") as file:
            if before.st_size > 0:
                file.seek(self.random.randrange(before.st_size))
                file.write(self.random.randbytes(1))
            file.flush()
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        return None

    def chmod(self, path):
        if path.exists():
            path.chmod(0o755 if path.stat().st_mode & 0o100 == 0 else 0o644)

    def link(self, path):
        """A second name for a file: hidden, or in place of another file."""
        if not path.exists():
            self._put(path, self._bytes())
        other = self._any_path()
        hidden = self._hidden()
        os.link(path, hidden)
        if self.random.random() < 0.5 and other != path and not other.exists():
            other.parent.mkdir(exist_ok=True)
            self._note_at(other, path.read_bytes())
            os.rename(hidden, other)
        self._note()

    def rename_away(self, path):
        """Gives an entry another one's name, when that is free."""
        other = self._any_path()
        if path.exists() and not other.exists():
            other.parent.mkdir(exist_ok=True)
            self._note_at(other, path.read_bytes())
            self._note_without(path)
            os.rename(path, other)
        self._note()

    # --- what they are made of

    def _any_path(self):
        entry = self.random.choice(self.entries)
        return self.folder / entry / f"part-{self.random.randrange(3)}" if entry in TREES else self.folder / entry

    def _entry_of(self, path):
        return path.relative_to(self.folder).parts[0]

    def _hidden(self):
        self._aside += 1
        return self.folder / f".aside-{self._aside}"

    def _bytes(self):
        return self.random.randbytes(self.random.choice([0, 1, CHUNK, 3 * CHUNK + 7, 40 * CHUNK]))

    def _put(self, path, content):
        hidden = self._hidden()
        hidden.write_bytes(content)
        self._note_at(path, content)
        if path.parent != self.folder:
            path.parent.mkdir(exist_ok=True)
        os.rename(hidden, path)
        self._note()

    @contextlib.contextmanager
    def _open_for_writing(self, path, mode):
        if path.parent != self.folder:
            path.parent.mkdir(exist_ok=True)
        with open(path, mode) as file:
            yield file
            file.flush()
            # While it is open nothing of it may be published, and from its closing on this may.
            self._note()

    def _note(self):
        for entry in self.entries:
            self._remember(entry, digest_of(self.folder / entry))

    def _remember(self, entry, digest):
        with self._lock:
            self._versions[entry].add(digest)

    def _note_at(self, path, content):
        """Remembers what the entry becomes when `path` gets this content."""
        self._note_changed(path, lambda copy: copy.write_bytes(content))

    def _note_without(self, path):
        self._note_changed(path, lambda copy: copy.unlink())

    def _note_alike(self, path, content):
        """The same for every name of the file at `path`."""
        inode = path.stat().st_ino
        for other in [self.folder / name for name in FILES] + [self.folder / tree / f"part-{part}" for tree in TREES for part in range(3)]:
            if other.exists() and other.stat().st_ino == inode:
                self._note_at(other, content)

    def _note_changed(self, path, change):
        entry = self._entry_of(path)
        copies = self.folder.parent / "expected"
        shutil.rmtree(copies, ignore_errors=True)
        copies.mkdir()
        if (self.folder / entry).is_dir():
            shutil.copytree(self.folder / entry, copies / entry)
        elif (self.folder / entry).exists():
            shutil.copy(self.folder / entry, copies / entry)
        copy = copies / path.relative_to(self.folder)
        copy.parent.mkdir(exist_ok=True)
        change(copy)
        self._remember(entry, digest_of(copies / entry))


class Fetching(threading.Thread):
    """Fetches entries by name in a loop. `wrong` has what must not have happened."""

    def __init__(self, swarm, changing, number, wait):
        super().__init__()
        self.swarm = swarm
        self.changing = changing
        self.output = swarm.folder(f"leecher-{number}")
        self.random = random.Random(number)
        self.wait = wait
        self.over = threading.Event()
        self.wrong = []
        self.brought = 0
        self.failed = {}

    def run(self):
        while not self.over.is_set():
            self.fetch(self.random.choice(self.changing.entries))

    def fetch(self, entry):
        shutil.rmtree(self.output, ignore_errors=True)
        self.output.mkdir()
        result = self.swarm.leecher("get", entry, f"--tracker={self.swarm.tracker_url}", f"--output={self.output}",
                                    "--listen=127.0.0.1:0", "--advertise=127.0.0.1", "--seed=no", f"--wait={self.wait}", "--quiet")
        digest = digest_of(self.output / entry)
        said = (result.stdout + result.stderr).strip()
        if digest is not None and not self.changing.had_version(entry, digest):
            self.wrong.append(f"{entry} never had the bytes that came (exit code {result.returncode}): {said}")
        if result.returncode == 0:
            self.brought += 1
            if digest is None:
                self.wrong.append(f"{entry} did not come, with exit code 0: {said}")
            return
        self.failed[result.returncode] = self.failed.get(result.returncode, 0) + 1
        causes = said.replace("(wrong bytes, refused or lost)", "")  # of the sum of all that was fetched twice
        if result.returncode not in TRUE_CAUSES or re.search(FALSE_CAUSES, causes):
            self.wrong.append(f"exit code {result.returncode} for {entry}: {said}")


def disagreements(swarm, folder, entries, output):
    """What the names resolve to and is not what lies in the folder."""
    found = []
    for entry in entries:
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir()
        expected = digest_of(folder / entry)
        result = swarm.leecher("get", entry, f"--tracker={swarm.tracker_url}", f"--output={output}", "--listen=127.0.0.1:0",
                               "--advertise=127.0.0.1", "--seed=no", "--wait=0s" if expected is None else "--wait=2s", "--quiet")
        said = (result.stdout + result.stderr).strip()
        if expected is None and result.returncode != 3:
            found.append(f"{entry} is gone, but get ended with {result.returncode}: {said}")
        elif expected is not None and digest_of(output / entry) != expected:
            found.append(f"{entry} is not what lies in the folder, exit code {result.returncode}: {said}")
    return found


def change_while_fetching(swarm, operations, seed, leechers=3, pause=0.5, wait="5s", settle="200ms", rescan="1m", rest=0.05):
    """Runs everything. Returns a dictionary of figures; raises AssertionError with all that was wrong."""
    folder = swarm.folder("shared")
    changing = ChangingFolder(folder, seed, pause)
    for entry in changing.entries:
        changing.rename_over(folder / entry / "part-0" if entry in TREES else folder / entry)
    seeder = swarm.start_seeder(folder, f"--settle={settle}", f"--rescan={rescan}")
    fetching = [Fetching(swarm, changing, number, wait) for number in range(leechers)]
    for thread in fetching:
        thread.start()
    log = []
    try:
        for _ in range(operations):
            log.append(f"{time.time():.3f} {changing.operate()}")
            time.sleep(changing.random.uniform(0, rest))
    finally:
        for thread in fetching:
            thread.over.set()
        quiet_since = time.monotonic()
        for thread in fetching:
            thread.join()
    wrong = [what for thread in fetching for what in thread.wrong]
    # The names must be right at most so long after the last operation; checking takes time itself.
    time.sleep(max(0.0, quiet_since + RESOLVES_WITHIN - time.monotonic()))
    wrong += disagreements(swarm, folder, changing.entries, swarm.folder("checked"))
    failed = {}
    for thread in fetching:
        for code, count in thread.failed.items():
            failed[code] = failed.get(code, 0) + count
    if wrong:
        raise AssertionError("\n".join([f"seed {seed}, {len(wrong)} wrong:", *wrong[:20], "the last operations:", *log[-20:],
                                        "the seeder:", *seeder.lines[-60:]]))
    return {"operations": changing.counts, "brought": sum(thread.brought for thread in fetching), "failed": failed}


def shown(figures):
    return json.dumps(figures, sort_keys=True)
