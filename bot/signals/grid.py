"""What is sampled on a grid of stream time: thin sides every 250 ms, volatility and medians every second.

The grid lies on whole multiples of the epoch. It is worked off before the
first message at or after a grid point, on the book as it stood since the last
one, so it does not depend on how rows were batched.
"""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot, rare
from bot.market.book import ASK, BID
from bot.market.heads import OK
from bot.signals.features import band_depth, log_depth_ratio, mid_of, spread_bps
from bot.signals.inputs import on_quarter, on_second
from bot.signals.resting import watch_band
from bot.signals.rolling import clear, median_of, push
from bot.signals.state import (
    ASK_DEPTH,
    BID_DEPTH,
    CYCLE_NS,
    GRID_NS,
    HORIZON_S,
    MAX_SILENCE_NS,
    MIDS,
    SECOND_NS,
    SPREAD,
    Awake,
)
from bot.signals.walls import SCAN_S, drop_walls, scan

THIN_BPS = 10.0
THIN_TAU_S = 3.0
THIN_IN = 0.4
"""2.4 has 0.5, with which one planted thin side of seven goes unseen."""
THIN_OWN_MOST = 0.75
THIN_STEPS = 8  # 2 s of grid points
FLOOR_LOTS = 1.0
MEDIAN_LEAST = 60  # seconds of depth known before a side can be called thin

POINTS = SECOND_NS // GRID_NS  # grid points a second
_THIN_GAIN = 1.0 - math.exp(-(GRID_NS / SECOND_NS) / THIN_TAU_S)
_FADE_1S = 0.5 ** (1.0 / 600.0)
_FADE_10S = 0.5 ** (10.0 / 600.0)
_FADE_H = tuple(0.5 ** (c / SECOND_NS / (50.0 * h)) for c, h in zip(CYCLE_NS, HORIZON_S, strict=True))
_CYCLE_S = tuple(c // SECOND_NS for c in CYCLE_NS)
_REFERENCE_BPS = 3.2  # 10 s sigma at which the volatility unit is 1 (0.1)
_LEAST_RETURNS = 30
_ONE = np.uint64(1)
_FEATURES = int(Awake.FEATURES)


@rare
def on_grid(signals, books, heads, market, now_ns):
    """Work off all grid points up to a time; called when `next_grid_ns` is reached."""
    sig = signals.rows[market]
    due = sig.next_grid_ns
    last = now_ns // GRID_NS
    sig.next_grid_ns = (last + 1) * GRID_NS
    if due == 0 or now_ns - due > MAX_SILENCE_NS:
        _start(sig, now_ns // SECOND_NS)
        return
    grid = sig.grid
    usable = heads[market].status == OK and heads[market].synced != 0
    featured = sig.active & _FEATURES != 0
    bid_depth = ask_depth = measured = np.nan
    for point in range(due // GRID_NS, last + 1):
        # only the distance can change between two points of one call, not the book
        if usable and measured != grid.volatility_unit:
            measured = grid.volatility_unit
            watch_band(grid, mid_of(books, market), THIN_BPS * measured)
            if featured:
                bid_depth = band_depth(books, market, BID, THIN_BPS * measured)
                ask_depth = band_depth(books, market, ASK, THIN_BPS * measured)
        if featured:
            if usable:
                thin_step(sig.grid, sig.bands, bid_depth, ask_depth, THIN_IN, _THIN_GAIN, THIN_STEPS)
            else:
                _no_thin(sig.grid)
            on_quarter(signals, books, market, point * GRID_NS, usable, bid_depth, ask_depth)
        if point % POINTS == 0:
            grid.second += 1
            _second(sig, books, market, grid.second, usable, bid_depth, ask_depth)
            if usable and grid.second % SCAN_S == 0:
                scan(sig, books, market, grid.second * SECOND_NS)
            if featured:
                on_second(signals, books, heads, market, grid.second * SECOND_NS, usable)


@hot
def _start(sig, second):
    """As after a cold start: what a jump in time leaves would pass for recent."""
    grid = sig.grid
    grid.second = second
    grid.bad_seconds = 0
    drop_walls(sig)
    watch_band(grid, np.nan, THIN_BPS)
    _no_thin(sig.grid)
    sig.mids[:] = np.nan
    for k in range(sig.bands.size):
        clear(sig.bands[k])
    clear(sig.minute_lots)
    sig.flow.minute_lots = 0.0


@hot
def _no_thin(grid):
    grid.thin_seeded = 0
    grid.thin = 0
    grid.thin_run = 0
    grid.thin_last = 0


@hot
def thin_step(grid, bands, bid_depth, ask_depth, least, gain, persist):
    """2.4 for one grid point: `least` ratio, `gain` of the averages, `persist` points until it holds."""
    if not grid.thin_seeded:
        grid.thin_seeded = 1
        grid.thin_ratio = 0.0
        grid.thin_bid = bid_depth
        grid.thin_ask = ask_depth
    ratio = log_depth_ratio(bid_depth, ask_depth, FLOOR_LOTS)
    grid.thin_ratio += gain * (ratio - grid.thin_ratio)
    grid.thin_bid += gain * (bid_depth - grid.thin_bid)
    grid.thin_ask += gain * (ask_depth - grid.thin_ask)
    state = 0
    if bands[BID_DEPTH].count >= MEDIAN_LEAST:
        ask_most = THIN_OWN_MOST * median_of(bands[ASK_DEPTH])
        bid_most = THIN_OWN_MOST * median_of(bands[BID_DEPTH])
        if grid.thin_ratio >= least and grid.thin_ask <= ask_most:
            state = 1
        elif grid.thin_ratio <= -least and grid.thin_bid <= bid_most:
            state = -1
    if state != 0:
        grid.thin_run = grid.thin_run + 1 if state == grid.thin_last else 1
    else:
        grid.thin_run = 0
    grid.thin_last = state
    grid.thin = state if grid.thin_run >= persist else 0


@hot
def _second(sig, books, market, second, usable, bid_depth, ask_depth):
    grid = sig.grid
    mid = mid_of(books, market) if usable else np.nan
    sig.mids[second % MIDS] = mid
    grid.bad_seconds = (grid.bad_seconds << _ONE) | np.uint64(0 if usable else 1)
    if second % 60 == 0:
        push(sig.minute_lots, sig.flow.minute_lots)
        sig.flow.minute_lots = 0.0
    if not usable:
        return
    if sig.active & _FEATURES:
        push(sig.bands[SPREAD], spread_bps(books, market))
        push(sig.bands[BID_DEPTH], bid_depth)
        push(sig.bands[ASK_DEPTH], ask_depth)
    _returns(grid, sig.mids, second)
    if second % 300 == 0 and grid.returns_10s >= _LEAST_RETURNS:
        sigma = math.sqrt(grid.square_10s / grid.weight_10s)
        grid.volatility_unit = min(4.0, max(0.5, sigma / _REFERENCE_BPS))


@hot
def return_bps(mids, second, seconds):
    """Move of the mid over the last `seconds` whole seconds, bps; nan while unknown."""
    before = mids[(second - seconds) % MIDS]
    return 1e4 * (mids[second % MIDS] / before - 1.0)


@hot
def _returns(grid, mids, second):
    move = return_bps(mids, second, 1)
    if move == move:
        grid.square_1s = _FADE_1S * grid.square_1s + move * move
        grid.weight_1s = _FADE_1S * grid.weight_1s + 1.0
        grid.returns_1s += 1
    if second % 10 == 0:
        move = return_bps(mids, second, 10)
        if move == move:
            grid.square_10s = _FADE_10S * grid.square_10s + move * move
            grid.weight_10s = _FADE_10S * grid.weight_10s + 1.0
            grid.returns_10s += 1
    for mode in range(len(_CYCLE_S)):
        if second % _CYCLE_S[mode] == 0:
            move = return_bps(mids, second, HORIZON_S[mode])
            if move == move:
                grid.square_h[mode] = _FADE_H[mode] * grid.square_h[mode] + move * move
                grid.moved_h[mode] = _FADE_H[mode] * grid.moved_h[mode] + abs(move)
                grid.weight_h[mode] = _FADE_H[mode] * grid.weight_h[mode] + 1.0
                grid.returns_h[mode] += 1


@hot
def sigma_1s_bps(grid):
    """Volatility of one second, nan before 30 returns."""
    if grid.returns_1s < _LEAST_RETURNS:
        return np.nan
    return math.sqrt(grid.square_1s / grid.weight_1s)


@hot
def horizon_sigma_bps(grid, mode):
    """Volatility over a mode's horizon; from one second's until 30 samples are there (0.1)."""
    if grid.returns_h[mode] < _LEAST_RETURNS:
        return sigma_1s_bps(grid) * math.sqrt(float(HORIZON_S[mode]))
    return math.sqrt(grid.square_h[mode] / grid.weight_h[mode])


@hot
def horizon_move_bps(grid, mode):
    """Mean absolute move over a mode's horizon; 0.8 sigma until 30 samples are there."""
    if grid.returns_h[mode] < _LEAST_RETURNS:
        return 0.8 * horizon_sigma_bps(grid, mode)
    return grid.moved_h[mode] / grid.weight_h[mode]


@hot
def mid_extremes(mids, second, seconds):
    """Lowest and highest known mid of the last whole seconds, ticks; nan when none is known."""
    low = high = np.nan
    for back in range(seconds):
        mid = mids[(second - back) % MIDS]
        if mid == mid:
            low = mid if not low <= mid else low
            high = mid if not high >= mid else high
    return low, high
