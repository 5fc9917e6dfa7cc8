"""Request weights and order counts, with the headers and refusals that go with them.

2,400 weight a minute and address, 300 orders in 10 s, 1,200 a minute. Beyond
the weight comes 429 with Retry-After; who goes on is banned with 418.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.core.units import NS_PER_S
from bot.rehearsal.errors import VenueError

MINUTE_WEIGHT, ORDERS_10S, ORDERS_MINUTE = 2_400, 300, 1_200
BAN_AFTER = 50
"""Refused requests within a minute that turn 429 into 418."""
BAN_S = 120


@dataclass(slots=True)
class Window:
    """A count that starts anew at whole multiples of its length."""

    length_s: int
    number: int = 0
    used: int = 0

    def add(self, amount: int, now_ns: int) -> int:
        number = now_ns // (self.length_s * NS_PER_S)
        if number != self.number:
            self.number, self.used = number, 0
        self.used += amount
        return self.used

    def left_s(self, now_ns: int) -> int:
        """Whole seconds until it starts anew, at least one."""
        length_ns = self.length_s * NS_PER_S
        return max(1, -(-(length_ns - now_ns % length_ns) // NS_PER_S))


class TooMany(VenueError):
    """Refused for its number; says when to come back."""

    def __init__(self, code: int, *details: object, status: int, retry_after_s: int) -> None:
        super().__init__(code, *details, status=status)
        self.retry_after_s = retry_after_s


class Limits:
    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self.weight = Window(60)
        self.orders_10s, self.orders_minute = Window(10), Window(60)
        self._refused = Window(60)
        self._banned_until_ns = 0

    def spend(self, weight: int) -> None:
        """Raises TooMany beyond the weight of the minute, or during a ban."""
        now_ns = self._now_ns()
        if now_ns < self._banned_until_ns:
            left_s = -(-(self._banned_until_ns - now_ns) // NS_PER_S)
            raise TooMany(-1003, MINUTE_WEIGHT, status=418, retry_after_s=left_s)
        if self.weight.add(weight, now_ns) <= MINUTE_WEIGHT:
            return
        if self._refused.add(1, now_ns) > BAN_AFTER:
            self._banned_until_ns = now_ns + BAN_S * NS_PER_S
        raise TooMany(-1003, MINUTE_WEIGHT, status=429, retry_after_s=self.weight.left_s(now_ns))

    def spend_orders(self, orders: int) -> None:
        now_ns = self._now_ns()
        windows = (
            (self.orders_10s, ORDERS_10S, "10 SECOND"),
            (self.orders_minute, ORDERS_MINUTE, "1 MINUTE"),
        )
        for window, most, span in windows:
            if window.add(orders, now_ns) > most:
                raise TooMany(-1015, most, span, status=429, retry_after_s=window.left_s(now_ns))

    def headers(self, orders: bool) -> dict[str, str]:
        now_ns = self._now_ns()
        said = {"X-MBX-USED-WEIGHT-1M": str(self.weight.add(0, now_ns))}
        if orders:
            said["X-MBX-ORDER-COUNT-10S"] = str(self.orders_10s.add(0, now_ns))
            said["X-MBX-ORDER-COUNT-1M"] = str(self.orders_minute.add(0, now_ns))
        return said
