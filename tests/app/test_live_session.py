"""A live session over real sockets: market and account of the rehearsal exchange, recorded and replayed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.app.config import Config, load
from bot.app.session import BEGUN_FILE, SessionOptions, SessionResult, run_session
from bot.core.errors import BadConfig, BadInput
from bot.store.database import Database
from tests.app.lives import audits, config_for, exchange
from tests.rehearsing import KEYS, SYMBOLS

pytest.importorskip("ccxt")


def live(config: Config, folder: Path, seconds: float) -> SessionResult:
    return run_session(
        SessionOptions(
            config,
            kind="live",
            market="live",
            session="live",
            symbols=SYMBOLS,
            duration_s=seconds,
            record=folder / "tape",
            speed=1.0,
        )
    )


def replayed(config: Config, folder: Path, result: SessionResult) -> SessionResult:
    return run_session(
        SessionOptions(
            config,
            kind="backtest",
            market="replay",
            tapes=(folder / "tape",),
            session="again",
            fresh=True,
            heard=result.database.parent,
        )
    )


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOPSIDE_API_KEY", KEYS.key)
    monkeypatch.setenv("LOPSIDE_API_SECRET", KEYS.secret)


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """As the command does: a loop that compiles answers nobody meanwhile."""
    from bot.app.warm import compile_all

    compile_all()


def test_a_live_session_proves_its_stops_reads_its_account_and_replays_to_its_hash(tmp_path: Path) -> None:
    with exchange() as (_, url):
        config = config_for(tmp_path, url)
        result = live(config, tmp_path, 13.0)
    said = audits(result.database)
    assert "account" in said
    assert said["stop_self_test"] == '{"words":""}'
    with Database.read(result.database.parent) as db:
        kinds = {row["kind"] for row in db.query("SELECT kind FROM inbox")}
        wallet = db.query("SELECT wallet_e8 FROM equity ORDER BY now_ns DESC LIMIT 1")[0]["wallet_e8"]
    assert {"begin", "AccountTold", "LinkTold", "Found"} <= kinds
    assert wallet == 10_000 * 10**8
    again = replayed(config, tmp_path, result)
    assert again.summary["decisions"] == result.summary["decisions"]
    assert again.summary["decision_hash"] == result.summary["decision_hash"]


def test_a_run_that_went_on_from_a_checkpoint_replays_to_its_hash(tmp_path: Path) -> None:
    with exchange() as (_, url):
        config = config_for(tmp_path, url)
        live(config, tmp_path / "first", 12.0)
        result = live(config, tmp_path / "second", 13.0)
    assert "checkpoint_restored" in audits(result.database)
    again = replayed(config, tmp_path / "second", result)
    assert again.summary["decisions"] == result.summary["decisions"]
    assert again.summary["decision_hash"] == result.summary["decision_hash"]
    (result.database.parent / BEGUN_FILE).unlink()
    cold = replayed(config, tmp_path / "second", result)
    assert cold.summary["decision_hash"] != result.summary["decision_hash"]


def test_a_key_that_can_withdraw_is_refused(tmp_path: Path) -> None:
    with exchange(withdrawals=True) as (_, url), pytest.raises(BadInput, match="can withdraw"):
        live(config_for(tmp_path, url), tmp_path, 5.0)


def test_a_wrong_key_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOPSIDE_API_SECRET", "wrong")
    with exchange() as (_, url), pytest.raises(BadInput, match="account cannot be read"):
        live(config_for(tmp_path, url), tmp_path, 5.0)


def test_real_money_needs_the_acknowledgement(tmp_path: Path) -> None:
    from bot.app.live_account import ACKNOWLEDGEMENT, account_of

    config = load(overrides={"market.venue": "binance"}, environ={})
    with pytest.raises(BadConfig, match="acknowledge"):
        account_of(config)
    agreed = config.with_values({"live.acknowledge": ACKNOWLEDGEMENT})
    assert not account_of(agreed).test
    assert KEYS.secret not in repr(account_of(agreed))


def test_without_keys_nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    from bot.app.live_account import account_of

    monkeypatch.delenv("LOPSIDE_API_SECRET")
    with pytest.raises(BadConfig, match="no secret"):
        account_of(load(overrides={"live.account": "test"}, environ={}))
