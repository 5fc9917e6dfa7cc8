"""The line between what a venue says and the sockets it is heard through.

A `VenueStream` never opens anything: its shell opens the connections it names,
hands every frame and REST answer in with a receive time, and does what is
wanted. A live socket, a recording and a test drive the very same object.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

import numpy as np

from bot.market.events import RowBuffer
from bot.market.instruments import Instrument


@dataclass(frozen=True, slots=True)
class Hosts:
    """Base URLs without a trailing slash; tests and rehearsals put their own here."""

    ws: str
    rest: str


@dataclass(frozen=True, slots=True)
class Connect:
    """One websocket connection a venue wants."""

    name: str  # unique within the venue: "public", "market"
    url: str
    hello: tuple[bytes, ...] = ()  # text frames after the handshake, in order
    hello_every_s: float = 0.0  # pause between them, where the venue limits messages a second
    ping: bytes | None = None  # heartbeat text frame; None: the websocket's own pings suffice
    ping_every_s: float = 20.0
    silent_after_s: float = 3.0  # no frame at all for so long: it has stalled
    renew_after_s: float = 0.0  # 0: never


class Asked(StrEnum):
    """What a REST request is for."""

    SNAPSHOT = "snapshot"
    AUDIT = "audit"  # a book to compare the ladder with; it never enters the ladder
    OPEN_INTEREST = "open-interest"
    LONG_SHORT = "long-short"
    FUNDING = "funding"  # the settlement interval, where frames do not say it


@dataclass(frozen=True, slots=True)
class Fetch:
    """One REST request; its answer goes to `on_rest`. One that fails is the shell's to repeat, with jitter.

    A snapshot is asked for once for each loss of synchronisation, and again,
    paced, when an answer was too old to use or not understood.
    """

    asked: Asked
    symbol: str
    path: str  # behind `Hosts.rest`, with its query
    weight: int = 1  # of the venue's rate budget of one IP
    body: bytes = b""  # not empty: POST this JSON, else GET


@dataclass(frozen=True, slots=True)
class Send:
    """Text frames to send on a connection, in order: a topic left and joined again brings a snapshot."""

    name: str
    frames: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Reconnect:
    """The venue is about to cut this connection: open the next one first, as at a renewal."""

    name: str
    reason: str


Wanted = Fetch | Send | Reconnect


@dataclass(frozen=True, slots=True)
class Poll:
    """A REST request that is wanted every so often; spread over the period."""

    fetch: Fetch
    every_s: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that was not understood; nothing of it was used."""

    recv_ns: int
    reason: str  # expected this, was that
    excerpt: str  # its first characters


@dataclass(frozen=True, slots=True)
class Audit:
    """A book as REST showed it, no deeper than the ladder: rows SNAPSHOT, LEVEL*, COMMIT.

    `ref` is comparable with that of COMMIT rows; 0 where REST names no update:
    compare `exch_ns` then.
    """

    market: int
    symbol: str
    ref: int
    exch_ns: int
    rows: np.ndarray


class Progress(NamedTuple):
    """What a market was told last, by id; that a topic goes on shows in its id alone."""

    book: int
    touch: int
    prints: int


class VenueStream(Protocol):
    """Decoder and book synchroniser of one venue for a set of markets.

    Nothing a venue sends raises. What is not understood is counted, leaves rows
    and books as they were, and its first examples stay in `refusals`. Frames of
    two connections of one name may be mixed while one replaces the other: book
    changes, trades and touches that came twice count once.
    """

    venue: str
    hosts: Hosts  # the public ones
    messages: Counter[str]  # by kind, also "unknown symbol" and "other"
    refused: int
    refusals: list[Refusal]

    def add(self, market: int, instrument: Instrument) -> None:
        """Take one more market of the venue."""

    def connections(self, hosts: Hosts) -> tuple[Connect, ...]:
        """What to connect to, for the markets there are now."""

    def polls(self) -> tuple[Poll, ...]:
        """Requests to repeat for as long as the venue is heard."""

    def on_connected(self, name: str, recv_ns: int, out: RowBuffer) -> tuple[Wanted, ...]:
        """A new connection stands for one that was lost: its books start empty. Not for a renewal."""

    def on_frame(self, name: str, recv_ns: int, payload: bytes, out: RowBuffer) -> tuple[Wanted, ...]:
        """One websocket frame of the connection `name`."""

    def on_rest(self, asked: Fetch, recv_ns: int, payload: bytes, out: RowBuffer) -> tuple[Wanted, ...]:
        """The answer to a `Fetch`; an audit is kept for `take_audits`."""

    def on_disconnected(self, name: str, recv_ns: int, out: RowBuffer) -> None:
        """The connection is gone: every standing book of it gets a GAP row."""

    def take_audits(self) -> tuple[Audit, ...]:
        """The audits that came since the last call."""

    def synced(self) -> dict[str, bool]:
        """Symbol to whether its book stands."""

    def progress(self) -> dict[int, Progress]:
        """Of every market whose book stands."""

    def status(self) -> dict[str, Any]:
        """Counters for people: messages, refusals, gaps, resyncs, duplicates, a book each."""
