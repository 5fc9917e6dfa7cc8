"""Thin-side breakout: when one side is thin and flow presses against it, go with the flow.

signals.md 9.2. Direction d = +1 when the ask side is thin or hollow. The
set-up: thin side d (2.4) or vacuum; composite bias towards d of at least 0.10,
fresh or with agreeing windows; no genuine wall and no zone that will hold
between here and the mean target; no exhausted cascade behind the move; price
not diverging from the signal. The trigger, within 15 s of a set-up: order flow
and trades towards d, and the mid at the edge of its last 30 s or a level
traded through.
"""

from __future__ import annotations

import math

from bot.core.enums import Agreement, Cascade, Entry, Mode, Side, Stage
from bot.core.messages import Intent, MarketView, TradeView
from bot.core.pricing import bps_between, clip, ticks_away
from bot.core.units import NS_PER_S
from bot.core.wishes import enter, move_stop, reduce, watch

MIN_BIAS = 0.10
MIN_OFI_Z = 1.5
MIN_TFI = 0.2
MIN_ALIGNMENT = -0.2
GENUINE = 0.65
HOLDS = 0.6
TRIGGER_S = 15.0
PRINT_NS = NS_PER_S  # how fresh a print through a level must be
REFILLED_RATIO = 0.18  # d * r(10 bps) at or below this: the thin side is not thin any more
NEUTRAL_BIAS = 0.04  # where the composite's own hysteresis lets go (6.8)

STOP_WINDOW_S = {Mode.SCALP: 30, Mode.DAY: 120, Mode.SWING: 900}
TIME_STOP_S = {Mode.SCALP: 120, Mode.DAY: 1200, Mode.SWING: 7200}
STOP_FACTOR = {Agreement.AGREED: 0.8, Agreement.CONFLICTED: 1.3}
STOP_STRETCH = 1.3  # at most, to place the stop behind a zone
TARGETS = ((1.0, 0.4), (1.75, 0.3), (2.5, 0.3))  # multiples of the stop distance, shares
MEAN_TARGET = sum(multiple * share for multiple, share in TARGETS)
BEFORE_ZONE_BPS = 1.0


class ThinSideBreakout:
    name = "thin_side_breakout"

    def enter(self, view: MarketView) -> tuple[Intent, ...]:
        """At most one entry, an immediate-or-cancel limit just beyond the far touch."""
        towards = view.thin or view.vacuum
        stop_bps = _stop_bps(view)
        if towards == 0 or stop_bps is None:
            return ()
        side = Side(towards)
        if not _set_up(view, side, MEAN_TARGET * stop_bps):
            return ()
        thin = f"{'ask' if side > 0 else 'bid'} side {'thin' if view.thin else 'hollow'}"
        if not _triggered(view, side):
            return (watch(view, self.name, side, thin, TRIGGER_S),)
        return (self._entry(view, side, _behind_zone(view, side, stop_bps), thin),)

    def _entry(self, view: MarketView, side: Side, stop_bps: float, thin: str) -> Intent:
        touch = view.ask if side > 0 else view.bid
        last = min(TARGETS[-1][0] * stop_bps, _next_zone_bps(view, side) - BEFORE_ZONE_BPS)
        distances = [multiple * stop_bps for multiple, _ in TARGETS[:-1]] + [last]
        return enter(
            view,
            self.name,
            side,
            f"{thin}, flow towards it",
            entry=Entry.IOC,
            limit=ticks_away(touch, min(0.5 * view.spread_bps, 2.0), side),
            stop=ticks_away(touch, stop_bps, side.opposite),
            targets=[
                (ticks_away(touch, far, side), share)
                for far, (_, share) in sorted(zip(distances, TARGETS, strict=True))
            ],
            time_stop_s=TIME_STOP_S[view.mode],
            stop_bps=stop_bps,
            target_bps=sum(far * share for far, (_, share) in zip(distances, TARGETS, strict=True)),
            figures={
                "bias": view.composite.bias,
                "thin_ratio": view.thin_ratio,
                "vacuum": float(view.vacuum),
                "ofi_z": view.ofi_z,
                "tfi_fast": view.tfi_fast,
                "alignment": view.alignment,
                "sigma_1s_bps": view.sigma_1s_bps,
            },
        )

    def manage(self, view: MarketView, trade: TradeView) -> tuple[Intent, ...]:
        """The first of the exits of 9.2 that applies; stop, targets and time stop are kept by execution."""
        if trade.stage is not Stage.OPEN:
            return ()
        if trade.targets_hit == 0 and _refilled(view, trade.side):
            return (reduce(view, trade, "thin side refilled"),)
        slowing = view.composite.decelerating or _flow_slows(view)
        if slowing and "flow or composite slows" not in trade.reduced_for:
            return (reduce(view, trade, "flow or composite slows", 0.5),)
        if view.composite.exhausted:
            return (reduce(view, trade, "composite exhausted"),)
        if view.composite.direction == -trade.side or trade.side * view.composite.bias <= NEUTRAL_BIAS:
            return (reduce(view, trade, "composite neutral or against"),)
        conflict = view.composite.agreement is Agreement.CONFLICTED and not trade.conflicted
        if conflict and "windows in conflict" not in trade.reduced_for:
            distance = abs(bps_between(trade.first_stop, trade.entry_price))
            stop = ticks_away(trade.entry_price, 0.5 * distance, trade.side.opposite)
            return (
                reduce(view, trade, "windows in conflict", 0.5),
                move_stop(view, trade, stop, "windows in conflict"),
            )
        return ()


def _stop_bps(view: MarketView) -> float | None:
    """Stop distance L, or None while volatility is unknown."""
    if math.isnan(view.sigma_1s_bps) or math.isnan(view.volatility_unit):
        return None
    sigma = view.sigma_1s_bps * math.sqrt(STOP_WINDOW_S[view.mode])
    factor = STOP_FACTOR.get(view.composite.agreement, 1.0)
    lowest = 3.0 * view.spread_bps + 4.0
    return clip(factor * sigma, lowest, max(lowest, 60.0 * view.volatility_unit))


def _set_up(view: MarketView, side: Side, target_bps: float) -> bool:
    composite = view.composite
    if side * composite.bias < MIN_BIAS:
        return False
    if not composite.fresh and composite.agreement is not Agreement.AGREED:
        return False
    if view.cascade is Cascade.EXHAUST and view.cascade_side == side:
        return False  # the forced orders that pushed it are spent
    return view.alignment >= MIN_ALIGNMENT and not _blocked(view, side, target_bps)


def _blocked(view: MarketView, side: Side, target_bps: float) -> bool:
    """Whether a genuine wall, or a zone that will probably hold, stands within the mean target."""
    wall = any(
        wall.side == -side
        and wall.genuineness >= GENUINE
        and 0 < side * bps_between(wall.price, view.mid) <= target_bps
        for wall in view.walls
    )
    return wall or any(
        zone.side == -side and zone.hold >= HOLDS and zone.distance_bps <= target_bps for zone in view.zones
    )


def _next_zone_bps(view: MarketView, side: Side) -> float:
    """Distance of the nearest zone ahead that lies beyond the second target's share, inf without one."""
    ahead = [
        zone.distance_bps
        for zone in view.zones
        if zone.side == -side and not zone.trap and zone.distance_bps > BEFORE_ZONE_BPS
    ]
    return min(ahead, default=math.inf)


def _behind_zone(view: MarketView, side: Side, stop_bps: float) -> float:
    """The stop's distance, stretched to just beyond the nearest genuine zone on its way."""
    far_edges = [
        -side * bps_between(zone.low if side > 0 else zone.high, view.mid)
        for zone in view.zones
        if zone.side == side and zone.genuineness >= GENUINE
    ]
    within = [edge for edge in far_edges if stop_bps <= edge + view.tick_bps <= STOP_STRETCH * stop_bps]
    return min(within) + view.tick_bps if within else stop_bps


def _triggered(view: MarketView, side: Side) -> bool:
    """NaN compares false, so a missing figure triggers nothing."""
    at_edge = view.mid >= view.high_30s if side > 0 else view.mid <= view.low_30s
    # a print inside the spread: the level it took is gone, and whose it was the trades say
    through = view.bid < view.last_price < view.ask and view.now_ns - view.last_ns <= PRINT_NS
    flow = side * view.ofi_z >= MIN_OFI_Z and side * view.tfi_fast >= MIN_TFI
    return flow and (at_edge or through)


def _refilled(view: MarketView, side: Side) -> bool:
    """For three seconds, and no vacuum either; unknown until a trade is three seconds old."""
    if view.vacuum == side:
        return False
    most = view.thin_high_3s if side > 0 else -view.thin_low_3s
    return most <= REFILLED_RATIO


def _flow_slows(view: MarketView) -> bool:
    flow = view.card("ofi_int")
    return flow is not None and flow.decelerating


STRATEGY = ThinSideBreakout()
