"""ccxt with its own URLs: the real host names lead to the rehearsal exchange, over TLS.

Nothing of ccxt is patched, so its error table is the one of the real host.
"""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import socket
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.rehearsing import BTC, KEYS, eventually, rehearsal

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


def test_an_untouched_ccxt_trades_and_gets_its_exact_errors(certificate: Path) -> None:
    import ccxt.pro

    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))

    async def run() -> None:
        async with rehearsal(tls=serving) as running:
            resolver = Redirected(running.port)
            connector = aiohttp.TCPConnector(resolver=resolver, ssl=trusting, use_dns_cache=False)
            async with aiohttp.ClientSession(connector=connector) as session:
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
