"""How far flow moves the price, and flow that moved it less than it should have (signals.md 3.4).

Over bins of ten seconds: the slope through the origin of the mid's move on the
signed volume (Kyle 1985), and of a bin with much flow the share that was
absorbed.
"""

from __future__ import annotations

import math

import numpy as np

from bot.core.jit import hot, rare
from bot.signals.robust import quantile
from bot.signals.rolling import push, window_of

HALF_LIFE_S = 1_800.0
BIN_S = 10.0
BIN_FADE = 0.5 ** (BIN_S / HALF_LIFE_S)
MUCH = 0.75  # quantile of |flow|
HISTORY = 720  # bins: two hours
LEAST_HISTORY = 30

IMPACT = np.dtype(
    [
        ("flow", "<f8"),  # bought minus sold in this bin, lots
        ("mid", "<f8"),  # at its beginning, ticks; nan unknown
        ("flow_move", "<f8"),  # faded sum of flow x move
        ("flow_square", "<f8"),  # faded sum of flow squared
        ("absorbed", "<f8"),  # of the last bin: + selling absorbed by bids; nan unknown
        ("flows", window_of(HISTORY)),  # |flow| of a bin
    ],
    align=True,
)


def new_impact(markets: int) -> np.ndarray:
    """(M,) IMPACT rows."""
    rows = np.zeros(markets, IMPACT)
    rows["mid"] = rows["absorbed"] = np.nan
    return rows


@hot
def on_trade(row, side, lots):
    """A market trade by an aggressor of `side` (+1, -1; 0 does not count)."""
    row.flow += side * lots


@hot
def slope(flow_move, flow_square):
    """Lambda, bps a lot; nan without flow."""
    if not flow_square > 0.0:
        return np.nan
    return flow_move / flow_square


@hot
def absorption(flow, move_bps, lam, least_flow):
    """Share of the expected move that did not come, against the flow; 0 for little flow or lambda <= 0."""
    if flow == 0.0 or abs(flow) < least_flow or not lam > 0.0:
        return 0.0
    share = min(1.0, max(0.0, 1.0 - move_bps / (lam * flow)))
    if share == 0.0:
        return 0.0
    return -share if flow > 0.0 else share


@rare
def close_bin(row, mid):
    """Every 10 s, with the mid in ticks (nan: unusable, the bin is not used).

    The bin is judged by the slope and the flows of earlier bins only, then joins them.
    """
    row.absorbed = np.nan
    if mid == mid and row.mid == row.mid:
        move = 1e4 * math.log(mid / row.mid)
        known = row.flows.count >= LEAST_HISTORY
        lam = slope(row.flow_move, row.flow_square)
        if known and lam == lam:
            row.absorbed = absorption(row.flow, move, lam, quantile(row.flows, MUCH))
        push(row.flows, abs(row.flow))
        row.flow_move = BIN_FADE * row.flow_move + row.flow * move
        row.flow_square = BIN_FADE * row.flow_square + row.flow * row.flow
    row.flow = 0.0
    row.mid = mid
