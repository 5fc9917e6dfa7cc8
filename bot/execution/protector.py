"""The stop of an open position: what should be resting, and how long nothing proven was.

Pure functions over the trade and its stop orders; the trader sends. A stop is
replaced by placing the new one first and cancelling the old one when the
venue has confirmed the new. Both are reduce-only: should both fire, the venue
cuts the second to what is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.enums import OrderState, Stage
from bot.execution.orders import Ticket
from bot.risk.trades import Trade


@dataclass(frozen=True, slots=True)
class Protection:
    """What to do now: place a stop for the whole position, cancel old ones, or give up and flatten."""

    place: bool = False
    drop: tuple[Ticket, ...] = ()
    failed: bool = False


def next_step(open_lots: int, trigger: int, stops: Sequence[Ticket]) -> Protection:
    """For an open position that is not being closed; `stops` in the order they were sent.

    Only the last stop counts: it is the one that follows the position. When the
    venue refused it, took it away or did not answer for it, protection failed.
    """
    if not stops:
        return Protection(place=True)
    last = stops[-1]
    if last.lost or last.state is OrderState.UNKNOWN:
        return Protection(failed=True)
    if not last.working or last.left != open_lots or last.order.trigger != trigger:
        return Protection(place=True)
    older = tuple(t for t in stops[:-1] if t.open) if last.proven else ()
    return Protection(drop=older)


def proven_lots(stops: Sequence[Ticket]) -> int:
    """Lots of the largest stop the venue has confirmed; each is meant for the whole position."""
    return max((t.left for t in stops if t.proven), default=0)


def measure(trade: Trade, stops: Sequence[Ticket], at_ns: int) -> None:
    """Follow the exposed time of a trade: open, not being flattened, and not wholly behind a proven stop."""
    exposed = trade.stage is Stage.OPEN and trade.open_lots > proven_lots(stops)
    if exposed and not trade.exposed_since_ns:
        trade.exposed_since_ns = at_ns
    elif not exposed and trade.exposed_since_ns:
        stretch = max(0, at_ns - trade.exposed_since_ns)
        trade.unprotected_ns += stretch
        trade.unprotected_max_ns = max(trade.unprotected_max_ns, stretch)
        trade.exposed_since_ns = 0
