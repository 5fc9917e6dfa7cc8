"""A live start that meets a venue which does not answer: what it waits for, and what ends it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.app.reach import Unreachable
from bot.core.errors import BadInput
from bot.execution.ccxt_broker import CcxtBroker
from bot.execution.news import AccountTold
from bot.rehearsal.request_faults import Fault, FaultKind
from bot.rehearsal.server import Venue
from bot.store.database import FILE_NAME, Database
from tests.app.lives import a_life, audits, by_hand, config_for, exchange, trades, until
from tests.app.test_live_session import live
from tests.rehearsing import KEYS

pytest.importorskip("ccxt")

ASKED_AT_THE_START = ("/fapi/v1/time", "/fapi/v1/positionSide/dual")
"""For the clock while markets are loaded, for the modes while the account is checked."""

SHORT_S = 5.0


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOPSIDE_API_KEY", KEYS.key)
    monkeypatch.setenv("LOPSIDE_API_SECRET", KEYS.secret)


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    from bot.app.warm import compile_all

    compile_all()


def database_in(folder: Path) -> Path:
    return folder / "data" / "live" / FILE_NAME


def proved(folder: Path) -> bool:
    """Whether the latest try of a stop went well."""
    return trades(database_in(folder)) and audits(database_in(folder))["stop_self_test"] == '{"words":""}'


def market(url: str, **command: str) -> None:
    """Faults of the market's data, on or off."""
    body = json.dumps(command).encode()
    urllib.request.urlopen(f"{url}/_control/market", data=body, timeout=5).close()


def strike(venue: Venue, kind: FaultKind, path: str, times: int) -> Fault:
    fault = Fault(kind, path=path, times=times, seconds=1.0, status=429 if kind is FaultKind.LIMIT else 0)
    venue.faults.add(fault)
    return fault


@pytest.mark.parametrize("path", ASKED_AT_THE_START)
def test_too_many_requests_are_waited_out(path: str, tmp_path: Path) -> None:
    with exchange() as (venue, url):
        fault = strike(venue, FaultKind.LIMIT, path, times=1)
        with a_life(tmp_path, url, SHORT_S) as life:
            until(life.saw("account_unreadable"), "word of the refusal")
            until(life.saw("account_readable"), "word of its end")
            until(lambda: trades(database_in(tmp_path)), "a session that trades")
        assert not life.errors, life.errors
    assert fault.struck == 1
    assert "account" in audits(database_in(tmp_path))


@pytest.mark.parametrize("path", ASKED_AT_THE_START)
def test_with_nothing_at_stake_a_venue_that_is_away_is_no_start(path: str, tmp_path: Path) -> None:
    with exchange() as (venue, url):
        strike(venue, FaultKind.ERROR_BEFORE, path, times=0)
        with pytest.raises(BadInput, match=r"account cannot be read: .*503.*try again later"):
            live(config_for(tmp_path, url), tmp_path, 5.0)


@pytest.fixture
def at_stake(tmp_path: Path) -> Iterator[tuple[Venue, str]]:
    """An exchange with a position that a session, which has ended, gave a stop."""
    with exchange() as (venue, url):
        with a_life(tmp_path, url, SHORT_S):
            until(lambda: trades(database_in(tmp_path)), "a session that trades")
            by_hand(venue, url)
        assert "unknown_position" in audits(database_in(tmp_path))
        yield venue, url


@pytest.mark.parametrize("path", ASKED_AT_THE_START)
def test_with_a_position_open_a_venue_that_is_away_is_waited_for(
    path: str, at_stake: tuple[Venue, str], tmp_path: Path
) -> None:
    venue, url = at_stake
    strike(venue, FaultKind.ERROR_BEFORE, path, times=2)
    with a_life(tmp_path, url, SHORT_S) as life:
        until(life.saw("account_unreadable"), "word of the outage")
        until(life.saw("account_readable"), "word of its end")
    assert not life.errors, life.errors


def test_with_a_position_open_what_forbids_a_start_only_keeps_entries_waiting(
    at_stake: tuple[Venue, str], tmp_path: Path
) -> None:
    venue, url = at_stake
    venue.exchange.account.withdrawals = True
    with a_life(tmp_path, url, SHORT_S) as life:
        until(life.saw("account_check"), "word of the key")
    assert not life.errors, life.errors
    assert "can withdraw" in audits(database_in(tmp_path))["account_check"]


def test_with_a_position_open_market_data_that_does_not_come_is_waited_for(
    at_stake: tuple[Venue, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.app.live.START_WITHIN_S", 0.5)
    _, url = at_stake
    market(url, begin="refuse")
    with a_life(tmp_path, url, SHORT_S) as life:
        until(life.saw("no_market_data"), "word of the silence")
        market(url, end="refuse")
    (result,) = life.results
    assert result.summary["rows"] > 100


def test_with_nothing_at_stake_market_data_that_does_not_come_is_no_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.app.live.START_WITHIN_S", 0.5)
    with exchange() as (_, url):
        market(url, begin="refuse")
        with pytest.raises(Unreachable, match="no market data"):
            live(config_for(tmp_path, url), tmp_path, 5.0)


def test_a_stop_that_could_not_be_tried_is_tried_again_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.app.live_trading.SELF_TEST_AGAIN_S", 0.2)
    with exchange() as (venue, url):
        strike(venue, FaultKind.LIMIT, "/fapi/v1/algoOrder", times=1)
        with a_life(tmp_path, url, SHORT_S) as life:
            until(life.saw("stop_self_test"), "word of the refusal")
            until(lambda: proved(tmp_path), "stops that work")
        assert not life.errors, life.errors


def test_an_answer_nobody_understands_keeps_entries_waiting_until_one_is_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, nonsense = CcxtBroker.account, iter([KeyError("contracts")])

    async def account(broker: CcxtBroker) -> AccountTold:
        for error in nonsense:
            raise error
        return await read(broker)

    monkeypatch.setattr(CcxtBroker, "account", account)
    with exchange() as (_, url), a_life(tmp_path, url, SHORT_S) as life:
        until(life.saw("account_unreadable"), "word of the answer")
        until(life.saw("account_readable"), "word of its end")
    assert not life.errors, life.errors
    with Database.read(database_in(tmp_path).parent) as db:
        told = [
            json.loads(row["detail"]) for row in db.query("SELECT detail FROM audit WHERE what='account'")
        ]
    assert any("KeyError" in detail.get("words", "") for detail in told)
    assert told[-1] == {"words": ""}
