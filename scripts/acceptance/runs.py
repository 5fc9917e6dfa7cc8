"""Runs of the synthetic market through the bot's own loop, and how a check of them is described."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.core.units import NS_PER_S
from bot.engine.kernel import State
from bot.evaluation.samples import Collector, Samples
from bot.evaluation.truth import Planted, planted_of
from bot.market.synthetic import Settings, SyntheticMarket
from scripts.acceptance.table import Row

START_NS = 1_767_225_600 * NS_PER_S
SYMBOLS = ("BTCUSDT",)
LONG_S = 20_000.0
"""The length of a run of signals.md 11.4."""
BATCH_S = 60.0


Measure = Callable[[str, int, float], Any]
"""Scenario, seed, seconds -> something that can be sent from one process to another."""


@dataclass(frozen=True, slots=True)
class Check:
    """Some rows of the table. Each scenario is run once a seed, in any process, in any order."""

    name: str
    scenarios: tuple[str, ...]
    seeds: int  # the first so many of those given
    seconds: float  # of a run
    measure: Measure
    rows: Callable[[Mapping[str, Sequence[Any]]], list[Row]]  # what was measured a scenario, by seed


@dataclass(frozen=True, slots=True)
class Run:
    """What the bot saw of one market run, and what was planted in it."""

    samples: Samples
    planted: list[Planted]


def market(
    scenario: str, seed: int, seconds: float, *, symbols: tuple[str, ...] = SYMBOLS, **given: Any
) -> SyntheticMarket:
    return SyntheticMarket(seed, symbols, START_NS, seconds, scenario=scenario, batch_s=BATCH_S, **given)


def play(
    scenario: str,
    seed: int,
    seconds: float,
    *,
    settings: Settings | None = None,
    on_tick: Callable[[State, int], None] | None = None,
) -> Run:
    """One run of a scenario, one symbol; `settings` replaces the scenario's."""
    source = market(scenario, seed, seconds, settings=settings)
    collector = Collector(source.instruments, on_tick)
    for rows in source.batches():
        collector.feed(rows)
    return Run(collector.finish(), planted_of(source.truth(), source.instruments))


def for_scores(samples: Samples, *names: str) -> Samples:
    """Only what the figures of scores need, of the cards named (all without a name)."""
    places = [samples.names.index(name) for name in names or samples.names]
    return replace(
        samples,
        names=tuple(samples.names[k] for k in places),
        scores=samples.scores[:, :, places],
        probability=samples.probability[:, :, places],
        touches=[[] for _ in samples.touches],
        thins=[],
        walls=[],
    )
