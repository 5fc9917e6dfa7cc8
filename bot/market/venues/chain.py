"""A book whose venue sends snapshot and changes on one connection: what it stands on, and asking anew.

Bybit and OKX answer a topic left and joined again with a fresh snapshot.
Requests are spaced, for a venue that breaks its chain all day must not be
hammered (OKX allows 480 subscriptions an hour).
"""

from __future__ import annotations

from bot.core.units import NS_PER_S
from bot.market.events import Kind, RowBuffer
from bot.market.instruments import Instrument
from bot.market.venues.base import MarketState

ANSWER_NS = 3 * NS_PER_S
"""A snapshot that has not come by then is asked for again."""

FIRST_NS = 10 * NS_PER_S
"""The same for the first of a connection, which is busy with all subscriptions."""

LONGEST_NS = 5 * NS_PER_S
"""Between two requests; a venue that heals is heard again within it."""

_STEADY_NS = 60 * NS_PER_S
_NEVER = 2**63 - 1


class ChainedBook(MarketState):
    """One market and the chain of its book's messages. Starts without a book."""

    def __init__(self, market: int, instrument: Instrument) -> None:
        super().__init__(market, instrument)
        self.synced = False
        self.last = 0  # id the book stands at, or stood at when it was lost
        self.name = ""  # the connection that carries it
        self.gaps = 0
        self.joins = 0
        self.duplicates = 0
        self.ignored = 0  # changes that came while there was no book
        self.ask_at_ns = _NEVER
        self._joined_ns = 0
        self._wait_ns = 0

    def join(self, update_id: int, name: str, now_ns: int) -> None:
        """A snapshot replaced the book."""
        if not self.synced:
            self.joins += 1
            self._joined_ns = now_ns
        self.synced = True
        self.last = update_id
        self.name = name
        self.ask_at_ns = _NEVER

    def lose(self, now_ns: int, exch_ns: int, out: RowBuffer) -> None:
        """No book until the next snapshot: a GAP row, if it stood, and a time to ask for one."""
        if not self.synced:
            return
        self.synced = False
        self.gaps += 1
        out.put(Kind.GAP, now_ns, exch_ns, self.market, ref=self.last)
        if now_ns - self._joined_ns > _STEADY_NS:
            self._wait_ns = 0
        self.ask_at_ns = now_ns + self._wait_ns

    def expect(self, name: str, now_ns: int) -> None:
        """A new connection will bring its snapshot unasked; ask where it does not."""
        self.name = name
        self.ask_at_ns = now_ns + FIRST_NS

    def due(self, now_ns: int, longest_ns: int = LONGEST_NS) -> bool:
        """Whether to ask now; each asking doubles the wait before the next."""
        if now_ns < self.ask_at_ns:
            return False
        self._wait_ns = min(max(2 * self._wait_ns, ANSWER_NS), longest_ns)
        self.ask_at_ns = now_ns + self._wait_ns
        return True
