"""Writes what an installation has besides the programs, out of the programs' own description of their flags.

Usage: python3 packaging/generate --output=DIR --program=NAME[,OTHER_NAME...]=FILE... [--config=NAME=FILE.conf]...
       [--set=NAME:FLAG=VALUE]...

The NAME of --config and --set may also be that of a command: "shoal serve".

Writes below DIR: share/man/man1, share/bash-completion/completions, share/fish/vendor_completions.d, zsh, etc/shoal.
"""

import argparse
import gzip
import pathlib
import shutil

import bash_completion
import fish_completion
import man_page
import config_file
import zsh_completion
from program import Program


def write(folder, name, text):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def write_compressed(folder, name, text):
    """The same bytes at each build: without a time and a name."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def link(folder, name, target):
    (folder / name).symlink_to(target)


def write_program(program, configs, output):
    """`configs`: title -> file name, of all services."""
    manual = output / "share/man/man1"
    for name, text in man_page.pages(program, {title: f"/etc/shoal/{name}" for title, name in configs.items()}).items():
        write_compressed(manual, name, text)
    bash = output / "share/bash-completion/completions"
    write(bash, program.name, bash_completion.script(program))
    fish = output / "share/fish/vendor_completions.d"
    write(fish, f"{program.name}.fish", fish_completion.script(program))
    write(output / "zsh", f"_{program.name}", zsh_completion.script(program))
    for other in program.others:
        link(manual, f"{other}.1.gz", f"{program.name}.1.gz")
        # These two load a file by the name of the command that is completed. zsh reads all of them.
        link(bash, other, program.name)
        link(fish, f"{other}.fish", f"{program.name}.fish")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--program", action="append", required=True)
    parser.add_argument("--config", action="append", default=[])
    parser.add_argument("--set", action="append", default=[])
    options = parser.parse_args()
    shutil.rmtree(options.output, ignore_errors=True)
    config_files = dict(text.split("=", 1) for text in options.config)
    for text in options.program:
        names, file = text.split("=", 1)
        program = Program.ask(names.split(","), file)
        write_program(program, config_files, options.output)
        for service in (program, *program.commands):
            if service.title not in config_files:
                continue
            prefix = f"{service.title}:"
            mine = [setting.removeprefix(prefix) for setting in options.set if setting.startswith(prefix)]
            write(options.output / "etc/shoal", config_files[service.title],
                  config_file.text(service, dict(setting.split("=", 1) for setting in mine)))


if __name__ == "__main__":
    main()
