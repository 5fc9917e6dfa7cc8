"""Thin-side breakout: when one side is thin and flow presses against it, go with the flow.

signals.md 9.2, first slice. Direction d = +1 when the ask side is thin. All of
these must hold at a decision: thin side d; composite bias towards d of at
least 0.10, fresh or with agreeing windows; no genuine wall in the way; price
not diverging from the signal; order flow and trades towards d; and the mid at
the edge of its last 30 s.
"""

from __future__ import annotations

import math

from bot.core.enums import Action, Agreement, Entry, Mode, Side, Stage
from bot.core.ids import intent_id
from bot.core.messages import Intent, MarketView, TradeView
from bot.core.pricing import bps_between, clip, ticks_away
from bot.core.units import NS_PER_S

MIN_BIAS = 0.10
MIN_OFI_Z = 1.5
MIN_TFI = 0.2
MIN_ALIGNMENT = -0.2
GENUINE = 0.65
REFILLED_RATIO = 0.18  # d * r(10 bps) at or below this: the thin side is not thin any more

STOP_WINDOW_S = {Mode.SCALP: 30, Mode.DAY: 120, Mode.SWING: 900}
TIME_STOP_S = {Mode.SCALP: 120, Mode.DAY: 1200, Mode.SWING: 7200}
STOP_FACTOR = {Agreement.AGREED: 0.8, Agreement.CONFLICTED: 1.3}
TARGETS = ((1.0, 0.4), (1.75, 0.3), (2.5, 0.3))  # multiples of the stop distance, shares


class ThinSideBreakout:
    name = "thin_side_breakout"

    def enter(self, view: MarketView) -> tuple[Intent, ...]:
        """At most one entry, an immediate-or-cancel limit just beyond the far touch."""
        if view.thin == 0:
            return ()
        side = Side(view.thin)
        stop_bps = _stop_bps(view)
        if stop_bps is None or not _set_up(view, side, 2.5 * stop_bps) or not _triggered(view, side):
            return ()
        touch = view.ask if side > 0 else view.bid
        limit = ticks_away(touch, min(0.5 * view.spread_bps, 2.0), side)
        mean_multiple = sum(multiple * share for multiple, share in TARGETS)
        return (
            Intent(
                id=intent_id(self.name, view.mode, view.symbol, Action.ENTER, view.now_ns, 0),
                now_ns=view.now_ns,
                symbol=view.symbol,
                market=view.market,
                strategy=self.name,
                mode=view.mode,
                action=Action.ENTER,
                side=side,
                reason=f"{'ask' if side > 0 else 'bid'} side thin, flow towards it",
                entry=Entry.IOC,
                limit=limit,
                invalidation=ticks_away(touch, stop_bps, side.opposite),
                targets=tuple((ticks_away(touch, m * stop_bps, side), share) for m, share in TARGETS),
                time_stop_ns=TIME_STOP_S[view.mode] * NS_PER_S,
                stop_bps=stop_bps,
                target_bps=mean_multiple * stop_bps,
                drift_bps=side * (2.0 * view.composite.probability - 1.0) * view.mean_abs_h_bps,
                confidence=view.composite.confidence,
                conflicted=view.composite.agreement is Agreement.CONFLICTED,
                figures={
                    "bias": view.composite.bias,
                    "thin_ratio": view.thin_ratio,
                    "ofi_z": view.ofi_z,
                    "tfi_fast": view.tfi_fast,
                    "alignment": view.alignment,
                    "sigma_1s_bps": view.sigma_1s_bps,
                },
            ),
        )

    def manage(self, view: MarketView, trade: TradeView) -> tuple[Intent, ...]:
        """Leave when the reason is gone: the thin side refilled, or the composite turned."""
        if trade.stage is not Stage.OPEN:
            return ()
        towards = trade.side * view.composite.bias
        if trade.side * view.thin_ratio <= REFILLED_RATIO and trade.targets_hit == 0:
            return (_reduce(self.name, view, trade, 1.0, "thin side refilled"),)
        if view.composite.direction == -trade.side or towards <= 0.0:
            return (_reduce(self.name, view, trade, 1.0, "composite neutral or against"),)
        if view.composite.agreement is Agreement.CONFLICTED and trade.open_lots == trade.planned_lots:
            return (_reduce(self.name, view, trade, 0.5, "windows in conflict"),)
        return ()


def _stop_bps(view: MarketView) -> float | None:
    """Stop distance L, or None while volatility is unknown."""
    if math.isnan(view.sigma_1s_bps) or math.isnan(view.volatility_unit):
        return None
    sigma = view.sigma_1s_bps * math.sqrt(STOP_WINDOW_S[view.mode])
    factor = STOP_FACTOR.get(view.composite.agreement, 1.0)
    lowest = 3.0 * view.spread_bps + 4.0
    return clip(factor * sigma, lowest, max(lowest, 60.0 * view.volatility_unit))


def _set_up(view: MarketView, side: Side, reach_bps: float) -> bool:
    composite = view.composite
    if side * composite.bias < MIN_BIAS:
        return False
    if not composite.fresh and composite.agreement is not Agreement.AGREED:
        return False
    if not view.alignment >= MIN_ALIGNMENT:
        return False
    return not any(
        wall.side == -side
        and wall.genuineness >= GENUINE
        and 0 < side * bps_between(wall.price, view.mid) <= reach_bps
        for wall in view.walls
    )


def _triggered(view: MarketView, side: Side) -> bool:
    """NaN compares false, so a missing figure triggers nothing."""
    at_edge = view.mid >= view.high_30s if side > 0 else view.mid <= view.low_30s
    return side * view.ofi_z >= MIN_OFI_Z and side * view.tfi_fast >= MIN_TFI and at_edge


def _reduce(name: str, view: MarketView, trade: TradeView, fraction: float, reason: str) -> Intent:
    return Intent(
        id=intent_id(name, view.mode, view.symbol, Action.REDUCE, view.now_ns, 0),
        now_ns=view.now_ns,
        symbol=view.symbol,
        market=view.market,
        strategy=name,
        mode=trade.mode,
        action=Action.REDUCE,
        side=trade.side,
        reason=reason,
        fraction=fraction,
    )


STRATEGY = ThinSideBreakout()
