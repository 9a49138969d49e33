"""Man pages: one for each program, and one for each of its commands."""

from program import Footer


def pages(program, configs):
    """File name -> text. A command `get` of `shoal` gets the page shoal-get(1), which `man shoal get` shows as well.

    `configs`: title -> path of the configuration file, for programs and commands that are services.
    """
    made = {f"{program.name}.1": _page(program, program, _command_pages(program), configs)}
    for command in program.commands:
        made[f"{program.name}-{command.name}.1"] = _page(program, command, [program.name], configs)
    return made


def _command_pages(program):
    return [f"{program.name}-{command.name}" for command in program.commands]


def _page(program, command, see_also, configs):
    name = command.title.replace(" ", "-")
    footer = Footer(command.footer)
    names = [name, *program.others] if command is program else [name]
    summary = command.description.rstrip(".")
    lines = [
        f'.TH {_text(name.upper())} 1 "" "shoal {_text(program.version)}" "Shoal"',
        # Neither hyphenation nor justification: flags are searched for and copied.
        ".nh",
        ".ad l",
        ".SH NAME",
        f"{', '.join(map(_text, names))} \\- {_text(summary[0].lower() + summary[1:])}",
        ".SH SYNOPSIS",
        f".B {_text(command.title)}",
        _synopsis(command),
        ".SH DESCRIPTION",
        _line(command.description.rstrip(".") + "."),
    ]
    for paragraph in footer.paragraphs:
        lines += [".PP", _line(paragraph)]
    if command.commands:
        lines.append(".SH COMMANDS")
        for each in command.commands:
            lines += [".TP", f"\\fB{_text(each.name)}\\fR " + _text(" ".join(argument.synopsis for argument in each.arguments)),
                      _line(f"{each.description}. See \\fB{_text(program.name)}\\-{_text(each.name)}\\fR(1).", escaped=True)]
    if command.arguments:
        lines.append(".SH ARGUMENTS")
        for argument in command.arguments:
            lines += [".TP", f"\\fI{_text(argument.value)}\\fR", _line(argument.description + ".")]
    for group, flags in command.groups.items():
        lines.append(f".SH {_text(group.upper())}")
        for flag in flags:
            lines += [".TP", _flag(flag), _line(_explain(flag))]
    if any(flag.env for flag in command.flags):
        lines += [".SH ENVIRONMENT", "The variables are named with the flags. A flag on the command line overrides its variable."]
    if footer.examples:
        lines += [".SH EXAMPLES", ".nf", *map(_line, footer.examples), ".fi"]
    if footer.exit_codes:
        lines.append(".SH EXIT STATUS")
        for code, meaning in footer.exit_codes:
            lines += [".TP", f".B {code}", _line(meaning)]
    if config := configs.get(command.title):
        lines += [".SH FILES", ".TP", f"\\fI{_text(config)}\\fR", "Configuration of the systemd service of this name."]
    lines += [".SH SEE ALSO", ", ".join(f"\\fB{_text(page)}\\fR(1)" for page in [*see_also, *_programs_besides(program)])]
    return "\n".join(lines) + "\n"


def _programs_besides(program):
    return [name for name in ("shoal", "shoal-seeder", "shoal-tracker") if name != program.name]


def _synopsis(command):
    words = [argument.synopsis for argument in command.arguments]
    if command.commands:
        words = ["COMMAND", *words]
    return _text(" ".join([*words, "[FLAGS]"]))


def _flag(flag):
    names = []
    for name in flag.names:
        text = f"\\fB{_text(name)}\\fR"
        if flag.value and name.startswith("--"):
            text += f"[=\\fI{_text(flag.value)}\\fR]" if flag.optional else f"=\\fI{_text(flag.value)}\\fR"
        elif flag.value:
            text += f" \\fI{_text(flag.value)}\\fR"
        names.append(text)
    return ", ".join(names)


def _explain(flag):
    text = flag.description.rstrip(".") + "."
    if flag.range:
        text += f" From {flag.range[0]} to {flag.range[1]}."
    if flag.default:
        text += f" Default: {flag.default}."
    if flag.repeatable:
        text += " May be given several times."
    if flag.env:
        text += f" Environment: {flag.env}."
    return text


def _text(text):
    """With roff's own characters escaped. "-" would be typeset as a hyphen, which can't be copied into a shell."""
    return text.replace("\\", "\\(rs").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga").replace("~", "\\(ti").replace(
        "^", "\\(ha")


def _line(text, escaped=False):
    """A line of text. One that begins with a dot or a quote would be a request."""
    text = text if escaped else _text(text)
    return "\\&" + text if text.startswith(".") else text
