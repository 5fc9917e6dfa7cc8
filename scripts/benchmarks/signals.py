"""`scripts/bench signals`: 63 markets in one process, every card awake, beside real time.

The stream is made first; the part that wakes the cards is not timed. The rest
is replayed again and again from the same state, through `advance` and, every
ten seconds, `read_cards`, as the engine does. Exit status is 0 whatever the figures.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import argparse
import copy
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from bot.core.jit import rare
from bot.core.units import NS_PER_S
from bot.engine.kernel import Ctl, State, Stop, advance, new_state, read_cards
from bot.engine.scheduler import TICK_NS, first_due_ns
from bot.market.book import grow, whole_side
from bot.market.events import EVENT, Kind
from bot.market.synthetic import LISTINGS
from bot.signals import cards
from bot.signals.grid import on_grid
from bot.signals.learning.rounds import begin, settle
from bot.signals.readings import Readings
from bot.signals.refits import refit_next
from bot.signals.registry import CARD_COUNT, card_names
from bot.signals.state import Awake
from bot.signals.surroundings import renew_zones
from bot.signals.walls import WallStage, scan
from scripts.benchmarks import results
from scripts.benchmarks.many_markets import ManyMarkets
from scripts.benchmarks.results import Line

WANTED_SPEED, WANTED_ROWS, WANTED_BUSIEST, WANTED_WALLS = 100.0, 200.0, 1_000.0, 10.0
WANTED_AWAKE = 0.999
SCANS_S = 60  # whole seconds of wall scans that are timed apart
PARTS = ("loop", "features", "walls", "cards", "zones", "learning")


@dataclass(slots=True)
class Spent:
    """Seconds by stage."""

    advance: float = 0.0
    cards: float = 0.0
    zones: float = 0.0
    learning: float = 0.0

    @property
    def total(self) -> float:
        return self.advance + self.cards + self.zones + self.learning


@dataclass(slots=True)
class Seen:
    """What every tick of the timed part found."""

    awake: list[np.ndarray] = field(default_factory=list)  # cards by market
    walls: list[np.ndarray] = field(default_factory=list)  # by market, candidates left out
    sleepers: dict[str, int] = field(default_factory=dict)  # by card, market-ticks

    def note(self, state: State) -> None:
        readings = Readings(state.signals)
        awake = np.array([readings.awake(market) for market in range(state.heads.size)])
        self.awake.append(awake)
        rows = state.signals.walls
        used = np.arange(rows.shape[1]) < state.signals.grid["walls"][:, None]
        self.walls.append(np.count_nonzero(used & (rows["stage"] != WallStage.CANDIDATE), axis=1))
        if awake.min() < CARD_COUNT:
            asleep = np.isnan(state.signals.cards["score"]).all(axis=2).sum(axis=0)
            for name, markets in zip(card_names(), asleep.tolist(), strict=True):
                if markets:
                    self.sleepers[name] = self.sleepers.get(name, 0) + markets


def play(state: State, rows: np.ndarray, tick, spent: Spent) -> State:
    """Apply all rows, `tick(state, now_ns, spent)` every 10 s; returns the state: a ladder may grow."""
    at = 0
    while True:
        start = time.perf_counter()
        at = advance(state, rows, at)
        spent.advance += time.perf_counter() - start
        stop = Stop(int(state.ctl[Ctl.STOP]))
        if stop is Stop.END:
            return state
        if stop is Stop.TIMER:
            tick(state, int(state.ctl[Ctl.NOW]), spent)
            state.ctl[Ctl.NEXT_TIMER] = state.ctl[Ctl.TIMER_DUE] + TICK_NS
        elif stop is Stop.GROW:
            state = state.with_books(grow(state.books, int(rows[at]["price"])))
        elif stop is not Stop.READING:
            raise SystemExit(f"expected to reach row {rows.size}, stopped at {at}: {stop.name}")


def whole(state: State, now_ns: int, spent: Spent) -> None:
    """A tick as the engine has it."""
    start = time.perf_counter()
    read_cards(state, now_ns)
    spent.cards += time.perf_counter() - start


def nothing(state: State, now_ns: int, spent: Spent) -> None:
    """A tick of a recorder."""


@rare
def _grids(st, now_ns):
    for market in range(st.heads.size):
        sig = st.signals.rows[market]
        if now_ns >= sig.next_grid_ns and sig.active:
            on_grid(st.signals, st.books, st.heads, market, now_ns)
        for side in range(2):
            sig.ladder[2 * side], sig.ladder[2 * side + 1] = whole_side(st.books, market, side)


@rare
def _cards(st, now_ns):
    signals = st.signals
    for market in range(st.heads.size):
        sig = signals.rows[market]
        cards.measure(
            signals.rows, signals.zones.rows[market], signals.pairs, st.books, st.heads, market, now_ns
        )
        cards.align(sig)
        cards._fast_flow(sig)
        cards.read(
            sig, signals.learning.rows[market], now_ns, (now_ns - st.heads[market].commit_ns) / NS_PER_S
        )


@rare
def _begins(st, now_ns):
    for market in range(st.heads.size):
        begin(st.signals.learning, st.signals.rows[market].cards, market, now_ns)


@rare
def _zones(st, now_ns):
    signals = st.signals
    for market in range(st.heads.size):
        renew_zones(
            signals.rows[market],
            signals.learning.rows[market],
            signals.zones,
            st.heads[market],
            market,
            now_ns,
        )


@rare
def _scans(st, now_ns):
    for market in range(st.heads.size):
        scan(st.signals.rows[market], st.books, market, now_ns)


def staged(state: State, now_ns: int, spent: Spent) -> None:
    """The same tick, stage after stage over all markets instead of market after market."""
    marks = [time.perf_counter()]

    def mark() -> None:
        marks.append(time.perf_counter())

    _grids(state.tables, now_ns)
    mark()
    settle(state.signals.learning, now_ns)
    mark()
    _cards(state.tables, now_ns)
    mark()
    _begins(state.tables, now_ns)
    mark()
    _zones(state.tables, now_ns)
    mark()
    refit_next(state.signals, now_ns)
    mark()
    grid, settling, reading, beginning, zones, refits = np.diff(marks).tolist()
    spent.advance += grid
    spent.learning += settling + beginning
    spent.cards += reading + refits
    spent.zones += zones


def scans_s(state: State, seconds: float) -> float:
    """What the walls' look at the book would have cost in so many seconds: each market's once a second."""
    now_ns = int(state.ctl[Ctl.NOW])
    start = time.perf_counter()
    for k in range(1, SCANS_S + 1):
        _scans(state.tables, now_ns + k * NS_PER_S)
    return (time.perf_counter() - start) / SCANS_S * seconds


@dataclass(slots=True)
class Prepared:
    """A state in which every card is awake, and the rows that follow."""

    state: State
    rows: np.ndarray
    seconds: float  # of market time
    generation_s: float  # of all rows


def prepare(seed: int, warm_s: float, timed_s: float) -> Prepared:
    """Make the stream and play its first part; its rows are not kept."""
    stream = ManyMarkets(seed, warm_s + timed_s)
    spent = Spent()
    kept: list[np.ndarray] = []
    state: State | None = None
    timed_from_ns = 0
    making = 0.0
    for rows, took in _timed(stream.batches()):
        making += took
        if state is None:
            state = new_state(stream.instruments)
            first_ns = int(rows[0]["recv_ns"])
            state.ctl[Ctl.NEXT_TIMER] = first_due_ns(first_ns)
            timed_from_ns = first_ns + round(warm_s * NS_PER_S)
        if rows[0]["recv_ns"] >= timed_from_ns:
            kept.append(rows)
        else:
            state = play(state, rows, whole, spent)
    assert state is not None
    # as plain bytes, which numpy copies ten times faster than structured rows
    rows = np.concatenate([part.view(("V", EVENT.itemsize)) for part in kept]).view(EVENT)
    return Prepared(state, rows, timed_s, making)


def _timed(batches: Iterator[np.ndarray]) -> Iterator[tuple[np.ndarray, float]]:
    while True:
        start = time.perf_counter()
        rows = next(batches, None)
        if rows is None:
            return
        yield rows, time.perf_counter() - start


def look(ready: Prepared) -> tuple[Seen, State]:
    """An untimed replay that notes at every tick what the judged lines ask for."""
    seen = Seen()

    def tick(state: State, now_ns: int, spent: Spent) -> None:
        read_cards(state, now_ns)
        seen.note(state)

    return seen, play(copy.deepcopy(ready.state), ready.rows, tick, Spent())


def load(state: State) -> None:
    """Compile, or load, what is timed apart."""
    state = copy.deepcopy(state)
    staged(state, int(state.ctl[Ctl.NOW]), Spent())
    _scans(state.tables, int(state.ctl[Ctl.NOW]))


def one_round(ready: Prepared, last: State) -> tuple[Spent, dict[str, float]]:
    """The timed replay, then seconds by part: the stages apart, the loop with sleeping signals, the scans."""
    spent = Spent()
    play(copy.deepcopy(ready.state), ready.rows, whole, spent)
    apart = Spent()
    state = play(copy.deepcopy(ready.state), ready.rows, staged, apart)
    if state.signals.rows.tobytes() != last.signals.rows.tobytes():
        raise SystemExit("the stages, timed apart, do not say what `read_cards` says: they have changed")
    walls = scans_s(state, ready.seconds)
    bare = Spent()
    state = copy.deepcopy(ready.state)
    state.signals.rows["active"] = Awake.NOTHING
    play(state, ready.rows, nothing, bare)
    features = max(0.0, apart.advance - bare.advance - walls)
    parts = (bare.advance, features, walls, apart.cards, apart.zones, apart.learning)
    return spent, dict(zip(PARTS, parts, strict=True))


def measure(args: argparse.Namespace) -> tuple[list[Line], list[str]]:
    """All judged lines and the notes beside them."""
    print("making the stream and waking the cards", file=sys.stderr)
    ready = prepare(args.seed, 60.0 * args.warm_minutes, 60.0 * args.minutes)
    seen, last = look(ready)
    load(ready.state)
    rounds = []
    for number in range(args.rounds):
        rounds.append(one_round(ready, last))
        spent = rounds[-1][0]
        show = f"{spent.total:.2f} s, {ready.seconds / spent.total:.0f} times real time"
        print(f"  {number + 1}/{args.rounds}: {show}", file=sys.stderr)
    return [speed_line(ready, rounds), *stream_lines(ready, seen)], [
        *part_notes(ready, rounds),
        f"the stream: {ready.seconds / 60:g} min timed of {ready.rows.size / 1e6:.1f} M rows, after "
        f"{args.warm_minutes:g} min in which the cards wake; made at "
        f"{60.0 * (args.minutes + args.warm_minutes) / ready.generation_s:.0f} times real time",
    ]


def speed_line(ready: Prepared, rounds: list[tuple[Spent, dict[str, float]]]) -> Line:
    times = [ready.seconds / spent.total for spent, _ in rounds]
    took = median(spent.total for spent, _ in rounds)
    steps = ready.seconds * NS_PER_S / TICK_NS * ready.state.heads.size
    figures = (
        f"{median(times):.0f} times real time ({min(times):.0f} to {max(times):.0f}); "
        f"{took / steps * 1e6:.0f} us for 10 s of a market, {ready.rows.size / took / 1e6:.1f} M rows/s"
    )
    what = f"{ready.state.heads.size} markets on one core, everything every 10 s"
    return Line(what, figures, f"at least {WANTED_SPEED:g}", median(times) >= WANTED_SPEED)


def stream_lines(ready: Prepared, seen: Seen) -> list[Line]:
    """Is the stream what it is said to be?"""
    levels = ready.rows["market"][ready.rows["kind"] == Kind.LEVEL]
    rates = np.bincount(levels, minlength=ready.state.heads.size) / ready.seconds
    awake, walls = np.array(seen.awake), np.array(seen.walls)
    possible = np.full(awake.shape[1], CARD_COUNT)
    possible[: len(LISTINGS)] -= 1  # of the venue that leads no other one can tell ahead
    share = awake.sum() / (possible.sum() * len(awake))
    held = walls.mean(axis=0)
    asleep = ", ".join(f"{name} {n}" for name, n in sorted(seen.sleepers.items(), key=lambda x: -x[1]))
    return [
        Line(
            "level rows a second and market",
            f"mean {rates.mean():.0f}, busiest {rates.max():.0f}, quietest {rates.min():.0f}",
            f"mean {WANTED_ROWS:g}, busiest {WANTED_BUSIEST:g}",
            rates.mean() >= WANTED_ROWS and rates.max() >= WANTED_BUSIEST,
        ),
        Line(
            "cards awake",
            f"{share:.2%} of what can be; median {np.median(awake):.0f}, least of any market and tick "
            f"{awake.min()}" + (f"; asleep, of {awake.size:,} markets x ticks: {asleep}" if asleep else ""),
            f"{WANTED_AWAKE:.1%} of {CARD_COUNT} a market, {CARD_COUNT - 1} where it leads",
            bool(share >= WANTED_AWAKE),
        ),
        Line(
            "live walls",
            f"mean {walls.mean():.1f} a market, the market with fewest {held.min():.1f}, "
            f"least of any market and tick {walls.min()}",
            f"{WANTED_WALLS:g} in every market's mean",
            bool(held.min() >= WANTED_WALLS),
        ),
    ]


def part_notes(ready: Prepared, rounds: list[tuple[Spent, dict[str, float]]]) -> list[str]:
    steps = ready.seconds * NS_PER_S / TICK_NS * ready.state.heads.size
    middle = {name: median(parts[name] for _, parts in rounds) for name in PARTS}
    total = sum(middle.values())
    shares = ", ".join(f"{name} {t / steps * 1e6:.0f} us ({t / total:.0%})" for name, t in middle.items())
    return [
        f"10 s of a market: {shares}",
        "loop: the same rows with sleeping signals; walls: their look at the book every second, timed apart; "
        "features: the rest of `advance`, what rows tell walls included; cards, zones and learning: the tick",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench signals", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--minutes", type=float, default=15.0, help="of market time that are timed")
    parser.add_argument("--warm-minutes", type=float, default=75.0, help="before them, for the cards to wake")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    args = parser.parse_args()
    lines, notes = measure(args)
    for text in (*lines, *notes):
        print(text)
    if args.write:
        results.write(
            "signals", lines, notes, args.rounds, " ".join(["scripts/bench signals", *sys.argv[1:]])
        )


if __name__ == "__main__":
    main()
