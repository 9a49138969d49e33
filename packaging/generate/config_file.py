"""The file that --config reads: every flag that can stand in it, with its meaning, commented out at its default."""

import textwrap

WIDTH = 96


def text(command, settings):
    """`command`: a program, or a command that is a service. `settings`: flag -> value, for those that are not to be commented out. Errors: ValueError for one that no flag has."""
    left = dict(settings)
    page = command.title.replace(" ", "-")
    lines = [
        f"# Configuration of {command.title}: lines NAME=VALUE, with the names of the flags (man {page}). Lines that begin",
        "# with # are comments; the values in them are the defaults. Flags and environment variables override this file.",
    ]
    for flag in command.flags:
        name = flag.long_names[0][2:] if flag.long_names else ""
        # What has no variable is an action, such as --help, or names this file.
        if not flag.env:
            continue
        description = flag.description.rstrip(".") + "."
        lines += ["", *textwrap.wrap(description, WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)]
        if name in left:
            lines.append(f"{name}={left.pop(name)}")
        else:
            lines.append(f"#{name}={flag.default if flag.default is not None else flag.value or ''}")
    if left:
        raise ValueError(f"{command.title} has no flags {', '.join(left)}")
    return "\n".join(lines) + "\n"
