"""Options that several commands share, and how they become a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from bot.app.config import Config

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="YAML file; see `lopside config example`."),
]
Session = Annotated[
    str | None,
    typer.Option("--session", metavar="NAME", help="Session; keeps its wallet, trades and reports."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines on stdout.")]
Symbol = Annotated[
    str | None,
    typer.Option("--symbol", metavar="SYMBOL", help="Market, when the tape holds several."),
]
TapeFile = Annotated[
    Path,
    typer.Argument(metavar="TAPE", help="A .tape file or the folder of a recording.", show_default=False),
]


def load_config(file: Path | None, **given: Any) -> Config:
    """The configuration with the options that were given (None: not given), named `group__key`."""
    from bot.app.config import load

    overrides = {name.replace("__", "."): value for name, value in given.items() if value is not None}
    return load(file, overrides)
