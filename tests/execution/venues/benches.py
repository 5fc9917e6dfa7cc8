"""Every venue with one face for the contract's tests: what goes wrong there, what fills, what triggers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from bot.core.messages import Order
from bot.execution.ccxt_broker import Account
from bot.execution.venues import dialect_of
from bot.execution.venues.hosts import point_at
from bot.market.instruments import Instrument
from tests.execution.venues import bybit_server, hyperliquid_server, okx_server
from tests.execution.venues.bybit_server import BybitServer
from tests.execution.venues.hyperliquid_server import HyperliquidServer
from tests.execution.venues.okx_server import OkxServer
from tests.execution.venues.venue_server import VenueServer, serving
from tests.rehearsing import KEYS, Running, rehearsal

TIMEOUT_S = 1.0


class Bench(Protocol):
    name: str
    instruments: tuple[Instrument, ...]
    account: Account
    lots: int  # of one order, more than rests at the touch

    async def fault(self, kind: str) -> None:
        """For the next order request: lost, dropped, late, unsure, busy."""
        ...

    async def cut(self) -> None:
        """The private streams' sockets are closed."""
        ...

    async def skew(self, ms: int) -> None:
        """The venue's clock is off by so much."""
        ...

    async def let_withdraw(self) -> None: ...

    def far(self) -> int:
        """Ticks of a bid that does not trade."""
        ...

    def crossing(self) -> int:
        """Ticks of a bid that would take."""
        ...

    async def trigger(self, order: Order) -> None:
        """The market goes through the stop."""
        ...

    async def force(self) -> None:
        """The venue closes our long itself."""
        ...

    def near_stop(self) -> int:
        """Ticks of a sell stop that `trigger` can reach."""
        ...

    def count(self, client_id: str) -> int:
        """Orders the venue ever had under an id of ours."""
        ...


@dataclass
class Local:
    """A venue's local server."""

    name: str
    server: VenueServer
    instruments: tuple[Instrument, ...]
    account: Account
    lots: int

    async def fault(self, kind: str) -> None:
        self.server.faults.append(kind)

    async def cut(self) -> None:
        await self.server.cut()

    async def skew(self, ms: int) -> None:
        self.server.ahead_ms = ms

    async def let_withdraw(self) -> None:
        self.server.withdraws = True

    def far(self) -> int:
        return int(Decimal(59_000) / self.instruments[0].tick)

    def crossing(self) -> int:
        return int(Decimal(60_010) / self.instruments[0].tick)

    def near_stop(self) -> int:
        return int(Decimal(59_900) / self.instruments[0].tick)

    async def force(self) -> None:
        await self.server.force("sell", self.server.position)

    async def trigger(self, order: Order) -> None:
        [stop] = self.server.of_link(dialect_of(self.name).wire_id(order.client_id))
        await self.server.trigger(stop)

    def count(self, client_id: str) -> int:
        return len(self.server.of_link(dialect_of(self.name).wire_id(client_id)))


KINDS: dict[str, dict[str, Any]] = {
    "lost": {"kind": "drop_before"},
    "dropped": {"kind": "drop_after", "seconds": 0.0},
    "late": {"kind": "late_answer", "seconds": 2.0},
    "unsure": {"kind": "error_after", "status": 408, "code": -1007},
    "busy": {"kind": "limit", "status": 429, "seconds": 1.0},
}


@dataclass
class Rehearsed:
    """Binance, as the rehearsal exchange speaks it."""

    name: str
    running: Running
    instruments: tuple[Instrument, ...]
    account: Account
    lots: int = 3000

    async def fault(self, kind: str) -> None:
        for path in ("/fapi/v1/order", "/fapi/v1/algoOrder"):
            await self.running.control("faults", path=path, method="POST", times=1, **KINDS[kind])

    async def cut(self) -> None:
        await self.running.control("stream", do="disconnect")

    async def skew(self, ms: int) -> None:
        await self.running.control("skew", ms=ms)

    async def let_withdraw(self) -> None:
        await self.running.control("account", withdrawals=True)

    def _touch(self) -> tuple[int, int]:
        found = self.running.exchange.world.touch(0)
        assert found is not None
        return found

    def far(self) -> int:
        return self._touch()[0] - 2000

    def crossing(self) -> int:
        return self._touch()[1] + 20

    def near_stop(self) -> int:
        return self._touch()[0] - 30

    async def force(self) -> None:
        await self.running.control("account", deposit="-998000")
        for _ in range(100):
            await self.running.control("account", deposit="-20")
            await self.running.control("step", seconds=2)
            if not self.running.exchange.account.position(0):
                return
        raise AssertionError("never closed by force")

    async def trigger(self, order: Order) -> None:
        for _ in range(600):
            await self.running.control("step", seconds=1)
            if not self.running.exchange.conditionals.table.in_use(order.client_id):
                return
        raise AssertionError("the market never went there")

    def count(self, client_id: str) -> int:
        exchange = self.running.exchange
        tables = (exchange.orders.all(), exchange.conditionals.table.all())
        return sum(
            o.client_id == client_id and not getattr(o, "original_type", "") for t in tables for o in t
        )


Open = Callable[[], Any]


@asynccontextmanager
async def _binance() -> AsyncIterator[Bench]:
    async with rehearsal(deposit="1000000") as running:

        def adapt(ex: Any) -> None:
            point_at(ex, running.http, f"ws://127.0.0.1:{running.port}")

        keys = {"apiKey": KEYS.key, "secret": KEYS.secret}
        account = Account("rehearsal", keys, adapt=adapt, timeout_s=TIMEOUT_S)
        yield Rehearsed("binance", running, running.exchange.world.instruments, account)


@asynccontextmanager
async def _bybit() -> AsyncIterator[Bench]:
    async with serving(BybitServer(), ("/v5/private",)) as server:

        def adapt(ex: Any) -> None:
            for name in ("spot", "futures", "v2", "public", "private"):
                ex.urls["api"][name] = server.http
            for name in ("contract", "unified"):
                ex.urls["api"]["ws"]["private"][name] = f"{server.ws}/v5/private"
            ex.options["fetchMarkets"] = {"types": ["linear"]}

        keys = {"apiKey": bybit_server.KEY, "secret": bybit_server.SECRET}
        account = Account("bybit", keys, adapt=adapt, timeout_s=TIMEOUT_S)
        markets = (
            Instrument("bybit", "BTCUSDT", Decimal("0.1"), Decimal("0.001")),
            Instrument("bybit", "ETHUSDT", Decimal("0.01"), Decimal("0.01")),
        )
        yield Local("bybit", server, markets, account, 500)


@asynccontextmanager
async def _okx() -> AsyncIterator[Bench]:
    async with serving(OkxServer(step=Decimal("0.01")), ("/ws/v5/private", "/ws/v5/business")) as server:

        def adapt(ex: Any) -> None:
            ex.urls["api"]["rest"] = server.http
            ex.urls["api"]["ws"] = f"{server.ws}/ws/v5"
            ex.options["fetchMarkets"] = {"types": ["swap"]}

        keys = {"apiKey": okx_server.KEY, "secret": okx_server.SECRET, "password": okx_server.PASSPHRASE}
        account = Account("okx", keys, adapt=adapt, timeout_s=TIMEOUT_S)
        step = Decimal("0.01")
        markets = (
            Instrument("okx", "BTC-USDT-SWAP", Decimal("0.1"), step, contract_size=Decimal("0.01")),
            Instrument(
                "okx", "ETH-USDT-SWAP", Decimal("0.01"), Decimal("0.01"), contract_size=Decimal("0.1")
            ),
        )
        yield Local("okx", server, markets, account, 5000)


@asynccontextmanager
async def _hyperliquid() -> AsyncIterator[Bench]:
    async with serving(HyperliquidServer(step=Decimal("0.00001")), ("/ws",)) as server:

        def adapt(ex: Any) -> None:
            for name in ("public", "private"):
                ex.urls["api"][name] = server.http
            ex.urls["api"]["ws"]["public"] = f"{server.ws}/ws"

        keys = {"walletAddress": hyperliquid_server.WALLET, "privateKey": hyperliquid_server.AGENT_KEY}
        account = Account("hyperliquid", keys, adapt=adapt, timeout_s=TIMEOUT_S)
        markets = (
            Instrument("hyperliquid", "BTC", Decimal(1), Decimal("0.00001"), settle="USDC"),
            Instrument("hyperliquid", "ETH", Decimal("0.1"), Decimal("0.0001"), settle="USDC"),
        )
        yield Local("hyperliquid", server, markets, account, 50_000)


BENCHES: dict[str, Open] = {
    "binance": _binance,
    "bybit": _bybit,
    "okx": _okx,
    "hyperliquid": _hyperliquid,
}
