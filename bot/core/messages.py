"""The messages that pass between floors. Frozen; logs and hashes are made of them.

Prices are integer ticks and sizes integer lots; `*_bps` are basis points of
the mid, `*_ns` nanoseconds. Positions are signed, order quantities are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.core.enums import (
    Action,
    Agreement,
    Cascade,
    DenyReason,
    Entry,
    Liquidity,
    Mode,
    OrderRole,
    OrderType,
    RejectReason,
    ReportKind,
    Side,
    Stage,
    TimeInForce,
    TriggerBy,
    Trust,
    WallEnd,
)

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class CardView:
    """One card for one mode at the last 10 s tick. Asleep cards are not listed."""

    name: str
    score: float  # -1 .. 1, + bullish
    strength: float  # 0 .. 1
    confidence: float  # 0 .. 1
    agreement: Agreement
    direction: int  # -1, 0, 1 after hysteresis
    fresh: bool  # direction changed within the last 3 cycles of the mode
    windows: tuple[float, float, float]  # 1m, 5m, 1h scores; nan where the window has no data
    decelerating: bool = False  # signals.md 6.6
    exhausted: bool = False
    weight: float = 0.0  # its share of the composite's experts


@dataclass(frozen=True, slots=True)
class Composite:
    """The weighted verdict for a symbol and mode."""

    bias: float  # -1 .. 1, + bullish: for thresholds
    probability: float  # of a rise over the mode's horizon: for the edge
    confidence: float
    agreement: Agreement
    direction: int
    fresh: bool
    awake: int  # cards that contributed
    decelerating: bool = False
    exhausted: bool = False


@dataclass(frozen=True, slots=True)
class WallView:
    """A large resting quantity that is being watched."""

    id: int
    side: Side  # book side: BUY supports, SELL resists
    price: int  # ticks, the level nearest to the touch in its bucket
    far_price: int  # ticks, the far edge
    quantity: float  # lots displayed now
    peak: float  # largest lots displayed
    executed: float  # lots traded at it
    distance_bps: float
    age_ns: int
    genuineness: float  # 0 .. 1
    layering: float = 0.0  # 0 .. 1: one of several alike, set up together
    cancelled: float = 0.0  # lots taken away from it
    touches: int = 0  # times the price came to it


@dataclass(frozen=True, slots=True)
class EndedWall:
    """A wall that ended within the last minutes."""

    id: int
    side: Side
    how: WallEnd
    ended_ns: int
    executed: float
    cancelled: float


@dataclass(frozen=True, slots=True)
class Zone:
    """A price range where walls, traded volume, swings or estimated liquidations gather (signals.md 8)."""

    id: int
    side: Side  # BUY: support, below the mid
    low: float  # ticks
    high: float
    distance_bps: float  # of the near edge, 0 inside
    hold: float  # probability that an approach turns there
    genuineness: float  # of its walls, 0.5 without any
    trap: bool
    holds: int  # approaches that turned there
    breaks: int  # that went through
    pulls: int  # before which its walls were taken away


@dataclass(frozen=True, slots=True)
class MarketView:
    """What a strategy sees of one market at a decision of one mode. Frozen in time.

    Everything is of the instant but cards and composite, which are of the last
    10 s tick. nan is unknown and compares false with everything.
    """

    symbol: str
    market: int
    mode: Mode
    now_ns: int
    trust: Trust
    tick_bps: float  # one tick in bps of the mid
    bid: int
    ask: int
    bid_lots: float
    ask_lots: float
    mid: float  # ticks
    micro: float  # ticks
    spread_bps: float
    spread_median_bps: float
    depth_bid: float  # lots within 10 bps
    depth_ask: float
    thin: int  # +1 ask side thin (cheap to push up), -1 bid side thin, 0
    thin_ratio: float  # r(10 bps), smoothed; + = ask thinner
    tfi_fast: float  # trade imbalance, 10 s window, nan without trades
    tfi_slow: float  # 60 s window
    ofi_fast: float  # order-flow imbalance of 10 s in units of mean touch depth
    ofi_z: float  # the same over its robust scale
    high_30s: float  # extremes of the mid over the last 30 s, ticks
    low_30s: float
    sigma_1s_bps: float
    sigma_10s_bps: float
    sigma_h_bps: float  # of the mode's horizon
    mean_abs_h_bps: float  # mean |move| over the mode's horizon
    volatility_unit: float  # v of signals.md 0.1
    alignment: float
    mark: float  # ticks, nan when unknown
    funding_rate: float  # nan when unknown
    funding_ns: int  # next settlement, 0 when unknown
    composite: Composite
    cards: Sequence[CardView]
    walls: Sequence[WallView]
    ended: Sequence[EndedWall] = ()  # walls that ended lately, latest last
    zones: Sequence[Zone] = ()  # those spoken of and those once broken, nearest first
    vacuum: int = 0  # +1 the ask side is far emptier than usual, -1 the bid side, 0
    cascade: Cascade = Cascade.QUIET
    cascade_side: int = 0  # +1 forced buying, -1 forced selling
    vpin_rank: float = NAN  # percentile of the toxicity of the flow, 0 .. 1
    absorption: float = NAN  # of the last 10 s with much flow: + selling absorbed by bids
    momentum: float = NAN  # tanh of the move over the mode's window, in its sigmas
    sigma_60s_bps: float = NAN
    mid_average: float = NAN  # of the mid, exponential with 60 s, ticks
    last_price: int = 0  # ticks of the last market print, 0 none yet
    last_ns: int = 0  # when it came
    thin_low_3s: float = NAN  # extremes of thin_ratio; known 3 s after a trade was opened
    thin_high_3s: float = NAN

    def card(self, name: str) -> CardView | None:
        """The card of that name, None while it sleeps."""
        return next((card for card in self.cards if card.name == name), None)


@dataclass(frozen=True, slots=True)
class Intent:
    """What a strategy wants, with the figures that made it want it."""

    id: str
    now_ns: int
    symbol: str
    market: int
    strategy: str
    mode: Mode
    action: Action
    side: Side  # of the trade, not of a closing order
    reason: str
    entry: Entry | None = None
    limit: int = 0  # ticks; ENTER: worst price (IOC) or resting price (post-only)
    invalidation: int = 0  # ticks; ENTER: the stop; MOVE_STOP: the new stop
    targets: tuple[tuple[int, float], ...] = ()  # (ticks, share of the quantity)
    time_stop_ns: int = 0  # how long the trade may live after its first fill
    entry_ttl_ns: int = 0  # how long a resting entry may wait
    stop_bps: float = 0.0
    target_bps: float = 0.0
    drift_bps: float = 0.0  # expected move over the horizon, towards `side`
    confidence: float = 0.0
    conflicted: bool = False
    fraction: float = 1.0  # REDUCE: share of the open quantity
    wall: int = 0  # id of the wall it rests on, 0 none
    wall_span: tuple[int, int] = (0, 0)  # ticks of that wall, near and far edge
    wall_lots: float = 0.0  # displayed there at the decision
    # shares of it below which the entry, the trade, is reconsidered within the same event
    wall_keep: tuple[float, float] = (0.0, 0.0)
    max_lots: float = 0.0  # strategy's own cap (a share of the wall), 0 none
    zone: int = 0  # id of the zone it counts on, 0 none
    zone_breaks: int = 0  # how often that one had been broken by then
    mid: float = 0.0  # ticks, at the decision; the engine fills it in
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """An approved entry: how much, where the stop is, what risk computed."""

    intent: Intent
    lots: int
    stop: int  # ticks
    explore: bool  # spends the paper exploration budget; never counted as performance
    risk_e8: int  # settle coin lost when the stop fills at its price, fees included
    figures: dict[str, float]


@dataclass(frozen=True, slots=True)
class Denied:
    """Risk said no: which rule, its limit, the value that broke it."""

    intent: Intent
    reason: DenyReason
    limit: float
    value: float
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Order:
    """One order as it is sent."""

    client_id: str
    intent_id: str
    market: int
    symbol: str
    side: Side
    type: OrderType
    role: OrderRole
    lots: int
    price: int = 0  # ticks, LIMIT
    trigger: int = 0  # ticks, STOP_MARKET
    trigger_by: TriggerBy = TriggerBy.LAST
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    sent_ns: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What the venue said about an order (or the position), through the inbox.

    `venue_ns` is when it happened there on the corrected exchange clock,
    `now_ns` when we learn of it. Money fields are e8 of the settle coin.
    """

    kind: ReportKind
    client_id: str
    market: int
    symbol: str
    venue_ns: int
    now_ns: int
    side: Side = Side.BUY
    lots: int = 0  # of this fill
    price: int = 0  # ticks of this fill
    left_lots: int = 0
    liquidity: Liquidity = Liquidity.NONE
    reason: RejectReason = RejectReason.NONE
    fee_e8: int = 0
    realised_e8: int = 0
    funding_e8: int = 0


@dataclass(frozen=True, slots=True)
class Fill:
    """One booked fill, as stored and hashed."""

    client_id: str
    symbol: str
    side: Side
    lots: int
    price: int
    liquidity: Liquidity
    fee_e8: int
    realised_e8: int
    now_ns: int


@dataclass(frozen=True, slots=True)
class TradeView:
    """A trade as its strategy sees it in `manage`."""

    id: str
    symbol: str
    market: int
    strategy: str
    mode: Mode
    side: Side
    stage: Stage
    opened_ns: int  # when the entry was sent
    filled_ns: int  # first fill, 0 before
    planned_lots: int
    open_lots: int
    entry_price: float  # ticks, average; 0 before the first fill
    stop: int
    first_stop: int
    targets_hit: int
    wall: int
    wall_lots: float  # displayed quantity of that wall when the entry was sent
    entry_bias: float
    best_bps: float  # maximum favourable excursion so far
    worst_bps: float  # maximum adverse excursion so far (<= 0)
    time_stop_ns: int
    entry_ttl_ns: int
    filled_lots: int = 0
    mid: float = 0.0  # ticks, when its entry was decided
    wall_shown: float = NAN  # lots displayed now where its wall stood, nan without a wall
    zone: int = 0
    zone_breaks: int = 0
    reduced_for: tuple[str, ...] = ()  # reasons of the partial closings so far
    conflicted: bool = False  # windows were in conflict when it was decided
