from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from io import StringIO
from math import nan

import pytest
from rich.console import Console

from bot.cli.live_view import Lines, amount, line, render
from bot.core.enums import Mode, Side, Stage, Trust
from bot.operate.status import (
    MarketStatus,
    ModeStatus,
    MoneyStatus,
    RefusalStatus,
    Status,
    TradeStatus,
    WallStatus,
)

MARKET = MarketStatus(
    symbol="BTCUSDT",
    bid=Decimal("60000.1"),
    ask=Decimal("60000.2"),
    spread_bps=0.02,
    trust=Trust.TRUSTED,
    trust_reason="",
    thin=1,
    modes=(
        ModeStatus(Mode.SCALP, -0.42, 0.5, -1, True, 6),
        ModeStatus(Mode.DAY, nan, nan, 0, False, 0),
    ),
    walls=(WallStatus(Side.BUY, Decimal("59990.0"), Decimal("12.5"), 1.7, 0.8),),
    position=Decimal("-0.020"),
    gaps=0,
)
TRADE = TradeStatus(
    id="ab",
    symbol="BTCUSDT",
    strategy="wall_fade",
    mode=Mode.SCALP,
    side=Side.SELL,
    stage=Stage.OPEN,
    explore=True,
    quantity=Decimal("0.020"),
    entry=Decimal("60010.05"),
    stop=Decimal("60030.0"),
    move_bps=1.6,
    unrealised_e8=19_800_000,
    coin="USDT",
    age_s=12.0,
)
STATUS = Status(
    session="paper",
    kind="paper",
    source="demo",
    now_ns=1_767_225_600_000_000_000,
    elapsed_s=1800.0,
    expected_s=3600.0,
    wall_s=30.0,
    speed=60.0,
    markets=(MARKET,),
    trades=(TRADE,),
    money=(MoneyStatus("USDT", 10**12, 10**12 - 5 * 10**8, -5 * 10**8),),
    refusals=(RefusalStatus(1, "BTCUSDT", "wall_fade", "scalp", Side.BUY, "spread_wide", 3.0, 9.5, 4),),
    counts={"rows": 1234567, "round_trips": 3, "wins": 2, "explored": 1, "refusals": 40},
    disabled={},
    accepting=True,
)


def drawn(status: Status) -> str:
    out = StringIO()
    Console(file=out, width=160, force_terminal=False).print(render(status))
    return out.getvalue()


def test_the_screen_shows_what_a_trader_asks_for() -> None:
    text = drawn(STATUS)
    for expected in (
        "2026-01-01 00:00:00 UTC",
        "30m00s of 1h00m at 60x",
        "60000.1",
        "-0.42 ████",
        "asleep",
        "59990.0 1.7bp 80%",
        "trusted",
        "-0.020",
        "short 0.020 BTCUSDT",
        "wall_fade (exploring)",
        "-5.00",
        "round trips 3 (won 2)",
        "refused wall_fade scalp long BTCUSDT: spread_wide 9.5 against 3 (4 times)",
    ):
        assert expected in text


def test_a_narrow_terminal_still_gets_every_market_on_one_line() -> None:
    out = StringIO()
    Console(file=out, width=80, force_terminal=False).print(render(STATUS, 80))
    row = next(text for text in out.getvalue().splitlines() if text.startswith("BTCUSDT"))
    for expected in ("60000.1", "60000.2", "-0.42", "trusted", "-0.020"):
        assert expected in row


def test_unknown_things_are_drawn_as_unknown() -> None:
    blank = replace(MARKET, bid=None, ask=None, spread_bps=nan, trust=Trust.QUARANTINED, walls=())
    entering = replace(TRADE, entry=None, move_bps=nan)
    text = drawn(replace(STATUS, markets=(blank,), trades=(entering,), now_ns=0, expected_s=None))
    assert "quarantined" in text
    assert "nan" not in text


def test_a_watching_session_and_a_switched_off_strategy() -> None:
    text = drawn(replace(STATUS, kind="watch", money=(), trades=(), refusals=(), markets=()))
    assert "equity" not in text
    assert "strategy x is off: ValueError" in drawn(replace(STATUS, disabled={"x": "ValueError: bad"}))


def test_a_line_says_the_same_in_short() -> None:
    assert line(STATUS) == (
        "30m00s of 1h00m at 60x | 1,234,567 rows | 1 open | 3 round trips | 40 refusals | -5.00 USDT"
    )


def test_lines_come_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    for wall_s in (0.2, 0.4, 5.3, 5.5, 10.0, 10.4):
        lines.show(replace(STATUS, wall_s=wall_s))
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_a_status_is_json() -> None:
    plain = json.loads(json.dumps(STATUS.to_json(), allow_nan=False))
    assert plain["markets"][0]["bid"] == "60000.1"
    assert plain["markets"][0]["trust"] == "trusted"
    assert plain["markets"][0]["modes"][1]["bias"] is None


@pytest.mark.parametrize(
    ("value", "expected"), [(0, "0.00"), (123_456_789_012, "1,234.57"), (-1_234, "-0.000012")]
)
def test_money_for_people(value: int, expected: str) -> None:
    assert amount(value) == expected
