"""Completions for fish."""


def script(program):
    name = program.name
    lines = [f"# fish completion for {name}", ""]
    if program.lister:
        lines += [*_offered(program), ""]
    no_command = "not __fish_seen_subcommand_from " + " ".join(command.name for command in program.commands)
    if program.commands:
        # The first word is a command, not a file.
        lines.append(f"complete -c {name} -f -n {_quoted(no_command)}")
        for command in program.commands:
            lines.append(f"complete -c {name} -f -n {_quoted(no_command)} -a {command.name} -d {_quoted(command.description)}")
    lines += _lines(name, program, no_command if program.commands else None)
    for command in program.commands:
        lines += _lines(name, command, f"__fish_seen_subcommand_from {command.name}")
    lines += [f"complete -c {other} -w {name}" for other in program.others]
    return "\n".join(lines) + "\n"


def _offered(program):
    """A function that prints the names that the trackers of the line offer."""
    together, apart = program.lister_flags
    return [
        f"function __{program.name}_offered",
        "    set -l flags",
        "    set -l line (commandline -opc)",
        "    for at in (seq 2 (count $line))",
        "        switch $line[$at]",
        f"            case {' '.join(_quoted(pattern) for pattern in together)}",
        "                set -a flags $line[$at]",
        f"            case {' '.join(apart)}",
        "                set -a flags $line[$at] $line[(math $at + 1)]",
        "        end",
        "    end",
        f"    {program.name} list --names $flags 2>/dev/null",
        "end",
    ]


def _lines(name, command, condition):
    start = f"complete -c {name}" + (f" -n {_quoted(condition)}" if condition else "")
    lines = []
    if not command.commands and not any(argument.files for argument in command.arguments):
        lines.append(f"{start} -f")
    for argument in command.arguments:
        if argument.is_offered:
            lines.append(f"{start} -a '(__{name}_offered)'")
        if argument.lister:
            lines.append(f"{start} -a {_quoted(f'({argument.lister} 2>/dev/null)')}")
        if argument.files not in (None, "files"):
            lines.append(f"{start} -k -x -a {_quoted(_values([], argument.files))}")
    for flag in command.flags:
        parts = [start]
        parts += [f"-s {short[1:]}" for short in flag.short_names] + [f"-l {long[2:]}" for long in flag.long_names]
        values = _values(flag.words, flag.files)
        if flag.value and not flag.optional:
            parts.append("-r" if flag.files == "files" else "-x")
        if flag.value and values:
            parts.append(f"-a {_quoted(values)}")
        lines.append(" ".join([*parts, f"-d {_quoted(flag.description)}"]))
    return lines


def _values(words, files):
    values = list(words)
    if files == "folders":
        values.append("(__fish_complete_directories)")
    elif files not in (None, "files"):
        values.append(f"(__fish_complete_suffix {files})")
    return " ".join(values)


def _quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
