"""Builds the frozen view of a market that strategies and people see, from the arrays."""

from __future__ import annotations

import numpy as np

from bot.core.enums import Agreement, Mode, Side, Trust
from bot.core.jit import njit
from bot.core.messages import CardView, Composite, MarketView, WallView
from bot.market.book import ASK, BID, Books
from bot.signals import features
from bot.signals.grid import horizon_move_bps, horizon_sigma_bps, mid_extremes, sigma_1s_bps
from bot.signals.raw import trade_imbalance
from bot.signals.registry import card_names
from bot.signals.rolling import median_of
from bot.signals.state import ALIGNMENT, SPREAD, WALL, WALLS, Signals
from bot.signals.walls.candidates import lots_between

FAST_S = 30
_NAMES = card_names()
_CANDIDATE = 0
_AGREEMENTS = {int(a): a for a in Agreement}
_FIGURES = 26
_ID, _SIDE, _NEAR, _FAR, _STAGE, _PEAK, _EXECUTED, _BORN, _GENUINENESS = (
    (WALL.names or ()).index(name)
    for name in ("id", "side", "near", "far", "stage", "peak", "executed", "born_ns", "genuineness")
)


@njit
def _figures(rows, books, heads, market, mode, now_ns):
    """The numbers of a view in one call, and what each wall displays: (26 + WALLS,) float64."""
    out = np.empty(_FIGURES + WALLS)
    mid = features.mid_of(books, market)
    sig, head = rows[market], heads[market]
    grid = sig.grid
    reach = 10.0 * grid.volatility_unit
    out[0] = mid
    out[1] = features.weighted_mid(books, market)
    out[2] = features.spread_bps(books, market)
    out[3] = median_of(sig.bands[SPREAD])
    out[4] = features.band_depth(books, market, BID, reach)
    out[5] = features.band_depth(books, market, ASK, reach)
    out[6] = trade_imbalance(sig.flow, head.trade_ns, 0, now_ns)
    out[7] = trade_imbalance(sig.flow, head.trade_ns, 1, now_ns)
    out[8], out[9] = mid_extremes(sig.mids, grid.second, FAST_S)
    out[10] = sigma_1s_bps(grid)
    out[11] = horizon_sigma_bps(grid, mode)
    out[12] = horizon_move_bps(grid, mode)
    out[13] = features.best_tick(books, market, BID)
    out[14] = features.best_tick(books, market, ASK)
    out[15] = features.best_lots(books, market, BID)
    out[16] = features.best_lots(books, market, ASK)
    out[17] = grid.thin
    out[18] = grid.thin_ratio
    out[19] = grid.volatility_unit
    out[20] = sig.fast[0]
    out[21] = sig.fast[1]
    out[22] = sig.verdicts[mode, ALIGNMENT]
    out[23] = head.mark / head.tick_size
    out[24] = head.funding_rate
    out[25] = grid.walls
    for i in range(grid.walls):
        wall = sig.walls[i]
        low, high = min(wall.near, wall.far), max(wall.near, wall.far)
        out[_FIGURES + i] = lots_between(books, market, BID if wall.side > 0 else ASK, low, high)
    return out


def market_view(
    sig: Signals,
    books: Books,
    heads: np.ndarray,
    market: int,
    mode: Mode,
    now_ns: int,
    symbol: str,
    trust: Trust,
) -> MarketView:
    """The view of a market with a usable book, for one mode."""
    f = _figures(sig.rows, books, heads, market, mode.place, now_ns).tolist()
    mid, sigma_1s = f[0], f[10]
    return MarketView(
        symbol=symbol,
        market=market,
        mode=mode,
        now_ns=now_ns,
        trust=trust,
        tick_bps=1e4 / mid,
        bid=int(f[13]),
        ask=int(f[14]),
        bid_lots=f[15],
        ask_lots=f[16],
        mid=mid,
        micro=f[1],
        spread_bps=f[2],
        spread_median_bps=f[3],
        depth_bid=f[4],
        depth_ask=f[5],
        thin=int(f[17]),
        thin_ratio=f[18],
        tfi_fast=f[6],
        tfi_slow=f[7],
        ofi_fast=f[20],
        ofi_z=f[21],
        high_30s=f[9],
        low_30s=f[8],
        sigma_1s_bps=sigma_1s,
        sigma_10s_bps=sigma_1s * 10.0**0.5,
        sigma_h_bps=f[11],
        mean_abs_h_bps=f[12],
        volatility_unit=f[19],
        alignment=f[22],
        mark=f[23],
        funding_rate=f[24],
        funding_ns=int(heads["funding_ns"][market]),
        composite=composite_view(sig, market, mode),
        cards=card_views(sig, market, mode),
        walls=_wall_views(sig, market, now_ns, mid, f[_FIGURES : _FIGURES + int(f[25])]),
    )


def composite_view(sig: Signals, market: int, mode: Mode) -> Composite:
    score, _, confidence, _, _, state, direction, fresh, _, _ = sig.composites[market, mode.place].tolist()
    probability, awake, _ = sig.verdicts[market, mode.place].tolist()
    return Composite(
        bias=0.0 if score != score else score,
        probability=0.5 if probability != probability else probability,
        confidence=0.0 if confidence != confidence else confidence,
        agreement=_AGREEMENTS[int(state)],
        direction=int(direction),
        fresh=bool(fresh),
        awake=0 if awake != awake else int(awake),
    )


def card_views(sig: Signals, market: int, mode: Mode) -> tuple[CardView, ...]:
    """The awake cards, in the order of the registry."""
    rows = sig.cards[market, :, mode.place].tolist()
    windows = sig.scores[market].tolist()
    return tuple(
        CardView(
            name=name,
            score=row[0],
            strength=row[1],
            confidence=row[2],
            agreement=_AGREEMENTS[int(row[5])],
            direction=int(row[6]),
            fresh=bool(row[7]),
            windows=(scores[0], scores[1], scores[2]),
        )
        for name, row, scores in zip(_NAMES, rows, windows, strict=True)
        if row[0] == row[0]
    )


def _wall_views(
    sig: Signals, market: int, now_ns: int, mid: float, displayed: list[float]
) -> tuple[WallView, ...]:
    """Confirmed walls with what they display at this instant, oldest first."""
    return tuple(
        WallView(
            id=wall[_ID],
            side=Side.BUY if wall[_SIDE] > 0 else Side.SELL,
            price=wall[_NEAR],
            far_price=wall[_FAR],
            quantity=lots,
            peak=wall[_PEAK],
            executed=wall[_EXECUTED],
            distance_bps=1e4 * wall[_SIDE] * (mid - wall[_NEAR]) / mid,
            age_ns=now_ns - wall[_BORN],
            genuineness=wall[_GENUINENESS],
        )
        for wall, lots in zip(sig.walls[market, : len(displayed)].tolist(), displayed, strict=True)
        if wall[_STAGE] != _CANDIDATE
    )
