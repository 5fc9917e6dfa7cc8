"""Builds an engine from a configuration: the one place where the parts meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from bot.app.config import Config, PaperConfig, RiskConfig
from bot.app.plugins import Loaded
from bot.core.enums import TriggerBy
from bot.core.protocols import Journal
from bot.core.units import NS_PER_MS, NS_PER_S, to_e8
from bot.engine.decisions import DecisionHash, HashingJournal
from bot.engine.kernel import new_state
from bot.engine.loop import Engine, Trading
from bot.engine.panel import Slot
from bot.execution.desk import TraderRules
from bot.execution.live_desk import LiveDesk
from bot.execution.live_venue import LiveVenue
from bot.execution.paper import PaperSettings, PaperVenue
from bot.execution.trader import Trader
from bot.execution.venue_state import QueueModel
from bot.market.instruments import Instrument
from bot.risk.account import AccountTracker
from bot.risk.gate import GateRules
from bot.risk.limits import RiskLimits
from bot.risk.manager import RiskManager
from bot.risk.proposal import Fees
from bot.risk.sizing import SizeRules
from bot.risk.trades import TradeBook

BACKSTOP_NS = 3 * NS_PER_S
"""How long a price may lie beyond a stop on the exchange before we leave by market ourselves."""

PAPER_Z = 0.0
LIVE_Z = 1.0
"""Standard errors taken off a setup's record."""


PAPER_LEVERAGE = PaperSettings().leverage
"""The isolated leverage that positions have in the paper venue."""


@dataclass(frozen=True, slots=True)
class Wired:
    """An engine and the parts that the session saves and shows."""

    engine: Engine
    journal: Journal
    trading: Trading | None


def wire(
    config: Config,
    instruments: Sequence[Instrument],
    strategies: dict[str, Loaded],
    journal: Journal,
    *,
    trades: bool,
    own_timers: bool,
    live: bool = False,
    on_tick: Callable[[int], None] | None = None,
) -> Wired:
    """An engine over cold arrays; `trades` False only watches. `live`: on an account, fed by news."""
    decisions = DecisionHash()
    hashing = HashingJournal(journal, decisions)
    if live:
        account = LiveVenue(instruments)
        state = new_state(instruments)
        account.attach(state.heads)
        trading: Trading | None = _live_trading(config, instruments, account, hashing)
    else:
        venue = PaperVenue(instruments, paper_settings(config.paper))
        state = new_state(instruments, mt=venue.mt)
        venue.attach(state.heads)
        trading = _trading(config, instruments, venue, hashing) if trades else None
    engine = Engine(
        state,
        instruments,
        hashing,
        decisions,
        slots=[Slot(loaded.strategy, config.strategies.modes) for loaded in strategies.values()],
        trading=trading,
        own_timers=own_timers,
        equity_every_ns=int(config.storage.equity_every * NS_PER_S),
        on_tick=on_tick,
    )
    return Wired(engine, hashing, trading)


def paper_settings(paper: PaperConfig) -> PaperSettings:
    return PaperSettings(
        order_latency_ns=int(paper.order_latency_ms * NS_PER_MS),
        cancel_latency_ns=int(paper.cancel_latency_ms * NS_PER_MS),
        report_latency_ns=int(paper.report_latency_ms * NS_PER_MS),
        queue_model=QueueModel(paper.queue_model),
        maker_fee=None if paper.maker_fee is None else Decimal(str(paper.maker_fee)),
        taker_fee=None if paper.taker_fee is None else Decimal(str(paper.taker_fee)),
    )


def risk_limits(risk: RiskConfig, leverage: float = PAPER_LEVERAGE) -> RiskLimits:
    """`leverage` is the isolated one that positions have at the venue."""
    return RiskLimits(
        size=SizeRules(
            risk_per_trade=risk.risk_per_trade,
            kelly_share=risk.kelly_share,
            daily_volatility=risk.daily_volatility,
            max_leverage=risk.max_leverage,
        ),
        max_exposure=risk.max_exposure,
        max_beta=risk.max_beta,
        portfolio_volatility=risk.portfolio_volatility,
        max_positions=risk.max_positions,
        max_same_side=risk.max_same_side,
        daily_loss=risk.daily_loss,
        max_drawdown=risk.max_drawdown,
        cool_down_stops=risk.cool_down_stops,
        cool_down_ns=int(risk.cool_down * NS_PER_S),
        max_order_rate=risk.max_order_rate,
        max_clock_skew_ns=int(risk.max_clock_skew * NS_PER_S),
        max_funding=risk.max_funding,
        margin_leverage=leverage,
    )


def gate_rules(config: Config) -> GateRules:
    risk = config.risk
    return GateRules(
        z=PAPER_Z,
        explore_per_day=config.paper.explore_per_day,
        min_confidence=risk.min_confidence,
        explore_confidence=risk.explore_confidence,
        min_target_cost_ratio=risk.min_target_cost_ratio,
        max_spread_ratio=risk.max_spread_ratio,
    )


def starting_balance_e8(paper: PaperConfig, coin: str) -> int:
    amount = {"USDT": paper.balance_usdt, "BTC": paper.balance_btc}.get(coin, paper.balance_other)
    return to_e8(Decimal(str(amount)))


def _trading(
    config: Config, instruments: Sequence[Instrument], venue: PaperVenue, journal: Journal
) -> Trading:
    book = TradeBook()
    by_market = dict(enumerate(instruments))
    limits = risk_limits(config.risk, venue.settings.leverage)
    fees = {market: Fees(*venue.fees(market)) for market in by_market}
    risk = RiskManager(limits, gate_rules(config), by_market, book, fees)
    trader = Trader(venue, journal, by_market, book, on_closed=risk.closed, on_sent=risk.sent)
    return Trading(venue, risk, trader, AccountTracker())


def _live_trading(
    config: Config, instruments: Sequence[Instrument], venue: LiveVenue, journal: Journal
) -> Trading:
    """No exploration, a standard error off every record, stops by the configured price."""
    book = TradeBook()
    by_market = dict(enumerate(instruments))
    gate = replace(gate_rules(config), z=LIVE_Z, explore_per_day=0)
    risk = RiskManager(risk_limits(config.risk), gate, by_market, book)
    trigger_by = TriggerBy.MARK if config.live.stop_trigger == "mark" else TriggerBy.LAST
    trader = Trader(
        venue,
        journal,
        by_market,
        book,
        on_closed=risk.closed,
        rules=TraderRules(trigger_by=trigger_by, backstop_ns=BACKSTOP_NS),
    )
    desk = LiveDesk(venue, trader, journal, trigger_by)
    return Trading(venue, risk, trader, AccountTracker(), desk)
