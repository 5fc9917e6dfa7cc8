"""The tree of commands."""

from __future__ import annotations

import typer

import bot
from bot.cli import (
    config,
    doctoring,
    evaluate,
    importing,
    kept,
    looking,
    operate,
    recording,
    rehearsing,
    reporting,
    risk,
    running,
    setting_up,
    strategies,
    tape,
    warmup,
    watching_over,
)

app = typer.Typer(
    name="lopside",
    help="Trades order-book liquidity imbalances on perpetual futures: on paper, on a demo market, on tapes.",
    epilog="Exit codes: 0 done, 1 failed, 2 bad input, 3 bad configuration, 4 locked, 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lopside {bot.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", help="Show the version and exit.", callback=_version, is_eager=True
    ),
) -> None:
    """Options before the command."""


app.command()(setting_up.init)
app.command()(running.paper)
app.command()(running.watch)
app.command()(running.live)
app.command()(running.backtest)
app.add_typer(importing.commands, name="import")
app.add_typer(tape.commands, name="tape")
app.command()(looking.features)
app.command()(looking.signals)
app.command()(looking.plot)
app.command()(evaluate.evaluate)
app.command()(kept.walls)
app.command()(kept.zones)
app.command()(kept.weights)
app.command()(kept.edge)
app.command()(reporting.report)
app.command()(reporting.why)
app.command()(reporting.status)
app.add_typer(risk.commands, name="risk")
app.command()(operate.pause)
app.command()(operate.resume)
app.command()(operate.arm)
app.command()(operate.disarm)
app.command()(operate.mode)
app.command()(operate.restart)
app.command()(operate.cancel)
app.command()(operate.close)
app.command()(operate.flatten)
app.command()(operate.adopt)
app.command()(operate.ignore)
app.command()(operate.backup)
app.command()(watching_over.watchdog)
app.add_typer(strategies.commands, name="strategy")
app.command()(doctoring.doctor)
app.command()(recording.record)
app.command()(rehearsing.rehearse)
app.add_typer(config.commands, name="config")
app.command()(warmup.warmup)
