"""Our orders as the venue knows them: what an answer or a state told makes of each.

The trader's tickets say what we count on; these say what has been proved. An
order ends for the trader only when every fill its end speaks of has come.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.core.enums import OrderType, RejectReason, ReportKind
from bot.core.messages import Order
from bot.execution.news import ENDS, Answer, OrderTold, Refusal, Status, Verdict


class Known(StrEnum):
    """What is proved of one of our orders."""

    SENT = "sent"  # handed to the sender; whether the venue has it is not known yet
    UNKNOWN = "unknown"  # the answer was lost: asked until found or proved absent
    PLACED = "placed"
    ENDING = "ending"  # ended there, but fills it names have not come yet
    ENDED = "ended"


_AFTER_ANSWER: dict[tuple[Known, Verdict], Known] = {
    (Known.SENT, Verdict.PLACED): Known.PLACED,
    (Known.SENT, Verdict.REFUSED): Known.ENDED,
    (Known.SENT, Verdict.UNKNOWN): Known.UNKNOWN,
    (Known.SENT, Verdict.ABSENT): Known.ENDED,
    (Known.UNKNOWN, Verdict.PLACED): Known.PLACED,
    (Known.UNKNOWN, Verdict.REFUSED): Known.ENDED,
    (Known.UNKNOWN, Verdict.UNKNOWN): Known.UNKNOWN,
    (Known.UNKNOWN, Verdict.ABSENT): Known.ENDED,
    # found once and not any more: the venue has forgotten an order that ended
    (Known.PLACED, Verdict.ABSENT): Known.ENDED,
}
"""Any other answer comes after the stream has told more than it says, and changes nothing."""

REASON: dict[Refusal, RejectReason] = {
    Refusal.POST_ONLY: RejectReason.POST_ONLY_WOULD_TAKE,
    Refusal.NOTHING_TO_REDUCE: RejectReason.REDUCE_ONLY_NOTHING_TO_REDUCE,
    Refusal.MARGIN: RejectReason.INSUFFICIENT_MARGIN,
    Refusal.QUANTITY: RejectReason.BAD_QUANTITY,
    Refusal.PRICE: RejectReason.BAD_QUANTITY,
    Refusal.RATE: RejectReason.TABLE_FULL,
}

_END_KIND = {
    Status.CANCELED: ReportKind.CANCELED,
    Status.EXPIRED: ReportKind.EXPIRED,
    Status.REFUSED: ReportKind.REJECTED,
}

Step = tuple[ReportKind, RejectReason]
"""A report that the trader should get about an order."""


@dataclass(slots=True)
class LiveOrder:
    """One order of ours. Lots are those of booked fills; `told_lots` what its states speak of."""

    order: Order
    known: Known = Known.SENT
    filled: int = 0
    told_lots: int = 0
    venue_id: str = ""
    child_id: str = ""
    reported: bool = False  # the trader knows that it rests
    triggered: bool = False
    ending: ReportKind | None = None  # to be reported once its fills are in
    reason: RejectReason = RejectReason.NONE
    words: str = ""
    ended_ns: int = 0

    @property
    def open(self) -> bool:
        return self.known in (Known.SENT, Known.UNKNOWN, Known.PLACED)

    @property
    def left(self) -> int:
        return self.order.lots - self.filled

    @property
    def lacks_fills(self) -> bool:
        return self.told_lots > self.filled

    def answered(self, answer: Answer) -> list[Step]:
        """What the trader should hear of an answer."""
        self.venue_id = answer.venue_id or self.venue_id
        after = _AFTER_ANSWER.get((self.known, answer.verdict))
        if after is None:
            return []
        self.known = after
        if answer.verdict is Verdict.PLACED:
            return self._accepted()
        if answer.verdict is Verdict.ABSENT:
            # not "rejected": should it turn up after all, its fills must still be taken
            self.words = answer.words or "not at the venue"
            return [(ReportKind.CANCELED, RejectReason.NONE)]
        if answer.verdict is Verdict.REFUSED:
            self.words = answer.words
            return self._refused(answer.refusal)
        return []

    def told(self, news: OrderTold) -> list[Step]:
        """What the trader should hear of a state; ends wait for their fills."""
        self.venue_id = self.venue_id or news.venue_id
        other = news.venue_id if news.venue_id != self.venue_id else ""
        self.child_id = news.child_id or other or self.child_id  # a triggered stop has a second id
        self.told_lots = max(self.told_lots, min(news.filled_lots, self.order.lots))
        if not self.open:
            return []
        if news.status is Status.REFUSED and self.known is not Known.PLACED:
            self.known, self.words = Known.ENDED, news.words
            return self._refused(news.refusal)
        self.known = Known.PLACED
        steps = self._accepted()
        if news.status is Status.TRIGGERED and not self.triggered:
            self.triggered = True
            steps.append((ReportKind.TRIGGERED, RejectReason.NONE))
        if news.status in ENDS:
            self.known = Known.ENDING
            self.words = news.words or self.words
            self.reason = REASON.get(news.refusal, RejectReason.NO_LIQUIDITY)
            if news.status is Status.FILLED:
                self.told_lots = self.order.lots
            else:
                self.ending = _END_KIND[news.status]
            steps += self.settle()
        return steps

    def add_fill(self, lots: int) -> None:
        self.filled += lots
        self.told_lots = max(self.told_lots, self.filled)
        if self.known in (Known.SENT, Known.UNKNOWN):
            self.known = Known.PLACED

    def settle(self) -> list[Step]:
        """Once every fill that its end speaks of is booked: the end itself."""
        if self.left == 0 and self.open:
            self.known = Known.ENDING
        if self.known is not Known.ENDING or self.lacks_fills:
            return []
        self.known = Known.ENDED
        if self.ending is None or self.left == 0:
            return []
        return [(self.ending, RejectReason.NONE if self.ending is ReportKind.CANCELED else self.reason)]

    def _accepted(self) -> list[Step]:
        if self.reported:
            return []
        self.reported = True
        return [(ReportKind.ACCEPTED, RejectReason.NONE)]

    def _refused(self, refusal: Refusal) -> list[Step]:
        """A stop refused because the price is past it has, in effect, triggered: the trade leaves now."""
        self.words = f"{refusal.value}: {self.words}" if self.words else refusal.value
        rejected = (ReportKind.REJECTED, REASON.get(refusal, RejectReason.NO_LIQUIDITY))
        if refusal is Refusal.WOULD_TRIGGER and self.order.type is OrderType.STOP_MARKET:
            return [(ReportKind.TRIGGERED, RejectReason.NONE), rejected]
        return [rejected]
