"""Takes in the news of a live account: orders and money to the venue, the account's shape to the checks.

Crash-only: a start and a recovered connection are the same path. The shell
asks for every order that may be there, for the fills since the last one and
for the account; what is found is acted upon here. Entries are blocked, with
the reason in words, while something is unexplained; exits never are.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec

from bot.core.enums import OrderRole, TriggerBy
from bot.core.messages import Order
from bot.core.protocols import Journal
from bot.execution.account_check import Differences, differences, in_flight, order_findings
from bot.execution.guards import Choice, Guard, adoption_plan, guard_order, stop_ticks
from bot.execution.live_venue import LiveVenue
from bot.execution.news import AccountTold, Found, LinkTold, News, PositionSeen, Pulse, SelfTestSent
from bot.execution.trader import Trader
from bot.execution.valuing import valuation_ticks

GUARD_DISTANCE = Fraction(2, 100)
"""Of the price: where an unknown position gets its stop."""


class LiveDesk:
    """Between the inbox and the trader of a live session. `blocks` says why entries wait, by cause."""

    def __init__(self, venue: LiveVenue, trader: Trader, journal: Journal, trigger_by: TriggerBy) -> None:
        self.guards: dict[int, Guard] = {}
        self.blocks: dict[str, str] = {
            "start": "the account has not been read yet",
            "stop_self_test": "it is not proved yet that stops work",
        }
        self._venue = venue
        self._trader = trader
        self._journal = journal
        self._trigger_by = trigger_by
        self._suspected = Differences()
        self._unclaimed_seen = False
        self._foreign: set[str] = set()
        self._leverage: dict[int, float] = {}
        self._seen: AccountTold | None = None

    @property
    def blocked(self) -> str:
        """Why nothing may be entered now, "" when it may."""
        return "; ".join(self.blocks.values())

    def hear(self, news: News, now_ns: int) -> None:
        if isinstance(news, AccountTold):
            self._hear_account(news, now_ns)
        elif isinstance(news, LinkTold):
            self._hear_link(news, now_ns)
        elif isinstance(news, SelfTestSent):
            self._venue.self_test(news.client_id)
        elif isinstance(news, Found):
            self._find(now_ns, news.what, {"words": news.words})
            if news.blocks_entries:
                self.blocks[news.what] = news.words
            else:
                self.blocks.pop(news.what, None)  # the same question, answered well
        elif not isinstance(news, Pulse):
            self._venue.hear(news, now_ns)
        for what, detail in self._venue.notes:
            self._journal.audit(now_ns, what, detail)
        self._venue.notes.clear()

    def answer(self, market: int, choice: Choice, now_ns: int) -> str:
        """What the owner wants with an unknown position; says in words what was done."""
        guard = self.guards.get(market)
        symbol = self._venue.instruments[market].symbol
        if guard is None:
            return f"{symbol}: there is no unknown position"
        guard.choice = choice
        self._find(now_ns, "unknown_position_answered", {"market": market, "choice": choice.value})
        if choice is Choice.FLATTEN:
            self._venue.submit(self._order(guard, OrderRole.EXIT, now_ns), now_ns)
            return f"{symbol}: closing {abs(guard.lots)} lots at market"
        if choice is Choice.ADOPT:
            if self._trader.trades.of_market(market) is not None:
                guard.choice = None
                return f"{symbol}: a trade of ours is open there; flatten or ignore the rest"
            price = self._venue.ledger.average_ticks(market) or Fraction(guard.stop)
            self._trader.adopt(adoption_plan(guard, symbol, now_ns), round(price), now_ns)
        self._venue.cancel(guard.stop_id, now_ns)
        if choice is Choice.ADOPT:
            self._release(market)
            return f"{symbol}: {abs(guard.lots)} lots are a trade of ours now, stop at {guard.stop} ticks"
        return f"{symbol}: left alone, without a stop of ours; no entries there meanwhile"

    def to_state(self) -> dict[str, Any]:
        """`blocks` is for those who look from outside; a restart finds its own."""
        return {
            "guards": msgspec.to_builtins(list(self.guards.values())),
            "foreign": sorted(self._foreign),
            "blocks": dict(self.blocks),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        guards = msgspec.convert(state["guards"], list[Guard], strict=False)
        self.guards = {guard.market: guard for guard in guards}
        self._foreign = set(state["foreign"])
        for guard in guards:
            self._block_for(guard)

    def _hear_link(self, news: LinkTold, now_ns: int) -> None:
        """News may have been missed while it was down: everything open is asked for."""
        self._find(now_ns, "private_link_up" if news.up else "private_link_down", {"words": news.words})
        if news.up:
            self.blocks.pop("link", None)
            self._venue.ask_open()
            for market in range(len(self._venue.instruments)):
                self._venue.fetch_fills(market)
        else:
            self.blocks["link"] = "the private connection is down"

    def _hear_account(self, told: AccountTold, now_ns: int) -> None:
        first = self._seen is None
        self._seen = told
        if first:
            self._open_wallets(told)
            self.blocks.pop("start", None)
        self._check_settings(told, now_ns)
        self._check_orders(told, now_ns)
        self._venue.ask_missing_fills()
        if in_flight(self._venue.orders.values()):
            return
        if self._venue.unclaimed:
            if self._unclaimed_seen:
                self._venue.give_up_unclaimed(now_ns)
            self._unclaimed_seen = not self._unclaimed_seen
            return
        found = differences(self._venue, told)
        if found and found != self._suspected:
            for market, _ in found.lots:
                self._venue.fetch_fills(market)
            for coin, _ in found.wallet_e8:
                self._ask_for_payments(coin)
        elif found:
            self._follow_venue(found, told, now_ns)
        twice = found == self._suspected
        self._suspected = found
        if not found.lots or twice:
            self._check_trades(now_ns)

    def _ask_for_payments(self, coin: str) -> None:
        """Money without a fill is mostly funding."""
        for market, instrument in enumerate(self._venue.instruments):
            if instrument.settle == coin:
                self._venue.fetch_payments(market)

    def _open_wallets(self, told: AccountTold) -> None:
        """A first start begins with what the account holds."""
        for instrument in self._venue.instruments:
            account = self._venue.ledger.account(instrument.settle)
            if account.deposits_e8 == 0 and account.wallet_e8 == 0 and instrument.settle in told.wallet:
                for seen in told.positions:
                    self._adopt_position(seen)
                for coin, gap in differences(self._venue, told).wallet_e8:
                    if coin == instrument.settle:
                        self._venue.deposit(coin, gap)

    def _follow_venue(self, found: Differences, told: AccountTold, now_ns: int) -> None:
        """Twice the same: the venue is right. Positions take its average, money the difference."""
        shown = {seen.market: seen for seen in told.positions}
        for market, lots in found.lots:
            self._find(now_ns, "position_differs", {"market": market, "lots": lots})
            self._adopt_position(shown.get(market, PositionSeen(market, 0)))
        for coin, gap in found.wallet_e8:
            self._find(now_ns, "wallet_differs", {"coin": coin, "e8": gap})
            self._venue.deposit(coin, gap)

    def _adopt_position(self, seen: PositionSeen) -> None:
        instrument = self._venue.instruments[seen.market]
        price = Fraction(Decimal(seen.entry or "0")) / Fraction(instrument.tick)
        if not price:
            price = self._price(seen.market)
        self._venue.ledger.adopt(seen.market, seen.lots, price)

    def _check_trades(self, now_ns: int) -> None:
        """Position of every market against its trade: less was closed by hand, more is not ours."""
        for market in range(len(self._venue.instruments)):
            held = self._venue.position_lots(market)
            trade = self._trader.trades.of_market(market)
            ours = int(trade.side) * trade.open_lots if trade else 0
            if trade is not None and ours and abs(held) < abs(ours) and held * ours >= 0:
                self._find(now_ns, "closed_elsewhere", {"market": market, "lots": ours - held})
                self._trader.match_position(trade, held, now_ns)
                ours = held
            self._guard(market, held - ours, now_ns)

    def _guard(self, market: int, unknown: int, now_ns: int) -> None:
        guard = self.guards.get(market)
        if guard is not None and guard.lots != unknown:
            self._venue.cancel(guard.stop_id, now_ns)
            self._release(market)
            guard = None
        if unknown == 0 or guard is not None:
            return
        stop = stop_ticks(unknown, self._price(market), GUARD_DISTANCE)
        guard = self.guards[market] = Guard(market, unknown, stop, now_ns)
        order = self._order(guard, OrderRole.STOP, now_ns)
        guard.stop_id = order.client_id
        self._find(now_ns, "unknown_position", {"market": market, "lots": unknown, "stop": stop})
        self._venue.submit(order, now_ns)
        self._block_for(guard)

    def _block_for(self, guard: Guard) -> None:
        symbol = self._venue.instruments[guard.market].symbol
        self.blocks[f"guard-{guard.market}"] = (
            f"{symbol}: {guard.lots:+d} lots are not ours (a stop is placed); adopt, ignore or flatten"
        )

    def _release(self, market: int) -> None:
        del self.guards[market]
        self.blocks.pop(f"guard-{market}", None)

    def _order(self, guard: Guard, role: OrderRole, now_ns: int) -> Order:
        symbol = self._venue.instruments[guard.market].symbol
        order = guard_order(guard, symbol, role, self._trigger_by, now_ns)
        self._journal.order(order)
        return order

    def _price(self, market: int) -> Fraction:
        """A price to place a stop by: mark, last trade, else the average entry."""
        price, _ = valuation_ticks(self._venue.heads[market], self._venue.instruments[market])
        return price or self._venue.ledger.average_ticks(market) or Fraction(1)

    def _check_orders(self, told: AccountTold, now_ns: int) -> None:
        found = order_findings(self._venue.orders, told, self._venue.self_tests)
        for known in found.lost:
            self._venue.ask(known.order.client_id)
        for seen in found.orphans:
            self._find(now_ns, "orphan_order", {"client_id": seen.client_id})
            self._venue.cancel_ended(seen.client_id)
        if found.others:
            words = f"orders of another instance rest on the account ({found.others[0].client_id})"
            if "second" not in self.blocks:
                self._find(now_ns, "second_instance", {"words": words})
            self.blocks["second"] = words
        else:
            self.blocks.pop("second", None)
        for seen in found.foreign:
            key = seen.client_id or seen.venue_id
            if key not in self._foreign:
                self._foreign.add(key)
                self._find(now_ns, "foreign_order", msgspec.to_builtins(seen))

    def _check_settings(self, told: AccountTold, now_ns: int) -> None:
        if told.hedge:
            self.blocks["hedge"] = "the account is in hedge mode, expected one-way; switch it at the venue"
        else:
            self.blocks.pop("hedge", None)
        for market, leverage in told.leverage.items():
            before = self._leverage.setdefault(market, leverage)
            if before != leverage:
                detail = {"market": market, "before": before, "after": leverage}
                self._find(now_ns, "leverage_changed", detail)
                self._leverage[market] = leverage

    def _find(self, now_ns: int, what: str, detail: Mapping[str, Any]) -> None:
        self._journal.audit(now_ns, what, detail)
