"""What limits need to know of the money: equity, the day's result, the peak; one account a settle coin."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bot.core.units import utc_day


@dataclass(frozen=True, slots=True)
class AccountView:
    """One settle coin at a moment; money in e8. `day_pnl_e8` is realised and unrealised since 00:00 UTC."""

    coin: str
    equity_e8: int
    day_pnl_e8: int
    peak_e8: int

    @property
    def day_loss(self) -> float:
        """Loss of the UTC day as a share of the equity it began with; 1 when that was nothing."""
        start = self.equity_e8 - self.day_pnl_e8
        return -self.day_pnl_e8 / start if start > 0 else 1.0

    @property
    def drawdown(self) -> float:
        """Distance from the peak as a share of it; 1 when there never was any equity."""
        return 1.0 - self.equity_e8 / self.peak_e8 if self.peak_e8 > 0 else 1.0


@dataclass(slots=True)
class _Marks:
    day: int
    start_e8: int
    peak_e8: int
    last_e8: int


@dataclass(slots=True)
class AccountTracker:
    """Turns equity readings into views; a UTC day begins with the last reading before it."""

    _marks: dict[str, _Marks] = field(default_factory=dict)

    def update(self, coin: str, equity_e8: int, now_ns: int) -> AccountView:
        day = utc_day(now_ns)
        marks = self._marks.setdefault(coin, _Marks(day, equity_e8, equity_e8, equity_e8))
        if day != marks.day:
            # what changed between the last reading of the old day and now belongs to the new day
            marks.day, marks.start_e8 = day, marks.last_e8
        marks.last_e8 = equity_e8
        marks.peak_e8 = max(marks.peak_e8, equity_e8)
        return AccountView(coin, equity_e8, equity_e8 - marks.start_e8, marks.peak_e8)

    def peek(self, coin: str, equity_e8: int, now_ns: int) -> AccountView:
        """What `update` would answer, without remembering the reading: for a look."""
        marks = self._marks.get(coin) or _Marks(utc_day(now_ns), equity_e8, equity_e8, equity_e8)
        start_e8 = marks.start_e8 if utc_day(now_ns) == marks.day else marks.last_e8
        return AccountView(coin, equity_e8, equity_e8 - start_e8, max(marks.peak_e8, equity_e8))

    def transfer(self, coin: str, amount_e8: int) -> None:
        """A deposit (or withdrawal, negative) moves every mark: it is neither profit nor loss."""
        if coin in self._marks:
            marks = self._marks[coin]
            marks.start_e8 += amount_e8
            marks.peak_e8 += amount_e8
            marks.last_e8 += amount_e8

    def rebase(self, coin: str) -> tuple[int, int]:
        """Let the drawdown be measured from the equity of now on; returns the peak before and after, e8."""
        marks = self._marks[coin]
        before, marks.peak_e8 = marks.peak_e8, marks.last_e8
        return before, marks.peak_e8

    def coins(self) -> tuple[str, ...]:
        """Those of which an equity has been read."""
        return tuple(self._marks)

    def to_state(self) -> dict[str, Any]:
        return {c: [m.day, m.start_e8, m.peak_e8, m.last_e8] for c, m in self._marks.items()}

    def restore(self, state: dict[str, Any]) -> None:
        self._marks = {coin: _Marks(*values) for coin, values in state.items()}
