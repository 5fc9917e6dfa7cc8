"""What the journal is told becomes alerts, in a trader's words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.core.alerts import Alert, AlertKind
from bot.core.enums import DenyReason
from bot.core.messages import Denied
from bot.core.units import NS_PER_DAY
from bot.operate.alerting import Alerting
from bot.operate.daily import DailyReport
from tests.engine.world import a_long
from tests.trading import LINEAR, OTHER, T0

TRADE: dict[str, Any] = {
    "id": "ab12",
    "symbol": LINEAR.symbol,
    "market": 0,
    "strategy": "wall_fade",
    "mode": "scalp",
    "side": 1,
    "stage": "entering",
    "explore": True,
    "coin": "USDT",
    "reason": None,
    "opened_ns": T0,
    "filled_ns": 0,
    "closed_ns": 0,
    "hold_ns": 0,
    "filled_lots": 0,
    "open_lots": 0,
    "entry_price": 0.0,
    "exit_price": 0.0,
    "stop": 99_900,
    "risk_e8": 25 * 10**8,
    "net_e8": 0,
    "best_bps": 0.0,
    "worst_bps": 0.0,
    "unprotected_max_ns": 18_000_000,
}
OPEN = {
    **TRADE,
    "stage": "open",
    "filled_ns": T0 + 1,
    "filled_lots": 10,
    "open_lots": 10,
    "entry_price": 100_010.0,
}
CLOSED = {
    **OPEN,
    "stage": "closed",
    "open_lots": 0,
    "closed_ns": T0 + 5,
    "hold_ns": 4_000_000_000,
    "exit_price": 100_050.0,
    "reason": "target",
    "net_e8": 123_000_000,
    "best_bps": 4.2,
    "worst_bps": -1.0,
}


class Heard:
    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        self.alerting = Alerting((LINEAR, OTHER), self.alerts.append)

    def kinds(self) -> list[AlertKind]:
        return [alert.kind for alert in self.alerts]


def test_a_trade_is_told_when_it_opens_and_when_it_closes_and_only_then() -> None:
    heard = Heard()
    for row in (TRADE, OPEN, {**OPEN, "targets_hit": 1}, {**OPEN, "stage": "exiting"}, CLOSED):
        heard.alerting.trade(row)
    assert heard.kinds() == [AlertKind.ENTRY, AlertKind.EXIT]
    entry, leave = (alert.text for alert in heard.alerts)
    for words in (
        f"long {10 * LINEAR.lot:f} {LINEAR.symbol}",
        f"{100_010 * LINEAR.tick:f}",
        "exploring",
        "25.00 USDT",
    ):
        assert words in entry, words
    for words in ("+1.23 USDT", "target", "held 4 s", "best +4.2, worst -1.0", "id ab12"):
        assert words in leave, words


def test_a_stop_has_a_kind_of_its_own_and_an_entry_without_a_fill_is_no_news() -> None:
    heard = Heard()
    heard.alerting.trade({**CLOSED, "reason": "stop"})
    heard.alerting.trade({**TRADE, "id": "cd", "stage": "closed", "reason": "unfilled"})
    assert heard.kinds() == [AlertKind.STOP]


def test_seconds_without_a_stop_are_an_alarm() -> None:
    heard = Heard()
    heard.alerting.trade({**CLOSED, "unprotected_max_ns": 3_100_000_000})
    assert heard.kinds() == [AlertKind.EXIT, AlertKind.PROTECTION]
    assert "3100 ms without a proven stop" in heard.alerts[1].text


def test_refusals_of_one_kind_share_a_key() -> None:
    heard = Heard()
    intent = replace(a_long(), now_ns=T0, strategy="wall_fade")
    denied = Denied(intent, DenyReason.SPREAD_WIDE, 3.0, 9.5)
    heard.alerting.denied(denied, 1)
    heard.alerting.denied(denied, 7)
    first, second = heard.alerts
    assert first.key == second.key != ""
    assert "spread_wide, 9.5 against 3 (7 times)" in second.text


@pytest.mark.parametrize(
    ("what", "detail", "kind"),
    [
        (
            "limit_broken",
            {"name": "drawdown", "subject": "USDT", "value": 0.061, "limit": 0.06},
            AlertKind.BREAKER,
        ),
        ("strategy_disabled", {"strategy": "mine", "error": "ValueError: bad"}, AlertKind.STRATEGY),
        ("position_gone", {"trade": "ab", "lots": 3}, AlertKind.PROTECTION),
        ("stray_report", {"kind": "FILL", "client_id": "z", "market": 0}, AlertKind.PROTECTION),
        ("command", {"verb": "pause", "subject": "", "by": "me", "done": True}, AlertKind.COMMAND),
    ],
)
def test_what_is_audited_and_matters_is_told(what: str, detail: dict[str, Any], kind: AlertKind) -> None:
    heard = Heard()
    heard.alerting.audit(T0, what, detail)
    (alert,) = heard.alerts
    assert alert.kind is kind


def test_a_connection_that_came_back_takes_the_place_of_the_word_that_it_was_lost() -> None:
    heard = Heard()
    at = {"venue": "okx", "connection": "public"}
    heard.alerting.audit(T0, "feed_disconnected", at | {"reason": "silent for 9.1 s"})
    heard.alerting.audit(T0 + 1, "feed_connected", at | {"away_s": 1.25})
    lost, back = heard.alerts
    assert {lost.kind, back.kind} == {AlertKind.CONNECTION}
    assert lost.text == "okx: the connection public was lost\nsilent for 9.1 s"
    assert back.text == "okx: the connection public is back after 1.2 s"
    assert lost.key == back.key != ""


@pytest.mark.parametrize(
    "what", ["feed_silent", "feed_speaks", "books_restarted", "topic_silent", "topic_speaks"]
)
def test_whatever_else_a_feed_goes_through_is_told(what: str) -> None:
    heard = Heard()
    topic = {"topic": "book", "symbol": "BTC-USDT-SWAP", "reason": "levels differ"}
    heard.alerting.audit(T0, what, {"venue": "okx", "connection": "public"} | topic)
    (alert,) = heard.alerts
    assert alert.kind is AlertKind.CONNECTION
    assert alert.text.startswith("okx: ")


def test_previews_and_housekeeping_are_no_news() -> None:
    heard = Heard()
    heard.alerting.audit(T0, "cancel", {"client_id": "z"})
    heard.alerting.audit(
        T0, "command", {"verb": "close", "subject": "X", "by": "me", "proposed": "close ..."}
    )
    heard.alerting.transition(T0, "thin", "binance:BTCUSDT", "", "ask", {})
    assert heard.alerts == []


def test_a_book_that_changes_its_trust_is_told_with_the_reason() -> None:
    heard = Heard()
    heard.alerting.transition(T0, "trust", "demo:BTCUSDT", "trusted", "suspect", {"why": "stale"})
    (alert,) = heard.alerts
    assert alert.text == "demo:BTCUSDT: book trusted → suspect\nwhy stale"


def test_the_day_is_told_once_after_its_midnight() -> None:
    daily = DailyReport()
    equity = {"USDT": 10_000 * 10**8}
    midnight = T0 // NS_PER_DAY * NS_PER_DAY + NS_PER_DAY
    assert daily.look(T0, equity) is None, "a start is no end of a day"
    daily.trade({**CLOSED, "explore": False})
    daily.trade(OPEN)
    assert daily.look(midnight - 1, equity) is None
    alert = daily.look(midnight, equity)
    assert alert is not None
    assert "round trips 1, won 1" in alert.text
    assert "+1.23 USDT, equity 10,000.00" in alert.text
    assert daily.look(midnight + 10, equity) is None
    later = daily.look(midnight + NS_PER_DAY, equity)
    assert later is not None
    assert "round trips 0" in later.text


WALL: dict[str, Any] = {
    "market": LINEAR.key,
    "id": 7,
    "side": 1,
    "near_ticks": 99_950,
    "born_ns": T0 + 5,
    "seen_ns": T0 + 10,
    "peak_lots": 4_000.0,
    "executed_lots": 1_000.0,
    "genuineness": 0.8,
    "distance_bps": 5.0,
}


def test_a_wall_is_told_when_it_comes_and_with_what_became_of_it() -> None:
    heard = Heard()
    heard.alerting.wall({**WALL, "id": 1, "born_ns": T0 - 5, "seen_ns": T0})
    assert heard.alerts == [], "what stood before the start is no news"
    heard.alerting.wall(WALL)
    heard.alerting.wall({**WALL, "seen_ns": T0 + 11})
    heard.alerting.wall({**WALL, "seen_ns": T0 + 60_000_000_005, "end": "pulled"})
    heard.alerting.wall({**WALL, "seen_ns": T0 + 60_000_000_005, "end": "pulled"})
    came, ended = heard.alerts
    price = LINEAR.price(99_950)
    assert (
        came.text
        == f"{LINEAR.key}: bid wall of {4_000 * float(LINEAR.lot):.6g} at {price:f}\n5.0 bp away, genuine 80%"
    )
    assert ended.text.split("\n")[1] == "pulled after 60 s, 25% of its peak traded"
    assert {a.kind for a in heard.alerts} == {AlertKind.WALL}
    assert came.key == ended.key
    assert came.symbol == LINEAR.symbol


def test_a_wall_that_is_hardly_believed_is_not_told_and_neither_is_its_end() -> None:
    heard = Heard()
    heard.alerting.wall({**WALL, "id": 1, "born_ns": T0 - 5, "seen_ns": T0})
    heard.alerting.wall({**WALL, "genuineness": 0.2})
    heard.alerting.wall({**WALL, "genuineness": 0.2, "end": "eaten"})
    assert heard.alerts == []


def test_prices_are_those_of_the_market_traded_though_another_venue_has_the_symbol() -> None:
    elsewhere = replace(LINEAR, venue="elsewhere", tick=LINEAR.tick * 100)
    alerts: list[Alert] = []
    alerting = Alerting((LINEAR, elsewhere), alerts.append)
    alerting.trade(OPEN)
    assert f"{LINEAR.price(99_900):f}" in alerts[0].text


@pytest.mark.parametrize(
    ("what", "detail", "words"),
    [
        ("unknown_position", {"market": 0, "lots": 20, "stop": 99_900}, "quantity {quantity}, stop {price}"),
        ("stop_did_not_fire", {"trade": "ab12", "stop": 99_900}, "trade ab12, stop {price}"),
        ("stop_did_not_fire", {"trade": "gone", "stop": 99_900}, "trade gone, stop 99900"),
        ("wallet_differs", {"coin": "USDT", "e8": -150_000_000}, "coin USDT, e8 -1.50"),
        ("limit_broken", {"name": "drawdown", "subject": "USDT", "value": 0.061, "limit": 0.06,
                          "since_ns": 1}, "drawdown USDT: 6.10% against 6.00%"),
    ],
)  # fmt: skip
def test_figures_are_said_in_the_units_of_the_venue(what: str, detail: dict[str, Any], words: str) -> None:
    heard = Heard()
    heard.alerting.trade(OPEN)
    heard.alerting.audit(T0, what, detail)
    wanted = words.format(price=f"{LINEAR.price(99_900):f}", quantity=f"{LINEAR.quantity(20):f}")
    assert wanted in heard.alerts[-1].text


def test_zones_are_told_by_their_prices_and_how_they_held() -> None:
    heard = Heard()
    detail = {
        "low_ticks": 99_900.4,
        "high_ticks": 99_950.2,
        "hold": 0.62,
        "bias": 0.1,
        "touches": 3,
        "holds": 2,
    }
    for old, new in (("", "support A"), ("support A", "support B"), ("support B", "")):
        heard.alerting.transition(T0, "zone", f"{LINEAR.key} 7", old, new, detail)
    low, high = LINEAR.price(99_900), LINEAR.price(99_950)
    assert [a.text.split("\n")[0] for a in heard.alerts] == [
        f"{LINEAR.key}: {what}, {low:f} to {high:f}"
        for what in ("support A zone came", "support A → support B", "support B zone went")
    ]
    assert heard.alerts[0].text.endswith("should hold 62%; touched 3 times, held 2")


def test_how_everything_is_at_the_start_is_no_news() -> None:
    heard = Heard()
    heard.alerting.transition(T0, "trust", LINEAR.key, "", "trusted", {})
    heard.alerting.transition(T0, "composite", f"{LINEAR.key} scalp", "", "up", {"bias": 0.3})
    assert heard.alerts == []
