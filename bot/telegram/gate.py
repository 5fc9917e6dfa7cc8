"""Who is heard at all. Judged once, before anything is dispatched, by numeric ids only.

A person is known by user id; each id has one role. A chat is allowed when it is
that person's private chat or is listed. Everybody else gets no answer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bot.operate.authority import Actor, Role

REMEMBERED = 500
"""Ids of updates; Telegram hands out at most 100 a time again."""


@dataclass(slots=True)
class Gate:
    """`roles` by user id, `chats` the groups that may be spoken in; both empty admit nobody."""

    roles: Mapping[int, Role]
    chats: frozenset[int] = frozenset()
    strangers: int = 0
    repeated: int = 0
    seen: deque[int] = field(default_factory=lambda: deque(maxlen=REMEMBERED))  # kept over restarts

    def actor(self, user: int | None, chat: int | None) -> Actor | None:
        """The person behind an update, None for a stranger (counted)."""
        role = None if user is None else self.roles.get(user)
        if role is None or chat is None or not (chat == user or chat in self.chats):
            self.strangers += 1
            return None
        return Actor(f"telegram:{user}", role)

    def first_time(self, update: int) -> bool:
        """Whether an update is new; each is handled at most once, also after a restart.

        Ids usually grow, but start anywhere after a quiet week (Bot API, getUpdates).
        """
        if update in self.seen:
            self.repeated += 1
            return False
        self.seen.append(update)
        return True

    def targets(self) -> tuple[int, ...]:
        """Chats that get alerts: the listed ones, else everybody's private chat."""
        return tuple(sorted(self.chats)) or tuple(sorted(self.roles))


def roles_of(owners: Iterable[int], operators: Iterable[int], viewers: Iterable[int]) -> dict[int, Role]:
    """One role a user id; of several the highest."""
    listed = ((viewers, Role.VIEWER), (operators, Role.OPERATOR), (owners, Role.OWNER))
    return {user: role for users, role in listed for user in users}
