"""A report for people: tables on a console."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from bot.app.durations import format_duration
from bot.operate.words import amount, clock

if TYPE_CHECKING:
    from rich.console import Console

    from bot.store.report import Performance, Report
    from bot.store.shadow_report import Added

WIDE = 100
EXPLORED = "Exploration (not counted as performance)"


def show_report(out: Console, report: Report) -> None:
    """Performance, exploration apart, wallets, refusals."""
    runs = ", ".join(str(run) for run in report.runs)
    out.print(f"[bold]Session {report.session}[/], {report.kind} run {runs} ({report.state})")
    if report.from_ns:
        length = format_duration((report.to_ns - report.from_ns) / 1e9)
        out.print(f"{clock(report.from_ns)} to {clock(report.to_ns)}, {length}")
    out.print()
    if report.round_trips:
        out.print(_performance("Round trips", [*report.performance, *report.totals], out.width >= WIDE))
    else:
        out.print("No round trips besides exploration." if report.explored else "No round trips.")
    if report.exploration:
        out.print(_performance(EXPLORED, list(report.exploration), out.width >= WIDE))
    for added in report.added:
        _added(out, added)
    for wallet in report.wallets:
        out.print(
            f"Equity {amount(wallet.first_equity_e8)} to {amount(wallet.last_equity_e8)} {wallet.coin}"
            f" ({amount(wallet.change_e8, sign=True)}, exploration included),"
            f" largest fall {amount(wallet.max_drawdown_e8)} ({wallet.max_drawdown:.2%})"
        )
    out.print(
        f"Asked {report.intents:,}, approved {report.approved:,}, refused {report.refused:,};"
        f" {report.orders:,} orders, {report.fills:,} fills, {report.unfilled} entries never filled,"
        f" {report.still_open} trades open"
    )
    if report.refusals:
        listed = ", ".join(f"{entry.reason} {entry.count:,}" for entry in report.refusals)
        out.print(f"Refused for: {listed}", soft_wrap=True)
    if report.unprotected_max_ns:
        out.print(f"Longest time without a resting stop: {report.unprotected_max_ns / 1e6:,.0f} ms")


def _added(out: Console, added: Added) -> None:
    """What the signal added, against each shadow."""
    explored = " (exploration)" if added.explore else ""
    parts = [
        f"{one.shadow} {one.shadow_bps:+.1f}: added {one.added_bps:+.1f}"
        + ("" if one.low_bps is None else f" [{one.low_bps:+.1f}, {one.high_bps:+.1f}]")
        for one in added.versus
    ]
    out.print(
        f"{added.strategy}{explored} beside its shadows, bps a trade over {added.trades}:"
        f" gross {added.gross_bps:+.1f}, after fees {added.net_bps:+.1f}; {'; '.join(parts)}",
        markup=False,
        soft_wrap=True,
    )


def _performance(title: str, groups: list[Performance], wide: bool) -> Table:
    """Excursions and the interval of the share that won are left out where they have no room."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, header_style="dim")
    names = ["strategy", "trips", "won", "gross", "fees", "funding", "net", "held"]
    for name in [*names, "95 %", "best", "worst"] if wide else names:
        table.add_column(name, justify="left" if name == "strategy" else "right", no_wrap=True)
    for group in groups:
        cells = _cells(group)
        table.add_row(*(cells if wide else cells[: len(names)]), style="" if group.strategy else "bold")
    return table


def _cells(group: Performance) -> list[str]:
    low, high, best, worst = group.win_low, group.win_high, group.best_bps, group.worst_bps
    return [
        group.strategy or "all",
        str(group.round_trips),
        str(group.wins),
        amount(group.gross_e8, sign=True),
        amount(-group.fees_e8, sign=True),
        amount(group.funding_e8, sign=True),
        f"{amount(group.net_e8, sign=True)} {group.coin}",
        "-" if group.hold_s is None else format_duration(group.hold_s),
        "-" if low is None or high is None else f"{low:.0%} to {high:.0%}",
        "-" if best is None else f"{best:+.1f}bp",
        "-" if worst is None else f"{worst:+.1f}bp",
    ]


def show_summary(out: Console, summary: Mapping[str, Any], database: Path) -> None:
    """What the run read and how it can be compared with another."""
    decided = ", ".join(f"{count:,} {what}" for what, count in summary["decisions"].items())
    out.print(
        f"{summary['rows']:,} rows, {format_duration(summary['span_s'])} of market time in"
        f" {format_duration(summary['wall_s'])}; {summary['gaps']} gaps, {summary['lost_rows']} rows lost",
        style="dim",
    )
    out.print(f"Decision hash {summary['decision_hash']} over {decided}", style="dim", soft_wrap=True)
    if summary["recorded_to"]:
        out.print(f"Recorded to {summary['recorded_to']}", style="dim", soft_wrap=True)
    for name, error in summary["disabled_strategies"].items():
        out.print(f"Strategy {name} was switched off: {error}", style="red")
    out.print(f"Kept in {database}; ask `lopside report` or `lopside why ID`", style="dim", soft_wrap=True)
