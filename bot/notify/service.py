"""Carries an outbox to Apprise URLs: `json://host/path` a webhook, `mailtos://user:password@host` e-mail.

Each target gets each alert once, as plain text, in a thread of its own; one that
fails is tried again later and holds no other up. URLs are secrets: they are
never logged, a target is named by its scheme and host.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from apprise import Apprise, NotifyBase, NotifyType

from bot.core.alerts import Urgency
from bot.core.clock import Clock
from bot.core.errors import BadConfig
from bot.operate.outbox import Outbox, Post

LOOK_S = 0.25
WITHIN_S = 30.0
_TYPES = {
    Urgency.NEWS: NotifyType.INFO,
    Urgency.TRADE: NotifyType.SUCCESS,
    Urgency.ALARM: NotifyType.FAILURE,
}
"""What receivers colour or sort by."""

Warn = Callable[[str, Mapping[str, Any]], None]


class Target:
    """One URL. Raises BadConfig, without the URL, when it is none."""

    def __init__(self, place: int, url: str) -> None:
        logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it writes URLs with their passwords
        made = Apprise.instantiate(url)
        parts = urlsplit(url)
        self.name = f"{parts.scheme}://{parts.hostname or ''}"
        if not isinstance(made, NotifyBase):
            raise BadConfig(
                f"notify: URL {place}: expected one that Apprise knows, as json://host/path or "
                f"mailtos://user:password@host, was {parts.scheme or 'no scheme'}://..."
            )
        self._made = made

    def tell(self, title: str, body: str, kind: NotifyType) -> bool:
        """Whether the receiver took it. Blocks."""
        try:
            return bool(self._made.notify(body=body, title=title, notify_type=kind))
        except Exception:  # a receiver's library may raise anything; the bot goes on
            return False


class NotifyService:
    """`run` empties the outbox until it is cancelled."""

    def __init__(
        self, urls: Sequence[str], outbox: Outbox, clock: Clock, warn: Warn, *, session: str = ""
    ) -> None:
        self._targets = [Target(place, url) for place, url in enumerate(urls, 1)]
        self._outbox = outbox
        self._clock = clock
        self._warn = warn
        self._session = session
        self._reached: dict[int, set[int]] = {}  # targets that have a post already
        self._failing: set[int] = set()
        self.errors = 0

    def figures(self) -> dict[str, Any]:
        """For /health."""
        return {
            "notify_sent": self._outbox.sent,
            "notify_waiting": len(self._outbox),
            "notify_errors": self.errors,
        }

    async def run(self) -> None:
        while True:
            post = self._outbox.next(self._clock.now_ns())
            if post is None:
                await asyncio.sleep(LOOK_S)
            else:
                await self._deliver(post)

    async def say_goodbye(self, within_s: float = 5.0) -> None:
        """Give what waits a moment to be told, before the end."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + within_s
        while self._outbox.next(self._clock.now_ns()) is not None and loop.time() < end_s:
            await asyncio.sleep(LOOK_S)

    async def _deliver(self, post: Post) -> None:
        reached = self._reached.setdefault(post.number, set())
        waiting = [k for k in range(len(self._targets)) if k not in reached]
        told = await asyncio.gather(*(self._tell(k, post) for k in waiting))
        reached.update(k for k, done in zip(waiting, told, strict=True) if done)
        if all(told):
            del self._reached[post.number]
            self._outbox.delivered(post)
        else:
            self._outbox.failed(post, self._clock.now_ns())

    async def _tell(self, k: int, post: Post) -> bool:
        title, body = words_of(post, self._session)
        target = self._targets[k]
        try:
            async with asyncio.timeout(WITHIN_S):
                done = await asyncio.to_thread(target.tell, title, body, _TYPES[post.urgency])
        except TimeoutError:
            done = False
        if done:
            self._failing.discard(k)
        else:
            self.errors += 1
            if k not in self._failing:  # told once, until it works again
                self._failing.add(k)
                reason = f"{target.name} does not take alerts; they wait and are tried again"
                self._warn("notify_failed", {"reason": reason})
        return done


def words_of(post: Post, session: str) -> tuple[str, str]:
    """Title and body; an alarm says so in the title, as a mail client shows no more."""
    title, *lines = post.alert.text.split("\n")
    times = f" (the last of {post.times})" if post.times > 1 else ""
    alarm = "ALARM " if post.urgency is Urgency.ALARM else ""
    named = title if title.startswith(session) else f"{session}: {title}"
    return f"{alarm}{named}{times}", "\n".join(lines) or title
