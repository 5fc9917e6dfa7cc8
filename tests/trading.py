"""Builders of views, intents and plans: a linear market around 1000.00 with ticks of 0.01."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from bot.core.enums import Action, Agreement, Entry, Mode, Side, Stage, Trust
from bot.core.ids import intent_id
from bot.core.messages import Composite, Intent, MarketView, Plan, TradeView
from bot.core.units import NS_PER_S
from bot.market.instruments import Contract, Instrument
from bot.risk.account import AccountView
from bot.risk.conditions import Conditions
from bot.risk.depth import BookSide, Depth

T0 = 20_000 * 86_400 * NS_PER_S  # 00:00 UTC of some day
MID = 100_000.0  # ticks

LINEAR = Instrument("test", "ABCUSDT", tick=Decimal("0.01"), lot=Decimal("0.001"))
OTHER = replace(LINEAR, symbol="XYZUSDT")
INVERSE = Instrument(
    "test",
    "ABCUSD",
    tick=Decimal("0.01"),
    lot=Decimal(1),
    contract=Contract.INVERSE,
    contract_size=Decimal(100),
    settle="ABC",
)

COMPOSITE = Composite(
    bias=0.4, probability=0.6, confidence=0.7, agreement=Agreement.AGREED, direction=1, fresh=True, awake=4
)
VIEW = MarketView(
    symbol="ABCUSDT",
    market=0,
    mode=Mode.SCALP,
    now_ns=T0,
    trust=Trust.TRUSTED,
    tick_bps=0.1,
    bid=99_999,
    ask=100_001,
    bid_lots=5_000.0,
    ask_lots=5_000.0,
    mid=MID,
    micro=MID,
    spread_bps=0.2,
    spread_median_bps=0.2,
    depth_bid=1e6,
    depth_ask=1e6,
    thin=0,
    thin_ratio=0.0,
    tfi_fast=0.0,
    tfi_slow=0.0,
    ofi_fast=0.0,
    ofi_z=0.0,
    high_30s=MID,
    low_30s=MID,
    sigma_1s_bps=1.0,
    sigma_10s_bps=3.2,
    sigma_h_bps=8.0,
    mean_abs_h_bps=6.0,
    volatility_unit=1.0,
    alignment=0.0,
    mark=MID,
    funding_rate=float("nan"),
    funding_ns=0,
    composite=COMPOSITE,
    cards=(),
    walls=(),
)

OPEN_TRADE = TradeView(
    id="t",
    symbol="ABCUSDT",
    market=0,
    strategy="mine",
    mode=Mode.SCALP,
    side=Side.BUY,
    stage=Stage.OPEN,
    opened_ns=T0,
    filled_ns=T0,
    planned_lots=10,
    open_lots=10,
    entry_price=MID,
    stop=99_900,
    first_stop=99_900,
    targets_hit=0,
    wall=0,
    wall_lots=0.0,
    entry_bias=0.4,
    best_bps=0.0,
    worst_bps=0.0,
    time_stop_ns=0,
    entry_ttl_ns=0,
    filled_lots=10,
    mid=MID,
)
"""A long trade in the market of VIEW, entered at its mid."""

LONG = Intent(
    id=intent_id("breaker", "scalp", "ABCUSDT", "enter", T0, 0),
    now_ns=T0,
    symbol="ABCUSDT",
    market=0,
    strategy="breaker",
    mode=Mode.SCALP,
    action=Action.ENTER,
    side=Side.BUY,
    reason="ask side thin",
    entry=Entry.IOC,
    limit=100_002,
    invalidation=99_850,  # 15 bps under the mid
    targets=((100_400, 0.4), (100_500, 0.3), (100_600, 0.3)),
    time_stop_ns=120 * NS_PER_S,
    target_bps=49.0,
    drift_bps=5.0,
    confidence=0.7,
)
SHORT = replace(
    LONG,
    id=intent_id("breaker", "scalp", "ABCUSDT", "enter", T0, 1),
    side=Side.SELL,
    limit=99_998,
    invalidation=100_150,
    targets=((99_600, 0.4), (99_500, 0.3), (99_400, 0.3)),
)

ACCOUNT = AccountView("USDT", equity_e8=10_000 * 10**8, day_pnl_e8=0, peak_e8=10_000 * 10**8)


def a_depth(
    touch: float = 5_000.0, behind: float = 10_000.0, levels: int = 100, mid: int = int(MID)
) -> Depth:
    """A book around `mid`: `touch` lots at a tick from it, then `behind` at every tick."""
    lots = [touch] + [behind] * (levels - 1)
    return Depth(
        float(mid),
        BookSide.of(Side.BUY, range(mid - 1, mid - 1 - levels, -1), lots),
        BookSide.of(Side.SELL, range(mid + 1, mid + 1 + levels), lots),
    )


CONDITIONS = Conditions(a_depth(), age_ns=0, skew_ns=0)


def a_plan(intent: Intent = LONG, lots: int = 10, **changes: Any) -> Plan:
    """An approved plan; its cost of 12 bps is where the stop goes to break even."""
    plan = Plan(
        intent=intent,
        lots=lots,
        stop=intent.invalidation,
        explore=False,
        risk_e8=0,
        figures={"cost_bps": 12.0, "bias": 0.4, "stop_bps": 15.0, "target_bps": 49.0, "sigma_day": 0.03},
    )
    return replace(plan, **changes)
