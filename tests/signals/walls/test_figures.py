"""What the bot finds of planted walls, and what it thinks of them: a short form of `scripts.acceptance`.

Correctness of a detector on the market it was made on; no evidence about real venues.
"""

from __future__ import annotations

import pytest

from bot.core.units import NS_PER_S
from bot.evaluation.detectors import judge_walls, tallies
from bot.evaluation.samples import Collector
from bot.evaluation.truth import planted_of
from bot.market.synthetic import SyntheticMarket
from bot.signals.walls.candidates import lots_between

START_NS = 1_700_000_000 * NS_PER_S
SEED, SECONDS = 301, 8_000.0


@pytest.fixture(scope="module")
def played():
    """(tally, judgement, walls whose size differs from the book's at a card, walls compared)."""
    market = SyntheticMarket(SEED, ("BTCUSDT",), START_NS, SECONDS, scenario="s-wall-hard-a", batch_s=60.0)
    wrong, compared = [], []

    def note(state, now_ns):
        for wall in state.signals.walls[0, : int(state.signals.grid["walls"][0])]:
            low, high = sorted((int(wall["near"]), int(wall["far"])))
            shown = lots_between(state.books, 0, 0 if wall["side"] > 0 else 1, low, high)
            compared.append(int(wall["id"]))
            if wall["quantity"] != shown:
                wrong.append((now_ns, int(wall["id"]), float(wall["quantity"]), shown))

    collector = Collector(market.instruments, note)
    for rows in market.batches():
        collector.feed(rows)
    samples = collector.finish()
    planted = planted_of(market.truth(), market.instruments)
    (tally,) = tallies(samples, planted)
    return tally.figures(), judge_walls(samples, planted), wrong, compared


def test_planted_walls_are_found_and_little_else_is(played):
    figures = played[0]
    assert figures.planted > 200
    assert figures.recall >= 0.95
    assert figures.precision >= 0.95


def test_the_pull_tells_spoofs_from_genuine_walls(played):
    judged = played[1]
    assert judged.approached > 100
    assert judged.auc_hindsight >= 0.8
    # a higher figure would be a leak; a hundred walls of each kind have a standard error of 0.04
    assert 0.38 <= judged.auc_before_approach <= 0.62


def test_a_trap_is_a_spoof_and_an_executed_wall_is_mostly_genuine(played):
    judged = played[1]
    assert judged.traps > 0
    assert judged.trap_precision >= 0.9
    assert judged.executed > 50
    assert judged.genuine_share_executed >= 0.85


def test_every_wall_is_as_large_as_the_book_says(played):
    _, _, wrong, compared = played
    assert len(compared) > 1_000
    assert not wrong
