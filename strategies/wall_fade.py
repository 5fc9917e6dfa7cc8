"""Wall fade: rest in front of a wall that has been hit and stands.

signals.md 9.3, first slice. Only real execution tells a genuine wall from a
spoof, so a wall must have traded at least a tenth of its peak and still be
displayed. The entry rests in front of it and is cancelled, within the same
event, when the wall shrinks.
"""

from __future__ import annotations

import math

from bot.core.enums import Action, Agreement, Entry, Mode, Side, Stage
from bot.core.ids import intent_id
from bot.core.messages import Intent, MarketView, TradeView, WallView
from bot.core.pricing import bps_between, ticks_away
from bot.core.units import NS_PER_S

MIN_EXECUTED = 0.10  # of the wall's peak
GENUINE = 0.65
DOUBTFUL = 0.5
DISTANCE_BPS = (1.0, 15.0)
MIN_BIAS = -0.05
MAX_SHARE = 0.10  # of the displayed wall
KEEP_ENTRY = 0.60  # of the wall as it was when the entry was placed
KEEP_TRADE = 0.30
ENTRY_TTL_S = 30
TIME_STOP_S = {Mode.SCALP: 90, Mode.DAY: 300, Mode.SWING: 1800}
FIRST_TARGET_SHARE = 0.6


class WallFade:
    name = "wall_fade"

    def enter(self, view: MarketView) -> tuple[Intent, ...]:
        """At most one post-only entry, in front of the nearest wall that qualifies."""
        if math.isnan(view.sigma_1s_bps):
            return ()
        walls = [wall for wall in view.walls if _qualifies(view, wall)]
        if not walls:
            return ()
        return (self._intent(view, min(walls, key=lambda wall: (wall.distance_bps, wall.id))),)

    def _intent(self, view: MarketView, wall: WallView) -> Intent:
        side = wall.side
        step = max(view.tick_bps, 0.2 * wall.distance_bps)
        limit = ticks_away(wall.price, step, side)
        limit = min(limit, view.ask - 1) if side > 0 else max(limit, view.bid + 1)
        beyond = max(2.0 * view.tick_bps, 0.5 * view.sigma_10s_bps)
        invalidation = ticks_away(wall.far_price, beyond, side.opposite)
        stop_bps = abs(bps_between(invalidation, limit))
        first_bps = max(view.sigma_1s_bps * math.sqrt(60.0), abs(bps_between(view.mid, limit)))
        second_bps = max(1.75 * stop_bps, 1.5 * first_bps)
        return Intent(
            id=intent_id(self.name, view.mode, view.symbol, Action.ENTER, view.now_ns, wall.id),
            now_ns=view.now_ns,
            symbol=view.symbol,
            market=view.market,
            strategy=self.name,
            mode=view.mode,
            action=Action.ENTER,
            side=side,
            reason=f"{'bid' if side > 0 else 'ask'} wall hit and standing",
            entry=Entry.POST_ONLY,
            limit=limit,
            invalidation=invalidation,
            targets=(
                (ticks_away(limit, first_bps, side), FIRST_TARGET_SHARE),
                (ticks_away(limit, second_bps, side), 1.0 - FIRST_TARGET_SHARE),
            ),
            time_stop_ns=TIME_STOP_S[view.mode] * NS_PER_S,
            entry_ttl_ns=ENTRY_TTL_S * NS_PER_S,
            stop_bps=stop_bps,
            target_bps=FIRST_TARGET_SHARE * first_bps + (1.0 - FIRST_TARGET_SHARE) * second_bps,
            drift_bps=side * (2.0 * view.composite.probability - 1.0) * view.mean_abs_h_bps,
            confidence=max(view.composite.confidence, wall.genuineness - 0.15),
            conflicted=view.composite.agreement is Agreement.CONFLICTED,
            wall=wall.id,
            wall_span=(wall.price, wall.far_price),
            wall_lots=wall.quantity,
            wall_keep=(KEEP_ENTRY, KEEP_TRADE),
            max_lots=MAX_SHARE * wall.quantity,
            figures={
                "genuineness": wall.genuineness,
                "wall_lots": wall.quantity,
                "wall_executed": wall.executed,
                "distance_bps": wall.distance_bps,
                "bias": view.composite.bias,
            },
        )

    def manage(self, view: MarketView, trade: TradeView) -> tuple[Intent, ...]:
        """The wall is the reason: without it the entry is cancelled and the trade is closed."""
        wall = next((w for w in view.walls if w.id == trade.wall), None)
        left = wall.quantity / trade.wall_lots if wall is not None and trade.wall_lots > 0 else 0.0
        against = view.composite.direction == -trade.side
        if trade.stage is Stage.ENTERING:
            doubtful = wall is None or left < KEEP_ENTRY or wall.genuineness < DOUBTFUL
            run_away = abs(bps_between(view.mid, wall.price)) > 15.0 + view.sigma_10s_bps if wall else False
            if doubtful or against or run_away:
                reason = "wall shrank or is doubtful" if doubtful else "market turned or ran away"
                return (_act(self.name, view, trade, Action.CANCEL_ENTRY, reason),)
            return ()
        if trade.stage is not Stage.OPEN:
            return ()
        if left < KEEP_TRADE and _at_wall(view, trade):
            return (_act(self.name, view, trade, Action.REDUCE, "wall pulled or consumed"),)
        if against:
            return (_act(self.name, view, trade, Action.REDUCE, "composite turned against"),)
        return ()


def _at_wall(view: MarketView, trade: TradeView) -> bool:
    """Whether the wall still matters: once the first target is hit the price has left it."""
    return trade.targets_hit == 0


def _qualifies(view: MarketView, wall: WallView) -> bool:
    if wall.executed < MIN_EXECUTED * wall.peak or wall.quantity <= 0.0:
        return False
    if wall.genuineness < GENUINE or not DISTANCE_BPS[0] <= wall.distance_bps <= DISTANCE_BPS[1]:
        return False
    if wall.side * view.composite.bias < MIN_BIAS:
        return False
    pressing = -wall.side * view.tfi_fast  # aggressive flow into the wall
    return not pressing > 0.0 or abs(view.tfi_fast) < abs(view.tfi_slow)


def _act(name: str, view: MarketView, trade: TradeView, action: Action, reason: str) -> Intent:
    return Intent(
        id=intent_id(name, view.mode, view.symbol, action, view.now_ns, 0),
        now_ns=view.now_ns,
        symbol=view.symbol,
        market=view.market,
        strategy=name,
        mode=trade.mode,
        action=action,
        side=Side(trade.side),
        reason=reason,
    )


STRATEGY = WallFade()
