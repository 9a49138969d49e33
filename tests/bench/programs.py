"""Runs the programs of one build for a benchmark, and reads from /proc what they cost. Needs no other module of the tests.

Unlike tests/e2e/swarm.py it takes the folder of the programs as an argument, so that two builds can run side by side.
"""

import contextlib
import hashlib
import os
import pathlib
import re
import subprocess
import time


def start(*command):
    return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            stdin=subprocess.DEVNULL, text=True)


def wait_for_line(process, pattern):
    """Reads the lines of a process up to the first one that matches. Returns the match."""
    for line in process.stdout:
        if found := re.search(pattern, line):
            return found
    raise RuntimeError(f"{process.args[0]} ended without saying {pattern}")


def stop(process):
    process.terminate()
    process.wait()
    process.stdout.close()


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_random(path, mebibytes):
    """Writes a file of random bytes. Returns its SHA-256."""
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        for _ in range(mebibytes):
            block = os.urandom(1 << 20)
            file.write(block)
            digest.update(block)
    return digest.hexdigest()


def cpu_of(process):
    """CPU seconds of a running process so far."""
    after_name = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def status_of(process, field):
    """A number from /proc/PID/status: `Threads`, or `VmHWM` in KiB."""
    return int(re.search(rf"{field}:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text())[1])


def peak_mib_of(process):
    return status_of(process, "VmHWM") / 1024


def connections_of(process, port):
    """The number of established TCP connections of a process to a port of any host."""
    inodes = set()
    for descriptor in pathlib.Path(f"/proc/{process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            if found := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(descriptor)):
                inodes.add(found[1])
    count = 0
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):  # no IPv6
            for line in pathlib.Path(f"/proc/{process.pid}/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                remote_port, state, inode = int(fields[2].rsplit(":", 1)[1], 16), fields[3], fields[9]
                count += state == "01" and remote_port == port and inode in inodes
    return count


def run_sampled(command, interval, sample):
    """Runs a command to its end and calls `sample(process)` each `interval` seconds. Returns wall and CPU seconds.

    What the kernel reports of peak memory at the end would count this program's own, hence the samples.
    """
    began = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    ended = 0
    while not ended:
        time.sleep(interval)
        with contextlib.suppress(OSError, TypeError):  # ended meanwhile
            sample(process)
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return wall, usage.ru_utime + usage.ru_stime


class ShoalPair:
    """A tracker, and a seeder of the files in a folder. A context manager."""

    def __init__(self, programs, shared, *flags):
        """`flags`: of both."""
        self.programs = programs
        self.tracker = start(programs / "shoal-tracker", "--grpc=127.0.0.1:0", "--udp=none", "--http=none", *flags)
        self.url = wait_for_line(self.tracker, r"(grpc://\S+)")[1]
        self.port = int(self.url.rsplit(":", 1)[1])
        self.seeder = start(programs / "shoal-seeder", f"--tracker={self.url}", f"--share={shared}",
                            "--listen=127.0.0.1:0", "--settle=0s", "--state=none", *flags)
        self.seeder_port = int(wait_for_line(self.seeder, r"seeder listens port=(\d+)")[1])
        wait_for_line(self.seeder, r"ready .*trackers_told=1")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def get(self, names, folder, *flags):
        """The command that fetches contents into a folder."""
        return [self.programs / "shoal-leecher", "get", *names, f"--tracker={self.url}", "-o", folder, "--quiet",
                "--listen=127.0.0.1:0", *flags]

    def close(self):
        stop(self.seeder)
        stop(self.tracker)
