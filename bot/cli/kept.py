"""`walls`, `zones`, `weights` and `edge`: what a session keeps of its signals, also while it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from bot.cli.options import AsJson, ConfigFile, Session, load_config
from bot.cli.output import console, print_json
from bot.cli.reporting import Run, session_database

Symbol = Annotated[str | None, typer.Option("--symbol", metavar="SYMBOL", help="Only this market.")]
Last = Annotated[int, typer.Option("--last", metavar="N", min=0, help="How many of the past are listed.")]


def walls(
    session: Session = None,
    run: Run = None,
    symbol: Symbol = None,
    last: Last = 20,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Walls that stand and the last that ended; how long they live, how they end, how many held."""
    from bot.store.wall_report import wall_report

    with session_database(load_config(config, session__name=session)) as database:
        made = wall_report(database, run, symbol, last)
    if as_json:
        print_json(made)
        return
    from bot.cli.kept_view import show_walls

    show_walls(console(), made)


def zones(
    session: Session = None,
    run: Run = None,
    symbol: Symbol = None,
    last: Last = 20,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Zones that stand, as of their last change, and the last that went; how many held; what was learned."""
    from bot.store.zone_report import zone_report

    with session_database(load_config(config, session__name=session)) as database:
        made = zone_report(database, run, symbol, last)
    if as_json:
        print_json(made)
        return
    from bot.cli.kept_view import show_zones

    show_zones(console(), made)


def weights(
    session: Session = None,
    symbol: Symbol = None,
    last: Last = 20,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """What each card weighs and what was learned of it: Brier scores, rank correlations, last changes."""
    from bot.store.weight_report import weight_report

    with session_database(load_config(config, session__name=session)) as database:
        made = weight_report(database, symbol, last)
    if as_json:
        print_json(made)
        return
    from bot.cli.kept_view import show_weights

    show_weights(console(), made)


def edge(
    session: Session = None, run: Run = None, as_json: AsJson = False, config: ConfigFile = None
) -> None:
    """Where prices went after entries, refusals and exits, by strategy and mode; before costs."""
    from bot.store.edge_report import edge_report

    with session_database(load_config(config, session__name=session)) as database:
        made = edge_report(database, run)
    if as_json:
        print_json(made)
        return
    from bot.cli.kept_view import show_edge

    show_edge(console(), made)
