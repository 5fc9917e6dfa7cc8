"""S-ZI: the bot with the gate of live trading finds nothing to trade where there is no edge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.app.config import load
from bot.app.plugins import load_strategies
from bot.app.wiring import gate_rules, starting_balance_e8, wire
from bot.core.messages import Plan
from bot.risk.gate import GateRules
from scripts.acceptance.runs import Check, market
from scripts.acceptance.table import Row, at_most, over_seeds

ZI = "s-zi"
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


class Entries:
    """A journal that counts what the gate let through and keeps nothing else."""

    def __init__(self) -> None:
        self.plans = 0
        self.denied_ = 0

    def plan(self, plan: Plan) -> None:
        self.plans += 1

    def denied(self, denied: Any) -> None:
        self.denied_ += 1

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args, **kwargs: None


@dataclass(frozen=True, slots=True)
class Found:
    entries: int
    denied: int
    symbol_days: float


def measure(scenario: str, seed: int, seconds: float) -> Found:
    """A session without exploration; entries are taken one standard error of the record below its mean."""
    config = load(overrides={"paper.explore_per_day": 0}, environ={})
    source = market(scenario, seed, seconds, symbols=SYMBOLS)
    journal = Entries()
    wired = wire(
        config,
        source.instruments,
        load_strategies(config.strategies.enabled),
        journal,  # type: ignore[arg-type]
        trades=True,
        own_timers=False,
    )
    assert wired.trading is not None
    wired.trading.risk.rules = replace(gate_rules(config), z=GateRules.live().z)
    for coin in {i.settle for i in source.instruments}:
        wired.trading.venue.deposit(coin, starting_balance_e8(config.paper, coin))
    for rows in source.batches():
        wired.engine.feed(rows)
    return Found(journal.plans, journal.denied_, len(SYMBOLS) * seconds / 86_400.0)


def rows(found: Mapping[str, Sequence[Found]]) -> list[Row]:
    runs = found[ZI]
    entries, days = sum(run.entries for run in runs), sum(run.symbol_days for run in runs)
    denied = sum(run.denied for run in runs)
    return [
        at_most(
            ZI,
            "entries through the live gate a symbol-day",
            entries / days,
            1.0,
            over_seeds(
                [run.entries / run.symbol_days for run in runs],
                f"{entries} in {days:.1f} symbol-days, {denied} denied",
            ),
        )
    ]


TRADING = Check("trades", (ZI,), 2, 86_400.0, measure, rows)
