"""S-FAULTS: no card from a book that cannot be believed, and after a resync all is as if nothing had been."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from bot.app.inspect import apply_rows
from bot.core.units import NS_PER_S
from bot.engine.kernel import State, new_state
from bot.evaluation.samples import Samples
from bot.evaluation.truth import Planted
from bot.market.events import Flag, Kind
from bot.market.heads import OK
from bot.market.instruments import Instrument
from bot.market.synthetic import NO_FAULTS, SCENARIOS, Faults, Settings
from bot.signals import features
from bot.signals.raw import MAX_AGE_NS
from scripts.acceptance.runs import Check, market, play
from scripts.acceptance.table import Row, none_of

FAULTY = "s-faults"
OFTEN = Faults(gap_per_h=60.0, stale_per_h=60.0, crossed_per_h=120.0)
"""So many gaps and silences that cards fall into them; the scenario has one of each an hour."""
DELAY_NS = NS_PER_S // 2  # longer than a message takes
AFTER = 10  # commits after a resync that are compared


@dataclass(frozen=True, slots=True)
class Found:
    """Readings (a market at a card, all cards and modes) and commits after a resync, asked and wrong."""

    unusable: int  # the book's own head says so
    unusable_spoke: int
    planted: int  # the truth says so: in a gap, or 15 s into a silence
    planted_spoke: int
    compared: int
    different: int

    def __add__(self, other: Found) -> Found:
        return Found(*(getattr(self, n) + getattr(other, n) for n in Found.__slots__))


class UnusableWatch:
    """Notes at every card which books cannot be believed: `note` is for `Collector`."""

    def __init__(self) -> None:
        self.unusable: list[list[bool]] = []

    def note(self, state: State, now_ns: int) -> None:
        self.unusable.append(
            [
                bool(head["status"] != OK or not head["synced"] or now_ns - head["commit_ns"] > MAX_AGE_NS)
                for head in state.heads
            ]
        )


def measure(scenario: str, seed: int, seconds: float) -> Found:
    watch = UnusableWatch()
    settings = replace(SCENARIOS[scenario].settings, faults=OFTEN)
    run = play(scenario, seed, seconds, settings=settings, on_tick=watch.note)
    spoke = np.isfinite(run.samples.scores).any(axis=(2, 3))  # (T, M)
    unusable = np.array(watch.unusable, bool).reshape(spoke.shape)
    planted = blind(run.samples, run.planted)
    compared, different = resynced(scenario, seed, seconds, settings)
    return Found(
        *(int(unusable.sum()), int((unusable & spoke).sum())),
        *(int(planted.sum()), int((planted & spoke).sum())),
        *(compared, different),
    )


def blind(samples: Samples, planted: Sequence[Planted]) -> np.ndarray:
    """(T, M): the truth says that no book can be known at a card."""
    found = np.zeros((samples.ticks_ns.size, len(samples.instruments)), bool)
    for one in planted:
        if one.type in ("gap", "stale") and one.t1_ns:
            begin_ns = one.t0_ns + DELAY_NS + (MAX_AGE_NS if one.type == "stale" else 0)
            found[(samples.ticks_ns >= begin_ns) & (samples.ticks_ns < one.t1_ns), one.market] = True
    return found


def resynced(scenario: str, seed: int, seconds: float, settings: Settings) -> tuple[int, int]:
    """Commits after a resync: how many were compared with the faultless stream's, and how many differ."""
    faulty = market(scenario, seed, seconds, settings=settings)
    clean = market(scenario, seed, seconds, settings=replace(settings, faults=NO_FAULTS))
    instruments = faulty.instruments
    streams = [np.concatenate(list(source.batches())) for source in (faulty, clean)]
    compared = different = 0
    for k in range(len(instruments)):
        own = [rows[rows["market"] == k] for rows in streams]
        after = _after_resyncs(own[0])
        there = dict(_commits(own[1]))
        places = [(at, there[exch_ns]) for exch_ns, at in after if exch_ns in there]
        mine = book_features(instruments, own[0], [at for at, _ in places], k)
        theirs = book_features(instruments, own[1], [at for _, at in places], k)
        pairs = [(a, b) for a, b in zip(mine, theirs, strict=True) if a is not None]
        compared += len(pairs)
        different += sum(a != b for a, b in pairs)
    return compared, different


def _commits(rows: np.ndarray) -> list[tuple[int, int]]:
    """(venue time, row) of every commit of the ladder."""
    at = np.flatnonzero((rows["kind"] == Kind.COMMIT) & (rows["flags"] & Flag.BBO == 0))
    return list(zip(rows["exch_ns"][at].tolist(), at.tolist(), strict=True))


def _after_resyncs(rows: np.ndarray) -> list[tuple[int, int]]:
    """The first commits after each gap, but those that bear a stamp set back."""
    commits = _commits(rows)
    places = np.array([at for _, at in commits])
    stamps = np.array([exch_ns for exch_ns, _ in commits])
    chosen: list[int] = []
    for gap in np.flatnonzero(rows["kind"] == Kind.GAP):
        first = int(np.searchsorted(places, gap))
        chosen += [c for c in range(first, min(first + AFTER, len(commits))) if stamps[c] >= stamps[:c].max()]
    return [commits[c] for c in sorted(set(chosen))]


def book_features(
    instruments: Sequence[Instrument], rows: np.ndarray, places: Sequence[int], market: int
) -> Iterator[tuple[float, ...] | None]:
    """The book's features right after the row at each place, in order; None where the book is crossed."""
    state = new_state(instruments)
    powers = np.zeros(128)
    begin = 0
    for at in places:
        state = apply_rows(state, rows[begin : at + 1])
        begin = at + 1
        books = state.books
        yield (
            None
            if not features.usable(books, market)
            else (
                features.mid_of(books, market),
                features.decay_imbalance(books, market, 5.0, 25.0, powers),
                features.band_imbalance(books, market, 50.0),
                features.bucketed_queue_imbalance(books, market, 0.5),
                features.slope_imbalance(books, market, 25.0),
                features.queue_imbalance(books, market),
            )
        )


def rows(found: Mapping[str, Sequence[Found]]) -> list[Row]:
    whole = reduce(Found.__add__, found[FAULTY])
    return [
        none_of(
            FAULTY,
            "cards from a book that is crossed, not in step or 15 s old",
            whole.unusable_spoke,
            whole.unusable,
            "readings",
        ),
        none_of(
            FAULTY,
            "cards in a planted gap or 15 s into a planted silence",
            whole.planted_spoke,
            whole.planted,
            "readings",
        ),
        none_of(
            FAULTY,
            "features after a resync unlike those of the stream without faults",
            whole.different,
            whole.compared,
            "book messages",
        ),
    ]


FAULTS = Check("faults", (FAULTY,), 3, 7_200.0, measure, rows)
