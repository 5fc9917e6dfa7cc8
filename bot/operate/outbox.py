"""What waits to be told: one queue for every channel, by urgency and age, pure and with time as an argument.

News gives way when too much waits; an alarm never does. What was posted and
not yet delivered survives a restart (`waiting`, `restore`), so that a message
may arrive twice after a crash but none is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from bot.core.alerts import KINDS, Alert, AlertKind, Delivery, Urgency
from bot.core.units import NS_PER_S

MOST_WAITING = 500
FIRST_RETRY_NS = 2 * NS_PER_S
LONGEST_RETRY_NS = 300 * NS_PER_S


def deliveries_from(least: Urgency) -> dict[AlertKind, Delivery]:
    """Overrides of an outbox that lets through what is at least so urgent; kinds that are off stay off."""
    return {kind: Delivery.OFF for kind, known in KINDS.items() if known.urgency < least}


@dataclass(frozen=True, slots=True)
class Post:
    """One alert on its way to a person."""

    number: int
    alert: Alert
    times: int = 1  # alerts of the same key that it stands for
    tries: int = 0
    next_ns: int = 0  # not before

    @property
    def urgency(self) -> Urgency:
        return KINDS[self.alert.kind].urgency


@dataclass(slots=True)
class Outbox:
    """`deliveries` overrides the defaults of kinds, `chosen` both: what a person wanted since, and is kept.

    Counts are for people: nothing disappears uncounted.
    """

    deliveries: Mapping[AlertKind, Delivery] = field(default_factory=dict)
    muted_until_ns: int = 0
    posted: int = 0
    sent: int = 0
    merged: int = 0
    muted: int = 0
    dropped: int = 0
    chosen: dict[AlertKind, Delivery] = field(default_factory=dict)
    _waiting: dict[int, Post] = field(default_factory=dict)
    _numbers: int = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def delivery(self, kind: AlertKind) -> Delivery:
        wanted = self.chosen.get(kind, self.deliveries.get(kind, KINDS[kind].default))
        return Delivery.ON if KINDS[kind].urgency is Urgency.ALARM else wanted

    def choose(self, kind: AlertKind, how: Delivery) -> None:
        """What a person wants of a kind from now on; no effect on alarms."""
        self.chosen[kind] = how

    def post(self, alert: Alert) -> None:
        """Take an alert in, unless its kind is off or muted."""
        if self.delivery(alert.kind) is Delivery.OFF:
            return
        if alert.now_ns < self.muted_until_ns and KINDS[alert.kind].urgency is not Urgency.ALARM:
            self.muted += 1
            return
        self.posted += 1
        same = self._of_key(alert)
        if same is not None:
            self.merged += 1
            self._waiting[same.number] = replace(same, alert=alert, times=same.times + 1)
            return
        self._numbers += 1
        self._waiting[self._numbers] = Post(self._numbers, alert)
        self._make_room()

    def next(self, now_ns: int) -> Post | None:
        """What to deliver now: the most urgent that is due, of these the oldest."""
        due = [post for post in self._waiting.values() if post.next_ns <= now_ns]
        return min(due, key=lambda post: (-post.urgency, post.number), default=None)

    def next_due_ns(self) -> int | None:
        """When something is due, None while nothing waits."""
        return min((post.next_ns for post in self._waiting.values()), default=None)

    def delivered(self, post: Post) -> None:
        if self._waiting.pop(post.number, None) is not None:
            self.sent += 1

    def failed(self, post: Post, now_ns: int, wait_ns: int | None = None) -> None:
        """Try it again: after what the channel asked for, else after 2, 4, 8 … s, at most 5 minutes."""
        held = self._waiting.get(post.number)
        if held is None:
            return
        backoff = min(FIRST_RETRY_NS << min(held.tries, 20), LONGEST_RETRY_NS)
        wait = backoff if wait_ns is None else max(wait_ns, 0)
        self._waiting[post.number] = replace(held, tries=held.tries + 1, next_ns=now_ns + wait)

    def waiting(self) -> tuple[Post, ...]:
        """In the order they were posted, to be kept."""
        return tuple(self._waiting.values())

    def restore(self, posts: Iterable[Post]) -> None:
        """Take over what an earlier run had not delivered; it is due at once."""
        for post in posts:
            self._numbers += 1
            self._waiting[self._numbers] = replace(post, number=self._numbers, next_ns=0)
        self._make_room()

    def _of_key(self, alert: Alert) -> Post | None:
        if not alert.key:
            return None
        return next((p for p in self._waiting.values() if p.alert.key == alert.key), None)

    def _make_room(self) -> None:
        while len(self._waiting) > MOST_WAITING:
            least = min(self._waiting.values(), key=lambda post: (post.urgency, post.number))
            if least.urgency is Urgency.ALARM:
                return
            del self._waiting[least.number]
            self.dropped += 1
