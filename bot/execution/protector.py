"""The stop of an open position: what should be resting, and how long nothing proven was.

Pure functions over the trade and its stop orders; the trader sends. A stop is
replaced by placing the new one first and cancelling the old one when the
venue has confirmed the new. Both are reduce-only: should both fire, the venue
cuts the second to what is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from bot.core.enums import OrderState, Stage, TriggerBy
from bot.execution.orders import Ticket
from bot.risk.trades import Trade


@dataclass(frozen=True, slots=True)
class Wanted:
    """A stop as it should rest."""

    trigger: int
    trigger_by: TriggerBy


@dataclass(frozen=True, slots=True)
class Protection:
    """What to do now: place a stop for the whole position, cancel old ones, or give up and flatten."""

    place: Wanted | None = None
    drop: tuple[Ticket, ...] = ()
    failed: bool = False


def ladder(trade: Trade, trigger_by: TriggerBy) -> tuple[Wanted, ...]:
    """What to try, one after the other, while the venue refuses or loses the stop; then flatten.

    The same again, the other trigger price, and one half as far again from the entry.
    """
    other = TriggerBy.LAST if trigger_by is TriggerBy.MARK else TriggerBy.MARK
    away = max(abs(float(trade.entry_price) - trade.stop) / 2, trade.stop / 1_000, 1.0)
    wider = max(1, round(trade.stop - int(trade.side) * away))
    same = Wanted(trade.stop, trigger_by)
    return same, same, Wanted(trade.stop, other), Wanted(wider, trigger_by)


def next_step(open_lots: int, rungs: Sequence[Wanted], stops: Sequence[Ticket]) -> Protection:
    """For an open position that is not being closed; `stops` in the order they were sent.

    Only the last stop counts: it is the one that follows the position. What the venue refused
    or took away is tried again by the next rung; one it did not answer for may be there: flatten.
    One that was under way when we died is placed anew at once.
    """
    if not stops:
        return Protection(place=rungs[0])
    last = stops[-1]
    if last.doubted and not last.proven:
        return Protection(place=rungs[0])  # should both rest, the older one is dropped
    if last.state is OrderState.UNKNOWN:
        return Protection(failed=True)
    if last.lost:
        rung = _lost_in_a_row(stops)
        return Protection(place=rungs[rung]) if rung < len(rungs) else Protection(failed=True)
    wanted = rungs[min(_lost_in_a_row(stops[:-1]), len(rungs) - 1)]
    if not last.working or last.left != open_lots or last.order.trigger != wanted.trigger:
        return Protection(place=rungs[0])
    older = tuple(t for t in stops[:-1] if t.open) if last.proven else ()
    return Protection(drop=older)


def _lost_in_a_row(stops: Sequence[Ticket]) -> int:
    """How many of the latest stops were refused or taken away, without one that stayed."""
    return len(list(takewhile(lambda stop: stop.lost, reversed(stops))))


def lost_since_ns(stops: Sequence[Ticket]) -> int:
    """When the first of the stops was sent that were lost since one held, 0 when the last one holds.

    The ladder has no longer than a single stop would have had.
    """
    if not stops or stops[-1].proven:
        return 0
    settled = stops if stops[-1].lost else stops[:-1]
    lost = _lost_in_a_row(settled)
    return settled[-lost].order.sent_ns if lost else 0


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
