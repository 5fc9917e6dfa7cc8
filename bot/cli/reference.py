"""The reference of all commands as Markdown, from the commands themselves.

`python -m bot.cli.reference > docs/cli.md` renews the page; a test compares the two.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any

import typer.main

from bot.cli import main as entry
from bot.cli.app import app


def every_command() -> Iterator[tuple[str, Any]]:
    """(full name, command) of every command that does something, in the order of the help."""
    yield from _below("lopside", typer.main.get_command(app))


def markdown() -> str:
    """The whole page."""
    parts = ["# Commands", "", "Made from the commands: `python -m bot.cli.reference > docs/cli.md`.", ""]
    parts += ["## Exit codes", "", _exit_codes(), ""]
    for name, command in every_command():
        parts += [f"## {name}", "", inspect.cleandoc(command.help or ""), ""]
        arguments = " ".join(_argument(p) for p in _parameters(command, "argument"))
        parts += ["```", " ".join(p for p in (name, "[OPTIONS]", arguments) if p), "```", ""]
        rows = [_row(parameter) for parameter in command.params if not _is_help(parameter)]
        if rows:
            parts += ["| | |", "|---|---|", *rows, ""]
    return "\n".join(parts).rstrip() + "\n"


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield name, command
        return
    for child, below in children.items():
        yield from _below(f"{name} {child}", below)


def _parameters(command: Any, kind: str) -> list[Any]:
    return [p for p in command.params if p.param_type_name == kind]


def _is_help(parameter: Any) -> bool:
    return parameter.name == "help"


def _argument(parameter: Any) -> str:
    return str(parameter.metavar)


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name = f"`{_argument(parameter)}`"
    else:
        value = "" if parameter.is_flag else f" {parameter.metavar or ''}".rstrip()
        name = f"`{', '.join(parameter.opts)}{value}`".replace("|", "\\|")
    default = (
        ""
        if parameter.required or parameter.default in (None, False, "")
        else f" Default `{parameter.default}`."
    )
    return f"| {name} | {parameter.help}{default} |"


def _exit_codes() -> str:
    """The table in the docstring of the entry point."""
    lines = inspect.cleandoc(entry.__doc__ or "").splitlines()
    return "\n".join(line for line in lines if line.startswith("|"))


if __name__ == "__main__":
    sys.stdout.write(markdown())
