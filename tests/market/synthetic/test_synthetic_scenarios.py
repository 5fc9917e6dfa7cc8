"""Named scenarios: each is what it says, and any combination of switches is one reproducible stream."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.errors import BadInput
from bot.market.events import Kind
from bot.market.synthetic import (
    NO_PLANTS,
    SCENARIOS,
    Faults,
    Plants,
    SyntheticMarket,
    Truth,
    scenario,
)
from bot.market.tape.checks import Check, RowChecks
from tests.market.synthetic.plain_book import START_NS, SYMBOLS, Session, play

S = 10**9

BUSY = replace(
    SCENARIOS["s-all"].settings,
    regimes=True,
    lag_change_s=6.0,
    faults=Faults(*[600.0] * 5),
)
BUSY_PLANTS = Plants(
    genuine_per_h=600,
    spoof_per_h=600,
    thin_per_h=200,
    sweep_per_h=300,
    cascade_per_h=300,
    exhaustion_per_h=200,
)


def busy(seed: int, seconds: float, batch_s: float) -> SyntheticMarket:
    """Two symbols on three venues with every switch on and something planted every few seconds."""
    return SyntheticMarket(
        seed, SYMBOLS[:2], START_NS, seconds, plants=BUSY_PLANTS, settings=BUSY, batch_s=batch_s
    )


@settings(max_examples=12)
@given(seed=st.integers(0, 2**32), batch_s=st.floats(0.03, 30.0))
def test_with_every_switch_on_the_same_seed_gives_the_same_bytes_whatever_the_batches(
    seed: int, batch_s: float
):
    one, other = busy(seed, 15.0, 2.0), busy(seed, 15.0, batch_s)
    assert play(one).tobytes() == play(other).tobytes()
    assert one.truth() == other.truth()
    assert one.last_prices() == other.last_prices()


@settings(max_examples=12)
@given(name=st.sampled_from(sorted(SCENARIOS)), seed=st.integers(0, 2**32), batch_s=st.floats(0.05, 12.0))
def test_every_scenario_is_the_same_whatever_the_batches(name: str, seed: int, batch_s: float):
    def rows(every_s: float) -> bytes:
        market = SyntheticMarket(seed, SYMBOLS[:2], START_NS, 11.0, scenario=name, batch_s=every_s)
        return play(market).tobytes()

    assert rows(batch_s) == rows(2.0)


@pytest.mark.parametrize("after", [3, 11])
def test_a_checkpoint_continues_with_every_switch_on(after: int):
    first = busy(5, 20.0, 1.0)
    list(islice(first.batches(), after))
    second = busy(5, 20.0, 1.0)
    second.restore(first.checkpoint())
    assert play(second).tobytes() == play(first).tobytes()
    assert second.truth() == first.truth()


@pytest.fixture(scope="module")
def hours() -> dict[str, Session]:
    """An hour of two symbols of every scenario but the demo, without its levels."""
    found = {}
    for name in SCENARIOS:
        market = SyntheticMarket(31, SYMBOLS[:2], START_NS, 3600.0, scenario=name, batch_s=60.0)
        checks = RowChecks(len(market.instruments), has_timers=False)
        kept = []
        for rows in market.batches():
            checks.add(rows)
            kept.append(rows[~np.isin(rows["kind"], (Kind.LEVEL, Kind.COMMIT))])
        assert dict(zip(Check, checks.count.tolist(), strict=True)) == dict.fromkeys(Check, 0)
        found[name] = Session(np.concatenate(kept), market.truth(), [])
    return found


PLANTED = {
    "demo": {"genuine_wall", "spoof_wall", "thin_side", "sweep"},
    "s-zi": set(),
    "s-wall-easy": {"genuine_wall", "spoof_wall"},
    "s-wall-hard-a": {"genuine_wall", "spoof_wall"},
    "s-wall-hard-b": {"genuine_wall", "spoof_wall"},
    "s-wall-pull-8": {"genuine_wall", "spoof_wall"},
    "s-wall-pull-3": {"genuine_wall", "spoof_wall"},
    "s-thin": {"thin_side"},
    "s-lag": {"efficient_price"},
    "s-cascade": {"cascade"},
    "s-exhaustion": {"exhaustion", "sweep"},
    "s-drift": {"efficient_price"},
    "s-regime": {"efficient_price", "regime"},
    "s-faults": {"gap", "duplicate", "out_of_order", "crossed", "stale"},
    "s-all": {
        "genuine_wall", "spoof_wall", "thin_side", "sweep", "cascade", "exhaustion",
        "efficient_price", "gap", "duplicate", "out_of_order", "crossed", "stale",
    },
}  # fmt: skip


def test_every_scenario_is_tested_here():
    assert set(PLANTED) == set(SCENARIOS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_plants_what_it_is_for_and_its_rows_are_well_formed(hours: dict[str, Session], name: str):
    assert {record.type for record in hours[name].truth} == PLANTED[name]


@pytest.mark.parametrize("name", SCENARIOS)
def test_truth_names_its_venue_and_has_ids_of_its_own(hours: dict[str, Session], name: str):
    truth = hours[name].truth
    venues = {venue.name for venue in SCENARIOS[name].settings.venues}
    assert {record.venue for record in truth} <= venues
    assert len({record.id for record in truth}) == len(truth)
    assert [r.t0_ns for r in truth] == sorted(r.t0_ns for r in truth)


def walls(played: Session, type_: str) -> list[Truth]:
    return [r for r in played.truth if r.type == type_ and r.t1_ns]


def lifetimes_s(records: list[Truth]) -> np.ndarray:
    return np.array([(r.t1_ns - r.t0_ns) / S for r in records if r.outcome == "expired"])


def test_walls_come_at_their_rate_and_live_as_long_as_the_scenario_says(hours: dict[str, Session]):
    for name in SCENARIOS:
        if not name.startswith("s-wall"):
            continue
        counts = Counter(r.type for r in hours[name].truth)
        # .05 a second for each symbol; where a wall stands within two ticks there is no place for another
        assert 0.5 * 360 < counts.total() < 360
        assert all(r.group == r.id and not r.params["scripted"] for r in hours[name].truth)
    easy, hard = hours["s-wall-easy"], hours["s-wall-hard-a"]
    assert np.mean(lifetimes_s(walls(easy, "spoof_wall"))) < 35
    assert np.mean(lifetimes_s(walls(easy, "genuine_wall"))) > 100
    spoofs, genuine = (lifetimes_s(walls(hard, f"{type_}_wall")).mean() for type_ in ("spoof", "genuine"))
    assert 0.5 < spoofs / genuine < 1.4


def test_a_spoof_that_is_pulled_earlier_is_pulled_more_often(hours: dict[str, Session]):
    def pulled(name: str) -> int:
        return Counter(r.outcome for r in walls(hours[name], "spoof_wall"))["pulled"]

    assert pulled("s-wall-pull-8") > pulled("s-wall-easy") > pulled("s-wall-pull-3") > 0
    assert pulled("s-wall-hard-a") > pulled("s-wall-hard-b")


def test_a_burst_of_a_thin_side_is_four_times_the_flow_in_its_last_eight_seconds(hours: dict[str, Session]):
    played = hours["s-thin"]
    records = [r for r in played.truth if r.outcome in ("burst", "quiet")]
    rates: dict[str, list[float]] = {"burst": [], "quiet": []}
    for record in records:
        trades = played.rows[
            (played.rows["kind"] == Kind.TRADE)
            & (played.rows["market"] == SYMBOLS.index(record.symbol))
            & (played.rows["side"] == record.side)
        ]
        times = np.unique(trades["exch_ns"])
        inside = (times > record.t1_ns - 8 * S) & (times <= record.t1_ns)
        rates[record.outcome].append(np.count_nonzero(inside) / 8)
        if record.outcome == "burst":
            assert abs(record.t1_ns - record.params["touched_ns"] - 8 * S) <= S // 10
    assert len(rates["burst"]) > 20
    assert np.mean(rates["burst"]) == pytest.approx(4 * 0.94, rel=0.2)
    assert np.mean(rates["quiet"]) == pytest.approx(0.94, rel=0.4)


def test_plants_and_settings_replace_those_of_the_scenario():
    market = SyntheticMarket(
        1, SYMBOLS[:1], START_NS, 60.0, scenario="s-cascade", plants=NO_PLANTS, settings=BUSY
    )
    play(market)
    assert len(market.instruments) == 3
    assert not {"cascade", "genuine_wall"} & {r.type for r in market.truth()}


def test_scenarios_are_found_in_any_case_and_an_unknown_one_names_the_nearest():
    assert scenario("S-Wall-Easy") is SCENARIOS["s-wall-easy"]
    with pytest.raises(BadInput, match="did you mean 's-thin'"):
        scenario("s-thinn")
    with pytest.raises(BadInput, match="s-zi"):
        SyntheticMarket(1, SYMBOLS, START_NS, 1.0, scenario="nothing")
