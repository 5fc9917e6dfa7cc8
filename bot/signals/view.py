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
from bot.signals.state import ALIGNMENT, SPREAD, Signals
from bot.signals.walls import bucket_lots

FAST_S = 30
_NAMES = card_names()
_CANDIDATE = 0
_AGREEMENTS = {int(a): a for a in Agreement}


@njit
def _figures(sig, books, heads, market, mode, now_ns):
    """The numbers of a view in one call: (17,) float64."""
    out = np.empty(17)
    mid = features.mid_of(books, market)
    reach = 10.0 * sig.grid[market].volatility_unit
    out[0] = mid
    out[1] = features.weighted_mid(books, market)
    out[2] = features.spread_bps(books, market)
    out[3] = median_of(sig.bands, market, SPREAD)
    out[4] = features.band_depth(books, market, BID, reach)
    out[5] = features.band_depth(books, market, ASK, reach)
    out[6] = trade_imbalance(sig, heads, market, 0, now_ns)
    out[7] = trade_imbalance(sig, heads, market, 1, now_ns)
    out[8], out[9] = mid_extremes(sig, market, FAST_S)
    out[10] = sigma_1s_bps(sig, market)
    out[11] = horizon_sigma_bps(sig, market, mode)
    out[12] = horizon_move_bps(sig, market, mode)
    out[13] = features.best_tick(books, market, BID)
    out[14] = features.best_tick(books, market, ASK)
    out[15] = features.best_lots(books, market, BID)
    out[16] = features.best_lots(books, market, ASK)
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
    f = _figures(sig, books, heads, market, mode.place, now_ns).tolist()
    grid, head = sig.grid[market], heads[market]
    mid = f[0]
    sigma_1s = f[10]
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
        thin=int(grid["thin"]),
        thin_ratio=float(grid["thin_ratio"]),
        tfi_fast=f[6],
        tfi_slow=f[7],
        ofi_fast=float(sig.fast[market, 0]),
        ofi_z=float(sig.fast[market, 1]),
        high_30s=f[9],
        low_30s=f[8],
        sigma_1s_bps=sigma_1s,
        sigma_10s_bps=sigma_1s * 10.0**0.5,
        sigma_h_bps=f[11],
        mean_abs_h_bps=f[12],
        volatility_unit=float(grid["volatility_unit"]),
        alignment=float(sig.verdicts[market, mode.place, ALIGNMENT]),
        mark=float(head["mark"]) / float(head["tick_size"]),
        funding_rate=float(head["funding_rate"]),
        funding_ns=int(head["funding_ns"]),
        composite=composite_view(sig, market, mode),
        cards=card_views(sig, market, mode),
        walls=wall_views(sig, books, market, now_ns, mid),
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


def wall_views(sig: Signals, books: Books, market: int, now_ns: int, mid: float) -> tuple[WallView, ...]:
    """Confirmed walls with what they display at this instant, oldest first."""
    grid = sig.grid[market]
    if not grid["walls"]:
        return ()
    width = int(grid["bucket"])
    views = []
    for wall in sig.walls[market, : grid["walls"]]:
        if wall["stage"] == _CANDIDATE:
            continue
        near, far, side = int(wall["near"]), int(wall["far"]), int(wall["side"])
        shown = bucket_lots(books, market, BID if side > 0 else ASK, min(near, far) // width, width)
        views.append(
            WallView(
                id=int(wall["id"]),
                side=Side(side),
                price=near,
                far_price=far,
                quantity=float(shown),
                peak=float(wall["peak"]),
                executed=float(wall["executed"]),
                distance_bps=1e4 * side * (mid - near) / mid,
                age_ns=now_ns - int(wall["born_ns"]),
                genuineness=float(wall["genuineness"]),
            )
        )
    return tuple(views)
