"""What the wall ledger finds of planted walls, and what it thinks of them (signals.md 11.4, a short version).

Correctness of a detector on the market it was made on; no evidence about real venues.
"""

from __future__ import annotations

import pytest

from bot.signals.walls.candidates import lots_between
from tests.signals.wall_play import Figures, play_market

SEEDS = (101, 102)
SECONDS = 10_000.0


@pytest.fixture(scope="module", params=["s-wall-easy", "s-wall-hard-a", "s-wall-hard-b"])
def played(request):
    figures = Figures()
    markets = [play_market(request.param, seed, SECONDS) for seed in SEEDS]
    for market in markets:
        figures.add(market)
    return request.param, figures.table(), markets


def test_planted_walls_are_found_and_little_else_is(played):
    _, figures, _ = played
    assert figures["planted"] > 400
    assert figures["recall"] >= 0.95
    assert figures["precision"] >= 0.95


def test_the_pull_tells_spoofs_from_genuine_walls(played):
    name, figures, _ = played
    at_end = {"s-wall-easy": 0.85, "s-wall-hard-a": 0.85, "s-wall-hard-b": 0.78}[name]
    at_decision = {"s-wall-easy": 0.70, "s-wall-hard-a": 0.63, "s-wall-hard-b": 0.60}[name]
    assert figures["auc_end"] >= at_end
    assert figures["auc_decided"] >= at_decision
    assert figures["share_passed"] >= figures["share_decided"] + 0.03


def test_nothing_is_known_before_price_comes_near(played):
    # a higher figure would be a leak; 250 walls of each kind have a standard error of 0.025
    assert 0.42 <= played[1]["auc_early"] <= 0.58


def test_a_trap_is_a_spoof(played):
    assert played[1]["traps"] > 0
    assert played[1]["trap_precision"] >= 0.9


def test_an_executed_wall_is_mostly_genuine(played):
    name, figures, _ = played
    least = {"s-wall-easy": 0.95, "s-wall-hard-a": 0.88, "s-wall-hard-b": 0.75}[name]
    assert figures["absorbed"] > 100
    assert figures["share_absorbed"] >= least


def test_every_wall_is_as_large_as_the_book_says(played):
    for market in played[2]:
        table = market.sig.walls[0, : int(market.sig.grid["walls"][0])]
        assert len(table)
        for wall in table:
            low, high = sorted((int(wall["near"]), int(wall["far"])))
            side = 0 if wall["side"] > 0 else 1
            assert wall["quantity"] == lots_between(market.books, 0, side, low, high)
