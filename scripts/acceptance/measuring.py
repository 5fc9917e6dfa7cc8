"""All checks, and their runs spread over processes."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from time import perf_counter
from typing import Any

from scripts.acceptance.book import BOOK
from scripts.acceptance.cascades import CASCADES
from scripts.acceptance.faults import FAULTS
from scripts.acceptance.runs import Check, Measure, play
from scripts.acceptance.scores import NO_EDGE, WITH_EDGE
from scripts.acceptance.strategies import STRATEGIES
from scripts.acceptance.table import Row
from scripts.acceptance.thin import THIN_SIDES
from scripts.acceptance.trading import TRADING
from scripts.acceptance.venues import LAGS
from scripts.acceptance.walls import WALLS

CHECKS = (WALLS, THIN_SIDES, LAGS, CASCADES, NO_EDGE, TRADING, STRATEGIES, WITH_EDGE, BOOK, FAULTS)


def timed(measure: Measure, scenario: str, seed: int, seconds: float) -> tuple[Any, float]:
    """One run in whatever process this is; also how long it took."""
    begin = perf_counter()
    return measure(scenario, seed, seconds), perf_counter() - begin


def measure(checks: Sequence[Check], seeds: Sequence[int], jobs: int, scale: float = 1.0) -> list[Row]:
    """All rows of the checks, in their order."""
    tasks = [
        (check, scenario, seed)
        for check in sorted(checks, key=lambda check: -check.seconds)
        for scenario in check.scenarios
        for seed in seeds[: check.seeds]
    ]
    play("s-zi", 0, 30.0)  # here, so that what is not compiled yet is compiled once
    found: dict[tuple[str, str, int], Any] = {}
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        waiting = {
            pool.submit(timed, check.measure, scenario, seed, check.seconds * scale): (
                check.name,
                scenario,
                seed,
            )
            for check, scenario, seed in tasks
        }
        for done in as_completed(waiting):
            found[waiting[done]], took_s = done.result()
            name, scenario, seed = waiting[done]
            show = f"{name} {scenario} {seed}: {took_s:.1f} s ({len(found)}/{len(tasks)})"
            print(show, file=sys.stderr, flush=True)
    rows = []
    for check in checks:
        measured = {
            scenario: [found[check.name, scenario, seed] for seed in seeds[: check.seeds]]
            for scenario in check.scenarios
        }
        rows += check.rows(measured)
    return rows


def sizes(checks: Sequence[Check], seeds: Sequence[int], scale: float) -> list[str]:
    """How much was played."""
    return [
        f"{check.name}: {', '.join(check.scenarios)}, {min(check.seeds, len(seeds))} seeds of"
        f" {check.seconds * scale:,.0f} s each"
        for check in checks
    ]
