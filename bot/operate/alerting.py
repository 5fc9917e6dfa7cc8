"""Turns what the journal is told into alerts: what is worth a person's attention, and in which words.

It listens to the same rows that are stored, so chat and database never disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from bot.core.alerts import Alert, AlertKind
from bot.core.enums import Stage
from bot.core.messages import Denied
from bot.core.units import NS_PER_MS, NS_PER_S
from bot.market.instruments import Instrument
from bot.operate.words import amount, figure_of
from bot.risk.breakers import named

UNPROTECTED_ALARM_NS = 3 * NS_PER_S
"""The most that a position may be without a proven stop (architecture: Protector)."""
WALL_GENUINE = 0.7
"""How much a wall must be believed to be told."""

_NOTES = {
    AlertKind.BREAKER: {
        "limit_broken": "A LIMIT IS BROKEN: no entries until it ends or is reset",
    },
    AlertKind.COMMAND: {
        "limit_over": "a limit is over: it does not stop entries any more",
        "limit_reset": "a limit was reset",
        "lease_over": "the time that entries were armed for is over: no new entries",
    },
    AlertKind.PROTECTION: {
        "book_lost": "an open trade has no usable book; it is closed once there is one",
        "stop_did_not_fire": "the price is beyond a stop that did not fire; closing at market",
        "unknown_position": "a position that is not ours got a stop; adopt, ignore or flatten it",
        "foreign_order": "an order of somebody else is on the account",
        "wallet_differs": "the venue's balance differs from ours; the venue's is taken",
        "position_differs": "the venue's position differs from ours; the venue's is taken",
        "position_gone": "the venue holds a position no more and never said why",
        "reconciled": "after a restart the venue's position was taken over",
        "stray_report": "the venue reported about an order that is not ours",
        "second_instance": "another bot trades this account; stop one of them",
        "orphan_order": "an order of ours that nothing here knows rests at the venue",
        "closed_elsewhere": "a position was closed at the venue, and not by us",
        "leverage_changed": "the venue's leverage of a market was changed, and not by us",
        "journal": "the journal cannot be written; nothing is entered until it can",
    },
    AlertKind.SESSION: {
        "stop_self_test": "stops were tried",
    },
}
_ALARMS = {what: (kind, words) for kind, notes in _NOTES.items() for what, words in notes.items()}
_STEPS = {"trust": (AlertKind.TRUST, "book"), "composite": (AlertKind.TRANSITION, "direction")}
_TICKS, _LOTS = frozenset(("stop", "price", "trigger")), frozenset(("lots", "filled"))
_FEEDS = {
    "feed_disconnected": "{venue}: the connection {connection} was lost\n{reason}",
    "feed_connected": "{venue}: the connection {connection} is back after {away_s:.1f} s",
    "feed_silent": "{venue}: the connection {connection} says nothing; its books are not traded on",
    "feed_speaks": "{venue}: the connection {connection} speaks again",
    "topic_silent": "{venue}: the {topic} of {symbol} fell silent, while the rest of it flows",
    "topic_speaks": "{venue}: the {topic} of {symbol} goes on",
    "books_restarted": "{venue}: its books begin anew\n{reason}",
}
"""A later word about a connection takes the place of one that nobody was told yet."""
_QUIET_COMMANDS = ("proposed",)  # a preview is no deed


class Alerting:
    """`post` takes every alert; prices and quantities are said in the venue's decimals."""

    def __init__(self, instruments: Sequence[Instrument], post: Callable[[Alert], None]) -> None:
        self._instruments = tuple(instruments)
        self._by_key = {i.key: i for i in instruments}
        self._post = post
        self._stages: dict[str, str] = {}
        self._markets: dict[str, int] = {}  # of open trades
        self._walls: set[tuple[str, int]] = set()  # that were told and stand
        self._walls_since_ns = 0

    def trade(self, row: Mapping[str, Any]) -> None:
        """A trade's latest row: entry, exit, and a position that was long without a stop."""
        before = self._stages.get(row["id"], "")
        self._markets[row["id"]] = row["market"]
        self._stages[row["id"]] = row["stage"]
        now_ns = row["closed_ns"] or row["filled_ns"] or row["opened_ns"]
        if row["stage"] == Stage.OPEN and before != Stage.OPEN:
            self._say(AlertKind.ENTRY, now_ns, self._entered(row), row["symbol"])
        if row["stage"] == Stage.CLOSED and before != Stage.CLOSED:
            del self._stages[row["id"]], self._markets[row["id"]]
            if row["filled_lots"]:
                kind = AlertKind.STOP if row["reason"] == "stop" else AlertKind.EXIT
                self._say(kind, now_ns, self._left(row), row["symbol"])
            self._unprotected(row, now_ns)

    def denied(self, denied: Denied, count: int) -> None:
        intent = denied.intent
        side = "long" if intent.side > 0 else "short"
        figures = f"{denied.value:.4g} against {denied.limit:.4g}"
        words = f"refused {side} {intent.symbol}: {denied.reason.value}, {figures}"
        times = f" ({count} times)" if count > 1 else ""
        key = f"refusal {intent.symbol} {intent.strategy} {intent.mode} {int(intent.side)} {denied.reason}"
        text = f"{words}{times}\n{intent.strategy} {intent.mode.value}: {intent.reason}"
        self._post(Alert(AlertKind.REFUSAL, intent.now_ns, text, intent.symbol, key))

    def audit(self, now_ns: int, what: str, detail: Mapping[str, Any]) -> None:
        known = _ALARMS.get(what)
        if known is not None:
            kind, words = known
            figures = self._limit(detail) if kind is AlertKind.BREAKER else self._figures(detail)
            self._say(kind, now_ns, f"{words}\n{figures}", key=f"{what} {figures}")
        elif what in _FEEDS:
            where = detail.get("connection") or f"{detail.get('symbol', '')} {detail.get('topic', '')}"
            key = f"feed {detail['venue']} {where}"
            self._say(AlertKind.CONNECTION, now_ns, _FEEDS[what].format_map(detail), key=key)
        elif what == "strategy_disabled":
            words = f"strategy {detail['strategy']} raised and is off; its positions are managed on"
            self._say(AlertKind.STRATEGY, now_ns, f"{words}\n{detail['error']}")
        elif what == "command" and not any(name in detail for name in _QUIET_COMMANDS):
            done = "done" if detail.get("done") else "refused"
            asked = f"{detail['verb']} {detail['subject']}".strip()
            self._say(
                AlertKind.COMMAND, now_ns, f"{asked} by {detail['by']}: {done}\n{detail.get('answer', '')}"
            )

    def wall(self, row: Mapping[str, Any]) -> None:
        """The latest row of a wall: that it came, and what became of it. What stood before us is no news."""
        self._walls_since_ns = self._walls_since_ns or row["seen_ns"]
        known, key = row.get("end") is None, (row["market"], row["id"])
        if not known and key in self._walls:
            self._walls.discard(key)
            self._say_wall(row, self._wall_ended(row))
        elif known and key not in self._walls and self._worth_telling(row):
            self._walls.add(key)
            self._say_wall(row, f"{row['distance_bps']:.1f} bp away, genuine {100 * row['genuineness']:.0f}%")

    def _worth_telling(self, row: Mapping[str, Any]) -> bool:
        return row["born_ns"] > self._walls_since_ns and row["genuineness"] >= WALL_GENUINE

    def _wall_ended(self, row: Mapping[str, Any]) -> str:
        lived_s = (row["seen_ns"] - row["born_ns"]) / NS_PER_S
        traded = 100.0 * row["executed_lots"] / max(row["peak_lots"], 1e-9)
        return f"{row['end']} after {lived_s:.0f} s, {traded:.0f}% of its peak traded"

    def _say_wall(self, row: Mapping[str, Any], words: str) -> None:
        instrument = self._by_key[row["market"]]
        side = "bid" if row["side"] > 0 else "ask"
        size, price = f"{row['peak_lots'] * float(instrument.lot):.6g}", instrument.price(row["near_ticks"])
        text = f"{row['market']}: {side} wall of {size} at {price:f}\n{words}"
        key = f"wall {row['market']} {row['id']}"
        self._say(AlertKind.WALL, row["seen_ns"], text, instrument.symbol, key)

    def transition(
        self, now_ns: int, machine: str, subject: str, old: str, new: str, detail: Mapping[str, Any]
    ) -> None:
        """A step of trust, of a composite or of a zone. How all is at the start is no news."""
        key = f"{machine} {subject}"
        if machine == "zone":
            self._say(AlertKind.ZONE, now_ns, self._zone(subject, old, new, detail), key=key)
        elif machine in _STEPS and old:
            kind, name = _STEPS[machine]
            why = self._figures(detail)
            text = f"{subject}: {name} {old} → {new}" + (f"\n{why}" if why else "")
            self._say(kind, now_ns, text, key=key)

    def _zone(self, subject: str, old: str, new: str, detail: Mapping[str, Any]) -> str:
        """`subject` is the market and the zone's number."""
        market = subject.partition(" ")[0]
        what = f"{old} → {new}" if old and new else f"{new} zone came" if new else f"{old} zone went"
        low, high = (self._by_key[market].price(round(detail[n])) for n in ("low_ticks", "high_ticks"))
        touched = f"touched {detail['touches']} times, held {detail['holds']}"
        return f"{market}: {what}, {low:f} to {high:f}\nshould hold {100 * detail['hold']:.0f}%; {touched}"

    def _limit(self, detail: Mapping[str, Any]) -> str:
        limit = named(detail["name"])
        unit = "" if limit is None else limit.unit
        value, most = (figure_of(detail[name], unit) for name in ("value", "limit"))
        return f"{detail['name']} {detail['subject']}".rstrip() + f": {value} against {most}"

    def _figures(self, detail: Mapping[str, Any]) -> str:
        """A detail of the journal for people: markets by name, lots and ticks in the venue's units."""
        market = detail.get("market", self._markets.get(str(detail.get("trade"))))
        instrument = self._instruments[market] if isinstance(market, int) else None
        shown = dict(detail) if instrument is None else {"market": market, **detail}
        return ", ".join(
            f"{_name(name, instrument)} {_figure(name, value, instrument)}"
            for name, value in shown.items()
            if not name.endswith("_ns")
        )

    def _say(self, kind: AlertKind, now_ns: int, text: str, symbol: str = "", key: str = "") -> None:
        self._post(Alert(kind, now_ns, text.rstrip("\n"), symbol, key))

    def _entered(self, row: Mapping[str, Any]) -> str:
        quantity, price = self._quantity(row, "open_lots"), self._price(row, "entry_price")
        stop, risk = self._price(row, "stop"), _money(row["risk_e8"], row["coin"])
        exploring = ", exploring" if row["explore"] else ""
        return (
            f"{_side(row)} {quantity} {row['symbol']} at {price}\n"
            f"{row['strategy']} {row['mode']}{exploring}; stop {stop}, risk {risk}\n"
            f"id {row['id']}"
        )

    def _left(self, row: Mapping[str, Any]) -> str:
        worth = f"{_money(row['net_e8'], row['coin'], sign=True)} after fees"
        prices = f"{self._price(row, 'entry_price')} → {self._price(row, 'exit_price')}"
        exploring = ", exploring" if row["explore"] else ""
        held = f"{row['hold_ns'] / NS_PER_S:.0f} s"
        reached = f"best {row['best_bps']:+.1f}, worst {row['worst_bps']:+.1f} bp"
        return (
            f"closed {_side(row)} {self._quantity(row, 'filled_lots')} {row['symbol']}: {worth}\n"
            f"{prices}, {row['reason']}, held {held}; {reached}\n"
            f"{row['strategy']} {row['mode']}{exploring}; id {row['id']}"
        )

    def _unprotected(self, row: Mapping[str, Any], now_ns: int) -> None:
        longest_ns = row["unprotected_max_ns"] or 0
        if longest_ns > UNPROTECTED_ALARM_NS:
            text = (
                f"{row['symbol']} was {longest_ns / NS_PER_MS:.0f} ms without a proven stop\n"
                f"allowed are {UNPROTECTED_ALARM_NS / NS_PER_S:.0f} s; id {row['id']}"
            )
            self._say(AlertKind.PROTECTION, now_ns, text, row["symbol"])

    def _price(self, row: Mapping[str, Any], name: str) -> str:
        tick = self._instruments[row["market"]].tick
        ticks = row[name] or 0
        exact = Decimal(ticks) * tick if isinstance(ticks, int) else Decimal(repr(float(ticks))) * tick
        return f"{exact.quantize(tick):f}" if ticks else "unknown"

    def _quantity(self, row: Mapping[str, Any], name: str) -> str:
        return f"{row[name] * self._instruments[row['market']].lot:f}"


def _side(row: Mapping[str, Any]) -> str:
    return "long" if row["side"] > 0 else "short"


def _money(value_e8: int, coin: str, *, sign: bool = False) -> str:
    return f"{amount(value_e8, sign=sign)} {coin}"


def _name(name: str, instrument: Instrument | None) -> str:
    return "quantity" if name == "lots" and instrument is not None else name.replace("_", " ")


def _figure(name: str, value: Any, instrument: Instrument | None) -> str:
    if instrument is not None and name == "market":
        return instrument.symbol
    if instrument is not None and isinstance(value, int) and name in _TICKS:
        return f"{instrument.price(value):f}"
    if instrument is not None and isinstance(value, int) and name in _LOTS:
        return f"{instrument.quantity(value):f}"
    if name == "e8":
        return amount(value, sign=True)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
