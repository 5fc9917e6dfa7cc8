"""The day's report: what one UTC day brought, told once after its midnight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.core.alerts import Alert, AlertKind
from bot.core.enums import Stage
from bot.core.units import NS_PER_DAY


@dataclass(slots=True)
class _Day:
    trades: int = 0
    wins: int = 0
    explored: int = 0
    net_e8: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class DailyReport:
    """Fed with the journal's trades; `look` makes the alert when a day is over."""

    _day: int = 0
    _sums: _Day = field(default_factory=_Day)

    def trade(self, row: Mapping[str, Any]) -> None:
        if row["stage"] != Stage.CLOSED or not row["filled_lots"]:
            return
        sums = self._sums
        sums.trades += 1
        sums.wins += row["net_e8"] > 0
        sums.explored += bool(row["explore"])
        sums.net_e8[row["coin"]] = sums.net_e8.get(row["coin"], 0) + row["net_e8"]

    def look(self, now_ns: int, equity_e8: Mapping[str, int]) -> Alert | None:
        """At every tick; None unless a day ended since the last look."""
        day = now_ns // NS_PER_DAY
        before, self._day = self._day, day
        if not before or day == before:
            return None
        sums, self._sums = self._sums, _Day()
        money = "; ".join(
            f"{sums.net_e8.get(coin, 0) / 1e8:+,.2f} {coin}, equity {value / 1e8:,.2f}"
            for coin, value in sorted(equity_e8.items())
        )
        text = (
            f"The day: round trips {sums.trades}, won {sums.wins}, exploring {sums.explored}\n"
            f"{money or 'no money'}"
        )
        return Alert(AlertKind.DAILY, now_ns, text, key="daily")
