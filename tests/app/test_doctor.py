"""What `lopside doctor` says of the user's own secrets, asked at local servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from bot.app.config import Config
from bot.app.doctor_keys import account, telegram
from bot.app.findings import State
from tests.rehearsal.local_server import in_a_thread
from tests.rehearsing import KEYS, Running, demo_world, rehearsal
from tests.telegram.bot_api import TOKEN, BotApi, bot_api

OWNER = 77


@pytest.fixture(scope="module")
def telegram_server() -> Iterator[BotApi]:
    pytest.importorskip("telegram")
    with in_a_thread(bot_api) as api:
        yield api


@pytest.fixture(scope="module")
def exchange() -> Iterator[Running]:
    pytest.importorskip("ccxt")
    demo_world()  # compiled before anybody waits for it
    with in_a_thread(lambda: rehearsal(speed=1.0)) as running:
        yield running


@pytest.fixture(autouse=True)
def no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOPSIDE_TELEGRAM_TOKEN", "LOPSIDE_API_KEY", "LOPSIDE_API_SECRET"):
        monkeypatch.delenv(name, raising=False)


def config_with(folder: Path, **values: Any) -> Config:
    return Config().with_values({"storage.folder": str(folder), **values})


def test_without_secrets_it_says_what_they_are_for(tmp_path: Path) -> None:
    for finding in (telegram(config_with(tmp_path)), account(config_with(tmp_path))):
        assert finding.state is State.SKIPPED
        assert "LOPSIDE_" in finding.advice


@pytest.mark.parametrize(
    ("token", "owners", "state", "says"),
    [
        (TOKEN, (OWNER,), State.FINE, "@lopside_bot"),
        (TOKEN, (), State.BAD, "nobody may use it"),
        ("1:wrong", (OWNER,), State.BAD, "does not know this token"),
    ],
)
def test_telegram_is_asked_about_the_token(
    telegram_server: BotApi,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    token: str,
    owners: tuple[int, ...],
    state: State,
    says: str,
) -> None:
    monkeypatch.setenv("LOPSIDE_TELEGRAM_TOKEN", token)
    values = {"telegram.base_url": telegram_server.base_url, "telegram.owners": owners}
    finding = telegram(config_with(tmp_path, **values))
    assert finding.state is state
    assert says in finding.said
    assert bool(finding.advice) == (state is not State.FINE)
    assert token not in finding.said


def test_telegram_out_of_reach_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("telegram")
    monkeypatch.setenv("LOPSIDE_TELEGRAM_TOKEN", TOKEN)
    finding = telegram(config_with(tmp_path, **{"telegram.base_url": "http://127.0.0.1:9"}))
    assert finding.state is State.WARNING
    assert "cannot be reached" in finding.said
    assert TOKEN not in finding.said


def test_a_secret_that_others_can_read_is_bad(tmp_path: Path) -> None:
    open_file = tmp_path / "key"
    open_file.write_text("secret")
    open_file.chmod(0o644)
    config = config_with(tmp_path, **{"live.key_file": str(open_file), "telegram.token_file": str(open_file)})
    for finding in (account(config), telegram(config)):
        assert finding.state is State.BAD
        assert "chmod 600" in finding.said


def test_the_key_is_looked_at_without_consent_to_trade(
    exchange: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOPSIDE_API_KEY", KEYS.key)
    monkeypatch.setenv("LOPSIDE_API_SECRET", KEYS.secret)
    config = config_with(
        tmp_path, **{"market.urls": f"binance={exchange.http}", "market.symbols": ("BTCUSDT",)}
    )
    finding = account(config)
    assert finding.state is State.FINE, finding
    assert "cannot withdraw" in finding.said

    monkeypatch.setattr(exchange.exchange.account, "withdrawals", True)
    finding = account(config)
    assert finding.state is State.BAD
    assert "can withdraw" in finding.said
    assert "only trade futures" in finding.advice

    monkeypatch.setenv("LOPSIDE_API_KEY", "not-the-key")
    finding = account(config)
    assert finding.state is State.BAD
    assert finding.advice
    assert KEYS.secret not in finding.said


def test_half_a_key_is_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOPSIDE_API_KEY", "half")
    finding = account(config_with(tmp_path, **{"market.urls": "binance=http://127.0.0.1:9"}))
    assert finding.state is State.BAD
    assert "secret" in finding.said + finding.advice
