"""What the commands that only look say, from the one status that every face shows."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import isfinite
from typing import Any

from bot.core.enums import Mode, Side
from bot.operate.status import MarketStatus, Status, TradeStatus
from bot.operate.words import amount, clock, figure_of
from bot.risk.breakers import Per
from bot.risk.look import LimitStatus
from bot.telegram.message import Message


def status(now: Status) -> Message:
    money = [
        f"{m.coin}: equity {amount(m.equity_e8)} ({amount(m.pnl_e8, sign=True)} this run)" for m in now.money
    ]
    counts = now.counts
    trips = f"{counts.get('round_trips', 0)} round trips, {counts.get('wins', 0)} won"
    lines = [
        f"{now.kind} on {now.source}, {clock(now.now_ns)}",
        *money,
        f"{len(now.trades)} open; {trips}; {counts.get('explored', 0)} exploring; "
        f"{counts.get('refusals', 0):,} refusals",
        *entering(now),
        *(f"entries wait: {words}" for words in now.blocks),
        *(f"strategy {name} is off: {error}" for name, error in now.disabled.items()),
    ]
    return Message(f"{now.session}", tuple(lines), positions(now).table)


def entering(now: Status) -> list[str]:
    """Whether entries are allowed, until when, and in which modes."""
    if not now.accepting:
        return ["NO NEW ENTRIES"]
    until = f" until {clock(now.armed_until_ns)}" if now.armed_until_ns else ""
    some = f", in {', '.join(now.modes)} only" if len(now.modes) < len(Mode) else ""
    return [f"entries are allowed{until}{some}"]


def modes(now: Status) -> Message:
    rows = [(mode.value, f"{mode.cycle_s} s", "yes" if mode in now.modes else "no") for mode in Mode]
    lines = (*entering(now), "change it with /mode and the modes that may enter, as /mode day swing")
    return Message("Modes", lines, (("mode", "looks every", "enters"), *rows))


def positions(now: Status) -> Message:
    if not now.trades:
        return Message("No open trade")
    head = ("trade", "entry", "stop", "bp", "unreal.")
    rows = [_trade_row(trade) for trade in now.trades]
    details = [f"{t.symbol}: {t.strategy} {t.mode.value}, {t.stage}, id {t.id}" for t in now.trades]
    return Message("Open trades", tuple(details), (head, *rows))


def balance(now: Status) -> Message:
    rows = [
        (m.coin, amount(m.wallet_e8), amount(m.equity_e8), amount(m.pnl_e8, sign=True)) for m in now.money
    ]
    return Message("Balance", (), (("coin", "wallet", "equity", "this run"), *rows))


def bias(now: Status, symbol: str = "") -> Message:
    modes = [mode.mode.value for mode in now.markets[0].modes] if now.markets else []
    rows = [
        (market.symbol, *(_bias(mode.bias, mode.fresh) for mode in market.modes), _thin(market))
        for market in _chosen(now, symbol)
    ]
    return Message("Bias −100…+100 (* fresh)", (), (("market", *modes, "thin"), *rows))


def walls(now: Status, symbol: str = "") -> Message:
    rows = [
        (
            market.symbol,
            "bid" if wall.side is Side.BUY else "ask",
            f"{wall.price:f}",
            f"{wall.quantity:f}",
            f"{wall.distance_bps:.1f}",
            f"{100 * wall.genuineness:.0f}%",
        )
        for market in _chosen(now, symbol)
        for wall in market.walls
    ]
    if not rows:
        return Message("No wall stands")
    return Message("Walls", (), (("market", "side", "price", "quantity", "bp", "genuine"), *rows))


def zones(made: dict[str, Any], symbol: str) -> Message:
    """`bot.store.zone_report`: those that stand, ranked ones first."""
    rows = [
        (
            zone["market"].partition(":")[2],
            zone["kind"],
            zone["grade"],
            f"{zone['low']}-{zone['high']}",
            f"{100 * zone['hold']:.0f}%",
            f"{zone['holds']}/{zone['touches']}",
        )
        for zone in sorted(made["standing"], key=lambda zone: (zone["market"], zone["rank"] or 9))
        if zone["rank"] and symbol in ("", zone["market"].partition(":")[2])
    ]
    if not rows:
        return Message("No zone stands")
    return Message("Zones", (), (("market", "kind", "grade", "prices", "holds", "held"), *rows))


def risk(now: Status, limits: Sequence[LimitStatus]) -> Message:
    """What is at stake, which limits are broken, and how near those of the whole account are."""
    if not limits:
        return Message("Nothing is traded, so nothing is at risk")
    broken = [f"BROKEN {_limit_name(row)}: blocks {row.blocks}; resets {row.resets}" for row in limits]
    broken = [line for line, row in zip(broken, limits, strict=True) if row.broken]
    rows = [_limit_row(row) for row in limits if row.per not in (Per.MARKET, Per.SETUP)]
    lines = (*entering(now), f"{len(now.trades)} open", *(broken or ["no limit is broken"]))
    return Message("Risk", lines, (("limit", "now", "", "allowed"), *rows))


def limits(all_limits: Sequence[LimitStatus], symbol: str) -> Message:
    """Every limit, or those of a market."""
    chosen = [row for row in all_limits if not symbol or row.subject.endswith(f":{symbol}")]
    rows = [_limit_row(row) for row in sorted(chosen, key=lambda row: (not row.broken, row.subject))]
    if not rows:
        return Message("No limits: nothing is traded, or there is no book")
    note = "! is broken. Exits, stops and targets are blocked by none of them."
    return Message("Limits", (note,), (("limit", "now", "", "allowed"), *rows))


def _limit_row(row: LimitStatus) -> tuple[str, ...]:
    name = ("! " if row.broken else "") + _limit_name(row)
    return (name, figure_of(row.value, row.unit), row.sense, figure_of(row.limit, row.unit))


def _limit_name(row: LimitStatus) -> str:
    subject = row.subject.partition(":")[2] or row.subject
    return f"{row.name} {subject}".rstrip()


def edge(made: dict[str, Any]) -> Message:
    """`bot.store.edge_report`: the mean move towards our side, at the end of the mode's horizon."""
    rows = [
        (
            f"{one['strategy']} {one['mode']}",
            one["what"],
            str(one["count"]),
            f"{last['seconds']}s",
            f"{last['mean_bps']:+.1f}" + ("" if last["error_bps"] is None else f"±{last['error_bps']:.1f}"),
        )
        for one in made["edges"]
        for last in one["markouts"][-1:]
    ]
    if not rows:
        return Message("No decision is old enough to be judged")
    note = "mean move towards our side, bp before costs, ± a standard error"
    return Message("Edge of decisions", (note,), (("strategy", "what", "n", "after", "bp"), *rows))


def trust(now: Status, symbol: str = "") -> Message:
    rows = [
        (market.symbol, market.trust.name.lower(), market.trust_reason or "-", str(market.gaps))
        for market in _chosen(now, symbol)
    ]
    return Message("Book trust", (), (("market", "trust", "why", "gaps"), *rows))


def refusals(now: Status) -> Message:
    if not now.refusals:
        return Message("No refusal in this run")
    lines = [
        f"{r.symbol} {'long' if r.side > 0 else 'short'} {r.strategy} {r.mode}: {r.reason} "
        f"{r.value:.4g} against {r.limit:.4g}" + (f" ({r.count} times)" if r.count > 1 else "")
        for r in now.refusals
    ]
    return Message("Last refusals", tuple(lines))


def health(now: Status, channel: dict[str, Any]) -> Message:
    counts = now.counts
    lines = [
        f"market time {clock(now.now_ns)}, at {now.speed:.1f}x for {now.wall_s:.0f} s",
        f"{counts.get('rows', 0):,} rows; gaps {sum(market.gaps for market in now.markets)}",
        f"books trusted: {sum(m.trust.name == 'TRUSTED' for m in now.markets)} of {len(now.markets)}",
        *(f"{name.replace('_', ' ')}: {value}" for name, value in channel.items()),
    ]
    return Message("Health", tuple(lines))


def report(made: dict[str, Any]) -> Message:
    """`bot.store.report.Report.to_json()` in a few lines."""
    rows = [
        (
            group["strategy"] or "all",
            str(group["round_trips"]),
            "-" if group["win_rate"] is None else f"{100 * group['win_rate']:.0f}%",
            amount(group["fees_e8"]),
            amount(group["net_e8"], sign=True),
        )
        for group in [*made["performance"], *made["totals"]]
    ]
    explored = sum(group["round_trips"] for group in made["exploration"])
    lines = [
        f"{clock(made['from_ns'])} to {clock(made['to_ns'])}",
        *(
            f"{w['coin']}: {amount(w['change_e8'], sign=True)}, drawdown {100 * w['max_drawdown']:.2f}%"
            for w in made["wallets"]
        ),
        f"exploration, counted apart: {explored}; refusals {made['refused']:,}; "
        f"longest without a stop {made['unprotected_max_ns'] / 1e6:.0f} ms",
    ]
    table = (("strategy", "trips", "won", "fees", "net"), *rows) if rows else ()
    return Message(f"Report of {made['session']}", tuple(lines), table)


def pnl(made: dict[str, Any], since_ns: int, span: str) -> Message:
    """Round trips closed since a time, by coin; exploration apart."""
    done = [
        t
        for t in made["trades"]
        if t["stage"] == "closed" and t["filled_lots"] and t["closed_ns"] >= since_ns
    ]
    rows = []
    for coin in sorted({t["coin"] for t in done}):
        for name, explore in (("traded", False), ("explored", True)):
            mine = [t for t in done if t["coin"] == coin and bool(t["explore"]) is explore]
            won = sum(t["net_e8"] > 0 for t in mine)
            net = sum(t["net_e8"] for t in mine)
            rows.append((f"{coin} {name}", str(len(mine)), str(won), amount(net, sign=True)))
    if not rows:
        return Message(f"No round trip in the last {span}")
    return Message(f"PnL of the last {span}, after fees", (), (("", "trips", "won", "net"), *rows))


def trades(made: dict[str, Any], most: int) -> Message:
    done = [t for t in made["trades"] if t["stage"] == "closed" and t["filled_lots"]][-most:]
    if not done:
        return Message("No closed trade yet")
    rows = [
        (
            t["symbol"],
            "long" if t["side"] > 0 else "short",
            str(t["reason"]),
            f"{t['hold_ns'] / 1e9:.0f}s",
            amount(t["net_e8"], sign=True) + ("*" if t["explore"] else ""),
        )
        for t in reversed(done)
    ]
    return Message("Last trades (* exploring)", (), (("market", "side", "end", "held", "net"), *rows))


def chain(made: dict[str, Any]) -> Message:
    """`bot.store.why.explain` in a few lines: what was wanted, what risk said, what came of it."""
    lines: list[str] = []
    if wanted := made["intent"]:
        side = "long" if wanted["side"] > 0 else "short"
        lines.append(f"{clock(wanted['now_ns'])} {wanted['strategy']} {wanted['mode']}")
        lines.append(f"wanted to {wanted['action']} {side} {wanted['symbol']}: {wanted['reason']}")
        lines.append(_figures(wanted["figures"]))
    if refused := made["denial"]:
        times = f", {refused['count']} times" if refused["count"] > 1 else ""
        limit, value = _figure(refused["limit_value"]), _figure(refused["value"])
        lines.append(f"{refused['symbol']} refused: {refused['reason']}, {value} against {limit}{times}")
        lines.append(_figures(refused["figures"]))
    if plan := made["plan"]:
        risk = amount(plan["risk_e8"])
        lines.append(f"approved {plan['lots']} lots, risk {risk}; {_figures(plan['figures'])}")
    lines += [f"{len(made['orders'])} orders, {len(made['fills'])} fills"] if made["orders"] else []
    if trade := made["trade"]:
        net = f"{amount(trade['net_e8'], sign=True)} {trade['coin']}"
        lines.append(f"trade {trade['stage']}" + (f", {trade['reason']}: {net}" if trade["reason"] else ""))
    return Message(f"Why {made['id']}", tuple(line for line in lines if line))


def _figures(figures: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_figure(value)}" for name, value in figures.items() if value is not None)


def _figure(value: Any) -> str:
    return "unknown" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _chosen(now: Status, symbol: str) -> list[MarketStatus]:
    return [market for market in now.markets if not symbol or market.symbol == symbol]


def _bias(value: float, fresh: bool) -> str:
    return f"{100 * value:+.0f}{'*' if fresh else ''}" if isfinite(value) else "asleep"


def _thin(market: MarketStatus) -> str:
    return {1: "ask", -1: "bid"}.get(market.thin, "-")


def _trade_row(trade: TradeStatus) -> tuple[str, ...]:
    side = "long" if trade.side > 0 else "short"
    entry = "-" if trade.entry is None else f"{trade.entry:f}"
    move = f"{trade.move_bps:+.1f}" if isfinite(trade.move_bps) else "-"
    worth = amount(trade.unrealised_e8, sign=True)
    return (f"{side} {_short(trade.quantity)} {trade.symbol}", entry, f"{trade.stop:f}", move, worth)


def _short(quantity: Decimal) -> str:
    return f"{quantity.normalize():f}"
