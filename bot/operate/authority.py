"""Who may do what. A role is held by a person on one channel; each verb needs one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from bot.core.commands import Verb


class Role(IntEnum):
    """Each may do what the ones before may."""

    VIEWER = 0
    OPERATOR = 1
    OWNER = 2


@dataclass(frozen=True, slots=True)
class Actor:
    """A person on a channel: `local:ann`, `telegram:123456`. The channel vouches for the role."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Demand:
    """What a verb asks of the person: a role, and whether a code must confirm it."""

    role: Role
    confirm: bool


DEMANDS = {
    Verb.PAUSE: Demand(Role.OPERATOR, confirm=False),
    Verb.RESUME: Demand(Role.OPERATOR, confirm=False),
    Verb.CANCEL: Demand(Role.OPERATOR, confirm=False),
    Verb.CLOSE: Demand(Role.OPERATOR, confirm=True),
    Verb.FLATTEN: Demand(Role.OPERATOR, confirm=True),
    Verb.RESET: Demand(Role.OWNER, confirm=True),
    Verb.ADOPT: Demand(Role.OWNER, confirm=True),
    Verb.IGNORE: Demand(Role.OWNER, confirm=True),
    Verb.MODE: Demand(Role.OPERATOR, confirm=False),
    Verb.ARM: Demand(Role.OPERATOR, confirm=False),
    Verb.DISARM: Demand(Role.OPERATOR, confirm=False),
    Verb.RESTART: Demand(Role.OWNER, confirm=True),
}
"""Whatever moves money, or takes a protection away, is confirmed; what only stops entries is not."""
