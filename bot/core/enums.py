"""Enumerations shared by every floor. Integer values are part of the tape and the kernels."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Side(IntEnum):
    """Of an order, an aggressor or a book side: +1 buy/bid, -1 sell/ask."""

    BUY = 1
    SELL = -1

    @property
    def opposite(self) -> Side:
        return Side(-self)


class Mode(StrEnum):
    """Trading horizon; `cycle_s` is how often it decides, `horizon_s` what its edge looks at."""

    SCALP = "scalp"
    DAY = "day"
    SWING = "swing"

    @property
    def place(self) -> int:
        """Row of this mode in the arrays of the signals."""
        return _MODE_PLACE[self]

    @property
    def cycle_s(self) -> int:
        return _MODE_CYCLE_S[self]

    @property
    def horizon_s(self) -> int:
        return _MODE_HORIZON_S[self]


_MODE_PLACE = {Mode.SCALP: 0, Mode.DAY: 1, Mode.SWING: 2}
_MODE_CYCLE_S = {Mode.SCALP: 30, Mode.DAY: 60, Mode.SWING: 300}
_MODE_HORIZON_S = {Mode.SCALP: 60, Mode.DAY: 600, Mode.SWING: 3600}


class Trust(IntEnum):
    """How far a book may be believed. Anything but TRUSTED blocks entries, never exits."""

    QUARANTINED = 0
    SUSPECT = 1
    TRUSTED = 2


class Agreement(IntEnum):
    """How a card's windows relate (signals.md 6.3)."""

    ASLEEP = -1
    NEUTRAL = 0
    MIXED = 1
    AGREED = 2
    CONFLICTED = 3


class OrderType(IntEnum):
    LIMIT = 0
    MARKET = 1
    STOP_MARKET = 2


class TimeInForce(IntEnum):
    GTC = 0
    IOC = 1
    POST_ONLY = 2


class TriggerBy(IntEnum):
    LAST = 0
    MARK = 1


class OrderRole(StrEnum):
    """Why an order exists; the protector recognises its own by this."""

    ENTRY = "entry"
    STOP = "stop"
    TARGET = "target"
    EXIT = "exit"


class OrderState(IntEnum):
    PENDING = 0  # durable, not yet acknowledged
    LIVE = 1
    PARTIAL = 2
    FILLED = 3
    CANCELED = 4
    REJECTED = 5
    UNKNOWN = 6  # asked for and not answered; resolved by asking, never by resending


class ReportKind(IntEnum):
    ACCEPTED = 1
    REJECTED = 2
    FILL = 3
    CANCELED = 4
    EXPIRED = 5
    TRIGGERED = 6
    LIQUIDATION = 7  # a forced fill by the venue
    FUNDING = 8


class RejectReason(IntEnum):
    NONE = 0
    POST_ONLY_WOULD_TAKE = 1
    REDUCE_ONLY_NOTHING_TO_REDUCE = 2
    NO_LIQUIDITY = 3
    TABLE_FULL = 4
    UNKNOWN_ORDER = 5
    BAD_QUANTITY = 6
    INSUFFICIENT_MARGIN = 7


class Liquidity(IntEnum):
    NONE = 0
    MAKER = 1
    TAKER = 2


class Stage(StrEnum):
    """Life of a trade; the allowed steps are in `bot.risk.trades`."""

    ENTERING = "entering"
    OPEN = "open"
    EXITING = "exiting"
    CLOSED = "closed"


class Cascade(IntEnum):
    """Life of a burst of forced orders (signals.md 4.3)."""

    QUIET = 0
    BURST = 1
    CASCADE = 2
    EXHAUST = 3


class WallEnd(IntEnum):
    """What became of a wall (signals.md 2.3)."""

    CONSUMED = 1
    PULLED = 2
    EXPIRED = 3  # it ended where nothing had tested it
    MOVED = 4  # the price ran away from it


class Action(StrEnum):
    """What an intent asks for.

    REDUCE, MOVE_STOP and CANCEL_ENTRY lower risk and are never blocked by entry
    limits. WATCH costs nothing: the set-up stands and only its trigger lacks.
    """

    ENTER = "enter"
    WATCH = "watch"  # ask `enter` again every second, for `entry_ttl_ns` at most
    REDUCE = "reduce"  # close `fraction` of the open quantity
    MOVE_STOP = "move_stop"
    CANCEL_ENTRY = "cancel_entry"


class Entry(StrEnum):
    """How an entry is placed."""

    IOC = "ioc"
    POST_ONLY = "post_only"


class DenyReason(StrEnum):
    """Why risk said no. Documented in docs/refusals.md; a test keeps the two equal."""

    SYMBOL_BUSY = "symbol_busy"
    OPPOSITE_OPEN = "opposite_open"
    MAX_POSITIONS = "max_positions"
    MAX_SAME_SIDE = "max_same_side"
    MAX_EXPOSURE = "max_exposure"
    BETA_EXPOSURE = "beta_exposure"
    PORTFOLIO_VOLATILITY = "portfolio_volatility"
    NO_MARGIN = "no_margin"
    DAILY_LOSS = "daily_loss"
    DRAWDOWN = "drawdown"
    COOL_DOWN = "cool_down"
    STOPS_FAILING = "stops_failing"
    ORDER_RATE = "order_rate"
    BOOK_UNTRUSTED = "book_untrusted"
    DATA_STALE = "data_stale"
    CLOCK_SKEW = "clock_skew"
    SPREAD_WIDE = "spread_wide"
    FUNDING_EXTREME = "funding_extreme"
    CASCADE = "cascade"
    LOW_CONFIDENCE = "low_confidence"
    EDGE_BELOW_COST = "edge_below_cost"
    TARGET_BELOW_COST = "target_below_cost"
    TOO_SMALL = "too_small"
    BOOK_SHALLOW = "book_shallow"
    EXIT_ILLIQUID = "exit_illiquid"
    BEYOND_TIERS = "beyond_tiers"
    NO_VOLATILITY = "no_volatility"
    LIQUIDATION_NEAR = "liquidation_near"
    PAUSED = "paused"
    BAD_INTENT = "bad_intent"
