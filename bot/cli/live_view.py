"""The live view of a running session: a screen in a terminal, a line now and then elsewhere. On stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from bot.cli.output import tell
from bot.operate.words import amount, clock

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bot.operate.status import MarketStatus, Status, TradeStatus

OnStatus = Callable[["Status"], None]

FRAMES_PER_S = 4
LINE_EVERY_S = 5.0
_BAR = 8
NARROW, WIDE = 100, 130
"""Below the one there is no room for walls, from the other on for the bars of confidence."""


@contextmanager
def watching(title: str) -> Iterator[OnStatus]:
    """Shows every status it is handed until the block ends; the first frame is there at once."""
    if sys.stderr.isatty():
        with _screen(title) as show:
            yield show
    else:
        yield Lines().show


@contextmanager
def _screen(title: str) -> Iterator[OnStatus]:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    latest: list[RenderableType] = [
        Text(f"{title}: starting (the first start of a version compiles for a few minutes)")
    ]
    statuses: list[Status] = []

    def frame() -> RenderableType:
        # In the drawing thread: the trading loop only leaves its status here.
        if statuses:
            latest[0] = render(statuses[-1], console.width)
            del statuses[:-1]
        return latest[0]

    console = Console(stderr=True)
    with Live(get_renderable=frame, console=console, refresh_per_second=FRAMES_PER_S, transient=True):
        yield statuses.append


class Lines:
    """One line every few seconds of wall clock, for logs and pipes."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def show(self, status: Status) -> None:
        if status.wall_s >= self._next_s:
            self._next_s = status.wall_s + LINE_EVERY_S
            tell(line(status))


def line(status: Status) -> str:
    """A status in one line."""
    from bot.app.durations import format_duration

    done = f" of {format_duration(status.expected_s)}" if status.expected_s else ""
    parts = [
        f"{format_duration(status.elapsed_s)}{done} at {status.speed:.0f}x",
        f"{status.counts.get('rows', 0):,} rows",
        f"{len(status.trades)} open",
        f"{status.counts.get('round_trips', 0)} round trips",
        f"{status.counts.get('refusals', 0):,} refusals",
        *(f"{amount(money.pnl_e8, sign=True)} {money.coin}" for money in status.money),
    ]
    return " | ".join(parts)


def render(status: Status, width: int = WIDE) -> RenderableType:
    """The whole screen, for a terminal of so many columns."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [_head(status), _markets(status, width)]
    if status.trades:
        parts.append(_trades(status))
    if status.refusals:
        parts.append(_refusals(status))
    for name, error in status.disabled.items():
        parts.append(Text(f"strategy {name} is off: {error}", style="red"))
    parts.append(Text("Ctrl-C ends with a report", style="dim"))
    return Group(*parts)


def _head(status: Status) -> RenderableType:
    from rich.text import Text

    from bot.app.durations import format_duration

    text = Text()
    text.append(f"lopside {status.kind}", style="bold")
    text.append(f"  session {status.session}, {status.source}, {clock(status.now_ns)}  ")
    done = f" of {format_duration(status.expected_s)}" if status.expected_s else ""
    text.append(f"{format_duration(status.elapsed_s)}{done} at {status.speed:.0f}x\n", style="cyan")
    for money in status.money:
        text.append(f"equity {amount(money.equity_e8)} {money.coin} ")
        text.append(f"{amount(money.pnl_e8, sign=True)}  ", style=_tint(money.pnl_e8))
    counts = status.counts
    if status.money:
        text.append(f"round trips {counts.get('round_trips', 0)} (won {counts.get('wins', 0)})")
        text.append(f", exploring {counts.get('explored', 0)}, refused {counts.get('refusals', 0):,}")
    text.append(f", rows {counts.get('rows', 0):,}", style="dim")
    if not status.accepting:
        text.append("  no new entries", style="bold red")
    for words in status.blocks:
        text.append(f"\nentries wait: {words}", style="red")
    return text


def _markets(status: Status, width: int) -> RenderableType:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    modes = [mode.mode.value for mode in status.markets[0].modes] if status.markets else []
    walls = ["walls"] if width >= NARROW else []
    for name in ("market", "bid", "ask", "bps", *modes, "thin", *walls, "book", "position"):
        justify: Literal["left", "right"] = "left" if name in ("market", "walls", "book") else "right"
        table.add_column(name, justify=justify, no_wrap=True)
    for market in status.markets:
        table.add_row(*_market_cells(market, width))
    return table


def _market_cells(market: MarketStatus, width: int) -> list[str]:
    thin = {1: "[green]ask[/]", -1: "[red]bid[/]"}.get(market.thin, "")
    walls = " ".join(
        f"[{'green' if wall.side > 0 else 'red'}]{wall.price}[/] {wall.distance_bps:.1f}bp"
        f" {wall.genuineness:.0%}"
        for wall in market.walls[: len(market.walls) if width >= WIDE else 1]
    )
    trust = {2: "[green]trusted[/]", 1: "[yellow]suspect[/]"}.get(int(market.trust), "[red]quarantined[/]")
    return [
        market.symbol,
        "-" if market.bid is None else f"{market.bid}",
        "-" if market.ask is None else f"{market.ask}",
        "-" if market.spread_bps != market.spread_bps else f"{market.spread_bps:.2f}",
        *(_bias(mode.bias, mode.confidence, width >= WIDE) for mode in market.modes),
        thin,
        *([walls] if width >= NARROW else []),
        trust,
        f"{market.position}" if market.position else "",
    ]


def _bias(bias: float, confidence: float, wide: bool) -> str:
    """-0.42, where there is room with a bar whose length is the confidence."""
    if bias != bias:
        return "[dim]asleep[/]"
    filled = 0 if confidence != confidence else round(confidence * _BAR)
    tint = "green" if bias > 0.05 else "red" if bias < -0.05 else "white"
    bar = f" {'█' * filled}[/][dim]{'·' * (_BAR - filled)}" if wide else ""
    return f"[{tint}]{bias:+.2f}{bar}[/]"


def _trades(status: Status) -> RenderableType:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("trade", "strategy", "mode", "stage", "entry", "stop", "move", "open PnL", "age"):
        table.add_column(name, justify="left" if name in ("trade", "strategy", "mode", "stage") else "right")
    for trade in status.trades:
        table.add_row(*_trade_cells(trade))
    return table


def _trade_cells(trade: TradeStatus) -> list[str]:
    from bot.app.durations import format_duration

    side = "[green]long[/]" if trade.side > 0 else "[red]short[/]"
    return [
        f"{side} {trade.quantity} {trade.symbol}",
        trade.strategy + (" (exploring)" if trade.explore else ""),
        trade.mode.value,
        trade.stage.value,
        "-" if trade.entry is None else f"{trade.entry}",
        f"{trade.stop}",
        "-" if trade.move_bps != trade.move_bps else f"{trade.move_bps:+.1f}bp",
        f"[{_tint(trade.unrealised_e8)}]{amount(trade.unrealised_e8, sign=True)} {trade.coin}[/]",
        format_duration(trade.age_s),
    ]


def _refusals(status: Status) -> RenderableType:
    from rich.text import Text

    text = Text(style="dim")
    for refusal in status.refusals[:4]:
        side = "long" if refusal.side > 0 else "short"
        times = f" ({refusal.count} times)" if refusal.count > 1 else ""
        text.append(
            f"refused {refusal.strategy} {refusal.mode} {side} {refusal.symbol}: {refusal.reason}"
            f" {refusal.value:.3g} against {refusal.limit:.3g}{times}\n"
        )
    text.rstrip()
    return text


def _tint(value: int) -> str:
    return "green" if value > 0 else "red" if value < 0 else "white"
