"""Machines of their own: each a network namespace on one bridge, with its own /etc/hosts, /srv and home. Needs root and iproute2."""

import os
import pathlib
import queue
import shutil
import subprocess
import tempfile
import threading
import time

PATIENCE = 120
PREFIX = f"shoal{os.getpid()}"


def run(command):
    done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr.strip()}")
    return done.stdout


def why_unavailable():
    """The reason why no machine can be made here, or None."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "the package iproute2 is not installed"
    return None


def hosts_file(namespace):
    """The file that `ip netns exec` mounts over /etc/hosts."""
    return pathlib.Path("/etc/netns", namespace, "hosts")


class Machine:
    """A shell on a machine. `say` sends lines to it as a person types them; all output comes back by `expect` and `run`."""

    def __init__(self, namespace, address, root, environment):
        self.address = address
        self.root = root
        self.hosts = hosts_file(namespace)
        self._namespace = namespace
        self._lines = queue.Queue()
        self.seen = []
        self._shell = subprocess.Popen(
            ["ip", "netns", "exec", namespace, "bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", cwd=root / "home", env={**os.environ, **environment, "HOME": str(root / "home")})
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        # The namespace of mounts is this shell's own, so that what is mounted here is seen here only.
        self.run(f"mount --bind {root / 'srv'} /srv")

    def _read(self):
        for line in self._shell.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def say(self, text):
        self._shell.stdin.write(text + "\n")
        self._shell.stdin.flush()

    def expect(self, matches):
        """Waits for a line for which `matches` is true; returns it and the lines before it."""
        deadline, before = time.monotonic() + PATIENCE, []
        while True:
            try:
                line = self._lines.get(timeout=max(deadline - time.monotonic(), 0))
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError("what was waited for never came, but:\n" + "\n".join(self.seen[-30:]))
            self.seen.append(line)
            if matches(line):
                return line, before
            before.append(line)

    def run(self, text):
        """Runs lines to their end. Returns the exit code of the last one, and what was written meanwhile."""
        mark = f"--end-{time.monotonic_ns()}--"
        self.say(f"{text}\necho {mark}$?")
        line, before = self.expect(lambda line: line.startswith(mark))
        return int(line[len(mark):]), "\n".join(before)

    def close(self):
        for pid in run(f"ip netns pids {self._namespace}").split():
            subprocess.run(["kill", "-KILL", pid], capture_output=True, check=False)
        self._shell.wait()
        self._reader.join()
        self._shell.stdin.close()
        self._shell.stdout.close()


class Machines:
    """A context manager; what it made is gone at its end. `programs`: a folder that comes first in every PATH."""

    def __init__(self, names, programs):
        """`names`: one machine each, by which the others find it."""
        self._root = pathlib.Path(tempfile.mkdtemp(prefix="shoal-machines-"))
        self._made = []
        self._machines = {}
        addresses = {name: f"10.97.0.{number + 1}" for number, name in enumerate(names)}
        hosts = "127.0.0.1 localhost\n::1 localhost ip6-localhost\n" + "".join(
            f"{address} {name}\n" for name, address in addresses.items())
        try:
            bridge = self._namespace("bridge", hosts)
            run(f"ip -n {bridge} link add bridge type bridge")
            run(f"ip -n {bridge} link set bridge up")
            for number, (name, address) in enumerate(addresses.items()):
                namespace = self._namespace(str(number), hosts)
                run(f"ip link add eth0 netns {namespace} type veth peer name port{number} netns {bridge}")
                run(f"ip -n {bridge} link set port{number} master bridge up")
                run(f"ip -n {namespace} addr add {address}/24 dev eth0")
                run(f"ip -n {namespace} link set eth0 up")
                root = self._root / name
                for folder in ("home", "srv"):
                    (root / folder).mkdir(parents=True)
                self._machines[name] = Machine(namespace, address, root, {"PATH": f"{programs}:{os.environ['PATH']}"})
        except BaseException:
            self.__exit__()
            raise

    def __getitem__(self, name):
        return self._machines[name]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for machine in self._machines.values():
            machine.close()
        for namespace in reversed(self._made):
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True, check=False)
            shutil.rmtree(f"/etc/netns/{namespace}", ignore_errors=True)
        shutil.rmtree(self._root, ignore_errors=True)

    def _namespace(self, name, hosts):
        name = f"{PREFIX}-{name}"
        hosts_file(name).parent.mkdir(parents=True)
        hosts_file(name).write_text(hosts)
        run(f"ip netns add {name}")
        self._made.append(name)
        run(f"ip -n {name} link set lo up")
        return name
