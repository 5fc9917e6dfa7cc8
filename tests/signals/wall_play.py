"""Plays a synthetic market to the wall ledger as the engine does, and judges it by what was planted.

A detected wall is a planted one when it lies on its side and price and both
stood at the same time, give or take a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bot.core.jit import njit
from bot.core.units import NS_PER_S
from bot.market import book as ladder
from bot.market import trust
from bot.market.book import ASK, BID, Books
from bot.market.events import Flag, Kind
from bot.market.heads import new_heads
from bot.market.synthetic import SyntheticMarket, Truth
from bot.signals import flow, inputs, resting, walls
from bot.signals.grid import on_grid
from bot.signals.state import ENDED_WALLS, Signals, new_signals
from bot.signals.walls import GENUINE, TRAP, WallStage
from tests import reference

START_NS = 1_700_000_000 * NS_PER_S
TRACK = np.dtype(
    [
        ("side", "<i8"),
        ("near", "<i8"),
        ("far", "<i8"),
        ("born_ns", "<i8"),
        ("confirmed_ns", "<i8"),  # 0 never
        ("last_ns", "<i8"),
        ("near_s", "<f8"),
        ("tested", "<i8"),
        ("early", "<f8"),  # genuineness at 5 s of age, before any approach
        ("decided", "<f8"),  # after 2 s near
        ("genuineness", "<f8"),  # the last
        ("absorbed", "<i8"),  # 1: a tenth was executed while most of it was still displayed
        ("label", "<i8"),
    ],
    align=True,
)
MOST_TRACKS = 20_000
_LEVEL, _COMMIT, _TRADE, _SNAPSHOT = int(Kind.LEVEL), int(Kind.COMMIT), int(Kind.TRADE), int(Kind.SNAPSHOT)
_F_BBO, _F_NOT_MARKET = int(Flag.BBO), int(Flag.NOT_MARKET)
_CANDIDATE, _TESTED = int(WallStage.CANDIDATE), int(WallStage.TESTED)
_EARLY_NS = 5 * NS_PER_S


@njit
def play(signals, books, heads, rows, start, tracks):
    """Rows of one market until the end or until the ladder must grow; the first row not applied."""
    sig = signals.rows[0]
    for i in range(start, rows.size):
        row = rows[i]
        now_ns = row.recv_ns
        if now_ns >= sig.next_grid_ns:
            second = sig.grid.second
            on_grid(signals, books, heads, np.int64(0), now_ns)
            if sig.grid.second != second:
                _note(sig, tracks, now_ns)
        if row.kind == _LEVEL:
            side = BID if row.side > 0 else ASK
            before = ladder.set_level(books, np.int64(0), side, row.price, row.value)
            if before < 0.0:
                return i
            resting.on_level(
                sig, resting.watched_now(sig), side, row.price, before, row.value, now_ns, now_ns
            )
        elif row.kind == _TRADE and not row.flags & _F_NOT_MARKET:
            flow.on_trade(sig.flow, row.side, row.value, now_ns)
            resting.on_print(sig, np.int64(row.side), row.price, row.value, now_ns, now_ns)
        elif row.kind == _COMMIT and not row.flags & _F_BBO:
            ladder.settle(books, 0)
            heads[0].synced = 1
            bid, ask = ladder.best_tick(books, 0, BID), ladder.best_tick(books, 0, ASK)
            trust.judge(heads[0], bid, ask, now_ns)
            if heads[0].status == 0:
                bid_lots, ask_lots = ladder.best_lots(books, 0, BID), ladder.best_lots(books, 0, ASK)
                walls.on_commit(sig, 0.5 * (bid + ask))
                flow.on_commit(sig.flow, bid, bid_lots, ask, ask_lots, now_ns)
        elif row.kind == _SNAPSHOT:
            heads[0].synced = 0
            ladder.clear(books, np.int64(0))
            inputs.on_reset(sig, signals.pairs, now_ns)
    return rows.size


@njit
def _note(sig, tracks, now_ns):
    """What there is to say of every wall, each second."""
    for i in range(sig.grid.walls):
        wall = sig.walls[i]
        if wall.id >= tracks.size:
            continue
        track = tracks[wall.id]
        if track.born_ns == 0:
            track.side, track.near, track.far, track.born_ns = wall.side, wall.near, wall.far, wall.born_ns
            track.early = track.decided = np.nan
        track.last_ns = now_ns
        if wall.stage != _CANDIDATE and track.confirmed_ns == 0:
            track.confirmed_ns = now_ns
        track.near_s, track.tested = wall.near_s, wall.stage == _TESTED
        track.decided, track.genuineness = wall.decided, wall.genuineness
        untouched = wall.near_s == 0.0 and wall.executed == 0.0
        if untouched and track.early != track.early and now_ns - wall.born_ns >= _EARLY_NS:
            track.early = wall.genuineness
        if wall.executed >= 0.1 * wall.peak and wall.quantity > 0.3 * wall.peak:
            track.absorbed = 1
    for k in range(ENDED_WALLS):
        row = sig.ended[k]
        if 0 < row.id < tracks.size and tracks[row.id].label == 0:
            track = tracks[row.id]
            track.label, track.last_ns = row.label, row.ended_ns
            track.genuineness, track.near_s, track.decided = row.genuineness, row.near_s, row.decided


@dataclass(frozen=True, slots=True)
class Played:
    """A market after the last row."""

    sig: Signals
    books: Books
    tracks: np.ndarray  # TRACK of every wall seen
    truth: list[Truth]
    end_ns: int


def play_market(scenario: str, seed: int, duration_s: float, symbol: str = "BTCUSDT") -> Played:
    market = SyntheticMarket(seed, (symbol,), START_NS, duration_s, scenario=scenario, batch_s=60.0)
    sig, books, heads = new_signals(1), ladder.new_books(1, 1 << 16), new_heads(market.instruments)
    tracks = np.zeros(MOST_TRACKS, TRACK)
    end_ns = START_NS
    for rows in market.batches():
        at = 0
        while (at := play(sig, books, heads, rows, at, tracks)) < rows.size:
            books = ladder.grow(books, int(rows["price"][at]))
        end_ns = int(rows["recv_ns"][-1])
    return Played(sig, books, tracks[tracks["born_ns"] != 0], market.truth(), end_ns)


WARM_NS, SLACK_NS, LEAST_NS = 60 * NS_PER_S, NS_PER_S, 3 * NS_PER_S


@dataclass
class Figures:
    """Sums over runs of a scenario; see signals.md 11.4."""

    found: int = 0
    asked: int = 0
    right: int = 0
    detections: int = 0

    def __post_init__(self) -> None:
        self.genuine: list[bool] = []
        self.tracks: list[np.ndarray] = []

    def add(self, played: Played) -> None:
        planted = [t for t in played.truth if t.type in ("genuine_wall", "spoof_wall")]
        tracks = played.tracks[played.tracks["confirmed_ns"] > START_NS + WARM_NS]
        low, high = np.minimum(tracks["near"], tracks["far"]), np.maximum(tracks["near"], tracks["far"])
        met = np.zeros(len(tracks), np.int64)
        genuine = np.zeros(len(tracks), bool)
        for wall in planted:
            end_ns = wall.t1_ns or played.end_ns
            together = np.minimum(tracks["last_ns"], end_ns + SLACK_NS) - np.maximum(
                tracks["born_ns"], wall.t0_ns - SLACK_NS
            )
            same = (tracks["side"] == wall.side) & (low <= wall.price) & (wall.price <= high)
            is_it = same & (together >= 0)
            better = is_it & (together > met)
            genuine[better] = wall.type == "genuine_wall"
            met = np.maximum(met, np.where(is_it, together, 0))
            if wall.t0_ns > START_NS + WARM_NS and end_ns - wall.t0_ns >= LEAST_NS:
                self.asked += 1
                self.found += bool(is_it.any())
        self.detections += len(tracks)
        self.right += int((met > 0).sum())
        self.genuine += genuine[met > 0].tolist()
        self.tracks.append(tracks[met > 0])

    def table(self) -> dict[str, float]:
        genuine, tracks = np.array(self.genuine), np.concatenate(self.tracks)
        near = tracks["near_s"] > 0.0
        trap = near & (tracks["genuineness"] <= TRAP)
        tested = near | (tracks["tested"] == 1)
        absorbed = tested & (tracks["absorbed"] == 1)
        known, early = np.isfinite(tracks["decided"]), np.isfinite(tracks["early"])
        passed = known & (tracks["decided"] >= GENUINE)
        auc = lambda field, chosen: _auc(tracks[field][chosen], genuine[chosen])  # noqa: E731
        share = lambda chosen: float(genuine[chosen].mean()) if chosen.any() else np.nan  # noqa: E731
        return {
            "planted": self.asked,
            "recall": self.found / max(1, self.asked),
            "precision": self.right / max(1, self.detections),
            "approached": int(near.sum()),
            "auc_end": auc("genuineness", near),
            "decided": int(known.sum()),
            "auc_decided": auc("decided", known),
            "auc_early": auc("early", early),
            "share_decided": share(known),
            "share_passed": share(passed),
            "traps": int(trap.sum()),
            "trap_precision": 1.0 - share(trap),
            "trap_recall": float(trap[near & ~genuine].mean()),
            "share_tested": share(tested),
            "absorbed": int(absorbed.sum()),
            "share_absorbed": share(absorbed),
        }


def _auc(scores: np.ndarray, labels: np.ndarray) -> float:
    return float(reference.auc(scores.tolist(), labels.tolist()))
