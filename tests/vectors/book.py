"""The book (signals.md 1), walls and thin sides (2)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bot.market import heads as head_module
from bot.market import trust
from bot.market.book import ASK, BID, best_tick
from bot.signals import features, walls
from bot.signals.flow import on_commit
from bot.signals.grid import THIN_TAU_S, thin_step
from bot.signals.raw import flow_imbalance
from bot.signals.rolling import push
from bot.signals.state import ASK_DEPTH, BID_DEPTH, new_signals
from tests import reference
from tests.signals.worlds import NS_PER_S, T0, scaled

ADAPTERS: dict[str, Callable[..., Any]] = {}


def adapter(function: Callable[..., Any]) -> Callable[..., Any]:
    ADAPTERS[function.__name__] = function
    return function


@adapter
def book_status(bids, asks):
    books, head = scaled(bids, asks).books, np.zeros(1, head_module.HEAD)[0]
    trust.judge(head, best_tick(books, 0, BID), best_tick(books, 0, ASK), T0)
    names = {"OK": "OK", "NO_BOOK": "EMPTY"} | {n: n for n in ("EMPTY_BID", "EMPTY_ASK", "LOCKED", "CROSSED")}
    return names[next(n for n in names if getattr(head_module, n) == head["status"])]


@adapter
def mid_spread(bids, asks):
    book = scaled(bids, asks)
    mid = features.mid_of(book.books, 0)
    if math.isnan(mid):
        return None
    bps = features.spread_bps(book.books, 0)
    return {"mid": mid * book.tick, "spread": bps * mid * book.tick / 1e4, "spread_bps": bps}


@adapter
def topn_imbalance(bids, asks, n):
    if n in (1, 5, 10, 20):
        which = (1, 5, 10, 20).index(n)
    else:
        # not a count we keep: the same function on a book cut to n levels
        which = 3
        bids, asks = reference.clean(bids, "bid")[:n], reference.clean(asks, "ask")[:n]
    return features.top_imbalance(scaled(bids, asks).books, 0, which, np.zeros(4), np.zeros(4))


@adapter
def band_imbalance(bids, asks, x_bps):
    return features.band_imbalance(scaled(bids, asks).books, 0, x_bps)


@adapter
def decay_imbalance(bids, asks, kappa_bps, max_bps):
    return features.decay_imbalance(scaled(bids, asks).books, 0, kappa_bps, max_bps, np.zeros(64))


@adapter
def queue_imbalance(bids, asks):
    return features.queue_imbalance(scaled(bids, asks).books, 0)


@adapter
def weighted_mid(bids, asks):
    book = scaled(bids, asks)
    return features.weighted_mid(book.books, 0) * book.tick


@adapter
def book_slope(bids, asks, x_bps):
    book = scaled(bids, asks)
    mid = features.mid_of(book.books, 0)
    bid, ask = (features.side_slope(book.books, 0, side, mid, x_bps) * book.lot for side in (0, 1))
    return {"bid": bid, "ask": ask, "imbalance": features.slope_imbalance(book.books, 0, x_bps)}


@adapter
def walk_cost(bids, asks, side, qty):
    book = scaled(bids, asks)
    wanted = qty / book.lot
    direction = 1 if side == "buy" else -1
    average, cost, found, worst = features.walk(book.books, 0, direction, wanted)
    return {
        "vwap": average * book.tick,
        "cost_bps": cost,
        "filled": found * book.lot,
        "exhausted": found < wanted,
        "worst": worst * book.tick,
    }


@adapter
def impact_asymmetry(bids, asks, qty):
    book = scaled(bids, asks)
    return features.impact_asymmetry(book.books, 0, qty / book.lot)


@adapter
def reach_bps(bids, asks, side, volume):
    book = scaled(bids, asks)
    bps, exhausted = features.reach_bps(book.books, 0, 1 if side == "up" else -1, volume / book.lot)
    return {"bps": bps, "exhausted": bool(exhausted)}


@adapter
def log_depth_ratio(bids, asks, x_bps, floor_qty):
    book = scaled(bids, asks)
    depths = (features.band_depth(book.books, 0, side, x_bps) for side in (0, 1))
    return features.log_depth_ratio(*depths, floor_qty / book.lot)


@adapter
def ofi_window(quotes):
    sig = new_signals(1)
    sums = [0.0]
    for bid, bid_lots, ask, ask_lots in quotes:
        on_commit(sig.flow[0], round(bid * 10), bid_lots, round(ask * 10), ask_lots, T0)
        sums.append(float(sig.flow["ofi"][0, 0]))
    return {
        "e": np.diff(sums[1:]).tolist(),
        "ofi": sums[-1],
        "avg_depth": float(sig.flow["depth"][0, 0] / sig.flow["quotes"][0, 0]),
        "ofi_ticks": flow_imbalance(sig.flow[0], 0) / 2,
    }


# walls and thin sides


@adapter
def wall_z(sizes, k):
    z, _ = walls.wall_z(np.array(sizes), len(sizes), k, np.zeros(64))
    return z


@adapter
def beta_mean(successes, trials):
    return walls.base_rate(float(successes), float(trials))


@adapter
def wall_genuineness(
    t_near, t_far, executed, added, cancelled_near, q_max, base_rate=0.5, layering=0.0, flicker=0.0
):
    odds = walls.log_odds(
        t_near, t_far, executed, added, cancelled_near, q_max, base_rate, layering, float(flicker)
    )
    return {"log_odds": odds, "g": walls.sigmoid(odds)}


@adapter
def layering_score(sizes, birth_times):
    sig = new_signals(1)
    sig.grid["walls"] = len(sizes)
    for row, size, born_s in zip(sig.walls[0], sizes, birth_times, strict=False):
        row["side"], row["peak"], row["born_ns"] = 1, size, T0 + round(born_s * NS_PER_S)
    return walls.layering_of(sig.rows[0], 0)


@adapter
def thin_side(samples, dt, med_bid, med_ask):
    sig = new_signals(1)
    grid, bands = sig.rows[0]["grid"], sig.rows[0]["bands"]
    for _ in range(60):
        push(sig.bands[0, BID_DEPTH], med_bid)
        push(sig.bands[0, ASK_DEPTH], med_ask)
    out = []
    for bid, ask in samples:
        thin_step(grid, bands, bid, ask, 0.5, 1.0 - math.exp(-dt / THIN_TAU_S), round(2.0 / dt))
        out.append({"r": float(grid["thin_ratio"]), "state": int(grid["thin"])})
    return out
