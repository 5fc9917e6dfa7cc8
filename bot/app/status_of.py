"""Takes a `Status` from a running engine: a few array reads, nothing that the loop would notice."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from math import nan
from typing import TYPE_CHECKING, Any

from bot.core.clock import monotonic_ns
from bot.core.enums import Mode, Side
from bot.core.messages import Denied
from bot.core.units import NS_PER_S
from bot.engine.loop import Trading
from bot.market.book import ASK, BID, best_tick
from bot.market.heads import OK
from bot.market.instruments import Instrument
from bot.operate.status import (
    MarketStatus,
    ModeStatus,
    MoneyStatus,
    RefusalStatus,
    Status,
    TradeStatus,
    WallStatus,
)
from bot.risk.trades import Trade
from bot.signals.state import AWAKE
from bot.signals.walls import WallStage

if TYPE_CHECKING:
    from bot.app.session import SessionOptions
    from bot.app.sources import Source
    from bot.app.wiring import Wired
    from bot.store.tally import Tally

MOST_WALLS = 3  # of a market
MOST_REFUSALS = 6


@dataclass(slots=True)
class StatusMaker:
    """Made when the run begins: speed and PnL count from then. `make` takes well under 2 ms."""

    options: SessionOptions
    source: Source
    wired: Wired
    tally: Tally | None = None  # of the run's journal: refusals and round trips
    _started_ns: int = field(init=False)
    _first_equity: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self._started_ns = monotonic_ns()
        self._first_equity = {coin: equity for coin, _, equity in self._accounts()}

    def make(self) -> Status:
        engine, trading = self.wired.engine, self.wired.trading
        now_ns, first_ns = engine.now_ns, engine.counts.first_ns
        wall_s = (monotonic_ns() - self._started_ns) / NS_PER_S
        elapsed_s = max(0, now_ns - first_ns) / NS_PER_S if first_ns else 0.0
        return Status(
            session=self.options.session,
            kind=self.options.kind,
            source=self.options.market,
            now_ns=now_ns,
            elapsed_s=elapsed_s,
            expected_s=self.source.expected_s,
            wall_s=wall_s,
            speed=elapsed_s / wall_s if wall_s > 0 else 0.0,
            markets=tuple(self._market(m, instrument) for m, instrument in enumerate(engine.instruments)),
            trades=() if trading is None else tuple(self._trade(trading, t) for t in trading.trader.trades),
            money=tuple(
                MoneyStatus(coin, wallet, equity, equity - self._first(coin, equity))
                for coin, wallet, equity in self._accounts()
            ),
            refusals=self._refusals(),
            counts=self._counts(),
            disabled=dict(engine.counts.disabled),
            accepting=engine.accepting and not (trading is not None and trading.risk.halted),
            blocks=tuple(engine.blocks.values()),
            modes=engine.modes,
            armed_until_ns=engine.armed_until_ns,
        )

    def _first(self, coin: str, equity: int) -> int:
        """Equity that gains count from: a live account tells what it holds only after the start."""
        if not self._first_equity.get(coin):
            self._first_equity[coin] = equity
        return self._first_equity[coin]

    def _accounts(self) -> list[tuple[str, int, int]]:
        """Coin, wallet and equity of every settle coin."""
        trading = self.wired.trading
        if trading is None:
            return []
        coins = sorted({i.settle for i in self.wired.engine.instruments})
        return [(coin, trading.venue.wallet_e8(coin), trading.venue.equity_e8(coin)) for coin in coins]

    def _market(self, market: int, instrument: Instrument) -> MarketStatus:
        state = self.wired.engine.state
        head = state.heads[market]
        bid, ask = self._touch(market)
        trust, why = self.wired.engine.trust(market)
        trading = self.wired.trading
        position = 0 if trading is None else trading.venue.position_lots(market)
        return MarketStatus(
            symbol=instrument.symbol,
            bid=instrument.price(bid) if bid else None,
            ask=instrument.price(ask) if ask else None,
            spread_bps=2e4 * (ask - bid) / (ask + bid) if bid and ask else nan,
            trust=trust,
            trust_reason=why,
            thin=int(state.signals.grid["thin"][market]),
            modes=tuple(self._mode(market, mode) for mode in self.options.config.strategies.modes),
            walls=self._walls(market, instrument),
            position=instrument.quantity(position),
            gaps=int(head["gaps"]),
        )

    def _touch(self, market: int) -> tuple[int, int]:
        """Best bid and ask in ticks, 0 without a usable book."""
        state = self.wired.engine.state
        if state.heads[market]["status"] != OK:
            return 0, 0
        return int(best_tick(state.books, market, BID)), int(best_tick(state.books, market, ASK))

    def _mode(self, market: int, mode: Mode) -> ModeStatus:
        signals = self.wired.engine.state.signals
        reading = signals.composites[market, mode.place]
        bias = float(reading["score"])
        awake = float(signals.verdicts[market, mode.place, AWAKE])
        return ModeStatus(
            mode=mode,
            bias=bias,
            confidence=float(reading["confidence"]),
            direction=int(reading["direction"]),
            fresh=bool(reading["fresh"]),
            awake=int(awake) if awake == awake else 0,
        )

    def _walls(self, market: int, instrument: Instrument) -> tuple[WallStatus, ...]:
        signals = self.wired.engine.state.signals
        rows = signals.walls[market, : int(signals.grid["walls"][market])]
        rows = rows[rows["stage"] >= WallStage.ACTIVE]
        nearest = rows[rows["distance_bps"].argsort(kind="stable")][:MOST_WALLS]
        return tuple(_wall(row, instrument) for row in nearest)

    def _trade(self, trading: Trading, trade: Trade) -> TradeStatus:
        engine = self.wired.engine
        instrument = engine.instruments[trade.market]
        bid, ask = self._touch(trade.market)
        entry = trade.entry_price
        move = nan
        if entry and bid and ask:
            move = int(trade.side) * (0.5 * (bid + ask) / float(entry) - 1.0) * 1e4
        return TradeStatus(
            id=trade.id,
            symbol=trade.symbol,
            strategy=trade.strategy,
            mode=trade.mode,
            side=trade.side,
            stage=trade.stage,
            explore=trade.plan.explore,
            quantity=instrument.quantity(trade.open_lots or trade.plan.lots),
            entry=_average(instrument, float(entry)) if entry else None,
            stop=instrument.price(trade.stop),
            move_bps=move,
            unrealised_e8=trading.venue.unrealised(trade.market).amount_e8,
            coin=trade.coin,
            age_s=max(0, engine.now_ns - (trade.filled_ns or trade.opened_ns)) / NS_PER_S,
        )

    def _refusals(self) -> tuple[RefusalStatus, ...]:
        if self.tally is None:
            return ()
        return tuple(_refusal(denied, count) for denied, count in self.tally.latest_refusals(MOST_REFUSALS))

    def _counts(self) -> dict[str, int]:
        engine = self.wired.engine
        counts = engine.counts
        decided = dict(engine.decisions.counts)
        told = {} if self.tally is None else self.tally.counts()
        return {
            "rows": counts.rows,
            "ticks": counts.ticks,
            "gaps": counts.gaps,
            "lost": counts.lost,
            "sentinels": counts.sentinels,
            **{name: int(n) for name, n in decided.items()},
            **told,
        }


def _wall(row: Any, instrument: Instrument) -> WallStatus:
    return WallStatus(
        side=Side(int(row["side"])),
        price=instrument.price(int(row["near"])),
        quantity=instrument.quantity(int(row["quantity"])),
        distance_bps=float(row["distance_bps"]),
        genuineness=float(row["genuineness"]),
    )


def _average(instrument: Instrument, ticks: float) -> Decimal:
    """An average price, one digit finer than the tick."""
    return (instrument.tick * Decimal(repr(ticks))).quantize(instrument.tick.scaleb(-1))


def _refusal(denied: Denied, count: int) -> RefusalStatus:
    intent = denied.intent
    return RefusalStatus(
        now_ns=intent.now_ns,
        symbol=intent.symbol,
        strategy=intent.strategy,
        mode=intent.mode.value,
        side=intent.side,
        reason=denied.reason.value,
        limit=denied.limit,
        value=denied.value,
        count=count,
    )
