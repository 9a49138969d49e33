"""Completions for bash. They need nothing of the bash-completion package but its folder, from which they are loaded."""

import shlex


def script(program):
    """A completion function for the program under all its names."""
    function = "_" + program.name.replace("-", "_")
    commands = [command.name for command in program.commands]
    lines = [f"# bash completion for {program.name}", ""]
    if program.lister:
        lines += [*_offered(program, function), ""]
    lines += [
        f"{function}() {{",
        "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' joined='' word",
        "  # bash splits --flag=value at the equals sign.",
        "  if [[ $current == = ]]; then",
        "    current='' joined='='",
        "  elif [[ $before == = ]]; then",
        "    before=${COMP_WORDS[COMP_CWORD - 2]} joined='='",
        "  fi",
    ]
    if commands:
        lines += [
            '  for word in "${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do',
            f"    case $word in {' | '.join(commands)})",
            "      command=$word",
            "      break",
            "      ;;",
            "    esac",
            "  done",
        ]
    lines += ["  COMPREPLY=()", "  compopt +o nospace +o filenames 2>/dev/null", '  case "$command$joined $before" in']
    lines += _value_cases(program)
    lines += ["  esac", '  if [[ -n $joined ]]; then return; fi']
    lines += ["  case $command in"]
    for command in program.commands:
        lines += [f"    {command.name})", *_words_of(command, function, "      "), "      ;;"]
    lines += ["    *)", *_words_of(program, function, "      "), "      ;;", "  esac", "}", "",
              f"complete -F {function} {' '.join(program.all_names)}"]
    return "\n".join(lines) + "\n"


def _value_cases(program):
    """What completes the values, with the flags that have such values."""
    cases = {}
    for command in [program, *program.commands]:
        for flag in command.flags:
            if flag.value:
                cases.setdefault(_value_actions(flag), []).extend(_value_patterns("" if command is program else command.name, flag))
    lines = []
    for actions, patterns in cases.items():
        lines.append("    " + " | \\\n      ".join(patterns) + ")")
        lines += [*(f"      {action}" for action in actions), "      return", "      ;;"]
    return lines


def _value_actions(flag):
    actions = []
    if flag.words:
        actions.append(f"COMPREPLY+=($(compgen -W {shlex.quote(' '.join(flag.words))} -- \"$current\"))")
    return tuple(actions + _files(flag.files))


def _value_patterns(command, flag):
    # Behind a flag with an optional value, a word of its own is no value.
    joints = ["="] if flag.optional else ["=", ""]
    return [shlex.quote(f"{command}{joint} {name}") for joint in joints for name in flag.names
            if joint == "" or name.startswith("--")]


def _files(files):
    if files is None:
        return []
    actions = ["compopt -o filenames 2>/dev/null", "local IFS=$'\\n'"]
    # Folders always: what is wanted may lie below them.
    if files != "folders":
        pattern = "" if files == "files" else f" -X {shlex.quote('!*' + files)}"
        actions.append(f"COMPREPLY+=($(compgen -f{pattern} -- \"$current\"))")
    if files != "files":
        actions.append('COMPREPLY+=($(compgen -d -- "$current"))')
    return actions


def _files_beside(files):
    """What lists the files as well where names are listed, which "compopt -o filenames" would quote again, and not safely."""
    return f"; compgen -f -X {shlex.quote('!*' + files)} -- \"$current\"; compgen -d -S / -- \"$current\"" if files else ""


def _offered(program, function):
    """A function that prints the names that the trackers of the line offer. bash splits its words at colons, so the line is read."""
    together, apart = program.lister_flags
    return [
        f"{function}_offered() {{",
        "  local -a line flags=()",
        "  local -i at",
        '  read -ra line <<<"${COMP_LINE:0:COMP_POINT}"',
        "  for ((at = 1; at < ${#line[@]}; ++at)); do",
        "    case ${line[at]} in",
        f"    {' | '.join(together)})",
        '      flags+=("${line[at]}")',
        "      ;;",
        f"    {' | '.join(apart)})",
        '      flags+=("${line[at]}" "${line[at + 1]}")',
        "      ;;",
        "    esac",
        "  done",
        f'  {program.name} list --names "${{flags[@]}}" 2>/dev/null',
        "}",
    ]


def _words_of(command, function, indent):
    flags = []
    for flag in command.flags:
        for name in flag.names:
            if flag.optional or not flag.value or not name.startswith("--"):
                flags.append(name + " ")
            if flag.value and name.startswith("--"):
                flags.append(name + "=")
    words = [each.name for each in command.commands]
    lines = ["if [[ $current == -* ]]; then", "  local IFS=$'\\n'", "  compopt -o nospace 2>/dev/null",
             f"  COMPREPLY=($(compgen -W {shlex.quote(chr(10).join(flags))} -- \"$current\"))"]
    if words:
        lines += ["else", f"  COMPREPLY=($(compgen -W {shlex.quote(' '.join(words))} -- \"$current\"))"]
    listers = [argument.lister for argument in command.arguments if argument.lister]
    listers += [f"{function}_offered" for argument in command.arguments if argument.is_offered]
    files = next((argument.files for argument in command.arguments if argument.files), None)
    if listers:
        # Not `compgen -W`, which would run what stands in a name.
        lines += ["else", "  while IFS= read -r word; do",
                  "    if [[ $word == \"$current\"* ]]; then COMPREPLY+=(\"$(printf %q \"$word\")\"); fi",
                  f"  done < <({listers[0]} 2>/dev/null{_files_beside(files)})",
                  "  if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == */ ]]; then compopt -o nospace 2>/dev/null; fi"]
    elif files:
        lines += ["else", *(f"  {action}" for action in _files(files))]
    return [indent + line for line in [*lines, "fi"]]
