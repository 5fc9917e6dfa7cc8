"""What the outside tells a live session besides market rows: the items of the inbox.

Facts as the venue told them, in ticks, lots and decimals as text. They are
numbered with the rows and kept in the journal, so a replay hears them again;
nothing here was computed from our own state.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from bot.core.enums import Liquidity, Side


class Verdict(StrEnum):
    """What is known of an order after it was sent (docs/outcomes.md)."""

    PLACED = "placed"
    REFUSED = "refused"  # certainly not placed
    UNKNOWN = "unknown"  # it may be there: ask
    ABSENT = "absent"  # asked often enough: it is not there


class Refusal(StrEnum):
    """Why a venue refused an order, over all venues."""

    NONE = "none"
    POST_ONLY = "post_only"  # it would have taken
    WOULD_TRIGGER = "would_trigger"  # a stop on the wrong side of the price
    NOTHING_TO_REDUCE = "nothing_to_reduce"
    MARGIN = "margin"
    QUANTITY = "quantity"  # size, step or least value
    PRICE = "price"  # tick or price band
    MODE = "mode"  # position mode or margin mode does not fit
    PERMISSION = "permission"
    RATE = "rate"  # too many requests: not processed
    ENDPOINT = "endpoint"  # this order type is not taken here any more
    CLOSED = "closed"  # market or account does not trade
    NOT_DURABLE = "not_durable"  # ours: the journal could not be written, so nothing was sent
    OTHER = "other"


class Status(StrEnum):
    """Of an order at the venue."""

    RESTING = "resting"
    TRIGGERED = "triggered"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REFUSED = "refused"


ENDS = frozenset((Status.FILLED, Status.CANCELED, Status.EXPIRED, Status.REFUSED))


class _Told(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    venue_ns: int = 0  # when it happened there, 0 unknown


class Answer(_Told, frozen=True, kw_only=True):
    """To a submit, or what asking brought when the answer was lost."""

    client_id: str
    verdict: Verdict
    refusal: Refusal = Refusal.NONE
    words: str = ""  # the venue's own
    venue_id: str = ""


class OrderTold(_Told, frozen=True, kw_only=True):
    """State of one of our orders. `child_id`: the order that a triggered stop became."""

    client_id: str
    status: Status
    filled_lots: int = 0
    venue_id: str = ""
    child_id: str = ""
    refusal: Refusal = Refusal.NONE
    words: str = ""


class FillTold(_Told, frozen=True, kw_only=True):
    """One execution. `trade_id` is the venue's and counts once. `price` in quote currency, as text."""

    trade_id: str
    market: int
    side: Side
    lots: int
    price: str
    client_id: str = ""
    venue_id: str = ""
    fee: str = ""  # paid, as text; "" when the venue did not say
    fee_coin: str = ""  # "" the settle coin
    liquidity: Liquidity = Liquidity.NONE
    forced: bool = False  # liquidation or auto-deleveraging


class FundingTold(_Told, frozen=True, kw_only=True):
    """A settled funding payment; `amount` received, as text."""

    id: str
    market: int
    coin: str
    amount: str


class OrderSeen(msgspec.Struct, frozen=True, omit_defaults=True):
    """An order that rests on the account."""

    market: int
    client_id: str
    venue_id: str
    side: Side
    lots: int
    stop: bool = False


class PositionSeen(msgspec.Struct, frozen=True, omit_defaults=True):
    """A position on the account: signed lots, average entry in quote currency as text ("" unknown)."""

    market: int
    lots: int
    entry: str = ""


class AccountTold(_Told, frozen=True, kw_only=True):
    """The account as the venue shows it. `asked_ns` is when the first of the questions left."""

    asked_ns: int
    positions: tuple[PositionSeen, ...]  # markets without a position are absent
    wallet: dict[str, str]  # wallet balance by coin, as text
    orders: tuple[OrderSeen, ...] = ()
    leverage: dict[int, float] = {}
    hedge: bool | None = None


class LinkTold(_Told, frozen=True, kw_only=True):
    """The private connection came up or went down."""

    up: bool
    words: str = ""


class Pulse(_Told, frozen=True, kw_only=True):
    """Time has passed without a row: a deadline is due."""


class Found(_Told, frozen=True, kw_only=True):
    """Something about the account that people should know, found by the shell."""

    what: str
    words: str
    blocks_entries: bool = False


class SelfTestSent(_Told, frozen=True, kw_only=True):
    """A stop that only proves that stops work is about to leave; heard and kept before it does."""

    client_id: str


News = Answer | OrderTold | FillTold | FundingTold | AccountTold | LinkTold | Pulse | Found | SelfTestSent

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(News)


def encode_news(news: News) -> bytes:
    return _encoder.encode(news)


def decode_news(body: bytes | str) -> News:
    """Raises msgspec.ValidationError when it is not one of ours."""
    return _decoder.decode(body)
