"""`rehearse`: an exchange of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.options import AsJson
from bot.cli.output import print_json, say, tell

if TYPE_CHECKING:
    from bot.app.rehearse import Serving

_TEXT = {
    "rest": "REST",
    "websocket": "websocket",
    "control": "control",
    "key": "API key",
    "secret": "secret",
}


def rehearse(
    market: Annotated[
        str | None,
        typer.Option("--market", metavar="demo|replay", help="Where the market comes from (default demo)."),
    ] = None,
    tape: Annotated[
        list[Path] | None,
        typer.Option("--tape", metavar="TAPE", help="Tape to serve; may be repeated. Means --market replay."),
    ] = None,
    symbols: Annotated[
        str | None,
        typer.Option(
            "--symbols", metavar="A,B", help="Markets (default those of the configuration, or of the tape)."
        ),
    ] = None,
    scenario: Annotated[
        str, typer.Option("--scenario", metavar="NAME", help="What the demo market plays; see `paper`.")
    ] = "demo",
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Seed of the demo market and of faults.")
    ] = 1,
    speed: Annotated[
        float,
        typer.Option(
            "--speed", metavar="N", help="Market seconds a second; 0: only by hand, at the control endpoint."
        ),
    ] = 1.0,
    port: Annotated[
        int, typer.Option("--port", metavar="N", help="Port on 127.0.0.1; 0: any free one.")
    ] = 18080,
    deposit: Annotated[
        str, typer.Option("--deposit", metavar="USDT", help="Money in the account at the start.")
    ] = "10000",
    key: Annotated[str, typer.Option("--key", metavar="KEY", help="API key (default: a new one).")] = "",
    secret: Annotated[
        str, typer.Option("--secret", metavar="SECRET", help="Its secret (default: a new one).")
    ] = "",
    withdrawals: Annotated[
        bool,
        typer.Option("--withdrawals", help="Pretend that the key may withdraw, which live trading refuses."),
    ] = False,
    journal: Annotated[
        Path | None,
        typer.Option(
            "--journal",
            metavar="FILE",
            help="Append all requests, answers and user events, a JSON line each.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Serve a Binance USDⓈ-M-compatible exchange on this machine, to rehearse live trading on.

    Orders act on the demo market or a tape; the money is not real. Runs until Ctrl-C. Needs the
    extra `live`. docs/rehearsal.md says what is served and how it differs from the venue.
    """
    from decimal import Decimal, InvalidOperation

    from bot.app.config import Config
    from bot.core.errors import BadInput

    try:
        from bot.app.rehearse import RehearsalOptions
        from bot.app.rehearse import rehearse as run
    except ImportError as error:
        raise BadInput(f"{error.name} is not installed; install the extra: pip install '.[live]'") from None

    source = market or ("replay" if tape else "demo")
    if source not in ("demo", "replay") or (source == "replay") != bool(tape):
        raise BadInput(f"--market: expected demo, or replay with --tape TAPE; was {source}")
    try:
        money = Decimal(deposit)
    except InvalidOperation:
        raise BadInput(f"--deposit: expected an amount such as 10000, was {deposit!r}") from None
    named = tuple(s.strip() for s in symbols.split(",") if s.strip()) if symbols else ()
    options = RehearsalOptions(
        symbols=named or (() if tape else Config().market.symbols),
        tapes=tuple(tape or ()),
        scenario=scenario,
        seed=seed,
        speed=speed,
        port=port,
        deposit=money,
        key=key,
        secret=secret,
        withdrawals=withdrawals,
        journal=journal,
    )
    run(options, lambda serving: _show(serving, as_json))


def _show(serving: Serving, as_json: bool) -> None:
    import sys
    from dataclasses import asdict

    if as_json:
        print_json(asdict(serving))
    else:
        for name, text in _TEXT.items():
            say(f"{text:<10} {getattr(serving, name)}")
        say(f"{'symbols':<10} {', '.join(serving.symbols)}")
        tell("serving; Ctrl-C ends it")
    sys.stdout.flush()
