"""A program's commands and flags, as `PROGRAM --dump-flags` prints them (shoal/service/command_line.h)."""

import json
import re
import subprocess


class Flag:
    """`names` ("-t", "--tracker"), `value` (the placeholder, such as "DIR|none", or None), `range` (the least and the largest
    value, or None), and what --help says about them."""

    def __init__(self, described):
        self.names = described["names"]
        self.optional = described["value_optional"]
        self.value, self.range = _value_and_range(described["value"])
        self.default = described["default"]
        self.env = described["env"]
        self.repeatable = described["repeatable"]
        self.group = described["group"]
        self.description = described["description"]

    @property
    def long_names(self):
        return [name for name in self.names if name.startswith("--")]

    @property
    def short_names(self):
        return [name for name in self.names if not name.startswith("--")]

    @property
    def words(self):
        return _words(self.value)

    @property
    def files(self):
        return _files(self.value)


class Argument:
    """A positional argument; `value` is its placeholder."""

    def __init__(self, described):
        self.name = described["name"]
        self.value = (described["value"] or self.name.upper()).removesuffix("...").rstrip()
        self.required = described["required"]
        self.repeatable = described["repeatable"]
        self.description = described["description"]

    @property
    def files(self):
        return _files(self.value)

    @property
    def lister(self):
        """The command, if there is one, whose lines are the values that can stand here."""
        return "shoal status --names" if self.value == "DOWNLOAD" else None

    @property
    def is_offered(self):
        """The names that the trackers offer can stand here."""
        return "NAME" in _alternatives(self.value)

    @property
    def synopsis(self):
        text = self.value + ("..." if self.repeatable else "")
        return text if self.required else f"[{text}]"


class Command:
    """A program, or one of its commands: `title` is what a person types to run it."""

    def __init__(self, described, title, name):
        self.title = title
        self.name = name
        self.description = described["description"]
        self.footer = described["footer"]
        self.arguments = [Argument(argument) for argument in described["arguments"]]
        self.flags = [Flag(flag) for flag in described["flags"]]
        self.commands = [Command(command, f"{title} {command['name']}", command["name"])
                         for command in described.get("commands", [])]

    @property
    def groups(self):
        """The groups of its flags, in their order, with their flags."""
        groups = {}
        for flag in self.flags:
            groups.setdefault(flag.group, []).append(flag)
        return groups


class Program(Command):
    """`others`: the names under which it is installed besides its own."""

    def __init__(self, described, others=()):
        super().__init__(described, described["program"], described["program"])
        self.version = described["version"]
        self.others = list(others)

    @property
    def all_names(self):
        return [self.name, *self.others]

    @property
    def lister(self):
        """The command that lists what the trackers offer; None in a program without one."""
        return next((command for command in self.commands if command.name == "list"), None)

    @property
    def lister_flags(self):
        """(pattern of a flag with its value in one word, names of flags whose value follows): which trackers, and how to reach them."""
        names = [name for flag in self.lister.flags if flag.value for name in flag.names]
        return [f"{name}=*" for name in names if name.startswith("--")], names

    @classmethod
    def ask(cls, names, file):
        """Runs `file` under the first of `names`."""
        printed = subprocess.run([names[0], "--dump-flags"], executable=file, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 check=True)
        program = cls(json.loads(printed.stdout), names[1:])
        if program.name != names[0]:
            raise ValueError(f"{file} calls itself {program.name} when it is run as {names[0]}")
        return program


class Footer:
    """The parts of the text below a --help: paragraphs, the lines of "Examples:", the (code, meaning) pairs of "Exit codes:"."""

    def __init__(self, text):
        self.paragraphs = []
        self.examples = []
        self.exit_codes = []
        part = None
        paragraph = []
        for line in [*text.split("\n"), ""]:
            if line in ("Examples:", "Exit codes:"):
                part = line
            elif part == "Exit codes:" and (entry := re.fullmatch(r" +(\d+)  +(.*)", line)):
                self.exit_codes.append((entry[1], entry[2]))
            elif part == "Examples:" and line.startswith("  "):
                self.examples.append(line[2:])
            elif line.strip():
                part = None
                paragraph.append(line.strip())
                continue
            if paragraph:
                self.paragraphs.append(" ".join(paragraph))
                paragraph = []


def _value_and_range(value):
    """CLI11 appends the values that it lets through: "N:INT in [1 - 1000]"."""
    if value is None:
        return None, None
    value = re.sub(r"^\[=?(.*)\]$", r"\1", value)
    if bounds := re.fullmatch(r"(.*?):?[A-Z]+ in \[(\S+) - (\S+)\]", value):
        return bounds[1] or "N", (bounds[2], bounds[3])
    return value, None


def _alternatives(value):
    # In GLOB=high|low the words are no values by themselves.
    return [] if value is None or "=" in value else value.split("|")


def _words(value):
    """The values that stand for themselves: none of "ADDRESS:PORT|none"."""
    return [word for word in _alternatives(value) if re.fullmatch(r"[a-z][a-z0-9-]*", word)]


def _files(value):
    """What of the file system can be a value: "folders", "files", a suffix such as ".shoal" (files that end so), or None."""
    for word in _alternatives(value):
        if word == "DIR":
            return "folders"
        if word in ("FILE", "PATH"):
            return "files"
        if word.startswith("FILE."):
            return word.removeprefix("FILE")
    return None
