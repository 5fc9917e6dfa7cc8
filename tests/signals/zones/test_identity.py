"""Steps 2 and 3: clusters against a slow twin, and zones that stay themselves from renewal to renewal."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.units import NS_PER_S
from bot.signals.zones import state
from bot.signals.zones.clustering import cluster, extent_ticks, gap_ticks
from bot.signals.zones.identity import identify, overlap
from bot.signals.zones.state import ZONES, Source
from tests.signals.zones.plain_zones import Candidate, spans_of
from tests.signals.zones.worlds import MID, T0, ZoneWorld, candidates

CANDIDATE = st.builds(
    Candidate,
    price=st.integers(0, 400).map(float),
    side=st.sampled_from([1, -1]),
    mass=st.floats(0.01, 1.0),
    source=st.sampled_from([int(s) for s in Source]),
)


def clustered(found: list[Candidate], gap: float, extent: float) -> np.ndarray:
    row = state.new_zones(1).rows[0]
    row["found"] = candidates([(c.price, c.side, c.mass, c.source) for c in found])
    count = cluster(row, np.int64(len(found)), gap, extent)
    return row["spans"][:count]


@given(st.lists(CANDIDATE, max_size=60), st.sampled_from([3.0, 7.5, 20.0]), st.sampled_from([0.0, 9.0, 45.0]))
def test_clusters_equal_the_slow_twin(found, gap, extent):
    got = clustered(found, gap, extent)
    want = spans_of(found, gap, extent)
    assert len(got) == len(want)
    for mine, plain in zip(got, want, strict=True):
        assert (mine["side"], mine["sources"]) == (plain.side, plain.sources)
        assert mine["low"] == pytest.approx(plain.low)
        assert mine["high"] == pytest.approx(plain.high)
        assert mine["centre"] == pytest.approx(plain.centre)
        assert mine["mass"] == pytest.approx(plain.mass, abs=1e-12)


@given(st.lists(CANDIDATE, max_size=60), st.sampled_from([3.0, 20.0]), st.sampled_from([0.0, 45.0]))
def test_spans_of_a_side_never_overlap_and_never_exceed_the_cap(found, gap, extent):
    got = clustered(found, gap, extent)
    assert (got["high"] - got["low"] <= extent + 2 * gap + 1e-9).all()
    for side in (1, -1):
        own = got[got["side"] == side]
        assert (own["low"][1:] >= own["high"][:-1] - 1e-9).all()
        held = sum(c.side == side for c in found)
        inside = [any(s["low"] <= c.price <= s["high"] for s in own) for c in found if c.side == side]
        assert all(inside)
        assert len(own) <= held


def test_gap_and_cap_are_bps_of_the_volatility_unit_but_at_least_three_ticks():
    assert gap_ticks(100_000.0, 1.0) == 30.0
    assert gap_ticks(100_000.0, 2.0) == 60.0
    assert gap_ticks(1_000.0, 1.0) == 3.0
    assert extent_ticks(100_000.0, 1.0) == pytest.approx(90.0)  # and two margins of 30 make 150, 15 bps
    assert extent_ticks(1_000.0, 1.0) == 0.0


def span(low: float, high: float, side: int = 1) -> tuple[float, ...]:
    return (low, high, 0.5 * (low + high), 0.5, side, int(Source.ROUND), 0)


class Cycles:
    """Renewals of identity alone, from hand-made spans."""

    def __init__(self) -> None:
        self.z = state.new_zones(1)
        self.now = T0

    def cycle(self, *spans: tuple[float, ...], elapsed_s: int = 10) -> dict[int, tuple[float, float]]:
        """Seen zones after it: id -> (low, high)."""
        for k, one in enumerate(spans):
            self.z.rows["spans"][0, k] = one
        self.now += elapsed_s * NS_PER_S
        elapsed_ns = np.int64(elapsed_s * NS_PER_S)
        identify(self.z.rows[0], np.int64(len(spans)), np.int64(self.now), elapsed_ns)
        return {int(z["id"]): (float(z["low"]), float(z["high"])) for z in self.rows() if z["seen"]}

    def rows(self) -> np.ndarray:
        return self.z.zones[0, : self.z.markets[0]["zones"]]

    def presence(self) -> dict[int, float]:
        return {int(z["id"]): float(z["presence"]) for z in self.rows()}


def test_overlap_is_of_the_narrower():
    assert overlap(0.0, 10.0, 5.0, 25.0) == 0.5
    assert overlap(0.0, 10.0, 10.0, 12.0) == 0.0
    assert overlap(0.0, 100.0, 40.0, 50.0) == 1.0


def test_a_zone_that_moves_by_less_than_half_stays_itself():
    cycles = Cycles()
    assert cycles.cycle(span(100, 110)) == {1: (100, 110)}
    assert cycles.cycle(span(104, 114)) == {1: (104, 114)}
    assert cycles.cycle(span(108, 118)) == {1: (108, 118)}


def test_one_that_moves_by_more_is_another():
    cycles = Cycles()
    cycles.cycle(span(100, 110))
    assert cycles.cycle(span(106, 116)) == {2: (106, 116)}


def test_of_two_that_merge_the_older_lives_on_and_the_other_is_forgotten():
    cycles = Cycles()
    cycles.cycle(span(100, 106), span(107, 113))
    assert cycles.cycle(span(100, 113)) == {1: (100, 113)}
    assert list(cycles.presence()) == [1]


def test_of_a_split_the_larger_overlap_keeps_the_name():
    cycles = Cycles()
    cycles.cycle(span(100, 115))
    assert cycles.cycle(span(99, 105), span(106, 116)) == {1: (106, 116), 2: (99, 105)}


def test_the_own_side_is_preferred_and_a_broken_zone_changes_side_under_its_name():
    cycles = Cycles()
    cycles.cycle(span(100, 110, side=1))
    assert cycles.cycle(span(100, 111, side=-1), span(103, 108, side=1)) == {1: (103, 108), 2: (100, 111)}
    cycles = Cycles()
    cycles.cycle(span(100, 110, side=1))
    assert cycles.cycle(span(100, 110, side=-1)) == {1: (100, 110)}
    assert cycles.rows()["side"].tolist() == [-1]


def test_history_stays_with_the_name():
    cycles = Cycles()
    cycles.cycle(span(100, 110))
    cycles.rows()["touches"][0], cycles.rows()["holds"][0] = 3, 2
    cycles.cycle(span(50, 60), span(101, 111))
    assert (cycles.rows()["touches"][0], cycles.rows()["holds"][0]) == (3, 2)
    assert (cycles.rows()["touches"][1], cycles.rows()["born_ns"][1]) == (0, cycles.now)


def test_presence_is_the_faded_share_of_time_seen():
    cycles = Cycles()
    fade = math.exp(-10 / 600)
    want = 0.0
    for seen in [True] * 20 + [False] * 5 + [True] * 3:
        cycles.cycle(*[span(100, 110)] * seen)
        want = want * fade + (1 - fade) * seen
    assert cycles.presence() == {1: pytest.approx(want)}


def test_an_unseen_zone_is_forgotten_when_its_presence_is_below_a_tenth():
    cycles = Cycles()
    for _ in range(7):
        cycles.cycle(span(100, 110))
    for _ in range(5):
        cycles.cycle()
    assert cycles.presence() == {1: pytest.approx((1 - math.exp(-70 / 600)) * math.exp(-50 / 600))}
    cycles.cycle()
    assert cycles.presence() == {}


def test_time_without_renewals_fades_presence_but_does_not_count_as_seen():
    cycles = Cycles()
    for _ in range(60):
        cycles.cycle(span(100, 110))
    before = cycles.presence()[1]
    cycles.cycle(span(100, 110), elapsed_s=600)
    assert cycles.presence()[1] == pytest.approx(before / math.e + 1 - math.exp(-10 / 600))


def test_ids_are_never_used_again():
    cycles = Cycles()
    cycles.cycle(span(100, 110))
    cycles.cycle()
    assert cycles.cycle(span(100, 110)) == {2: (100, 110)}


def test_a_full_table_forgets_the_unseen_zone_with_the_least_presence_first():
    cycles = Cycles()
    many = [span(100.0 * k, 100.0 * k + 10) for k in range(ZONES)]
    cycles.cycle(*many)
    for _ in range(6):
        cycles.cycle(*many)
    cycles.cycle(*many[1:])  # zone 1 is unseen, with presence left
    assert list(cycles.presence()) == list(range(1, ZONES + 1))
    assert ZONES + 1 in cycles.cycle(*many[1:], span(-50, -40))
    assert 1 not in cycles.presence()


def test_a_table_full_of_seen_zones_drops_the_newcomer():
    cycles = Cycles()
    many = [span(100.0 * k, 100.0 * k + 10) for k in range(ZONES)]
    cycles.cycle(*many)
    assert list(cycles.cycle(*many, span(-50, -40))) == list(range(1, ZONES + 1))


def test_an_approach_under_way_keeps_its_zone():
    cycles = Cycles()
    cycles.cycle(span(100, 110))
    cycles.rows()["touch"][0] = 1
    cycles.cycle()
    assert list(cycles.presence()) == [1]


def test_a_market_that_starts_again_has_no_zones():
    world = ZoneWorld().settle()
    assert world.views()
    state.forget(world.zones, 0)
    assert world.views(everything=True) == ()
    fresh = state.new_zones(1)
    assert world.zones.markets.tobytes() == fresh.markets.tobytes()
    assert world.zones.zones.tobytes() == fresh.zones.tobytes()


def test_zones_stay_themselves_while_the_price_wanders():
    world = ZoneWorld().settle()
    before = {v.id: v.centre for v in world.views(everything=True)}
    rng = np.random.default_rng(7)
    for _ in range(300):
        world.second(MID + float(rng.integers(-20, 21)))
    assert {v.id: v.centre for v in world.views(everything=True)} == before
