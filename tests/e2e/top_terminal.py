"""`shoal top` on a terminal of its own: what it shows, and keys that are pressed."""

import fcntl
import os
import pty
import re
import select
import struct
import termios
import time

from swarm import PATIENCE, program


class TopTerminal:
    """`shoal-leecher top` on a terminal of its own."""

    def __init__(self, socket):
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.execve(program("shoal-leecher"), ["shoal-leecher", "top", f"--socket={socket}"],
                      {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"})
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        self.shown = ""

    def read(self):
        try:
            return os.read(self.terminal, 65536).decode(errors="replace")
        except OSError:  # it has ended
            return ""

    def press(self, keys):
        self.shown = ""
        os.write(self.terminal, keys.encode())

    def expect(self, pattern):
        """Waits until what was shown since the last key matches."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self.shown):
            if time.monotonic() > deadline:
                raise AssertionError(f"top never showed {pattern!r} but {self.shown[-3000:]!r}")
            if select.select([self.terminal], [], [], 1)[0]:
                self.shown += self.read()

    def screen(self, seconds):
        """The lines that stand there after some time."""
        self.shown = ""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if select.select([self.terminal], [], [], 0.1)[0]:
                self.shown += self.read()
        # Each frame is drawn without wrapping.
        frames = re.findall(r"\x1b\[\?7l(.*?)\x1b\[\?7h", self.shown, re.DOTALL)
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", frames[-1]).split("\n")

    def end(self):
        """Returns the exit code."""
        while self.read():
            pass
        _, status = os.waitpid(self.process, 0)
        return os.waitstatus_to_exitcode(status)
