"""The strategies row of 11.4: what the signal adds, stops that hold, and no fill on a wall that was pulled.

Whole trading runs in which the gate lets everything through, so that what is
measured is the setup and not the gate: exploration without a budget, limits
out of the way. Breakouts on thin sides and sweeps, fades on planted
walls, stops also on cascades. The fade rests on tested walls only and so hardly
ever on one that is pulled as the price comes near; what is counted are all that
were taken away while an entry rested before them, at the end of their life too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bot.app.config import load
from bot.app.plugins import load_strategies
from bot.app.wiring import gate_rules, starting_balance_e8, wire
from bot.core.enums import OrderRole, ReportKind
from bot.core.messages import Order, Plan, Report
from bot.evaluation.truth import Planted, planted_of
from bot.market.synthetic import SyntheticMarket
from bot.market.synthetic.scenarios import scenario as scenario_named
from bot.store.shadow_report import mean_interval
from scripts.acceptance.runs import BATCH_S, LONG_S, START_NS, SYMBOLS, Check
from scripts.acceptance.table import Row, at_least, at_most, none_of, over_seeds, told

THIN_SWEEP, WALLS, CASCADE = "s-thin, sweeps", "s-wall-easy", "s-cascade"
SWEEPS_PER_H = 12.0
CANCEL_NS = 10_000_000
BREAKOUT, FADE = "thin_side_breakout", "wall_fade"
FEWEST_TRADES = 200
MOST_L = 1.5
OVERRIDES = {
    "paper.explore_per_day": 1000,
    "risk.explore_confidence": 0.001,
    "risk.daily_loss": 0.9,
    "risk.max_drawdown": 0.95,
    "risk.cool_down": 0,
    "paper.balance_usdt": 1_000_000.0,
}


class Kept:
    """A journal that keeps plans, the latest of each trade, shadows and the fills of entries."""

    def __init__(self) -> None:
        self.plans: dict[str, Plan] = {}
        self.trades: dict[str, dict[str, Any]] = {}
        self.shadows: dict[str, list[Mapping[str, Any]]] = {}
        self.fills: list[tuple[str, int]] = []  # of entries: trade, venue time
        self.outs: dict[str, list[tuple[int, int]]] = {}  # of stops and exits in full: trade -> ticks, lots
        self._entries: dict[str, str] = {}
        self._outs: dict[str, str] = {}

    def plan(self, plan: Plan) -> None:
        self.plans[plan.intent.id] = plan

    def trade(self, row: Mapping[str, Any]) -> None:
        self.trades[row["id"]] = dict(row)

    def shadow(self, row: Mapping[str, Any]) -> None:
        self.shadows.setdefault(row["trade_id"], []).append(row)

    def order(self, order: Order) -> None:
        if order.role is OrderRole.ENTRY:
            self._entries[order.client_id] = order.intent_id
        elif order.role in (OrderRole.STOP, OrderRole.EXIT):
            self._outs[order.client_id] = order.intent_id  # of partial exits: not a trade's

    def report(self, report: Report) -> None:
        if report.kind is not ReportKind.FILL:
            return
        if report.client_id in self._entries:
            self.fills.append((self._entries[report.client_id], report.venue_ns))
        elif report.client_id in self._outs:
            self.outs.setdefault(self._outs[report.client_id], []).append((report.price, report.lots))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args, **kwargs: None


@dataclass(frozen=True, slots=True)
class Found:
    """Of one run; bps of the value at entry, losses in stop distances."""

    breakout_bps: tuple[float, ...]  # gross, of trades with both shadows closed
    random_bps: tuple[float, ...]  # a coin's expectation beside each of them
    breakouts: int
    stop_losses: tuple[float, ...]  # of what was closed by a stop, wherever that stood by then
    fades: int
    on_pulled: int  # entries that rested on a wall when it was taken away
    late_fills: int  # of those: filled after the cancel must have been there


def measure(scenario: str, seed: int, seconds: float) -> Found:
    named = "s-thin" if scenario == THIN_SWEEP else scenario
    plants = scenario_named(named).plants
    if scenario == THIN_SWEEP:
        plants = replace(plants, sweep_per_h=SWEEPS_PER_H)
    source = SyntheticMarket(seed, SYMBOLS, START_NS, seconds, plants=plants, scenario=named, batch_s=BATCH_S)
    config = load(overrides=OVERRIDES, environ={})
    journal = Kept()
    wired = wire(
        config,
        source.instruments,
        load_strategies(config.strategies.enabled),
        journal,  # type: ignore[arg-type]
        trades=True,
        own_timers=False,
    )
    assert wired.trading is not None
    rules = replace(gate_rules(config), explore_confidence=0.0, explore_target_cost_ratio=0.0)
    wired.trading.risk.rules = rules
    wired.trading.risk.exploration.per_day = 10**9
    for coin in {i.settle for i in source.instruments}:
        wired.trading.venue.deposit(coin, starting_balance_e8(config.paper, coin))
    feed_ns = 0
    for rows in source.batches():
        wired.engine.feed(rows)
        dated = rows[rows["exch_ns"] > 0]
        feed_ns = max(feed_ns, int((dated["recv_ns"] - dated["exch_ns"]).max(initial=0)))
    return _found(journal, planted_of(source.truth(), source.instruments), feed_ns)


def _found(journal: Kept, planted: Sequence[Planted], feed_ns: int) -> Found:
    done = [t for t in journal.trades.values() if t["stage"] == "closed" and t["filled_lots"]]
    breakouts = [t for t in done if t["strategy"] == BREAKOUT]
    paired = [(t, journal.shadows[t["id"]]) for t in breakouts if len(journal.shadows.get(t["id"], ())) == 2]
    pulled = [p for p in planted if p.outcome in ("pulled", "expired")]  # both are taken away at once
    lots = {t["id"]: t["filled_lots"] for t in done}
    fades = [plan for plan in journal.plans.values() if plan.intent.strategy == FADE]
    on_pulled = [(plan, wall) for plan in fades for wall in pulled if _rested_on(plan, wall, journal)]
    return Found(
        breakout_bps=tuple(
            1e4 * t["gross_e8"] / (two[0]["value_e8"] * lots[t["id"]] / two[0]["lots"]) for t, two in paired
        ),
        random_bps=tuple(sum(leg["gross_bps"] for leg in two) / 2.0 for _, two in paired),
        breakouts=len(breakouts),
        stop_losses=tuple(loss for t in done if (loss := _stop_loss(t, journal.outs)) is not None),
        fades=sum(t["strategy"] == FADE for t in done),
        on_pulled=len(on_pulled),
        late_fills=sum(
            trade == plan.intent.id and venue_ns > wall.t1_ns + feed_ns + CANCEL_NS
            for plan, wall in on_pulled
            for trade, venue_ns in journal.fills
        ),
    )


def _stop_loss(trade: Mapping[str, Any], outs: Mapping[str, list[tuple[int, int]]]) -> float | None:
    """Loss in first stop distances of what a stop closed, gaps included; None for other ends."""
    filled = outs.get(trade["id"], [])
    distance = trade["side"] * (trade["entry_price"] - trade["first_stop"])
    if trade["reason"] != "stop" or not filled or not distance > 0.0:
        return None
    price = sum(ticks * lots for ticks, lots in filled) / sum(lots for _, lots in filled)
    return float(trade["side"] * (trade["entry_price"] - price) / distance)


def _rested_on(plan: Plan, wall: Planted, journal: Kept) -> bool:
    """Whether the entry was decided on this wall and still worked when it was taken away."""
    low, high = sorted(plan.intent.wall_span)
    row = journal.trades[plan.intent.id]
    until_ns = row["filled_ns"] or row["closed_ns"] or 2**62
    return (
        wall.side == plan.intent.side
        and low <= wall.price <= high
        and plan.intent.now_ns <= wall.t1_ns <= until_ns
    )


def rows(found: Mapping[str, Sequence[Found]]) -> list[Row]:
    return [
        *_added(found[THIN_SWEEP]),
        *_stops(THIN_SWEEP, found[THIN_SWEEP], required=True),
        *_stops(CASCADE, found[CASCADE], required=False),
        *_fades(found[WALLS]),
    ]


def _added(runs: Sequence[Found]) -> list[Row]:
    gross = np.array([bps for run in runs for bps in run.breakout_bps])
    shadow = np.array([bps for run in runs for bps in run.random_bps])
    low, high = mean_interval(gross)
    more_low, more_high = mean_interval(gross - shadow)
    nan = float("nan")
    each = over_seeds([float(np.mean(run.breakout_bps)) if run.breakout_bps else nan for run in runs])
    mean, added = (float(x.mean()) if x.size else nan for x in (gross, gross - shadow))
    return [
        at_least(THIN_SWEEP, "breakouts with both shadows", float(gross.size), FEWEST_TRADES),
        at_least(
            THIN_SWEEP,
            "breakouts: gross bps a trade, lower end of 95 %",
            nan if low is None else low,
            0.0,
            f"mean {mean:.2f}, upper end {nan if high is None else high:.2f}; {each}",
        ),
        at_least(
            THIN_SWEEP,
            "breakouts over the random shadow: gross bps a trade, lower end of 95 %",
            nan if more_low is None else more_low,
            0.0,
            f"mean {added:.2f}, upper end {nan if more_high is None else more_high:.2f}",
        ),
    ]


def _stops(scenario: str, runs: Sequence[Found], *, required: bool) -> list[Row]:
    losses = np.array([loss for run in runs for loss in run.stop_losses])
    if not losses.size:
        return [told(scenario, "stop losses, p99, in L", float("nan"))]
    p99, worst = float(np.quantile(losses, 0.99)), float(losses.max())
    said = f"{losses.size} stops, median {np.median(losses):.2f}, largest {worst:.2f}"
    if required:
        return [at_most(scenario, "stop losses, p99, in L", p99, MOST_L, said)]
    return [told(scenario, "largest stop loss, in L", worst, f"{losses.size} stops, p99 {p99:.2f}")]


def _fades(runs: Sequence[Found]) -> list[Row]:
    late, asked = sum(run.late_fills for run in runs), sum(run.on_pulled for run in runs)
    return [
        told(WALLS, "fades that filled", float(sum(run.fades for run in runs))),
        none_of(
            WALLS,
            "fades filled after their wall was taken away and the cancel was there",
            late,
            asked,
            "entries resting on a wall when it went",
        ),
    ]


STRATEGIES = Check("strategies", (THIN_SWEEP, WALLS, CASCADE), 10, LONG_S, measure, rows)
