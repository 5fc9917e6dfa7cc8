"""Builds the frozen view of a market that strategies and people see, from the arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bot.core.enums import Agreement, Cascade, Mode, Side, Trust, WallEnd
from bot.core.late import Late
from bot.core.messages import CardView, Composite, EndedWall, MarketView, WallView, Zone
from bot.core.units import NS_PER_S
from bot.market.book import Books
from bot.signals.figures import COUNT, figures
from bot.signals.registry import card_names
from bot.signals.state import ENDED, WALL, Signals
from bot.signals.zones.state import Kind

ENDED_NS = 300 * NS_PER_S
"""How long a view speaks of a wall that ended."""
_NAMES = card_names()
_CANDIDATE = 0
_AGREEMENTS = {int(a): a for a in Agreement}
_CASCADES = {int(c): c for c in Cascade}
_TRAP = int(Kind.TRAP)
_ENDED_FIELDS = ["id", "side", "label", "ended_ns", "executed", "cancelled"]
_WALL_FIELDS = ["stage", "id", "side", "near", "far", "peak", "executed", "born_ns", "genuineness"]
_WALL_FIELDS += ["layering", "cancelled", "touches"]


def market_view(
    sig: Signals,
    books: Books,
    heads: np.ndarray,
    market: int,
    mode: Mode,
    now_ns: int,
    symbol: str,
    trust: Trust,
    thin_3s: tuple[float, float] = (float("nan"), float("nan")),
) -> MarketView:
    """The view of a market with a usable book, for one mode; `thin_3s` is what the engine sampled."""
    f = figures(sig.rows, books, heads, market, mode.place, now_ns).tolist()
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
        walls=_wall_views(sig, market, now_ns, mid, f[COUNT : COUNT + int(f[25])]),
        ended=_ended_walls(sig, market, now_ns),
        zones=_zones(sig, market),
        vacuum=int(f[26]),
        cascade=_CASCADES[int(f[27])],
        cascade_side=int(f[28]),
        vpin_rank=f[29],
        absorption=f[30],
        momentum=f[31],
        sigma_60s_bps=f[32],
        mid_average=f[33],
        thin_low_3s=thin_3s[0],
        thin_high_3s=thin_3s[1],
        last_price=int(heads["trade_price"][market]),
        last_ns=int(heads["trade_ns"][market]),
    )


def composite_view(sig: Signals, market: int, mode: Mode) -> Composite:
    row = sig.composites[market, mode.place].tolist()
    score, _, confidence, _, _, state, direction, fresh, decelerating, exhausted = row
    probability, awake, _ = sig.verdicts[market, mode.place].tolist()
    return Composite(
        bias=0.0 if score != score else score,
        probability=0.5 if probability != probability else probability,
        confidence=0.0 if confidence != confidence else confidence,
        agreement=_AGREEMENTS[int(state)],
        direction=int(direction),
        fresh=bool(fresh),
        awake=0 if awake != awake else int(awake),
        decelerating=bool(decelerating),
        exhausted=bool(exhausted),
    )


def card_views(sig: Signals, market: int, mode: Mode) -> Sequence[CardView]:
    """The awake cards, in the order of the registry."""
    cards = sig.cards[market, :, mode.place].copy()
    scores = sig.scores[market].copy()
    weights = sig.learning.rows["weights"][market, mode.place, :-1].copy()

    def make() -> tuple[CardView, ...]:
        parts = zip(_NAMES, cards.tolist(), scores.tolist(), weights.tolist(), strict=True)
        return tuple(
            CardView(
                name=name,
                score=row[0],
                strength=row[1],
                confidence=row[2],
                agreement=_AGREEMENTS[int(row[5])],
                direction=int(row[6]),
                fresh=bool(row[7]),
                windows=(windows[0], windows[1], windows[2]),
                decelerating=bool(row[8]),
                exhausted=bool(row[9]),
                weight=weight,
            )
            for name, row, windows, weight in parts
            if row[0] == row[0]
        )

    return Late(make)


def _wall_views(
    sig: Signals, market: int, now_ns: int, mid: float, displayed: list[float]
) -> Sequence[WallView]:
    """Confirmed walls with what they display at this instant, oldest first."""
    if not displayed:
        return ()
    kept = sig.walls[market, : len(displayed)].tobytes()

    def make() -> tuple[WallView, ...]:
        rows = np.frombuffer(kept, WALL)[_WALL_FIELDS].tolist()
        return tuple(
            _wall_view(row, lots, mid, now_ns)
            for row, lots in zip(rows, displayed, strict=True)
            if row[0] != _CANDIDATE
        )

    return Late(make)


def _wall_view(row: tuple[Any, ...], lots: float, mid: float, now_ns: int) -> WallView:
    """`row`: the values of _WALL_FIELDS; `lots`: displayed now."""
    _, id_, side, near, far, peak, executed, born_ns, genuineness, layering, cancelled, touches = row
    return WallView(
        id=id_,
        side=Side.BUY if side > 0 else Side.SELL,
        price=near,
        far_price=far,
        quantity=lots,
        peak=peak,
        executed=executed,
        distance_bps=1e4 * side * (mid - near) / mid,
        age_ns=now_ns - born_ns,
        genuineness=genuineness,
        layering=layering,
        cancelled=cancelled,
        touches=touches,
    )


def _ended_walls(sig: Signals, market: int, now_ns: int) -> Sequence[EndedWall]:
    """Walls that ended within ENDED_NS, in the order of their end."""
    kept = sig.ended[market].tobytes()

    def make() -> tuple[EndedWall, ...]:
        ring = np.frombuffer(kept, ENDED)
        found = ring[(ring["id"] > 0) & (ring["ended_ns"] > now_ns - ENDED_NS)][_ENDED_FIELDS].tolist()
        found.sort(key=lambda row: (row[3], row[0]))
        return tuple(
            EndedWall(id_, Side(side), WallEnd(label), ended_ns, executed, cancelled)
            for id_, side, label, ended_ns, executed, cancelled in found
        )

    return Late(make)


_ZONE_FIELDS = ["id", "side", "low", "high", "distance_bps", "hold", "genuineness", "kind"]
_ZONE_FIELDS += ["holds", "breaks", "pulls"]


def _zones(sig: Signals, market: int) -> Sequence[Zone]:
    """Zones spoken of (the best three of a side, and traps) and zones that were broken before."""
    zones = sig.zones.zones
    kept = zones[market, : int(sig.zones.markets["zones"][market])].tobytes()

    def make() -> tuple[Zone, ...]:
        rows = np.frombuffer(kept, zones.dtype)
        rows = rows[(rows["spoken"] != 0) | (rows["breaks"] > 0)]
        found = [
            Zone(id_, Side(side), low, high, distance, hold, genuineness, kind == _TRAP, holds, breaks, pulls)
            for id_, side, low, high, distance, hold, genuineness, kind, holds, breaks, pulls in (
                rows[_ZONE_FIELDS].tolist()
            )
        ]
        return tuple(sorted(found, key=lambda zone: (zone.distance_bps, zone.id)))

    return Late(make)
