#!/usr/bin/env python3
"""The completions of bash, zsh and fish, in the shells themselves: a line is typed, then TAB, then Enter."""

import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from swarm import PATIENCE, program

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = {"shoal": "shoal-leecher", "shoal-tracker": "shoal-tracker", "shoal-seeder": "shoal-seeder"}

# In the place of a program: shows the words that it was given. An agent would know two downloads, one of them with a name that
# would run a command if a shell expanded it. So has the tracker of the environment; others offer one name each, or do not answer.
SHOW_WORDS = r"""#!/bin/sh
case "$*" in
"status --names") printf '%s\n' model.tar 'odd $(touch ran) one'; exit ;;
"list --names") printf '%s\n' weights.bin 'odd $(touch ran) offer'; exit ;;
"list --names --tracker=t:1" | "list --names --tracker t:1" | "list --names -t t:1") echo tracked.bin; exit ;;
"list --names"*) echo "no tracker" >&2; exit 1 ;;
esac
printf "<%s>" "$@"
echo "#end"
"""

SHELLS = {
    "bash": (["bash", "--norc", "-i"], "bind 'set enable-bracketed-paste off'; PS1=; for f in {}/share/bash-completion/completions/*; do . $f; done"),
    "zsh": (["zsh", "-f", "-i"], "fpath=({}/zsh $fpath); autoload -Uz compinit; compinit -u -D; PS1="),
    "fish": (["fish", "--no-config", "-i"],
             "set -p fish_complete_path {}/share/fish/vendor_completions.d; function fish_prompt; end"),
}

# What is typed before the TAB, and the words that the program gets then.
CASES = {
    "shoal ge": "<get>",
    "shoal-leecher lis": "<list>",
    "shoal get --seq": "<get><--sequential>",
    "shoal get a": "<get><a.shoal>",
    "shoal get --output=mo": "<get><--output=models>",
    "shoal get -o mo": "<get><-o><models>",
    "shoal get --wait fo": "<get><--wait><forever>",
    "shoal get --wait=fo": "<get><--wait=forever>",
    "shoal seed b": "<seed><b.txt>",
    "shoal pause mod": "<pause><model.tar>",
    "shoal remove --with-data od": "<remove><--with-data><odd $(touch ran) one>",
    "shoal get wei": "<get><weights.bin>",
    "shoal add --paused odd": "<add><--paused><odd $(touch ran) offer>",
    "shoal info wei": "<info><weights.bin>",
    "shoal save wei": "<save><weights.bin>",
    "shoal follow wei": "<follow><weights.bin>",
    "shoal get --tracker=t:1 tr": "<get><--tracker=t:1><tracked.bin>",
    "shoal get --tracker t:1 tr": "<get><--tracker><t:1><tracked.bin>",
    "shoal info -t t:1 tr": "<info><-t><t:1><tracked.bin>",
    "shoal get --tracker=away:1 a": "<get><--tracker=away:1><a.shoal>",
    "shoal-seeder --share mo": "<--share><models>",
    "shoal-seeder --log-level=w": "<--log-level=warning>",
    "shoal-tracker --health": "<--health-check>",
}


class Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, shell, home, completions):
        command, setup = SHELLS[shell]
        self.shown = b""
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.chdir(home)
            os.execvpe(command[0], command, {"PATH": f"{home}/.programs:/usr/bin:/bin", "TERM": "xterm", "HOME": str(home), "LC_ALL": "C.UTF-8"})
        os.write(self.terminal, setup.format(completions).encode() + b"\n")
        # The echo of what is typed does not match.
        os.write(self.terminal, b"echo rea''dy\n")
        self.await_shown(rb"ready")

    def await_shown(self, pattern):
        """Returns the match, and forgets what was shown up to it."""
        deadline = time.monotonic() + PATIENCE
        while not (match := re.search(pattern, self.shown)):
            if time.monotonic() > deadline:
                raise AssertionError(f"the shell never showed {pattern!r} but {self.shown[-2000:]!r}")
            if select.select([self.terminal], [], [], 1)[0]:
                self.shown += os.read(self.terminal, 4096)
        self.shown = self.shown[match.end():]
        return match

    def words_of(self, line):
        """What the program gets when TAB completes `line`. A slash behind a folder is left to the shell."""
        os.write(self.terminal, line.encode() + b"\t\n")
        words = self.await_shown(rb"((?:<[^<>\r\n]*>)+)#end")[1].decode()
        return words.replace("/>", ">")

    def close(self):
        os.close(self.terminal)
        os.waitpid(self.process, 0)


class CompletionTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="shoal-completion-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.completions = cls.folder / "completions"
        cls.home = cls.folder / "home"
        (cls.home / "models").mkdir(parents=True)
        (cls.home / ".programs").mkdir()
        for name in ("a.shoal", "b.txt"):
            (cls.home / name).touch()
        for name in (*PROGRAMS, "shoal-leecher"):
            file = cls.home / ".programs" / name
            file.write_text(SHOW_WORDS, encoding="utf-8")
            file.chmod(0o755)
        flags = [f"--program={name},shoal-leecher={program(file)}" if name == "shoal" else f"--program={name}={program(file)}"
                 for name, file in PROGRAMS.items()]
        subprocess.run([sys.executable, ROOT / "packaging/generate", f"--output={cls.completions}", *flags], check=True)

    def check(self, shell):
        terminal = Terminal(shell, self.home, self.completions)
        self.addCleanup(terminal.close)
        for line, words in CASES.items():
            with self.subTest(line):
                self.assertEqual(terminal.words_of(line), words)
        self.assertFalse((self.home / "ran").exists())

    def test_bash(self):
        self.check("bash")

    def test_zsh(self):
        self.check("zsh")

    def test_fish(self):
        self.check("fish")


if __name__ == "__main__":
    unittest.main(verbosity=2)
