"""ccxt with its own URLs: the real host names lead to the rehearsal exchange, over TLS.

Nothing of ccxt is patched, so its error table is the one of the real host.
"""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.core.clock import SystemClock
from bot.core.enums import OrderRole, OrderType, Side, TimeInForce, TriggerBy
from bot.core.ids import client_order_id, intent_id
from bot.core.messages import Order
from bot.execution.ccxt_broker import Account, CcxtBroker
from bot.execution.news import Refusal, Status, Verdict
from bot.execution.sender import RequestFailed
from bot.execution.venues.hosts import point_at
from tests.rehearsing import BTC, KEYS, Running, eventually, rehearsal

ccxt = pytest.importorskip("ccxt")
x509 = pytest.importorskip("cryptography.x509")

HOSTS = ("fapi.binance.com", "fstream.binance.com", "api.binance.com")


class Redirected(AbstractResolver):
    """Every name is this machine, on one port; whoever asks for another host is noted."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: set[str] = set()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.add(host)
        here = {"hostname": host, "host": "127.0.0.1", "port": self.port}
        return [ResolveResult(**here, family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST)]  # type: ignore[typeddict-item]

    async def close(self) -> None: ...


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the real names, signed by itself; key and certificate in one file."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "rehearsal")])
    names: list[Any] = [x509.DNSName(host) for host in HOSTS]
    names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path: Path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@asynccontextmanager
async def real_names(certificate: Path) -> AsyncIterator[tuple[Running, Redirected, aiohttp.ClientSession]]:
    """The exchange over TLS, and a session in which the venue's own host names lead to it."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with rehearsal(tls=serving) as running:
        resolver = Redirected(running.port)
        connector = aiohttp.TCPConnector(resolver=resolver, ssl=trusting, use_dns_cache=False)
        async with aiohttp.ClientSession(connector=connector) as session:
            yield running, resolver, session


def test_an_untouched_ccxt_trades_and_gets_its_exact_errors(certificate: Path) -> None:
    import ccxt.pro

    async def run() -> None:
        async with real_names(certificate) as (running, resolver, session):
            options = {"fetchCurrencies": False, "fetchMarkets": {"types": ["linear"]}}
            ex = ccxt.pro.binanceusdm(
                {"apiKey": KEYS.key, "secret": KEYS.secret, "session": session, "options": options,
                 "enableRateLimit": False}
            )  # fmt: skip
            try:
                await ex.load_markets()
                watching = asyncio.create_task(ex.watch_orders(BTC))
                await eventually(lambda: running.venue.stream.sockets == 1, "the user stream")
                order = await ex.create_order(BTC, "market", "buy", 0.01)
                assert (await watching)[0]["id"] == order["id"]
                with pytest.raises(ccxt.InsufficientFunds):
                    await ex.create_order(BTC, "limit", "buy", 100, 58000)
                with pytest.raises(ccxt.OrderNotFillable):
                    await ex.create_order(BTC, "limit", "buy", 0.01, 60500, {"postOnly": True})
                with pytest.raises(ccxt.OrderImmediatelyFillable):
                    await ex.create_order(BTC, "market", "sell", 0.01, None, {"stopLossPrice": 70000})
                rights = await ex.sapiGetAccountApiRestrictions()
                assert rights["enableWithdrawals"] is False
                assert resolver.asked == set(HOSTS)
            finally:
                await ex.close()

    asyncio.run(asyncio.wait_for(run(), 60))


def an_order(running: Running, **changes: Any) -> Order:
    """A stop of 10 lots far below the market; prices are shares of the touch, its id is new each time."""
    touch = running.exchange.world.touch(0)
    assert touch is not None
    for name in ("price", "trigger"):
        changes[name] = round(touch[0] * changes.get(name, 0.5 if name == "trigger" else 0))
    client_id = client_order_id(intent_id("tls", "", "", "", next(_NUMBERS), 0), "stop", 0)
    order = Order(
        client_id,
        "tls",
        0,
        "BTCUSDT",
        Side.SELL,
        OrderType.STOP_MARKET,
        OrderRole.STOP,
        10,
        trigger_by=TriggerBy.MARK,
    )
    return replace(order, **changes)


_NUMBERS = count(1)
LIMIT = {"type": OrderType.LIMIT, "role": OrderRole.ENTRY, "side": Side.BUY, "trigger": 0}


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"trigger": 1.1}, Refusal.WOULD_TRIGGER),
        ({**LIMIT, "lots": 100_000, "price": 0.97}, Refusal.MARGIN),
        ({**LIMIT, "price": 1.01, "time_in_force": TimeInForce.POST_ONLY}, Refusal.POST_ONLY),
        ({**LIMIT, "price": 1.01, "side": Side.SELL, "reduce_only": True}, Refusal.NOTHING_TO_REDUCE),
    ],
    ids=["stop-on-the-wrong-side", "no-margin", "post-only-would-take", "nothing-to-reduce"],
)
def test_our_broker_on_the_real_host_names_knows_every_refusal(
    certificate: Path, changes: dict[str, Any], refusal: Refusal
) -> None:
    async def run() -> None:
        async with real_names(certificate) as (running, resolver, session):
            account = Account("binance", {"apiKey": KEYS.key, "secret": KEYS.secret}, session=session)
            broker = CcxtBroker(account, running.exchange.world.instruments, SystemClock())
            try:
                await broker.start()
                with pytest.raises(RequestFailed) as failed:
                    await broker.submit(an_order(running, **changes))
                assert failed.value.outcome.verdict is Verdict.REFUSED
                assert failed.value.outcome.refusal is refusal
                assert resolver.asked <= set(HOSTS)
            finally:
                await broker.close()

    asyncio.run(asyncio.wait_for(run(), 60))


def test_our_broker_on_the_real_host_names_places_finds_and_hears_a_stop(certificate: Path) -> None:
    async def run() -> None:
        async with real_names(certificate) as (running, resolver, session):
            account = Account("binance", {"apiKey": KEYS.key, "secret": KEYS.secret}, session=session)
            broker = CcxtBroker(account, running.exchange.world.instruments, SystemClock())
            heard: list[Any] = []
            try:
                await broker.start()
                assert (await broker.key_check()).can_withdraw is False
                watching = asyncio.create_task(broker.watch(heard.append))
                await eventually(lambda: heard, "the private stream")
                order = an_order(running)
                assert (await broker.submit(order)).status is Status.RESTING
                found = await broker.find(order, "")
                assert found is not None
                assert found.status is Status.RESTING
                assert [(o.client_id, o.stop) for o in (await broker.account()).orders] == [
                    (order.client_id, True)
                ]
                await broker.cancel(order, "")
                await eventually(
                    lambda: any(getattr(n, "status", None) is Status.CANCELED for n in heard), "its end"
                )
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
                assert resolver.asked == set(HOSTS)
            finally:
                await broker.close()

    asyncio.run(asyncio.wait_for(run(), 60))


def test_urls_that_lead_elsewhere_bring_the_errors_of_the_real_host_along_and_all_others_fail() -> None:
    import ccxt.pro

    async def run() -> None:
        async with rehearsal() as running:
            ex = ccxt.pro.binanceusdm({"apiKey": KEYS.key, "secret": KEYS.secret})
            untouched = ccxt.pro.binanceusdm().exceptions["exact"]
            point_at(ex, running.http, f"ws://127.0.0.1:{running.port}")
            try:
                assert ex.exceptions["exact"]["-5022"] is ccxt.OrderNotFillable
                assert untouched.get("-5022") is not ccxt.OrderNotFillable
                for ask in (ex.dapiPublicGetPing, ex.eapiPublicGetPing, ex.publicGetPing, ex.papiGetPing):
                    with pytest.raises(ccxt.BaseError):
                        await ask()
                assert all(line["status"] == 404 for line in running.venue.journal.lines)
                assert all(
                    running.http in url for name, url in ex.urls["api"].items() if isinstance(url, str)
                )
            finally:
                await ex.close()

    asyncio.run(asyncio.wait_for(run(), 60))
