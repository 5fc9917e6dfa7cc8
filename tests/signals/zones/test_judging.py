"""Steps 4 to 7: what flow and walls say of a zone, whether it holds, what is spoken of."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.enums import Side
from bot.core.units import NS_PER_S
from bot.signals.zones import state
from bot.signals.zones.renewal import card_value
from bot.signals.zones.scoring import grade_of, is_trap, judge, kind_of
from bot.signals.zones.state import FEATURES, PRIOR, Grade, Kind, Source
from bot.signals.zones.view import zone_views
from tests.signals.zones import plain_zones
from tests.signals.zones.worlds import MID, ZoneWorld

SUPPORT, RESISTANCE = 100_000.0, 100_500.0  # the nearest round numbers


@pytest.fixture
def world() -> ZoneWorld:
    return ZoneWorld().settle()


def test_walls_of_a_zone_are_summed_and_their_genuineness_weighed_by_mass(world):
    world.wall(1, 100_005, 50.0, genuineness=0.9, executed=5.0, added=4.0, cancelled_near=1.0)
    world.wall(1, 99_995, 100.0, genuineness=0.6, executed=1.0, added=2.0, cancelled_near=3.0)
    world.wall(1, 100_010, 100.0, genuineness=0.1, stage=0)  # not confirmed
    world.renew()
    zone = world.at(SUPPORT)
    assert (zone.walls, zone.lots, zone.executed, zone.added, zone.cancelled_near) == (2, 150, 6, 6, 4)
    assert zone.genuineness == pytest.approx((0.5 * 0.9 + 1.0 * 0.6) / 1.5)
    assert zone.sources == Source.ROUND | Source.WALL


def test_without_walls_genuineness_is_one_half(world):
    assert {v.genuineness for v in world.views(everything=True)} == {0.5}


def test_a_wall_of_the_other_side_does_not_count_for_a_zone(world):
    world.go(100_010.0, 100_000.0)  # into the support
    world.wall(-1, 100_015, 100.0)
    world.renew()
    (support,) = [v for v in world.views(everything=True) if v.side == 1 and v.low < SUPPORT < v.high]
    (wall,) = [v for v in world.views(everything=True) if Source.WALL in v.sources]
    assert (support.walls, wall.walls, wall.side) == (0, 1, Side.SELL)


def absorbing(world: ZoneWorld, tick: int, lots: float, mid: float) -> float:
    """Sells of so many lots at a tick, then a renewal ten seconds later at a mid."""
    world.around(impact=0.01, much_flow=50.0)
    world.trade(-1, tick, lots)
    world.now += 10 * NS_PER_S
    world.mid = mid
    world.renew()
    return world.at(SUPPORT).absorbed


def test_selling_into_a_zone_that_does_not_move_the_price_is_absorbed(world):
    assert absorbing(world, 100_001, 100.0, MID) == 1.0


def test_the_share_of_the_expected_move_that_came_is_not_absorbed(world):
    mid = MID * math.exp(-0.25 / 1e4)  # 100 lots at 0.01 bps a lot are expected to move it by 1 bp
    assert absorbing(world, 100_001, 100.0, mid) == pytest.approx(0.75)


def test_flow_outside_the_zone_or_too_little_of_it_says_nothing(world):
    assert absorbing(world, 100_200, 100.0, MID) == 0.0
    assert absorbing(world, 100_001, 49.0, MID) == 0.0


def test_an_absorption_fades_within_minutes_while_nothing_new_is_known(world):
    absorbing(world, 100_001, 100.0, MID)
    world.now += 10 * NS_PER_S
    world.renew()
    assert world.at(SUPPORT).absorbed == pytest.approx(math.exp(-1 / 6))


def test_absorbed_selling_speaks_for_a_support_and_against_a_resistance(world):
    absorbing(world, 100_001, 100.0, MID)
    x = features(world, SUPPORT)
    assert x["absorption"] == 1.0
    world.table["absorbed"] = 0.5
    world.renew()
    assert features(world, RESISTANCE)["absorption"] == -0.5


def features(world: ZoneWorld, price: float) -> dict[str, float]:
    zone = world.table[world.table["id"] == world.at(price).id][0]
    return dict(zip(FEATURES, zone["features"].tolist(), strict=True))


def test_refill_is_that_of_the_zones_walls_against_the_other_sides(world):
    world.around(refill=[9.0, 0.5])
    world.wall(1, 100_000, executed=40.0, added=60.0)
    world.renew()
    assert features(world, SUPPORT)["refill"] == pytest.approx((1.5 - 0.5) / 2.0)


@pytest.mark.parametrize(("executed", "refill"), [(10.0, 1.0), (40.0, math.nan)])
def test_refill_is_unknown_after_little_execution_or_without_the_other_side(world, executed, refill):
    world.around(refill=[refill, refill])
    world.wall(1, 100_000, executed=executed, added=60.0)
    world.renew()
    assert features(world, SUPPORT)["refill"] == 0.0


def test_a_rise_speaks_for_supports_and_against_resistances_within_bounds(world):
    world.around(book_probability=0.55)
    world.renew()
    assert features(world, SUPPORT)["upside"] == pytest.approx(0.5)
    assert features(world, RESISTANCE)["upside"] == pytest.approx(-0.5)
    world.around(book_probability=0.9)
    world.renew()
    assert features(world, SUPPORT)["upside"] == 1.0
    world.around(book_probability=math.nan)
    world.renew()
    assert features(world, SUPPORT)["upside"] == 0.0


def test_a_cascade_of_forced_sells_counts_against_supports_only(world):
    world.around(cascade=-1)
    world.renew()
    assert (features(world, SUPPORT)["cascade"], features(world, RESISTANCE)["cascade"]) == (1.0, 0.0)


@pytest.mark.parametrize(("touches", "worn"), [(0, 0.0), (2, 0.0), (3, 1 / 3), (5, 1.0), (9, 1.0)])
def test_a_zone_wears_out_with_the_third_touch(world, touches, worn):
    world.table["touches"] = touches
    world.renew()
    assert features(world, SUPPORT)["touches"] == pytest.approx(worn)


def test_the_probability_of_the_prior_by_hand(world):
    world.around(book_probability=0.55)
    world.wall(1, 100_000, genuineness=0.8)
    world.renew()
    odds = 0.8 * math.log(0.8 / 0.2) / 2 + 1.0 * 0.5
    zone = world.at(SUPPORT)
    assert zone.hold == pytest.approx(1 / (1 + math.exp(-odds)))
    assert zone.bias == pytest.approx(2 * zone.hold - 1)
    resistance = world.at(RESISTANCE)
    assert resistance.hold == pytest.approx(1 / (1 + math.exp(0.5)))
    assert resistance.bias == pytest.approx(1 - 2 * resistance.hold)


UNIT = st.floats(0.0, 1.0)


@given(
    side=st.sampled_from([1, -1]),
    genuineness=UNIT,
    absorbed=st.floats(-1, 1),
    refilled=st.one_of(st.none(), st.floats(-1, 1)),
    touches=st.integers(0, 9),
    pulls=st.lists(st.booleans(), min_size=3, max_size=3),
    mass=UNIT,
    presence=UNIT,
    probability=st.one_of(st.none(), UNIT),
    cascade=st.sampled_from([-1, 0, 1]),
    thin=st.sampled_from([-1, 0, 1]),
    distance=st.integers(0, 1_000),
    unit=st.sampled_from([0.5, 1.0, 4.0]),
)
def test_a_judgement_equals_the_slow_twin(
    side,
    genuineness,
    absorbed,
    refilled,
    touches,
    pulls,
    mass,
    presence,
    probability,
    cascade,
    thin,
    distance,
    unit,
):
    z = state.new_zones(1)
    market, around, zone = z.markets[0], z.around[0], z.zones[0, 0]
    market["zones"] = 1
    around["mid"], around["volatility_unit"] = MID, unit
    around["book_probability"] = math.nan if probability is None else probability
    around["cascade"], around["thin"] = cascade, thin
    near = MID - side * distance
    zone["low"], zone["high"] = (near - 60, near) if side > 0 else (near, near + 60)
    zone["side"], zone["genuineness"], zone["absorbed"], zone["touches"] = (
        side,
        genuineness,
        absorbed,
        touches,
    )
    zone["refilled"] = math.nan if refilled is None else refilled
    zone["recent_pulls"] = sum(bit << k for k, bit in enumerate(pulls))
    zone["seen"], zone["mass"], zone["presence"] = 1, mass, presence
    judge(z.rows[0], z.model[0])

    figures = {"side": side, "genuineness": genuineness, "absorbed": absorbed, "refilled": refilled}
    hold = plain_zones.hold_probability(
        dict(zip(FEATURES, PRIOR, strict=True)),
        {**figures, "touches": touches},
        {"book_probability": probability, "cascade": cascade},
    )
    kind = plain_zones.kind_of(side, hold, thin, genuineness, pulls)
    assert zone["hold"] == pytest.approx(hold)
    assert Kind(int(zone["kind"])).name == kind
    assert zone["bias"] == pytest.approx(
        -side * abs(2 * hold - 1) if kind == "TRAP" else side * (2 * hold - 1)
    )
    distance_bps = 1e4 * distance / MID
    assert zone["utility"] == pytest.approx(plain_zones.utility(hold, mass, presence, distance_bps, unit))
    assert zone["spoken"] == (presence >= 0.1)


@pytest.mark.parametrize(
    ("genuineness", "pulls", "trap"),
    [(0.36, 0b000, False), (0.35, 0b000, True), (0.5, 0b001, False), (0.5, 0b101, True), (0.5, 0b110, True)],
)
def test_a_trap_looks_like_it_leaves_or_left_twice_in_three_approaches(genuineness, pulls, trap):
    zone = np.zeros(1, state.ZONE)[0]
    zone["genuineness"], zone["recent_pulls"] = genuineness, pulls
    assert bool(is_trap(zone)) is trap


def test_a_trap_points_the_other_way_and_is_reported_without_a_rank(world):
    world.around(book_probability=0.6)
    world.wall(1, 100_000, genuineness=0.2)
    world.renew()
    zone = world.at(SUPPORT, everything=False)
    assert (zone.kind, zone.rank) == (Kind.TRAP, 0)
    assert zone.hold > 0.5
    assert zone.bias == pytest.approx(1 - 2 * zone.hold)


@pytest.mark.parametrize(
    ("side", "hold", "thin", "kind"),
    [
        (1, 0.7, 0, Kind.SUPPORT),
        (-1, 0.7, 0, Kind.RESISTANCE),
        (1, 0.5, 0, Kind.UNCERTAIN),
        (1, 0.3, 0, Kind.BREAKABLE),
        (1, 0.7, -1, Kind.BREAKABLE),
        (-1, 0.7, 1, Kind.BREAKABLE),
        (1, 0.7, 1, Kind.SUPPORT),
    ],
)
def test_the_kind_follows_the_probability_unless_the_side_is_thin(side, hold, thin, kind):
    assert kind_of(np.int64(side), hold, np.int64(thin), False) == kind


@pytest.mark.parametrize(
    ("agreeing", "utility", "grade"),
    [(5, 0.5, Grade.S), (5, 0.4, Grade.A), (4, 0.9, Grade.A), (3, 0.9, Grade.B), (2, 0.9, Grade.C)],
)
@pytest.mark.parametrize("bias", [0.4, -0.4])
def test_grades_count_categories_that_say_the_same_loudly_enough(agreeing, utility, grade, bias):
    voices = np.full(state.VOICES, np.nan)
    voices[:agreeing] = math.copysign(0.15, bias)
    voices[agreeing : agreeing + 2] = math.copysign(0.14, bias), -bias  # too quiet, and against it
    assert grade_of(bias, voices, utility) == grade


def test_nothing_is_spoken_of_before_it_was_there_for_a_minute():
    world = ZoneWorld()
    world.note_mid(MID)
    world.renew()
    world.stay(60)
    assert world.views() == ()
    assert math.isnan(card_value(world.market))
    world.stay(10)
    assert len(world.views()) == 6


def test_the_three_most_useful_of_a_side_are_ranked():
    world = ZoneWorld()
    for near in (100_250, 100_150, 100_080, 99_900):
        world.wall(1, near, genuineness=0.9)
    world.settle()
    ranked = [v for v in world.views() if v.side == 1]
    assert sorted(v.rank for v in ranked) == [1, 2, 3]
    best = sorted((v for v in world.views(everything=True) if v.side == 1), key=lambda v: -v.utility)
    assert [v.id for v in best[:3]] == [v.id for v in sorted(ranked, key=lambda v: v.rank)]


def test_views_are_sorted_by_distance(world):
    distances = [v.distance_bps for v in world.views(everything=True)]
    assert distances == sorted(distances)
    assert len(distances) == len({v.id for v in world.views(everything=True)})


def test_the_card_is_the_bias_of_the_nearest_zone_spoken_of(world):
    world.around(book_probability=0.6)
    world.renew()
    nearest = zone_views(world.zones, 0)[0]
    assert nearest.side == -1  # 100,500
    assert card_value(world.market) == nearest.bias != 0.0


def test_nothing_is_renewed_while_the_mid_is_unknown(world):
    before = world.zones.zones.tobytes(), world.zones.markets.tobytes()
    world.mid = math.nan
    world.now += 10 * NS_PER_S
    world.renew()
    assert (world.zones.zones.tobytes(), world.zones.markets.tobytes()) == before
