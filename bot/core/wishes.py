"""What a strategy may want, as intents: `enter`, `watch`, `reduce`, `move_stop`, `cancel_entry`.

Pure functions of the view (and the trade); equal arguments make the equal
intent with the equal id. Distances are basis points, prices ticks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.core.enums import Action, Agreement, Entry, Side
from bot.core.ids import intent_id
from bot.core.messages import Intent, MarketView, TradeView
from bot.core.pricing import bps_between
from bot.core.units import NS_PER_S


def enter(
    view: MarketView,
    strategy: str,
    side: Side,
    reason: str,
    *,
    entry: Entry,
    limit: int,
    stop: int,
    targets: Sequence[tuple[int, float]],
    time_stop_s: float,
    confidence: float | None = None,
    nth: int = 0,
    figures: Mapping[str, float] | None = None,
    **more: Any,
) -> Intent:
    """An entry at `limit` with its stop and targets (ticks and share of the quantity, nearest first).

    Stop and mean target distance are measured from `limit`; `more` are further
    fields of `Intent` and win over what is derived here. `nth` tells two
    entries of one decision apart.
    """
    derived: dict[str, Any] = {
        "stop_bps": abs(bps_between(stop, limit)),
        "target_bps": sum(share * abs(bps_between(price, limit)) for price, share in targets),
        "drift_bps": side * (2.0 * view.composite.probability - 1.0) * view.mean_abs_h_bps,
        "confidence": view.composite.confidence if confidence is None else confidence,
        "conflicted": view.composite.agreement is Agreement.CONFLICTED,
    }
    return _intent(
        view,
        strategy,
        Action.ENTER,
        side,
        reason,
        nth,
        entry=entry,
        limit=limit,
        invalidation=stop,
        targets=tuple(targets),
        time_stop_ns=round(time_stop_s * NS_PER_S),
        figures=dict(figures or {}),
        **{**derived, **more},
    )


def watch(view: MarketView, strategy: str, side: Side, reason: str, seconds: float) -> Intent:
    """Everything holds but the trigger: be asked again every second, for so long at most."""
    ttl_ns = round(seconds * NS_PER_S)
    return _intent(view, strategy, Action.WATCH, side, reason, 0, entry_ttl_ns=ttl_ns)


def reduce(view: MarketView, trade: TradeView, reason: str, fraction: float = 1.0) -> Intent:
    """Close a share of what is open by a market order; of an entry that has not filled: cancel it."""
    return _about(view, trade, Action.REDUCE, reason, fraction=fraction)


def move_stop(view: MarketView, trade: TradeView, stop: int, reason: str) -> Intent:
    """Bring the stop nearer; one that would lose more than the present one changes nothing."""
    return _about(view, trade, Action.MOVE_STOP, reason, invalidation=stop)


def cancel_entry(view: MarketView, trade: TradeView, reason: str) -> Intent:
    """Take back what has not filled of the entry."""
    return _about(view, trade, Action.CANCEL_ENTRY, reason)


def _about(view: MarketView, trade: TradeView, action: Action, reason: str, **more: Any) -> Intent:
    return _intent(view, trade.strategy, action, trade.side, reason, 0, **{"mode": trade.mode, **more})


def _intent(
    view: MarketView, strategy: str, action: Action, side: Side, reason: str, nth: int, **more: Any
) -> Intent:
    return Intent(
        id=intent_id(strategy, view.mode, view.symbol, action, view.now_ns, nth),
        now_ns=view.now_ns,
        symbol=view.symbol,
        market=view.market,
        strategy=strategy,
        mode=more.pop("mode", view.mode),
        action=action,
        side=Side(side),
        reason=reason,
        mid=view.mid,
        **more,
    )
