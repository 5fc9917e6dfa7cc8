"""Wall fade: rest in front of a wall that has been hit and stands.

signals.md 9.3. Only real execution tells a genuine wall from a spoof, so a
wall must have traded at least a tenth of its peak, or stand in a zone that has
turned the price before, and still be displayed. The entry rests in front of it
and is cancelled, within the same event, when the wall shrinks.
"""

from __future__ import annotations

import math

from bot.core.enums import Cascade, Entry, Mode, Side, Stage, WallEnd
from bot.core.messages import Intent, MarketView, TradeView, WallView, Zone
from bot.core.pricing import bps_between, ticks_away
from bot.core.wishes import cancel_entry, enter, reduce

MIN_EXECUTED = 0.10  # of the wall's peak
GENUINE = 0.65
DOUBTFUL = 0.5
DISTANCE_BPS = (1.0, 15.0)
MIN_BIAS = -0.05
MIN_ABSORPTION = 0.3
TOXIC = (
    0.95  # percentile of VPIN from which no maker rests; unknown for its first hours, which forbids nothing
)
MAX_SHARE = 0.10  # of the displayed wall
KEEP_ENTRY = 0.60  # of the wall as it was when the entry was placed
KEEP_TRADE = 0.30
ENTRY_TTL_S = 30
TIME_STOP_S = {Mode.SCALP: 90, Mode.DAY: 300, Mode.SWING: 1800}
FIRST_TARGET_SHARE = 0.6
SECOND_TARGET = 1.75  # of the stop distance


class WallFade:
    name = "wall_fade"

    def enter(self, view: MarketView) -> tuple[Intent, ...]:
        """At most one post-only entry, in front of the nearest wall that qualifies."""
        if math.isnan(view.sigma_10s_bps) or math.isnan(view.sigma_60s_bps) or view.vpin_rank >= TOXIC:
            return ()
        walls = [wall for wall in view.walls if _qualifies(view, wall)]
        for wall in sorted(walls, key=lambda wall: (wall.distance_bps, wall.id)):
            intent = self._entry(view, wall)
            if intent is not None:
                return (intent,)
        return ()

    def _entry(self, view: MarketView, wall: WallView) -> Intent | None:
        """None where the price already lies where a bounce from the wall would bring it."""
        side = wall.side
        limit = ticks_away(wall.price, max(view.tick_bps, 0.2 * wall.distance_bps), side)
        limit = min(limit, view.ask - 1) if side > 0 else max(limit, view.bid + 1)
        beyond = max(2.0 * view.tick_bps, 0.5 * view.sigma_10s_bps)
        stop = ticks_away(wall.far_price, beyond, side.opposite)
        stop_bps = abs(bps_between(stop, limit))
        first_bps = min(_way_back_bps(view, limit, side), view.sigma_60s_bps)
        if not first_bps >= view.tick_bps:
            return None
        second_bps = max(SECOND_TARGET * stop_bps, first_bps)
        zone = _zone_of(view, wall)
        return enter(
            view,
            self.name,
            side,
            f"{'bid' if side > 0 else 'ask'} wall hit and standing",
            entry=Entry.POST_ONLY,
            limit=limit,
            stop=stop,
            targets=(
                (ticks_away(limit, first_bps, side), FIRST_TARGET_SHARE),
                (ticks_away(limit, second_bps, side), 1.0 - FIRST_TARGET_SHARE),
            ),
            time_stop_s=TIME_STOP_S[view.mode],
            confidence=max(view.composite.confidence, wall.genuineness - 0.15),
            nth=wall.id,
            stop_bps=stop_bps,
            target_bps=FIRST_TARGET_SHARE * first_bps + (1.0 - FIRST_TARGET_SHARE) * second_bps,
            entry_ttl_ns=ENTRY_TTL_S * 10**9,
            wall=wall.id,
            wall_span=(wall.price, wall.far_price),
            wall_lots=wall.quantity,
            wall_keep=(KEEP_ENTRY, KEEP_TRADE),
            max_lots=MAX_SHARE * wall.quantity,
            zone=0 if zone is None else zone.id,
            zone_breaks=0 if zone is None else zone.breaks,
            figures={
                "genuineness": wall.genuineness,
                "wall_lots": wall.quantity,
                "wall_executed": wall.executed,
                "distance_bps": wall.distance_bps,
                "absorption": view.absorption,
                "vpin_rank": view.vpin_rank,
                "bias": view.composite.bias,
            },
        )

    def manage(self, view: MarketView, trade: TradeView) -> tuple[Intent, ...]:
        """The wall is the reason: without it the entry is cancelled and the trade is closed.

        That the composite slows in our favour is no reason to leave a fade.
        """
        if trade.stage is Stage.ENTERING:
            reason = _why_not_enter(view, trade)
            return (cancel_entry(view, trade, reason),) if reason else ()
        if trade.stage is not Stage.OPEN:
            return ()
        reason = _wall_lost(view, trade) if trade.targets_hit == 0 else ""
        if not reason and view.composite.direction == -trade.side:
            reason = "composite turned against"
        return (reduce(view, trade, reason),) if reason else ()


def _qualifies(view: MarketView, wall: WallView) -> bool:
    if wall.quantity <= 0.0 or wall.layering > 0.0 or wall.genuineness < GENUINE:
        return False
    if not DISTANCE_BPS[0] <= wall.distance_bps <= DISTANCE_BPS[1]:
        return False
    if wall.side * view.composite.bias < MIN_BIAS:
        return False
    if view.cascade in (Cascade.BURST, Cascade.CASCADE) and view.cascade_side == -wall.side:
        return False
    return _tested(view, wall) and _flow_abates(view, wall.side)


def _tested(view: MarketView, wall: WallView) -> bool:
    """Executed for a tenth of its peak, or in a zone of its side that turned the price before."""
    zone = _zone_of(view, wall)
    return wall.executed >= MIN_EXECUTED * wall.peak or (zone is not None and zone.holds > 0)


def _zone_of(view: MarketView, wall: WallView) -> Zone | None:
    return next((z for z in view.zones if z.side == wall.side and z.low <= wall.price <= z.high), None)


def _flow_abates(view: MarketView, side: Side) -> bool:
    """No aggressive flow into the wall, less than before, or what there is gets absorbed."""
    pressing = -side * view.tfi_fast > 0.0
    slower = abs(view.tfi_fast) < abs(view.tfi_slow)
    return not pressing or slower or side * view.absorption >= MIN_ABSORPTION


def _way_back_bps(view: MarketView, limit: int, side: Side) -> float:
    """From the entry to where the price was on average over the last minute."""
    return side * bps_between(view.mid_average, limit)


def _why_not_enter(view: MarketView, trade: TradeView) -> str:
    """Why a resting entry must go, "" while it may stay."""
    wall = next((w for w in view.walls if w.id == trade.wall), None)
    if wall is None or wall.genuineness < DOUBTFUL or not _left(trade) >= KEEP_ENTRY:
        return "wall shrank or is doubtful"
    if view.composite.direction == -trade.side:
        return "composite turned against"
    moved = trade.side * bps_between(view.mid, trade.mid) if trade.mid > 0.0 else 0.0
    return "market ran away" if moved > view.sigma_10s_bps else ""


def _wall_lost(view: MarketView, trade: TradeView) -> str:
    """How the wall of an open trade went, "" while enough of it stands and its zone is not broken."""
    ended = next((w for w in view.ended if w.id == trade.wall), None)
    if ended is not None and ended.how is WallEnd.PULLED:
        return "wall pulled"
    if (ended is not None and ended.how is WallEnd.CONSUMED) or not _left(trade) > KEEP_TRADE:
        return "wall consumed or pulled"
    zone = next((z for z in view.zones if z.id == trade.zone), None)
    return "zone broken" if zone is not None and zone.breaks > trade.zone_breaks else ""


def _left(trade: TradeView) -> float:
    """Share of the wall that is still displayed where it stood; nan, which keeps nothing, when unknown."""
    return trade.wall_shown / trade.wall_lots if trade.wall_lots > 0.0 else math.nan


STRATEGY = WallFade()
