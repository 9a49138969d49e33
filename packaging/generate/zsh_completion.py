"""Completions for zsh, as an autoloaded function of the completion system."""


def script(program):
    function = "_" + program.name
    lines = [f"#compdef {' '.join(program.all_names)}", ""]
    if program.lister:
        lines += [*_offered(program, function), ""]
    lines += [f"{function}() {{"]
    if program.commands:
        lines += [
            "  local curcontext=$curcontext state line",
            "  local -a known=(",
            *(f"    {_quoted(command.name + ':' + command.description)}" for command in program.commands),
            "  )",
            "  _arguments -C -S \\",
            *_continued([*_flags(program), "'1:command:->command'", "'*::argument:->arguments'"]),
            "  case $state in",
            "    command) _describe -t commands command known ;;",
            "    arguments)",
            "      case $line[1] in",
        ]
        for command in program.commands:
            lines += [f"        {command.name})", "          _arguments -S \\", *_continued(_specs(command, function), " " * 12), "          ;;"]
        lines += ["      esac", "      ;;", "  esac"]
    else:
        lines += ["  _arguments -S \\", *_continued(_specs(program, function))]
    lines += ["}", "", f'{function} "$@"']
    return "\n".join(lines) + "\n"


def _continued(specs, indent="    "):
    return [f"{indent}{spec} \\" for spec in specs[:-1]] + [indent + specs[-1]]


def _offered(program, function):
    """A function that completes the names that the trackers of the line offer."""
    together, apart = program.lister_flags
    return [
        f"{function}_offered() {{",
        "  local -a flags",
        "  local -i at",
        "  for ((at = 2; at < CURRENT; ++at)); do",
        "    case $words[at] in",
        f"      ({'|'.join(together)}) flags+=(\"${{(Q)words[at]}}\") ;;",
        f"      ({'|'.join(apart)}) flags+=(\"$words[at]\" \"${{(Q)words[at + 1]}}\") ;;",
        "    esac",
        "  done",
        f'  compadd -- ${{(f)"$({program.name} list --names $flags 2>/dev/null)"}}',
        "}",
    ]


def _specs(command, function):
    specs = _flags(command)
    for argument in command.arguments:
        where = "*" if argument.repeatable else "1"
        action = _listed(argument.lister) if argument.lister else _action([], argument.files)
        if argument.is_offered:
            files = f"; {action}" if argument.files else ""
            action = f"{{{function}_offered{files}}}"
        specs.append(_quoted(f"{where}:{_message(argument.description)}:{action}"))
    return specs or ["'*:: :'"]


def _flags(command):
    return [_flag(flag) for flag in command.flags]


def _flag(flag):
    """One spec: (exclusions){names}[description]:message:action."""
    value = ""
    if flag.value:
        value = f"{'::' if flag.optional else ':'}{_message(flag.value)}:{_action(flag.words, flag.files)}"
    rest = f"[{_bracketed(flag.description)}]{value}"
    names = [name + _joint(flag, name) for name in flag.names]
    only = "(- *)" if flag.names[0] in ("-h", "--help", "--version") else f"({' '.join(flag.names)})"
    before = "*" if flag.repeatable else only
    if len(names) == 1:
        return _quoted(before + names[0] + rest)
    return f"{_quoted(before)}{{{','.join(names)}}}{_quoted(rest)}"


def _joint(flag, name):
    """How a value follows: "=" also as a word of its own; "=-" only behind the equals sign; "+" also without a space."""
    if not flag.value:
        return ""
    if not name.startswith("--"):
        return "+"
    return "=-" if flag.optional else "="


def _action(words, files):
    if files == "folders":
        action = "_files -/"
    elif files == "files":
        action = "_files"
    elif files:
        action = f'_files -g "*{files}"'
    else:
        return f"({' '.join(words)})" if words else " "
    return action


def _listed(command):
    return f'{{compadd -- ${{(f)"$({command} 2>/dev/null)"}}}}'


def _message(text):
    return text.replace("\\", "\\\\").replace(":", "\\:")


def _bracketed(text):
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")


def _quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"
