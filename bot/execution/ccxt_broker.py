"""One account of one venue through ccxt: requests, answers and user streams, as news.

Two library instances: orders never wait behind polls in the rate limiter.
The library resends nothing; what an error means is decided in `outcomes`.
Every number crosses the border here: decimals outside, ticks and lots inside.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

from bot.core.clock import Clock
from bot.core.enums import Liquidity, Side
from bot.core.errors import BadInput
from bot.core.messages import Order
from bot.core.units import NS_PER_MS, NS_PER_S
from bot.execution.news import (
    AccountTold,
    FillTold,
    FundingTold,
    LinkTold,
    News,
    OrderSeen,
    OrderTold,
    PositionSeen,
    Status,
)
from bot.execution.outcomes import UNKNOWN, is_not_found, outcome_of_submit
from bot.execution.rationing import Purpose, Ration, asking_for
from bot.execution.sender import Hear, RequestFailed
from bot.execution.venues import dialect_of
from bot.execution.venues.dialect import Dialect, Exchange, KeyCheck, Wire
from bot.market.feeds.budget import RateBudget
from bot.market.instruments import Instrument

OVERLAP_NS = 60 * NS_PER_S
"""Fills are fetched from this long before the last one known; what was booked is recognised."""

CONNECT_S = 10.0
NEEDED = ("createOrder", "cancelOrder", "fetchOpenOrders", "fetchMyTrades", "fetchPositions", "fetchBalance")
_LIQUIDITY = {True: Liquidity.MAKER, False: Liquidity.TAKER, None: Liquidity.NONE}
DROP_S = 1.0
"""How long a socket may take to say goodbye."""
WAITS_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Account:
    """How an account is reached. `adapt` changes a fresh library instance (other hosts, a proxy)."""

    venue: str
    credentials: Mapping[str, str] = field(repr=False)
    test: bool = False  # the venue's demo or sandbox world
    timeout_s: float = 5.0
    adapt: Callable[[Exchange], None] = lambda ex: None
    session: Any = None  # an aiohttp session to use instead of the library's own


class CcxtBroker:
    """A `Port`. `start` loads markets and checks capabilities; `watch` runs until it is cancelled."""

    def __init__(
        self,
        account: Account,
        instruments: Sequence[Instrument],
        clock: Clock,
        *,
        fills_from_ns: Callable[[int], int] = lambda market: 0,
        since_ns: int = 0,
        budget: RateBudget | None = None,
    ) -> None:
        self.dialect: Dialect = dialect_of(account.venue)
        self.orders = _exchange(account, self.dialect)
        self.polls = _exchange(account, self.dialect)
        self._account = account
        self._instruments = tuple(instruments)
        self._clock = clock
        self._known_from_ns = fills_from_ns
        self._since_ns = since_ns
        self._symbols: list[str] = []
        self._markets: dict[str, int] = {}
        self._client_ids: dict[str, str] = {}  # as the venue takes them → ours
        self._by_order_id: dict[str, str] = {}  # the venue's own ids → ours: trades may name no other
        self._acknowledged: set[str] = set()  # subscriptions in effect
        self._latest_ns = [0] * len(self._instruments)  # venue time of the last fill told
        self._past_ns = [0] * len(self._instruments)  # fills before this are booked or not ours
        self._read = False  # whether the account was, once
        self._listen_first()
        self._ration(budget or RateBudget.of(account.venue))

    def _ration(self, budget: RateBudget) -> None:
        """Both instances ask from one address, as a feed may beside them."""
        for ex in (self.orders, self.polls):
            Ration(ex, self.dialect, budget, self._clock, lambda: not self._read).install()

    async def start(self, known: Iterable[str] = ()) -> None:
        """Load markets; `known` client ids of ours will be recognised. May be called again.

        Raises RequestFailed when the venue does not answer, BadInput when it cannot be traded.
        """
        for client_id in known:
            self._client_ids[self.dialect.wire_id(client_id)] = client_id
        for market in range(len(self._instruments)):
            known_ns = self._known_from_ns(market)
            self._past_ns[market] = known_ns - OVERLAP_NS if known_ns else self._since_ns
        await self._ask(self.orders.load_markets())
        if self.orders.has.get("fetchTime"):
            await self._ask(self.orders.load_time_difference())
        self.polls.set_markets(self.orders.markets, self.orders.currencies)
        self.polls.options["timeDifference"] = self.orders.options.get("timeDifference", 0)
        missing = [name for name in NEEDED if not self.orders.has.get(name)]
        if missing:
            raise BadInput(
                f"{self._account.venue}: ccxt lacks {', '.join(missing)} there; it cannot be traded"
            )
        # markets of reference venues are heard, not traded
        here = self._instruments[0].venue
        self._symbols = [self._symbol_of(i) if i.venue == here else "" for i in self._instruments]
        self._markets = {symbol: market for market, symbol in enumerate(self._symbols) if symbol}

    async def close(self) -> None:
        await asyncio.gather(self.orders.close(), self.polls.close())

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self._markets)

    async def submit(self, order: Order) -> OrderTold:
        with asking_for(Purpose.EXIT if order.reduce_only else Purpose.ENTRY):
            return await self._submit(order)

    async def _submit(self, order: Order) -> OrderTold:
        instrument = self._instruments[order.market]
        wire_id = self._wire_id(order.client_id)
        price, trigger = instrument.price(order.price), instrument.price(order.trigger)
        args = self.dialect.order_args(order, wire_id, price, trigger)
        if self.dialect.market_needs_price and args.price is None:
            args = args._replace(price=float(await self.mid(order.market)))
        side = "buy" if order.side is Side.BUY else "sell"
        lots = float(instrument.quantity(order.lots))
        symbol = self._symbols[order.market]
        answer = await self._ask(
            self.orders.create_order(symbol, args.type, side, lots, args.price, args.params), shield=True
        )
        refused = self.dialect.refused(answer)
        if refused:
            raise RequestFailed(outcome_of_submit(self.dialect.name, ("InvalidOrder",), refused), refused)
        return self._order_told(answer, order.client_id, order.market)

    async def cancel(self, order: Order, venue_id: str) -> OrderTold | None:
        with asking_for(Purpose.EXIT):  # taking an entry back lowers risk, too
            return await self._cancel(order, venue_id)

    async def _cancel(self, order: Order, venue_id: str) -> OrderTold | None:
        wire_id = self._wire_id(order.client_id)
        symbol = self._symbols[order.market]
        work = self.dialect.cancel(self.orders, symbol, order, wire_id, venue_id)
        answer = await self._ask(work, shield=True)
        if not answer.get("status") and self.dialect.child(answer) is None:
            return None
        told = self._order_told(answer, order.client_id, order.market)
        return told if told.status is Status.CANCELED else None

    async def find(self, order: Order, venue_id: str) -> OrderTold | None:
        with asking_for(Purpose.EXIT):  # nothing is decided about a trade before this is known
            return await self._find(order, venue_id)

    async def _find(self, order: Order, venue_id: str) -> OrderTold | None:
        wire_id = self._wire_id(order.client_id)
        symbol = self._symbols[order.market]
        try:
            found = await self._ask(self.dialect.find(self.orders, symbol, order, wire_id, venue_id))
            if found is None or not (found.get("id") or self.dialect.client_id(found)):
                return None
            told = self._order_told(found, order.client_id, order.market)
            if told.child_id and told.status is Status.TRIGGERED:
                return await self._find_child(told, order)
            return told
        except RequestFailed as failed:
            if failed.not_found:
                return None
            raise

    async def _find_child(self, told: OrderTold, order: Order) -> OrderTold:
        """A triggered stop is what the order it became is."""
        try:
            child = await self._ask(self.orders.fetch_order(told.child_id, self._symbols[order.market]))
        except RequestFailed as failed:
            if failed.not_found:
                return told
            raise
        state = self._order_told(child, order.client_id, order.market)
        status = Status.TRIGGERED if state.status is Status.RESTING else state.status
        return OrderTold(
            client_id=order.client_id,
            status=status,
            filled_lots=state.filled_lots,
            venue_id=told.venue_id,
            child_id=told.child_id,
            venue_ns=state.venue_ns,
        )

    async def fills(self, market: int) -> list[FillTold]:
        if not self._symbols[market]:
            return []
        since_ms = self._fills_from_ns(market) // NS_PER_MS or None
        trades = await self._ask(self.dialect.trades(self.polls, self._symbols[market], since_ms))
        told = [self._hear_trade(trade) for trade in trades]
        return sorted((news for news in told if news is not None), key=lambda news: news.venue_ns)

    async def payments(self, market: int) -> list[FundingTold]:
        if not self._symbols[market] or not self.polls.has.get("fetchFundingHistory"):
            return []
        since_ms = (self._clock.now_ns() - 3 * 24 * 3600 * NS_PER_S) // NS_PER_MS
        paid = await self._ask(self.polls.fetch_funding_history(self._symbols[market], since_ms, 100))
        told = [self._funding_told(wire, market) for wire in paid]
        known_ns = self._known_from_ns(market) or self._since_ns
        from_ns = min(self._since_ns, known_ns)  # what was paid while nobody was there, too
        return [news for news in told if from_ns <= news.venue_ns]

    def _funding_told(self, wire: Wire, market: int) -> FundingTold:
        payment_id, amount = self.dialect.funding(wire)
        return FundingTold(
            id=payment_id or f"{market}-{wire['timestamp']}",
            market=market,
            coin=str(wire["code"] or self._instruments[market].settle),
            amount=_decimal(amount),
            venue_ns=int(wire["timestamp"] or 0) * NS_PER_MS,
        )

    def _fills_from_ns(self, market: int) -> int:
        """From where fills are fetched; 0: all that the venue remembers."""
        return max(0, (self._known_from_ns(market) or self._since_ns) - OVERLAP_NS)

    def _is_past(self, told: FillTold) -> bool:
        """Told again as some streams begin with the past, or of before our time: the account was read
        with its effect. Our own orders are never of before our time, whatever the clocks say."""
        if told.venue_ns < self._latest_ns[told.market] - OVERLAP_NS:
            return True
        return not told.client_id and told.venue_ns < self._past_ns[told.market]

    async def account(self) -> AccountTold:
        asked_ns = self._clock.now_ns()
        ex, symbols = self.polls, list(self._markets)
        coins = sorted({self._instruments[m].settle for m in self._markets.values()})
        orders = await self._ask(self.dialect.open_orders(ex, symbols))
        positions = await self._ask(self.dialect.positions(ex, symbols))
        wallet = await self._ask(self.dialect.wallet(ex, coins))
        self._read = True
        return AccountTold(
            asked_ns=asked_ns,
            positions=tuple(p for p in map(self._position_seen, positions) if p is not None and p.lots),
            wallet=wallet,
            orders=tuple(o for o in (self._order_seen(*seen) for seen in orders) if o is not None),
        )

    async def settings(self) -> tuple[bool | None, dict[int, float], dict[int, str]]:
        """Hedge mode, leverage and margin mode by market, as far as the venue tells."""
        hedge = await self._ask(self.dialect.hedge(self.polls, self._symbols[0]))
        leverage: dict[int, float] = {}
        modes: dict[int, str] = {}
        for symbol, market in self._markets.items():
            told = await self._ask(self.dialect.leverage(self.polls, symbol))
            mode = await self._ask(self.dialect.margin_mode(self.polls, symbol))
            leverage |= {} if told is None else {market: told}
            modes |= {} if mode is None else {market: mode}
        return hedge, leverage, modes

    async def dead_man(self, markets: Iterable[int], seconds: int) -> None:
        """Arm (0: disarm) the venue's switch for resting entries, where one leaves stops alone."""
        symbols = [self._symbols[market] for market in markets]
        if symbols:
            await self._ask(self.dialect.dead_man(self.polls, symbols, seconds))

    async def key_check(self) -> KeyCheck:
        if self._account.test:
            return KeyCheck(words="a key of the venue's test world")  # which does not tell what a key may do
        told: KeyCheck = await self._ask(self.dialect.key_check(self.polls))
        return told

    async def skew_ms(self) -> float:
        """How far this machine's clock is ahead of the venue's."""
        await self.resync()
        return float(self.orders.options.get("timeDifference", 0))

    async def resync(self) -> None:
        await self._ask(self.orders.load_time_difference())
        self.polls.options["timeDifference"] = self.orders.options.get("timeDifference", 0)

    async def watch(self, hear: Hear) -> None:
        """The private streams: what they bring, and every up and down of them, until cancelled."""
        attempt = 0
        while True:
            self._acknowledged.clear()
            tasks = [asyncio.create_task(stream) for stream in self._streams(hear)]
            try:
                connected = asyncio.create_task(self._connected())
                done, _ = await asyncio.wait({*tasks, connected}, return_when=asyncio.FIRST_COMPLETED)
                if connected in done and connected.result():
                    attempt = 0
                    hear(LinkTold(up=True))
                    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
                why = next((t.exception() for t in done if t in tasks and not t.cancelled()), None)
                hear(LinkTold(up=False, words=_words(why) if why else "no connection in time"))
            finally:
                connected.cancel()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(connected, *tasks, return_exceptions=True)
                await self._drop_sockets()
            wait_s = WAITS_S[min(attempt, len(WAITS_S) - 1)]
            attempt += 1
            await asyncio.sleep(wait_s * (0.5 + random.random()))

    def _streams(self, hear: Hear) -> list[Coroutine[Any, Any, None]]:
        orders = [
            self._stream(partial(self.orders.watch_orders, params=dict(params)), self._hear_order, hear)
            for params in self.dialect.order_streams
        ]
        return [*orders, self._stream(self.orders.watch_my_trades, self._hear_trade, hear)]

    async def _drop_sockets(self) -> None:
        """Streams come up together or not at all: one left over would not be subscribed to anew."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.orders.close_ws_clients(), DROP_S)
        self.orders.clients.clear()

    async def _stream(
        self,
        watch: Callable[[], Awaitable[list[Wire]]],
        translate: Callable[[Wire], News | None],
        hear: Hear,
    ) -> None:
        while True:
            for wire in await watch():
                news = translate(wire)
                if news is not None:
                    hear(news)

    async def _connected(self) -> bool:
        """Whether the private streams came into effect: news before that may have been missed."""
        until = asyncio.get_running_loop().time() + CONNECT_S
        while asyncio.get_running_loop().time() < until:
            sockets = list(self.orders.clients.values())
            up = any(
                s.connectionEstablished and s.error is None and (s.subscriptions or s.futures)
                for s in sockets
            )
            if up and len(self._acknowledged) >= self.dialect.acknowledgements:
                return True
            await asyncio.sleep(0.02)
        return False

    def _listen_first(self) -> None:
        """The library tells nobody that a subscription was confirmed, and drops some executions."""
        handle = self.orders.handle_message

        def listen(client: Any, message: Any) -> None:
            name = self.dialect.acknowledged(message)
            if name:
                self._acknowledged.add(name)
            handle(client, self.dialect.mended(message))

        self.orders.handle_message = listen

    def _hear_order(self, wire: Wire) -> OrderTold | None:
        market = self._markets.get(str(wire.get("symbol")))
        return None if market is None else self._order_told(wire, self._ours(wire, ""), market)

    def _ours(self, wire: Wire, order_id: str) -> str:
        """Our client id of an order or a trade, by any id that it names; "" not ours."""
        named = self._client_ids.get(self.dialect.client_id(wire), "")
        others = (order_id, self.dialect.parent_id(wire))
        return named or next((self._by_order_id[i] for i in others if i in self._by_order_id), "")

    def _hear_trade(self, wire: Wire) -> FillTold | None:
        told = self._fill_told(wire) if self.dialect.moved_position(wire) else None
        if told is None or self._is_past(told):
            return None
        self._latest_ns[told.market] = max(self._latest_ns[told.market], told.venue_ns)
        return told

    def _order_told(self, wire: Wire, client_id: str, market: int) -> OrderTold:
        child = self.dialect.child(wire)
        if client_id:
            ids = (self.dialect.venue_id(wire), child.order_id if child else "")
            self._by_order_id |= dict.fromkeys(filter(None, ids), client_id)
        filled = Decimal(_decimal(wire.get("filled") or 0)) if child is None else Decimal(0)
        return OrderTold(
            client_id=client_id,
            status=self.dialect.status(wire) if child is None else child.status,
            filled_lots=self._lots(market, filled),
            venue_id=self.dialect.venue_id(wire),
            child_id=child.order_id if child else "",
            refusal=self.dialect.refusal(wire),
            venue_ns=int(wire.get("lastUpdateTimestamp") or wire.get("timestamp") or 0) * NS_PER_MS,
        )

    def _fill_told(self, wire: Wire) -> FillTold | None:
        market = self._markets.get(str(wire.get("symbol")))
        if market is None:
            return None
        fee = self.dialect.fee(wire)
        order_id = str(wire.get("order") or "")
        return FillTold(
            trade_id=str(wire["id"]),
            market=market,
            side=Side.BUY if wire["side"] == "buy" else Side.SELL,
            lots=self._lots(market, Decimal(_decimal(wire["amount"]))),
            price=_decimal(wire["price"]),
            client_id=self._ours(wire, order_id),
            venue_id=order_id,
            fee=fee.amount,
            fee_coin=fee.coin,
            liquidity=_LIQUIDITY[self.dialect.maker(wire)],
            forced=self.dialect.forced(wire),
            venue_ns=int(wire.get("timestamp") or 0) * NS_PER_MS,
        )

    def _order_seen(self, wire: Wire, stop: bool) -> OrderSeen | None:
        market = self._markets.get(str(wire.get("symbol")))
        if market is None:
            return None
        wire_id = self.dialect.client_id(wire)
        ours = self._client_ids.get(wire_id)
        return OrderSeen(
            market=market,
            client_id=ours or ("lop-other-" if self.dialect.is_ours(wire_id) else "") + wire_id,
            venue_id=self.dialect.venue_id(wire),
            side=Side.BUY if wire.get("side") == "buy" else Side.SELL,
            lots=self._lots(market, Decimal(_decimal(wire.get("amount") or 0))),
            stop=stop,
        )

    def _position_seen(self, wire: Wire) -> PositionSeen | None:
        market = self._markets.get(str(wire.get("symbol")))
        if market is None:
            return None
        lots = self._lots(market, abs(Decimal(_decimal(wire.get("contracts") or 0))))
        sign = -1 if wire.get("side") == "short" else 1
        return PositionSeen(market, sign * lots, _decimal(wire.get("entryPrice") or 0))

    def _lots(self, market: int, quantity: Decimal) -> int:
        """Whole lots of a quantity the venue told; a venue's step that is finer than ours is an error."""
        return self._instruments[market].lots(quantity) if quantity else 0

    def _wire_id(self, client_id: str) -> str:
        wire_id = self.dialect.wire_id(client_id)
        self._client_ids[wire_id] = client_id
        return wire_id

    async def mid(self, market: int) -> Decimal:
        book = await self._ask(self.polls.fetch_order_book(self._symbols[market], 5))
        return (Decimal(_decimal(book["bids"][0][0])) + Decimal(_decimal(book["asks"][0][0]))) / 2

    def _symbol_of(self, instrument: Instrument) -> str:
        """ccxt's symbol of a linear perpetual of ours. Raises BadInput when the venue lacks it."""
        symbol = self.dialect.symbol(instrument.symbol, self.orders)
        if symbol is None:
            raise BadInput(f"{self._account.venue}: no linear perpetual {instrument.symbol!r} there")
        return symbol

    async def _ask(self, work: Awaitable[Any], *, shield: bool = False) -> Any:
        """Await a request. `shield`: one that moves orders is not cut off when we are cancelled."""
        try:
            if not shield:
                return await work
            return await asyncio.shield(asyncio.ensure_future(work))
        except asyncio.CancelledError:
            if not shield or _being_cancelled():
                raise
            raise RequestFailed(UNKNOWN, "the request was cut off") from None
        except Exception as error:
            classes = [c.__name__ for c in type(error).__mro__]
            words = _words(error)
            outcome = outcome_of_submit(self.dialect.name, classes, words)
            raise RequestFailed(outcome, words, not_found=is_not_found(classes)) from error


def _exchange(account: Account, dialect: Dialect) -> Exchange:
    try:
        import ccxt.pro as ccxtpro
    except ImportError:
        raise BadInput("live trading needs ccxt: pip install 'lopside[live]'") from None
    make = getattr(ccxtpro, dialect.ccxt_id, None)
    if make is None:
        raise BadInput(f"unknown venue {account.venue!r}: ccxt has no {dialect.ccxt_id!r}")
    settings: dict[str, Any] = {
        **account.credentials,
        "enableRateLimit": True,
        "rateLimiterAlgorithm": "rollingWindow",
        "timeout": int(account.timeout_s * 1000),
        "newUpdates": True,
        "options": {**dialect.options, "tradesLimit": 5000, "ordersLimit": 5000},
    }
    if account.session is not None:
        settings["session"] = account.session
    ex = dialect.client(make)(settings)
    if account.test:
        _enter_test_world(ex, dialect)
    account.adapt(ex)
    dialect.prepare(ex)
    return ex


def _enter_test_world(ex: Exchange, dialect: Dialect) -> None:
    if dialect.testnet == "demo":
        ex.enable_demo_trading(True)
    elif dialect.testnet == "sandbox":
        ex.set_sandbox_mode(True)
    else:
        raise BadInput(f"{dialect.name} has no test world; trade it live or use the rehearsal exchange")


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _words(error: BaseException) -> str:
    """One line, without what a signed request carries behind its path."""
    return re.sub(r"\?\S+", "", " ".join(f"{type(error).__name__}: {error}".split()))[:500]


def _decimal(number: Any) -> str:
    """A number of the library as plain decimal text, not rounded any further."""
    return format(Decimal(str(number)), "f")
