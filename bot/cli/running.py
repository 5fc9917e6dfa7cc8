"""`paper`, `watch` and `backtest`: run a session and report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.options import AsJson, ConfigFile, Session, load_config
from bot.cli.output import print_json, tell
from bot.cli.scenarios import SCENARIOS
from bot.core.garbage import collect_seldom

if TYPE_CHECKING:
    from bot.app.config import Config
    from bot.app.session import SessionOptions, SessionResult

INTERRUPTED = 130

Market = Annotated[
    str | None,
    typer.Option("--market", metavar="demo|replay|live", help="Where the market comes from (default demo)."),
]
Tapes = Annotated[
    list[Path] | None,
    typer.Option("--tape", metavar="TAPE", help="Tape to replay; may be repeated. Means --market replay."),
]
For = Annotated[
    str | None,
    typer.Option(
        "--for",
        metavar="TIME",
        help="Market time to run: 90s, 10m, 1h, 1d; 0: no end (default 1h of demo, a whole tape).",
    ),
]
Speed = Annotated[
    str | None,
    typer.Option("--speed", metavar="max|N", help="Market seconds a second; max: no waiting (default 60)."),
]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", help="Seed of the demo market (default 1).")]
Symbols = Annotated[
    str | None, typer.Option("--symbols", metavar="A,B", help="Markets, separated by commas.")
]
Scenario = Annotated[
    str | None,
    typer.Option(
        "--scenario",
        metavar="NAME",
        help="What the demo market plays (default demo). "
        + "; ".join(f"{name}: {about}" for name, about in SCENARIOS.items())
        + ".",
    ),
]
Venue = Annotated[
    str | None,
    typer.Option(
        "--venue",
        metavar="NAME",
        help="Live public data of a venue: binance, bybit, okx or hyperliquid. No keys; means --market live.",
    ),
]
References = Annotated[
    str | None,
    typer.Option(
        "--references", metavar="A,B", help="Further venues to listen to, for signals that compare venues."
    ),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url", metavar="VENUE=URL", help="Another server in a venue's place: binance=http://127.0.0.1:8080."
    ),
]
Record = Annotated[
    Path | None, typer.Option("--record", metavar="DIR", help="Record the stream as a tape in this folder.")
]
Truth = Annotated[
    bool,
    typer.Option(
        "--truth", help="Write what was planted in the demo market as truth.jsonl beside the recorded tape."
    ),
]
Strategies = Annotated[
    str | None,
    typer.Option("--strategies", metavar="A,B", help="Strategies that trade, instead of strategies.enabled."),
]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Forget the session's wallet, trades and history first.")
]


def paper(
    market: Market = None,
    tape: Tapes = None,
    duration: For = None,
    speed: Speed = None,
    seed: Seed = None,
    symbols: Symbols = None,
    scenario: Scenario = None,
    venue: Venue = None,
    references: References = None,
    url: Url = None,
    session: Session = None,
    record: Record = None,
    truth: Truth = False,
    strategies: Strategies = None,
    fresh: Fresh = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Trade on paper: on the demo market, on live public data, or on a tape in its own time.

    Live sessions record themselves (storage.live_tapes_mb), so that they can be replayed.
    The session's wallet and open trades survive a restart. Ctrl-C ends with a report.
    """
    heard = {"venue": venue, "references": references, "urls": url}
    settings = _settings(
        config, market, tape, duration, speed, seed, symbols, session, scenario, strategies, heard
    )
    _run("paper", settings, tape, as_json, record=record, truth=truth, fresh=fresh)


def watch(
    market: Market = None,
    tape: Tapes = None,
    duration: For = None,
    speed: Speed = None,
    seed: Seed = None,
    symbols: Symbols = None,
    scenario: Scenario = None,
    venue: Venue = None,
    references: References = None,
    url: Url = None,
    session: Session = None,
    record: Record = None,
    truth: Truth = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Show signals, walls and book trust without trading."""
    heard = {"venue": venue, "references": references, "urls": url}
    name = session or "watch"
    settings = _settings(config, market, tape, duration, speed, seed, symbols, name, scenario, None, heard)
    _run("watch", settings, tape, as_json, record=record, truth=truth)


def live(
    duration: For = None,
    symbols: Symbols = None,
    venue: Venue = None,
    references: References = None,
    url: Url = None,
    session: Session = None,
    record: Record = None,
    dry: Annotated[
        bool, typer.Option("--dry", help="Walk everything, read the account, send no order.")
    ] = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Trade an account. Begins paused; `lopside resume` arms it. docs/trading.md says what is checked first.

    Needs keys that cannot withdraw, and live.acknowledge in the configuration for real money.
    Ctrl-C leaves positions with their stops on the exchange; the next start goes on with them.
    """
    heard = {"venue": venue, "references": references, "urls": url}
    name = session or "live"
    settings = _settings(config, "live", None, duration, None, None, symbols, name, heard=heard)
    _run("live", settings, None, as_json, record=record, dry=dry)


def backtest(
    tapes: Annotated[
        list[Path], typer.Argument(metavar="TAPE...", help="Tapes, one after the other.", show_default=False)
    ],
    duration: For = None,
    symbols: Symbols = None,
    session: Session = None,
    strategies: Strategies = None,
    heard: Annotated[
        str | None,
        typer.Option(
            "--heard",
            metavar="SESSION",
            help="Replay this live session: its tape with what its account said, to the same decision hash.",
        ),
    ] = None,
    fresh: Fresh = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Trade a tape on paper as fast as possible, with the same engine, from the starting wallet."""
    settings = _settings(
        config, "replay", tapes, duration, "max", None, symbols, session or "backtest", strategies=strategies
    )
    folder = None if heard is None else settings.storage.folder.expanduser() / heard
    _run("backtest", settings, tapes, as_json, fresh=fresh, heard=folder)


def _settings(
    file: Path | None,
    market: str | None,
    tapes: list[Path] | None,
    duration: str | None,
    speed: str | None,
    seed: int | None,
    symbols: str | None,
    session: str | None,
    scenario: str | None = None,
    strategies: str | None = None,
    heard: Mapping[str, str | None] | None = None,
) -> Config:
    collect_seldom()  # from here to the loop a session only loads
    heard = heard or {}
    implied = "live" if heard.get("venue") else "replay" if tapes else None
    return load_config(
        file,
        **{f"market__{key}": value for key, value in heard.items()},
        market__source=implied if market is None else market,
        market__scenario=scenario,
        market__duration=duration,
        market__speed=speed if speed is None or speed == "max" else _number(speed),
        session__seed=seed,
        market__symbols=symbols,
        session__name=session,
        strategies__enabled=strategies,
    )


def _number(text: str) -> float:
    from bot.core.errors import BadInput

    try:
        return float(text)
    except ValueError:
        raise BadInput(f"--speed: expected max or a number, was {text!r}") from None


def _options(kind: Any, config: Config, tapes: list[Path] | None, **more: Any) -> SessionOptions:
    from bot.app.plugins import users_folder
    from bot.app.session import SessionOptions
    from bot.core.errors import BadInput

    market = config.market
    if market.source == "replay" and not tapes:
        raise BadInput("--market replay: expected a tape; name one with --tape TAPE")
    if market.source != "replay" and tapes:
        raise BadInput(f"--tape does not go with --market {market.source}; leave one of them out")
    # A tape has its own markets and length, live data no end; only what was asked for narrows them.
    asked = {"symbols", "duration"} if market.source == "demo" else market.model_fields_set
    return SessionOptions(
        config=config,
        kind=kind,
        market=market.source,
        tapes=tuple(tapes or ()),
        session=config.session.name,
        seed=config.session.seed,
        symbols=market.symbols if "symbols" in asked else (),
        duration_s=(market.duration or None) if "duration" in asked else None,
        speed=1.0 if market.source == "live" else market.speed,
        scenario=market.scenario,
        strategies_dir=users_folder(config),
        **more,
    )


def _run(kind: str, config: Config, tapes: list[Path] | None, as_json: bool, **more: Any) -> None:
    from bot.app.logs import session_log
    from bot.cli.live_view import watching

    folder = config.storage.folder.expanduser() / config.session.name
    with session_log(folder, config.logging) as log, watching(f"lopside {kind}") as on_status:
        # After the first frame is on the screen: this loads the compiled loop.
        from bot.app.session import run_session

        def on_warning(what: str, detail: Mapping[str, Any]) -> None:
            log.warning(what, **detail)
            tell(f"warning: {what.replace('_', ' ')}: {detail.get('reason') or detail.get('notes')}")

        options = _options(kind, config, tapes, on_status=on_status, on_warning=on_warning, **more)
        kernels_first = options.speed > 0  # its clock must not run while they load
        trades_open = False
        if kind == "live":
            from bot.app.doctor import before_live, open_trades_of

            before_live(config, tell)
            trades_open = open_trades_of(config) > 0
            kernels_first = not trades_open  # an account with open trades must not wait for them
        if options.market == "live" and not trades_open:  # with trades open the venue is waited for
            from bot.app.live_markets import hosts_of
            from bot.app.reach import require

            require(hosts_of(config))  # before anything is compiled: a person waits
        from bot.app.warm import compile_all, is_cold

        if kernels_first or is_cold():
            compile_all()
        log.info("started", kind=kind, market=options.market, speed=options.speed, seed=options.seed)
        result = run_session(options)
        log.info("ended", interrupted=result.interrupted, summary=result.summary)
    _show(result, as_json)
    if result.interrupted:
        raise typer.Exit(INTERRUPTED)


def _show(result: SessionResult, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                **result.summary,
                "interrupted": result.interrupted,
                "database": str(result.database),
                "report": result.report.to_json(),
            }
        )
        return
    from bot.cli.output import console
    from bot.cli.report_view import show_report, show_summary

    out = console()
    show_report(out, result.report)
    show_summary(out, result.summary, result.database)
