"""The golden vectors of every specification section this floor implements, to 1e-9.

Each adapter feeds one function's vectors to the compiled code and brings the
answer back to the vector's units.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.core.enums import Agreement
from bot.core.jit import njit
from bot.market import heads as head_module
from bot.market import trust
from bot.signals import cards, composite, decay, features, walls
from bot.signals.flow import age_trades, on_commit, on_trade
from bot.signals.grid import THIN_TAU_S, thin_step
from bot.signals.raw import flow_imbalance, trade_imbalance
from bot.signals.rolling import new_windows, push
from bot.signals.state import ALIGNMENT, ASK_DEPTH, BID_DEPTH, new_signals
from tests import reference
from tests.signals.worlds import NS_PER_S, T0, give_sigma, ladder_of, none_if_nan, one_market, scaled

CASES = json.loads((Path(__file__).parents[1] / "data" / "signal_vectors.json").read_text())["cases"]
SPECS = {"1.0", "1.1", "1.2", "1.3", "1.4", "1.6", "1.8", "1.9", "2.1", "2.2", "2.4"}
SPECS |= {"3.0", "3.1", "6.2", "6.3", "6.4", "6.5", "6.6", "6.7"}
TAU_S = decay.TAUS_S[0]
NAN = math.nan

ADAPTERS: dict[str, Callable[..., Any]] = {}


def adapter(function: Callable[..., Any]) -> Callable[..., Any]:
    ADAPTERS[function.__name__] = function
    return function


OURS = [case for case in CASES if case["spec"] in SPECS or case["fn"] == "weighted_mid"]


@pytest.mark.parametrize("case", OURS, ids=lambda case: case["id"])
def test_a_vector_is_reproduced(case):
    got = ADAPTERS[case["fn"]](**case["args"])
    reference.compare(none_if_nan(got), case["expected"], case["rel_tol"], case["id"])


# the book


@adapter
def book_status(bids, asks):
    heads = np.zeros(1, head_module.HEAD)
    trust.judge(scaled(bids, asks).books, heads, 0, T0)
    names = {"OK": "OK", "NO_BOOK": "EMPTY"} | {n: n for n in ("EMPTY_BID", "EMPTY_ASK", "LOCKED", "CROSSED")}
    return names[next(n for n in names if getattr(head_module, n) == heads["status"][0])]


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
    sig, heads = new_signals(1), np.zeros(1, head_module.HEAD)
    sums = [0.0]
    for bid, bid_lots, ask, ask_lots in quotes:
        books = ladder_of({round(bid * 10): bid_lots}, {round(ask * 10): ask_lots})
        on_commit(sig, books, heads, 0, T0)
        sums.append(float(sig.flow["ofi"][0, 0]))
    return {
        "e": np.diff(sums[1:]).tolist(),
        "ofi": sums[-1],
        "avg_depth": float(sig.flow["depth"][0, 0] / sig.flow["quotes"][0, 0]),
        "ofi_ticks": flow_imbalance(sig, 0, 0) / 2,
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
    return walls.layering_of(sig, 0, 0)


@adapter
def thin_side(samples, dt, med_bid, med_ask):
    sig = new_signals(1)
    for _ in range(60):
        push(sig.bands, 0, BID_DEPTH, 600, med_bid)
        push(sig.bands, 0, ASK_DEPTH, 600, med_ask)
    out = []
    for bid, ask in samples:
        thin_step(sig.grid, sig.bands, 0, bid, ask, 1.0 - math.exp(-dt / THIN_TAU_S), round(2.0 / dt))
        out.append({"r": float(sig.grid["thin_ratio"][0]), "state": int(sig.grid["thin"][0])})
    return out


# order flow; a vector's times are stretched so that its tau becomes ours


def at_ns(seconds: float, tau: float) -> int:
    return T0 + round(seconds * TAU_S / tau * NS_PER_S)


@adapter
def ew_sum(times, values, tau, t_eval):
    market = one_market()
    for t, value in zip(times, values, strict=True):
        if t <= t_eval:
            on_trade(market.sig, market.heads, 0, 1, 1, value, at_ns(t, tau))
    age_trades(market.sig, 0, at_ns(t_eval, tau))
    return float(market.sig.flow["bought"][0, 0])


@adapter
def tw_ewma(times, values, tau, t_eval):
    numerator = weight = 0.0
    ends = [*times[1:], math.inf]
    for begin, end, value in zip(times, ends, values, strict=True):
        if begin < t_eval:
            elapsed_ns = at_ns(min(end, t_eval), tau) - at_ns(begin, tau)
            factor = decay.decay_factors(elapsed_ns)[0]
            numerator, weight = decay.hold(numerator, weight, value, factor)
    return decay.mean_of(numerator, weight)


@adapter
def trade_imbalance_(trades, tau, t_eval):
    market = one_market()
    for t, lots, side in trades:
        market.heads["trade_ns"] = at_ns(t, tau)
        on_trade(market.sig, market.heads, 0, side, 1, lots, at_ns(t, tau))
    return trade_imbalance(market.sig, market.heads, 0, 0, at_ns(t_eval, tau))


ADAPTERS["trade_imbalance"] = trade_imbalance_


@adapter
def cvd(trades):
    market = one_market()
    out = []
    for t, lots, side in trades:
        on_trade(market.sig, market.heads, 0, side, 1, lots, at_ns(t, TAU_S))
        out.append(float(market.sig.flow["cvd"][0]))
    return out


# cards


def history_of(values):
    windows = new_windows(1, 1, cards.DAY_CARDS)
    for value in values:
        push(windows, 0, 0, cards.DAY_CARDS, abs(value))
    return windows


@adapter
def robust_scale(samples, prior_scale):
    return cards.robust_scale(history_of(samples), 0, 0, prior_scale, 1e-9)


@adapter
def score_from_z(z):
    """A raw value z times the prior scale of a card without history."""
    sig = new_signals(1)
    sig.raw[0, 0, 0] = z * sig.scales[0]
    cards.read(sig, 0, T0, 0.0)
    return float(sig.scores[0, 0, 0])


@adapter
def combine_windows(scores, weights):
    mode = [list(w) for w in cards.WINDOW_WEIGHTS].index(weights)
    windows = np.array([NAN if s is None else s for s in scores]).reshape(1, 1, 3)
    score, agreement, coverage, state = cards.combine_windows(windows, 0, 0, mode)
    if math.isnan(score):
        assert Agreement(state) is Agreement.ASLEEP
        return None
    return {"score": score, "agreement": agreement, "coverage": coverage, "state": Agreement(state).name}


@adapter
def card_confidence(age_s, gap_frac, n, agreement, state, coverage):
    return cards.confidence_of(age_s, gap_frac, n, agreement, int(Agreement[state]), coverage)


@adapter
def strength(abs_score, history, conflicted=False):
    state = Agreement.CONFLICTED if conflicted else Agreement.AGREED
    return cards.strength_of(history_of(history), 0, 0, abs_score, int(state))


@njit
def follow_all(sig, mode, scores, directions, slowing):
    """The scores of one card for one mode, one after the other."""
    reading = sig.cards[0, 0, mode]
    for i in range(scores.size):
        reading.score = scores[i]
        cards.follow(sig, 0, 0, mode, reading, T0 + i, cards.ENTER, cards.LEAVE, cards.SLOPE)
        directions[i] = reading.direction
        slowing[i] = reading.decelerating


def followed(scores, confirm):
    mode = cards.CONFIRM.index(confirm)
    directions, slowing = np.zeros(len(scores)), np.zeros(len(scores))
    follow_all(new_signals(1), mode, np.array(scores), directions, slowing)
    return directions.astype(int).tolist(), slowing.astype(bool).tolist()


@adapter
def transitions(scores, confirm=2):
    return followed(scores, confirm)[0]


@adapter
def decelerating(scores, states):
    confirm = 1 if states[0] else 2
    directions, slowing = followed(scores, confirm)
    assert directions == states
    return slowing


@njit
def is_exhausted(sig, strength, mid):
    return cards.exhausted(sig, 0, 0, sig.memory[0, 0, 0], strength, mid)


@adapter
def exhausted(strengths, prices, direction, sigma_h_bps):
    sig = new_signals(1)
    memory = sig.memory[0, 0, 0]
    memory["direction"], memory["cards"] = direction, len(prices) - 1
    memory["started_mid"], memory["strength"] = prices[0], strengths[-2]
    sig.grid["emitted_mid"][0, :3] = prices[-2], prices[-3], prices[-4]
    give_sigma(sig, sigma_h_bps)
    return bool(is_exhausted(sig, strengths[-1], prices[-1]))


@adapter
def alignment(score, ret_bps, sigma_bps):
    sig = new_signals(1)
    sig.grid["second"] = 1_000
    sig.mids[0, 1_000], sig.mids[0, 940] = 1.0 + ret_bps / 1e4, 1.0
    give_sigma(sig, sigma_bps)
    cards.align(sig, 0)
    sig.cards["score"][0, 0], sig.cards["confidence"][0, 0] = score, 1.0
    composite.combine_cards(sig, 0, 0)
    return float(sig.verdicts[0, 0, ALIGNMENT])
