"""A chain of `lopside why` for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.core.enums import Liquidity, RejectReason, ReportKind
from bot.operate.words import amount, clock

if TYPE_CHECKING:
    from rich.console import Console


def show_chain(out: Console, chain: dict[str, Any]) -> None:
    """The chain in the order in which it happened."""
    out.print(f"[bold]{chain['id']}[/] in run {chain['run']}")
    for show, part in (
        (_intent, chain["intent"]),
        (_denial, chain["denial"]),
        (_plan, chain["plan"]),
        (_readings, chain["readings"]),
    ):
        if part:
            show(out, part)
    for order in chain["orders"]:
        _order(out, order)
    for fill in chain["fills"]:
        side = "bought" if fill["side"] > 0 else "sold"
        how = Liquidity(fill["liquidity"]).name.lower()
        out.print(
            f"  {clock(fill['now_ns'])} {side} {fill['lots']} lots at tick {fill['price']} as {how},"
            f" fee {amount(fill['fee_e8'])}, realised {amount(fill['realised_e8'], sign=True)}"
        )
    if chain["trade"]:
        _trade(out, chain["trade"])


def _side(side: int) -> str:
    return "long" if side > 0 else "short"


def _number(value: float | None) -> str:
    """SQLite keeps nan as NULL."""
    return "unknown" if value is None else f"{value:.6g}"


def _figures(figures: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in figures.items()
        if value is not None
    )


def _intent(out: Console, row: dict[str, Any]) -> None:
    out.print(
        f"{clock(row['now_ns'])} {row['strategy']} ({row['mode']}) wanted to {row['action']}"
        f" {_side(row['side'])} {row['symbol']}: {row['reason']}"
    )
    out.print(f"  {_figures(row['figures'])}", style="dim")


def _denial(out: Console, row: dict[str, Any]) -> None:
    times = f", {row['count']} times until {clock(row['last_ns'])}" if row["count"] > 1 else ""
    out.print(
        f"{clock(row['first_ns'])} {row['strategy']} ({row['mode']}) wanted to {row['action']}"
        f" {_side(row['side'])} {row['symbol']} ({row['intent_reason']}): refused, {row['reason']}"
        f" {_number(row['value'])} against {_number(row['limit_value'])}{times}"
    )
    out.print(f"  {_figures(row['figures'])}", style="dim")


def _plan(out: Console, row: dict[str, Any]) -> None:
    explored = " as exploration, not counted as performance" if row["explore"] else ""
    out.print(
        f"Approved{explored}: {row['lots']} lots, stop at tick {row['stop_ticks']},"
        f" {amount(row['risk_e8'])} at risk"
    )
    out.print(f"  {_figures(row['figures'])}", style="dim")


def _readings(out: Console, row: dict[str, Any]) -> None:
    out.print(f"Signals then: {_figures(row['figures'])}", style="dim")


def _order(out: Console, row: dict[str, Any]) -> None:
    side = "buy" if row["side"] > 0 else "sell"
    at = f" at tick {row['price']}" if row["price"] else ""
    trigger = f" once tick {row['trigger_price']} trades" if row["trigger_price"] else ""
    only = ", reduce-only" if row["reduce_only"] else ""
    out.print(
        f"{clock(row['sent_ns'])} {row['role']} order {row['client_id']}:"
        f" {side} {row['lots']} lots{at}{trigger}{only}"
    )
    for report in row["reports"]:
        kind = ReportKind(report["kind"]).name.lower()
        reason = RejectReason(report["reason"]).name.lower() if report["reason"] else ""
        out.print(f"  {clock(report['now_ns'])} {kind} {reason}".rstrip())


def _trade(out: Console, row: dict[str, Any]) -> None:
    out.print(
        f"Trade {row['stage']}{': ' + row['reason'] if row['reason'] else ''} {row['detail'] or ''}".rstrip()
        + f"; gross {amount(row['gross_e8'], sign=True)}, fees {amount(-row['fees_e8'], sign=True)},"
        f" funding {amount(row['funding_e8'], sign=True)}, net {amount(row['net_e8'], sign=True)}"
        f" {row['coin']}; best {row['best_bps']:+.1f}bp, worst {row['worst_bps']:+.1f}bp"
    )
