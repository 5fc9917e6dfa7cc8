"""Whether a bot has gone quiet, judged from outside: pure, fed with looks, time as an argument.

A watcher in the same process dies with it, so this one runs in another
(`lopside watchdog`). It tells when the bot stops answering, when it answers and
its market stands still, and when it is back; an end in order is no alarm.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.core.alerts import Alert, AlertKind
from bot.core.units import NS_PER_S

REMIND_NS = 1800 * NS_PER_S
"""How often a silence that lasts is told again: one message is easily overlooked."""


class Seen(StrEnum):
    WELL = "well"
    SILENT = "does not answer"
    STALE = "answers, but its market stands still"
    ENDED = "has ended in order"


@dataclass(frozen=True, slots=True)
class Look:
    """What a look from outside found. `rows` counts what the market said; `ended`: stopped, not died."""

    now_ns: int
    answered: bool
    rows: int = 0
    ended: bool = False
    trades: int = 0  # open


@dataclass(slots=True)
class Quiet:
    """`look` gives the alert when something changed, and reminders while it stays bad.

    Looks are to come several times within `quiet_ns`.
    """

    session: str
    quiet_ns: int
    state: Seen = Seen.WELL
    _well_ns: int = 0  # when it was last seen well
    _told_ns: int = 0
    _looked_ns: int = 0
    _rows: int = -1
    _trades: int = 0

    def look(self, seen: Look) -> Alert | None:
        if seen.now_ns - self._looked_ns > self.quiet_ns:
            self._well_ns = seen.now_ns  # the watcher itself was away: it knows nothing of the time between
        self._looked_ns = seen.now_ns
        before, self.state = self.state, self._judge(seen)
        if seen.answered:
            self._rows, self._trades = seen.rows, seen.trades
        if self.state is before and not self._due(seen.now_ns):
            return None
        self._told_ns = seen.now_ns
        return self._alert(before, seen.now_ns)

    def _judge(self, seen: Look) -> Seen:
        if seen.answered and seen.rows != self._rows:
            self._well_ns = seen.now_ns
            return Seen.WELL
        if not seen.answered and seen.ended:
            self._well_ns = seen.now_ns  # a new start has its time again
            return Seen.ENDED
        if seen.now_ns - self._well_ns < self.quiet_ns:
            return self.state
        return Seen.STALE if seen.answered else Seen.SILENT

    def _due(self, now_ns: int) -> bool:
        return self.state in (Seen.SILENT, Seen.STALE) and now_ns - self._told_ns >= REMIND_NS

    def _alert(self, before: Seen, now_ns: int) -> Alert:
        quiet_s = (now_ns - self._well_ns) / NS_PER_S
        if self.state is Seen.ENDED:
            text = f"{self.session} {Seen.ENDED}"
            return Alert(AlertKind.SESSION, now_ns, text, key=f"quiet {self.session}")
        if self.state is Seen.WELL:
            kind = AlertKind.SESSION if before is Seen.ENDED else AlertKind.QUIET
            return Alert(kind, now_ns, f"{self.session} is well again", key=f"quiet {self.session}")
        open_trades = f"open trades when it last answered: {self._trades}" if self._trades else ""
        advice = "look at the machine and at the exchange; on an account stops rest there"
        text = f"{self.session} {self.state} for {quiet_s:.0f} s"
        lines = [line for line in (text, open_trades, advice) if line]
        return Alert(AlertKind.QUIET, now_ns, "\n".join(lines), key=f"quiet {self.session}")
