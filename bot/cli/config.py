"""`config`: what is in force, what is possible, whether a file is right."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.options import AsJson, ConfigFile, load_config
from bot.cli.output import print_json, say

commands = typer.Typer(help="Show, describe and check the configuration.", no_args_is_help=True)


@commands.command()
def show(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """The configuration in force: defaults, file and environment together."""
    from bot.app.config_text import as_yaml

    settings = load_config(config)
    if as_json:
        print_json(settings.model_dump(mode="json"))
    else:
        say(as_yaml(settings).rstrip())


@commands.command()
def schema() -> None:
    """The JSON schema of the configuration file."""
    from bot.app.config import Config

    print_json(Config.model_json_schema())


@commands.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="YAML file; without it, defaults and environment.")
    ] = None,
) -> None:
    """Check a configuration file together with the environment; exit code 3 when it is wrong."""
    load_config(file)
    say(f"{file or 'configuration'}: fine")


@commands.command()
def example() -> None:
    """A commented configuration file with every key and its default."""
    from bot.app.config_text import example as text

    say(text().rstrip())
