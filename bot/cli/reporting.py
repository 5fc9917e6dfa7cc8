"""`report`, `why` and `status`: what a session did, from its database, also while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.options import AsJson, ConfigFile, Session, load_config
from bot.cli.output import console, print_json, say, tell

if TYPE_CHECKING:
    from bot.app.config import Config
    from bot.store.database import Database

Run = Annotated[
    int | None, typer.Option("--run", metavar="N", help="One run of the session; default: all paper runs.")
]


def report(
    session: Session = None,
    run: Run = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Also write the trades as CSV.")
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Trades, PnL after fees and funding, drawdown, per strategy; exploration apart; refusals by reason."""
    from bot.store.report import build_report
    from bot.store.trades_csv import write_trades

    with session_database(load_config(config, session__name=session)) as database:
        made = build_report(database, run)
    if csv is not None:
        write_trades(made.trades, csv)
        tell(f"{csv}: {len(made.trades)} trades")
    if as_json:
        print_json(made.to_json())
        return
    from bot.cli.report_view import show_report

    show_report(console(), made)


def why(
    identity: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="Of an intent, trade, refusal or order; a unique beginning will do.",
            show_default=False,
        ),
    ],
    session: Session = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """The whole chain behind an id: the wish, the answer, orders, reports, fills, and the outcome."""
    from bot.store.why import explain

    with session_database(load_config(config, session__name=session)) as database:
        chain = explain(database, identity)
    if as_json:
        print_json(chain)
        return
    from bot.cli.why_view import show_chain

    show_chain(console(), chain)


def status(session: Session = None, as_json: AsJson = False, config: ConfigFile = None) -> None:
    """All sessions, or one with its open trades and money; works while they run."""
    from bot.store.database import Database, session_names
    from bot.store.overview import overview

    settings = load_config(config, session__name=session)
    root = settings.storage.folder
    names = [settings.session.name] if session else session_names(root)
    found = []
    for name in names:
        with Database.read(root.expanduser() / name) as database:
            found.append(overview(database))
    if as_json:
        print_json(found)
        return
    if not found:
        say(f"no sessions in {root}; start one with `lopside paper`")
    for entry in found:
        _show_session(entry, bool(session))


def session_database(config: Config) -> Database:
    """The database of the configured session, for reading."""
    from bot.store.database import Database, session_folder

    return Database.read(session_folder(config.storage.folder, config.session.name))


def _show_session(entry: dict[str, Any], details: bool) -> None:
    from bot.operate.words import amount

    running = f"running (process {entry['process']})" if entry["running"] else entry["state"]
    money = ", ".join(f"{amount(m['equity_e8'])} {m['coin']}" for m in entry["equity"])
    say(
        f"{entry['session']}: {entry['kind']} run {entry['run']} {running};"
        f" {entry['round_trips']} round trips, {len(entry['open_trades'])} open; equity {money or 'unknown'}"
    )
    for words in entry["blocks"]:
        say(f"  entries wait: {words}")
    if details:
        for trade in entry["open_trades"]:
            side = "long" if trade["side"] > 0 else "short"
            say(
                f"  {trade['id']} {side} {trade['symbol']} {trade['stage']},"
                f" {trade['strategy']} {trade['mode']}"
            )
