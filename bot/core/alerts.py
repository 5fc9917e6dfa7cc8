"""What the bot tells people by itself: kinds of alerts, how much each matters, whether it is on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple


class Urgency(IntEnum):
    """An ALARM is never muted, dropped or silenced."""

    NEWS = 0
    TRADE = 1
    ALARM = 2


class Delivery(StrEnum):
    """How a kind reaches people: with a sound, without one, or not at all."""

    ON = "on"
    SILENT = "silent"
    OFF = "off"


class AlertKind(StrEnum):
    ENTRY = "entry"
    EXIT = "exit"
    STOP = "stop"
    PROTECTION = "protection"
    BREAKER = "breaker"
    STRATEGY = "strategy"
    QUIET = "quiet"
    TRUST = "trust"
    CONNECTION = "connection"
    COMMAND = "command"
    SESSION = "session"
    DAILY = "daily"
    REFUSAL = "refusal"
    TRANSITION = "transition"
    WALL = "wall"
    ZONE = "zone"


class Kind(NamedTuple):
    """What is known of a kind."""

    urgency: Urgency
    default: Delivery
    about: str


KINDS = {
    AlertKind.ENTRY: Kind(Urgency.TRADE, Delivery.ON, "a trade was opened: first fill of its entry"),
    AlertKind.EXIT: Kind(Urgency.TRADE, Delivery.ON, "a trade was closed, with its result"),
    AlertKind.STOP: Kind(Urgency.TRADE, Delivery.ON, "a stop was triggered"),
    AlertKind.PROTECTION: Kind(Urgency.ALARM, Delivery.ON, "a position is, or was, without a proven stop"),
    AlertKind.BREAKER: Kind(
        Urgency.ALARM, Delivery.ON, "a limit tripped: entries stopped, or everything closed"
    ),
    AlertKind.STRATEGY: Kind(Urgency.ALARM, Delivery.ON, "a strategy raised and was switched off"),
    AlertKind.QUIET: Kind(
        Urgency.ALARM, Delivery.ON, "the bot itself went quiet, or is back: told by `lopside watchdog`"
    ),
    AlertKind.TRUST: Kind(Urgency.NEWS, Delivery.SILENT, "a book lost or regained trust"),
    AlertKind.CONNECTION: Kind(Urgency.NEWS, Delivery.SILENT, "a venue's feed was lost or came back"),
    AlertKind.COMMAND: Kind(Urgency.TRADE, Delivery.ON, "somebody told the bot to do something"),
    AlertKind.SESSION: Kind(
        Urgency.TRADE, Delivery.ON, "the bot started, stopped, or continued after a restart"
    ),
    AlertKind.DAILY: Kind(Urgency.NEWS, Delivery.ON, "the day's report, at midnight UTC"),
    AlertKind.REFUSAL: Kind(Urgency.NEWS, Delivery.OFF, "risk refused an entry; repeats are counted"),
    AlertKind.TRANSITION: Kind(Urgency.NEWS, Delivery.OFF, "a composite changed its direction"),
    AlertKind.WALL: Kind(Urgency.NEWS, Delivery.OFF, "a large wall came or ended"),
    AlertKind.ZONE: Kind(Urgency.NEWS, Delivery.OFF, "a zone was touched, held or broke"),
}


@dataclass(frozen=True, slots=True)
class Alert:
    """Plain text, first line its title. An alert with the `key` of one that still waits takes its place."""

    kind: AlertKind
    now_ns: int
    text: str
    symbol: str = ""
    key: str = ""
