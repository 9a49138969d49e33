"""Records the changes that a program makes to its files, and runs it again on what a crash of the machine could have left of them."""

import copy
import os
import random
import signal

from agent_killing import Wanted, act, check
from agents import Agent, Gone
from crash_states import WAYS, Crashes, digest_of, read_folder, write_folder
from fault_layer import Layer, read_trace
from swarm import MEBIBYTE, Swarm, random_bytes, sha256

BOOT_ID = "11111111-2222-4333-8444-555555555555"  # of the boot that ends with the crash


def make_content(kind, seed):
    """Relative path -> bytes of what is published as `content`."""
    if kind == "file":
        return {"content": random_bytes(2 * MEBIBYTE, seed)}
    if kind == "small":
        return {"content": random_bytes(1000, seed)}
    return {"content/a": random_bytes(600_000, seed), "content/b/c": random_bytes(300_000, seed + 1), "content/b/small": b"small",
            "content/empty": b"", "content/d/e/f": random_bytes(65_536, seed + 2), "content/run": b"#!/bin/sh\n"}


def leftovers(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.endswith((".shoal-tmp", ".shoal-progress", ".new")))


class Recorded:
    """A swarm in which something is recorded. A context manager."""

    def __init__(self, seed, *what):
        self.seed = seed
        self.swarm = Swarm()
        try:
            self._record(seed, *what)
        except BaseException:
            self.swarm.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.swarm.__exit__()


class DownloadCrashes(Recorded):
    """A download that is recorded.

    `kind`: "file", "small" or "folder". `before`: what there is already: "nothing", "damaged" (under the final name, and repaired)
    or "half" (what a run left that was killed, which is recorded too).
    """

    def __init__(self, kind, before, seed):
        self.before = before
        super().__init__(seed, kind)

    def _record(self, seed, kind):
        swarm = self.swarm
        self.content = make_content(kind, seed)
        shared = swarm.share("shared", self.content)
        if kind == "folder":
            (shared / "content" / "run").chmod(0o755)
            (shared / "content" / "link").symlink_to("b/c")
            (shared / "content" / "nothing").mkdir()
        swarm.start_seeder(shared, "--settle=0s")
        self.right = read_folder(shared)
        self.output = swarm.folder("output")
        self.old = {}
        if self.before == "damaged":
            self.old = {path: bytes(len(held) // 2) + held[len(held) // 2:] for path, held in self.content.items()}
            swarm.share("output", self.old)
        layer = Layer(swarm.root / "layer", self.output, trace=True, boot_id=BOOT_ID)
        start = read_folder(self.output)
        if self.before == "half":
            layer.set("kill 40")
            killed = self._get(layer)
            if killed.returncode != -signal.SIGKILL:
                raise AssertionError(f"it was not killed: {killed.returncode} {killed.stderr}")
            layer.set()
        done = self._get(layer)
        if done.returncode != 0:
            raise AssertionError(f"the recorded run failed: {done.stderr}")
        self.crashes = Crashes(self.output, start, read_trace(layer.trace))
        self._check_model()

    def _get(self, layer=None):
        environment = None if layer is None else {**os.environ, **layer.environment}
        return self.swarm.leecher("get", "content", f"--tracker={self.swarm.tracker_url}", f"--output={self.output}", "--listen=none",
                                  "--seed=no", "--wait=20s", *(["--repair"] if self.before == "damaged" else []), env=environment)

    def _check_model(self):
        """All changes together are what the program left."""
        model = self.crashes.state(len(self.crashes.steps), "all")
        if digest_of(model) != digest_of(read_folder(self.output)):
            raise AssertionError("the records don't explain the files")

    def _problem_under_final_name(self):
        for path, held in self.content.items():
            there = self.output / path
            if there.exists() and there.read_bytes() not in (held, self.old.get(path)):
                return f"{path} has wrong bytes"
        if self.before != "damaged" and (self.output / "content").is_dir() and read_missing(self.content, self.output):
            return f"lacks {read_missing(self.content, self.output)}"
        return None

    def run(self, ends=None):
        """Runs it from each state. Returns how many there were, and what was wrong, in words."""
        count, wrong = 0, []
        for end, way, entries in self.crashes.states(range(len(self.crashes.steps) + 1) if ends is None else ends, self.seed):
            count += 1
            write_folder(entries, self.output)
            problem = self._problem_under_final_name()
            if problem is None:
                done = self._get()
                if done.returncode != 0:
                    problem = f"the next run ended with {done.returncode}: {done.stderr.strip()}"
                elif leftovers(self.output):
                    problem = f"the next run left {leftovers(self.output)}"
                else:
                    problem = self._problem_at_end()
            if problem is not None:
                step = self.crashes.steps[end - 1] if end else None
                wrong.append(f"crash after {end} of {len(self.crashes.steps)} changes ({describe(step)}), {way}: {problem}")
        return count, wrong

    def _problem_at_end(self):
        held = read_folder(self.output)
        # Modes are those of the umask, but for the bit that travels.
        for entries in (held, self.right):
            for entry in entries.values():
                entry.mode = entry.mode & 0o100
        return None if digest_of(held) == digest_of(self.right) else "the next run ended with something else than the content"


def read_missing(content, output):
    return [path for path in content if not (output / path).exists()]


def describe(step):
    if step is None:
        return "none"
    return step.change.kind if step.change is not None else f"{step.kind} {[name for _, name, _ in step.names]}"


class AgentCrashes(Recorded):
    """An agent that is recorded while it takes commands."""

    def __init__(self, seed, commands):
        super().__init__(seed, commands)

    def _record(self, seed, commands):
        swarm = self.swarm
        self.shared = swarm.share("shared", {f"content-{number}": random_bytes(100_000 + 50_000 * number, number) for number in range(4)})
        swarm.start_seeder(self.shared, "--settle=0s")
        names = [path.name for path in self.shared.iterdir()]
        for name in names:
            swarm.await_listed(name)
        self.watched = swarm.folder("agent")
        swarm.folder("agent/output")
        layer = Layer(swarm.root / "layer", self.watched, trace=True, boot_id=BOOT_ID)
        start = read_folder(self.watched)
        self.agent = Agent(swarm, "agent", environment=layer.environment)
        source = random.Random(seed)
        wanted = Wanted()
        self.wanted = [copy.deepcopy(wanted)]  # after so many acknowledged commands
        for number in range(commands):
            if not act(self.agent, source, names, wanted):
                raise AssertionError("\n".join(self.agent.daemon.lines[-20:]))
            self.wanted.append(copy.deepcopy(wanted))
            layer.mark(str(number))
        self.agent.kill()
        self.crashes = Crashes(self.watched, start, read_trace(layer.trace))
        self.agent.environment = None

    def run(self, ends=None, ways=WAYS):
        """As DownloadCrashes.run."""
        count, wrong = 0, []
        for end, way, entries in self.crashes.states(range(len(self.crashes.steps) + 1) if ends is None else ends, self.seed, ways):
            count += 1
            write_folder(entries, self.watched)
            problem = self._problem(len(self.crashes.marks(end)))
            if problem is not None:
                step = self.crashes.steps[end - 1] if end else None
                wrong.append(f"crash after {end} of {len(self.crashes.steps)} changes ({describe(step)}), {way}: {problem}")
        return count, wrong

    def _problem(self, acknowledged):
        try:
            self.agent.start()
        except AssertionError as error:
            return f"the agent does not start: {error}"
        try:
            # The command that was in progress may have happened. The files are not those that the agent had, but copies with other
            # inodes and times, so it finds what was complete to be changed.
            found = []
            for wanted in self.wanted[acknowledged:acknowledged + 2]:
                problems = []
                check(self.agent, copy.deepcopy(wanted), problems, ("STATE_COMPLETE", "STATE_FAILED"))
                if not problems:
                    break
                found.append("; ".join(problems))
            else:
                return " | ".join(found)
            for download in self.agent.downloads():
                if download["state"] == "STATE_COMPLETE" and sha256(download["targetPath"]) != sha256(self.shared / download["name"]):
                    return f"{download['name']} is said to be complete, with wrong bytes"
            return None
        except Gone as gone:
            return f"the agent ended: {gone}\n" + "\n".join(self.agent.daemon.lines[-20:])
        finally:
            self.agent.kill()
