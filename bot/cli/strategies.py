"""`strategy new` and `strategy list`: your own strategies beside the built-in ones."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from bot.cli.options import AsJson, ConfigFile, load_config
from bot.cli.output import print_json, say, tell

commands = typer.Typer(help="Your own strategies.", no_args_is_help=True)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@commands.command("new")
def new(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Lower-case letters, digits and underscores.", show_default=False
        ),
    ],
    config: ConfigFile = None,
) -> None:
    """Write a small working strategy to strategies.folder, to be changed into yours."""
    from bot.app.plugins import find_strategies, users_folder
    from bot.app.strategy_template import strategy_source
    from bot.core.errors import BadInput

    settings = load_config(config)
    folder = settings.strategies.folder.expanduser()
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"strategy new: expected lower-case letters, digits and underscores, a letter first, was {name!r}"
        )
    known = find_strategies(users_folder(settings) if folder.is_dir() else None)
    if name in known:
        raise BadInput(f"strategy new: {name!r} is taken by {known[name].path}; choose another name")
    path = folder / f"{name}.py"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(strategy_source(name))
    except FileExistsError:
        raise BadInput(f"strategy new: {path} exists already; choose another name") from None
    say(str(path))
    tell(f"run it: lopside paper --strategies {name}; keep it on: strategies.enabled in the configuration")


@commands.command("list")
def list_(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """All strategies there are, which of them trade, and where they come from."""
    from bot.app.plugins import find_strategies, users_folder

    settings = load_config(config)
    found = find_strategies(users_folder(settings))
    rows = [
        {
            "name": name,
            "enabled": name in settings.strategies.enabled,
            "built_in": loaded.built_in,
            "path": str(loaded.path),
            "hash": loaded.source_hash,
            "about": _about(loaded.strategy.__class__.__module__),
        }
        for name, loaded in found.items()
    ]
    if as_json:
        print_json(rows)
        return
    width = max(len(name) for name in found)
    for row in rows:
        where = "built in" if row["built_in"] else row["path"]
        say(f"{row['name']!s:{width}}  {'on ' if row['enabled'] else 'off'}  {where}  {row['about']}")


def _about(module: str) -> str:
    """First line of the module's docstring."""
    import sys

    words = (getattr(sys.modules.get(module), "__doc__", None) or "").strip()
    return words.splitlines()[0] if words else ""
