"""A chain of `lopside why` for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.core.enums import Agreement, Liquidity, RejectReason, ReportKind
from bot.operate.words import amount, clock

if TYPE_CHECKING:
    from rich.console import Console


def show_chain(out: Console, chain: dict[str, Any]) -> None:
    """The chain in the order in which it happened."""
    out.print(f"[bold]{chain['id']}[/] in run {chain['run']}")
    for show, part in (
        (_readings, chain["readings"]),
        (_intent, chain["intent"]),
        (_denial, chain["denial"]),
        (_plan, chain["plan"]),
    ):
        if part:
            show(out, part)
    for order in chain["orders"]:
        _order(out, order)
    for fill in chain["fills"]:
        side = "bought" if fill["side"] > 0 else "sold"
        how = Liquidity(fill["liquidity"]).name.lower()
        out.print(
            f"  {clock(fill['now_ns'])} {side} {fill['lots']} lots at {fill['price']} as {how},"
            f" fee {amount(fill['fee_e8'])}, realised {amount(fill['realised_e8'], sign=True)}"
        )
    if chain["trade"]:
        _trade(out, chain["trade"])
    for outcome in chain["outcomes"]:
        _outcome(out, outcome)
    for shadow in chain["shadows"]:
        _shadow(out, shadow)


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
    out.print(f"  Set-up: {_figures(row['figures'])}", style="dim")


def _denial(out: Console, row: dict[str, Any]) -> None:
    times = f", {row['count']} times until {clock(row['last_ns'])}" if row["count"] > 1 else ""
    out.print(
        f"{clock(row['first_ns'])} {row['strategy']} ({row['mode']}) wanted to {row['action']}"
        f" {_side(row['side'])} {row['symbol']} ({row['intent_reason']}): refused, {row['reason']}"
        f" {_number(row['value'])} against {_number(row['limit_value'])}{times}"
    )
    _judged(out, row["figures"])


def _plan(out: Console, row: dict[str, Any]) -> None:
    explored = " as exploration, not counted as performance" if row["explore"] else ""
    out.print(f"Approved{explored}")
    _judged(out, row["figures"])
    out.print(f"  Stop {row['stop']}, {row['lots']} lots, {amount(row['risk_e8'])} at risk")


def _judged(out: Console, figures: dict[str, Any]) -> None:
    """The terms of the gate, then those of the size."""
    size = {name: value for name, value in figures.items() if name.startswith("cap_") or name in _SIZE}
    gate = {name: value for name, value in figures.items() if name not in size}
    for title, part in (("Gate", gate), ("Size", size)):
        if part:
            out.print(f"  {title}: {_figures(part)}", style="dim")


_SIZE = ("notional", "multiplier", "equity")
_MOST_CARDS = 8


def _readings(out: Console, row: dict[str, Any]) -> None:
    """Cards by what they moved the composite, then the composite and the market."""
    figures = dict(row["figures"])
    weights = {
        name.removeprefix("weight:"): figures.pop(name) or 0.0
        for name in list(figures)
        if name.startswith("weight:")
    }
    scores = {name: figures.pop(name, None) or 0.0 for name in weights}
    said = sorted(weights, key=lambda name: (-abs(weights[name] * scores[name]), name))
    cards = [f"{name} {scores[name]:+.2f} x {weights[name]:.3f}" for name in said[:_MOST_CARDS]]
    if cards:
        rest = f" and {len(said) - _MOST_CARDS} more" if len(said) > _MOST_CARDS else ""
        out.print(f"Cards (score x weight): {', '.join(cards)}{rest}", style="dim")
    composite = {name: figures.pop(name) for name in _COMPOSITE if name in figures}
    state = composite.pop("composite_state", None)
    words = "" if state is None else f", {Agreement(int(state)).name.lower()}"
    out.print(f"Composite: {_figures(composite)}{words}", style="dim")
    out.print(f"Market: {_figures(figures)}", style="dim")


_COMPOSITE = ("bias", "probability", "composite_confidence", "composite_state")


def _is_set(price: Any) -> bool:
    return price is not None and float(price) != 0.0


def _order(out: Console, row: dict[str, Any]) -> None:
    side = "buy" if row["side"] > 0 else "sell"
    at = f" at {row['price']}" if _is_set(row["price"]) else ""
    trigger = f" once {row['trigger_price']} trades" if _is_set(row["trigger_price"]) else ""
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
    figures = row["figures"]
    if figures.get("mid"):
        out.print(
            f"  decided at a mid of {figures['mid']}, entered {figures.get('slip_bps', 0.0):+.1f}bp from it"
        )


_FROM = {"entered": "After the decision", "left": "After the end", "refused": "After the refusal"}


def _outcome(out: Console, row: dict[str, Any]) -> None:
    """The counterfactual path, towards the side of the wish."""
    path = sorted(row["path"].items(), key=lambda step: float(step[0]))
    steps = ", ".join(f"{float(move):+.1f}bp at {seconds} s" for seconds, move in path)
    first = f"; the {row['first']} would have come first" if row["first"] else ""
    out.print(
        f"{_FROM[row['what']]} the mid went {steps or 'nowhere yet'}; best {row['best_bps']:+.1f}bp,"
        f" worst {row['worst_bps']:+.1f}bp{first}"
    )


def _shadow(out: Console, row: dict[str, Any]) -> None:
    out.print(
        f"Shadow {_side(row['side'])}: {row['entry_price']} to {row['exit_price']} ({row['reason']}),"
        f" {row['net_bps']:+.1f}bp after fees",
        style="dim",
    )
