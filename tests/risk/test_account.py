from __future__ import annotations

import json

import pytest

from bot.core.units import NS_PER_DAY
from bot.risk.account import AccountTracker, AccountView

DAY = 20_000 * NS_PER_DAY


def test_the_day_begins_with_the_last_reading_before_midnight() -> None:
    tracker = AccountTracker()
    tracker.update("USDT", 1000, DAY)
    assert tracker.update("USDT", 900, DAY + NS_PER_DAY - 1).day_pnl_e8 == -100
    later = tracker.update("USDT", 880, DAY + NS_PER_DAY)
    assert later.day_pnl_e8 == -20
    assert later.peak_e8 == 1000


def test_loss_and_drawdown_are_shares() -> None:
    view = AccountView("USDT", equity_e8=950, day_pnl_e8=-50, peak_e8=1250)
    assert view.day_loss == pytest.approx(0.05)
    assert view.drawdown == pytest.approx(0.24)


def test_an_account_that_never_had_anything_counts_as_lost() -> None:
    view = AccountTracker().update("BTC", 0, DAY)
    assert (view.day_loss, view.drawdown) == (1.0, 1.0)


def test_a_transfer_is_neither_profit_nor_loss() -> None:
    tracker = AccountTracker()
    tracker.update("USDT", 1000, DAY)
    tracker.transfer("USDT", -400)
    view = tracker.update("USDT", 590, DAY + 1)
    assert (view.day_pnl_e8, view.peak_e8) == (-10, 600)


def test_coins_are_kept_apart_and_survive_a_restart() -> None:
    tracker = AccountTracker()
    tracker.update("USDT", 1000, DAY)
    tracker.update("BTC", 7, DAY)
    tracker.update("BTC", 5, DAY + 1)
    again = AccountTracker()
    again.restore(json.loads(json.dumps(tracker.to_state())))
    assert again.update("BTC", 4, DAY + 2) == tracker.update("BTC", 4, DAY + 2)
    assert again.update("USDT", 1000, DAY + 2).day_pnl_e8 == 0
