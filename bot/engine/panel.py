"""The strategies of a session, each asked apart: one that raises, or answers nonsense, is asked no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bot.core.enums import Action, Mode
from bot.core.messages import Intent, MarketView, TradeView
from bot.core.protocols import Journal, Strategy
from bot.core.units import NS_PER_S

LONGEST_WATCH_NS = 60 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Slot:
    """A strategy and the modes it decides in."""

    strategy: Strategy
    modes: tuple[Mode, ...]


@dataclass(frozen=True, slots=True)
class Watching:
    """A set-up that lacks its trigger: whose, where, and until when it is looked at every second."""

    strategy: str
    market: int
    mode: Mode
    until_ns: int


class Panel:
    """Asks strategies and keeps what they watch. `disabled`: strategy → what it raised; people see it."""

    def __init__(self, slots: Sequence[Slot], journal: Journal, disabled: dict[str, str]) -> None:
        self._slots = tuple(slots)
        self._journal = journal
        self._disabled = disabled
        self._watched: dict[tuple[str, int, Mode], Watching] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Of all strategies, disabled or not."""
        return tuple(slot.strategy.name for slot in self._slots)

    def entering(self, mode: Mode) -> Iterator[Strategy]:
        """Those that may enter in a mode, in their order."""
        for slot in self._slots:
            if mode in slot.modes and slot.strategy.name not in self._disabled:
                yield slot.strategy

    def of(self, name: str) -> Strategy | None:
        """None for one that is not there any more, or disabled."""
        if name in self._disabled:
            return None
        return next((slot.strategy for slot in self._slots if slot.strategy.name == name), None)

    def enter(self, strategy: Strategy, view: MarketView) -> tuple[Intent, ...]:
        """Its entries; what it only watches is remembered, until it enters or the set-up is gone."""
        answers = self._ask(strategy, view, lambda: strategy.enter(view), _may_enter)
        key = strategy.name, view.market, view.mode
        wishes = [intent for intent in answers if intent.action is Action.WATCH]
        entries = tuple(intent for intent in answers if intent.action is Action.ENTER)
        if entries or not wishes:
            self._watched.pop(key, None)
        elif key not in self._watched:
            ttl_ns = min(wishes[0].entry_ttl_ns, LONGEST_WATCH_NS)
            self._watched[key] = Watching(*key, until_ns=view.now_ns + ttl_ns)
        return entries

    def manage(self, strategy: Strategy, view: MarketView, trade: TradeView) -> tuple[Intent, ...]:
        return self._ask(strategy, view, lambda: strategy.manage(view, trade), _may_manage)

    def watching(self, now_ns: int) -> tuple[Watching, ...]:
        """Set-ups to be looked at again; those whose time is over are forgotten."""
        if not self._watched:
            return ()
        self._watched = {
            key: one
            for key, one in self._watched.items()
            if now_ns <= one.until_ns and one.strategy not in self._disabled
        }
        return tuple(self._watched.values())

    def _ask(
        self,
        strategy: Strategy,
        view: MarketView,
        question: Callable[[], Any],
        fits: Callable[[Intent], bool],
    ) -> tuple[Intent, ...]:
        """A strategy that raises is disabled; its trades keep their stops, targets and time stops."""
        try:
            answer = tuple(question())
            for intent in answer:
                _check(intent, strategy, view, fits)
            return answer
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
        self._disabled[strategy.name] = reason
        detail = {"strategy": strategy.name, "error": reason}
        self._journal.audit(view.now_ns, "strategy_disabled", detail)
        return ()


def _may_enter(intent: Intent) -> bool:
    return intent.action in (Action.ENTER, Action.WATCH)


def _may_manage(intent: Intent) -> bool:
    return not _may_enter(intent)


def _check(intent: Any, strategy: Strategy, view: MarketView, fits: Callable[[Intent], bool]) -> None:
    """Raises TypeError or ValueError when an answer is not an intent of this strategy about this market."""
    if not isinstance(intent, Intent):
        raise TypeError(f"expected intents, was {intent!r}")
    if not fits(intent):
        raise ValueError(f"expected no {intent.action.value} from this question")
    if (intent.strategy, intent.market) != (strategy.name, view.market):
        raise ValueError(
            f"expected an intent of {strategy.name!r} about market {view.market}, "
            f"was {intent.strategy!r} about market {intent.market}"
        )
