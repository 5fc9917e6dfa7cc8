"""Step 1: what is found within 150 bps of the mid, from each of the five sources."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.units import NS_PER_S
from bot.signals.derivatives import clusters
from bot.signals.zones import state
from bot.signals.zones.collect import ROUND_MASS, collect, nearby_estimates, round_step
from bot.signals.zones.flow import BUYERS, SELLERS, flow_between, node_at, node_floor, pour, profile_range
from bot.signals.zones.state import CANDIDATES, Source
from tests.signals.zones.worlds import MID, T0, ZoneWorld


def found_in(world: ZoneWorld) -> list[tuple[float, int, Source, float]]:
    """What `collect` finds, as (price, side, source, mass)."""
    world.around(mid=world.mid)
    count = collect(world.row, world.walls, np.int64(world.wall_count), np.int64(world.estimates))
    found = world.row["found"][:count]
    return [(float(p), int(side), Source(int(s)), float(m)) for p, m, side, s in found]


def of(source: Source, world: ZoneWorld) -> list[tuple[float, int, float]]:
    return [(p, side, m) for p, side, s, m in found_in(world) if s == source]


@pytest.fixture
def world() -> ZoneWorld:
    world = ZoneWorld()
    world.note_mid(MID)
    world.renew()
    return world


def test_walls_count_at_their_near_edge_by_their_size_unless_candidates_or_out_of_range(world):
    world.wall(1, 100_200, lots=50.0)
    world.wall(-1, 100_500, lots=500.0)
    world.wall(1, 100_100, stage=0)
    world.wall(1, 98_000)
    assert of(Source.WALL, world) == [(100_200.0, 1, 0.5), (100_500.0, -1, 1.0)]


def test_without_a_reference_volume_every_wall_has_full_mass(world):
    world.around(reference_lots=math.nan)
    world.wall(1, 100_200, lots=0.1)
    assert of(Source.WALL, world) == [(100_200.0, 1, 1.0)]


@pytest.mark.parametrize(
    ("price", "step"),
    [("60000", "200"), ("1003.5", "5"), ("100000", "500"), ("0.2", "0.001"), ("40", "0.2"), ("39.9", "0.1")],
)
def test_round_numbers_are_the_largest_1_2_5_step_of_at_most_50_bps(price, step):
    assert round_step(float(price)) == pytest.approx(float(step), rel=1e-12)


@given(st.integers(-6, 6), st.integers(100, 999))
def test_the_round_step_equals_the_largest_in_a_decimal_table(exponent, digits):
    price = Decimal(digits).scaleb(exponent)
    table = [Decimal(n).scaleb(k) for k in range(-16, 12) for n in (1, 2, 5)]
    want = max(step for step in table if step <= price * Decimal("0.005"))
    assert round_step(float(price)) == pytest.approx(float(want), rel=1e-9)


def test_round_numbers_around_the_mid(world):
    want = [(float(p), 1 if p < MID else -1, ROUND_MASS) for p in range(99_000, 101_501, 500)]
    assert of(Source.ROUND, world) == want


def test_volume_nodes_are_the_local_maxima_of_the_most_traded_tenth(world):
    for k in range(20):  # a bucket of the profile is 50 ticks
        world.trade(1, 99_600 + 50 * k, 10.0)
    world.trade(-1, 99_800, 90.0)
    world.trade(1, 100_300, 190.0)
    world.now += 10 * NS_PER_S
    world.renew()
    (low, low_side, low_mass), (high, high_side, high_mass) = of(Source.VOLUME, world)
    assert low == 99_824.5  # the middle of ticks 99,800 to 99,849
    assert (high, high_mass) == (100_324.5, 1.0)
    assert low_side == high_side == 1
    assert low_mass == pytest.approx(0.5, rel=0.01)


def test_too_few_traded_buckets_have_no_nodes(world):
    for k in range(9):
        world.trade(1, 99_600 + 50 * k, 10.0 + k)
    world.now += 10 * NS_PER_S
    world.renew()
    assert of(Source.VOLUME, world) == []


PROFILE = st.lists(st.integers(0, 6), min_size=70, max_size=70)


@given(PROFILE)
def test_nodes_equal_those_of_a_sorted_profile(volumes):
    market = state.new_zones(1).markets[0]
    pour(market, MID, 0)
    first, last = profile_range(market, MID)
    numbers = range(first - 4, first - 4 + 70)
    for number, volume in zip(numbers, volumes, strict=True):
        market["profile"][number % state.PROFILE_BUCKETS] = volume
    least, largest = node_floor(market, first, last)
    got = [n for n in range(first, last + 1) if node_at(market, n, least)]
    v = dict(zip(numbers, volumes, strict=True))
    traded = sorted((v[n] for n in range(first, last + 1) if v[n] > 0), reverse=True)
    assert largest == (traded[0] if traded else 0)
    want = []
    if len(traded) >= 10:
        kth = traded[(len(traded) + 9) // 10 - 1]  # less than a tenth lies above it
        want = [n for n in range(first, last + 1) if v[n] >= kth > 0 and v[n - 1] < v[n] >= v[n + 1]]
    assert got == want


def test_the_profile_fades_to_half_in_six_hours(world):
    world.trade(1, 100_000, 10.0)
    pour(world.market, MID, 0)
    before = world.market["profile"].sum()
    assert before == pytest.approx(10.0 * 100_000, rel=1e-3)
    pour(world.market, MID, 6 * 3600 * NS_PER_S)
    assert world.market["profile"].sum() == pytest.approx(0.5 * before)


def test_flow_is_counted_by_bucket_and_aggressor_until_the_next_renewal(world):
    world.trade(1, 100_000, 3.0)
    world.trade(-1, 100_009, 2.0)
    world.trade(0, 100_004, 1.0)
    world.trade(1, 100_010, 5.0)
    world.trade(1, 200_000, 7.0)  # a wild print is not held
    assert flow_between(world.market, 100_000.0, 100_009.0, BUYERS) == 3.5
    assert flow_between(world.market, 100_000.0, 100_009.0, SELLERS) == 2.5
    assert flow_between(world.market, 0.0, 1e9, BUYERS) == 8.5
    pour(world.market, MID, 0)
    assert flow_between(world.market, 0.0, 1e9, BUYERS) == 0.0


def test_trades_before_the_first_renewal_are_not_kept():
    world = ZoneWorld()
    world.trade(1, 100_000, 3.0)
    assert world.market["flow"].sum() == 0.0


@pytest.mark.parametrize(("mid", "ticks"), [(600_000.0, 60), (14_900.0, 1), (15_100.0, 2), (300.0, 1)])
def test_flow_buckets_are_a_basis_point_but_at_least_a_tick(mid, ticks):
    row = state.new_zones(1).markets[0]
    pour(row, mid, 0)
    assert row["bucket"] == ticks
    width = row["bucket"] * row["profile_buckets"]
    assert width == pytest.approx(max(1, mid * 5e-4), rel=0.2)


def test_buckets_change_their_size_only_when_the_price_has_moved_by_half():
    row = state.new_zones(1).markets[0]
    sizes = []
    for mid in (100_000.0, 140_000.0, 151_000.0, 110_000.0, 99_000.0):
        pour(row, mid, 0)
        sizes.append(int(row["bucket"]))
    assert sizes == [10, 10, 15, 15, 10]


def test_estimated_liquidation_clusters_count_by_their_share_of_the_largest(world):
    world.row["estimates"][:3] = [(100_000.0, 4.0), (100_700.0, 8.0), (90_000.0, 80.0)]
    world.estimates = 3
    assert of(Source.LIQUIDATIONS, world) == [(100_000.0, 1, 0.15), (100_700.0, -1, 0.3)]


def test_clusters_of_the_open_interest_model_are_copied_in_ticks():
    row = clusters.new_clusters(1)[0]
    clusters.on_increase(row, T0, 1_000.0, 100.0, 0.004)
    estimates = state.new_zones(1).rows[0]["estimates"]
    count = nearby_estimates(row, 99_600.0, 0.01, estimates)
    want = [
        (clusters.liquidation_price(1_000.0, leverage, 0.004, which) / 0.01, mass)
        for leverage, which, mass in (
            (100.0, clusters.LONGS, 10.0),
            (50.0, clusters.LONGS, 20.0),
            (100.0, clusters.SHORTS, 10.0),
        )
    ]
    assert count == 3
    np.testing.assert_allclose(estimates[:count], want, rtol=1e-3)


def bars(world: ZoneWorld, *extremes: tuple[float, float]) -> None:
    """Five-minute bars with these (low, high), a mid at the beginning and the end of each."""
    for low, high in extremes:
        for mid in (low, high):
            world.note_mid(mid)
            world.now += 150 * NS_PER_S
    world.mid = MID


def test_a_swing_is_an_extreme_that_two_bars_on_each_side_do_not_pass():
    world = ZoneWorld()
    bars(world, (10, 11), (9, 12), (8, 15), (9, 14), (9, 15), (9, 11), (9, 11))
    highs, lows = world.market["swing_highs"], world.market["swing_lows"]
    assert highs[~np.isnan(highs)].tolist() == [15.0]  # the first of equals
    assert lows[~np.isnan(lows)].tolist() == [8.0]


def test_a_swing_is_known_only_when_its_second_later_bar_is_over():
    world = ZoneWorld()
    bars(world, (10, 11), (9, 12), (8, 15), (9, 14), (9, 13))
    assert np.isnan(world.market["swing_highs"]).all()
    bars(world, (9, 10))
    assert np.nanmax(world.market["swing_highs"]) == 15.0


def test_a_missing_bar_beside_leaves_a_swing_unknown():
    world = ZoneWorld()
    bars(world, (10, 11), (9, 12), (8, 15))
    world.now += 300 * NS_PER_S
    bars(world, (9, 14), (9, 13), (9, 12))
    assert np.isnan(world.market["swing_highs"]).all()


def test_swings_are_forgotten_after_a_day():
    world = ZoneWorld()
    bars(world, (10, 11), (9, 12), (8, 15), *[(9, 11)] * 287)
    assert np.nanmax(world.market["swing_highs"]) == 15.0
    bars(world, *[(9, 11)] * 3)
    assert np.isnan(world.market["swing_highs"]).all()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30))
def test_swings_equal_a_plain_look_at_the_list_of_bars(shape):
    world = ZoneWorld()
    extremes = [(float(50 - down), float(50 + up)) for down, up in shape]
    bars(world, *extremes, (50.0, 50.0))
    highs = [high for _, high in extremes]
    want = [
        h
        for i, h in enumerate(highs[2:-2], start=2)
        if h > max(highs[i - 2 : i]) and h >= max(highs[i + 1 : i + 3])
    ]
    got = world.market["swing_highs"]
    assert sorted(got[~np.isnan(got)].tolist()) == sorted(want)


def test_swings_in_range_are_found_on_both_sides(world):
    world.market["bar"] = T0 // state.BAR_NS
    world.market["swing_highs"][5], world.market["swing_lows"][6] = 100_600.0, 90_000.0
    world.market["swing_lows"][9] = 100_100.0
    assert sorted(of(Source.SWING, world)) == [(100_100.0, 1, 0.3), (100_600.0, -1, 0.3)]


def test_a_full_table_drops_the_oldest_swings(world):
    world.market["bar"] = 287
    for k in range(288):
        world.market["swing_highs"][k] = MID + 500.0 + k
    found = found_in(world)
    assert len(found) == CANDIDATES
    assert {s for _, _, s, _ in found} == {Source.ROUND, Source.SWING}
    newest = CANDIDATES - sum(s is Source.ROUND for _, _, s, _ in found)
    swings = [p - MID - 500.0 for p, _, s, _ in found if s is Source.SWING]
    assert swings == [float(287 - k) for k in range(newest)]


def test_inside_a_zone_prices_keep_its_side_while_the_mid_is_in_it():
    world = ZoneWorld(mid=100_030.0)
    world.settle()
    assert world.at(100_000.0).side == 1
    world.go(100_010.0, 99_990.0, 99_980.0)  # the zone is 99,970 to 100,030
    assert (100_000.0, 1, ROUND_MASS) in of(Source.ROUND, world)
    world.go(99_960.0)
    assert (100_000.0, -1, ROUND_MASS) in of(Source.ROUND, world)
