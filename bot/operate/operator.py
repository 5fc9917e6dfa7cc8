"""The one façade that every face uses: look at the bot, or have it do something, with authority and audit.

Authority is judged once, before anything is dispatched. Each request leaves an
audit row with who, what and what became of it.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from bot.core.clock import Clock
from bot.core.commands import Answer, Command, Verb
from bot.operate.authority import DEMANDS, Actor
from bot.operate.confirming import Confirmations, Proposal
from bot.operate.status import Status, TradeStatus
from bot.risk.look import LimitStatus

_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without letters and digits that look alike
_CODE_LENGTH = 4
_WORDS = {
    Verb.RESET: "end the limit {}; it counts anew from now, and entries may follow",
    Verb.ADOPT: "manage the unknown position in {} as a trade of ours, with our stop",
    Verb.RESTART: "ask strategy {} again; it was switched off because it raised, and may raise again",
    Verb.IGNORE: "leave the unknown position in {} alone, and take our stop away from it",
}


def draw_code() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH))


class Operator:
    """`look` takes the present status and `limits` those of risk; `obey` has the engine answer a command."""

    def __init__(
        self,
        look: Callable[[], Status],
        obey: Callable[[Command], Awaitable[Answer]],
        audit: Callable[[str, Mapping[str, Any]], None],
        clock: Clock,
        draw: Callable[[], str] = draw_code,
        limits: Callable[[], Sequence[LimitStatus]] = tuple,
    ) -> None:
        self.look = look
        self.limits = limits
        self._obey = obey
        self._audit = audit
        self._clock = clock
        self._draw = draw
        self._confirmations = Confirmations()

    async def ask(self, actor: Actor, verb: Verb, subject: str = "") -> Answer | Proposal:
        """Do it, refuse it, or, where money moves, show what would happen and wait for the code."""
        command = Command(verb, subject, actor.name)
        demand = DEMANDS[verb]
        if actor.role < demand.role:
            wanted = demand.role.name.lower()
            return self._noted(
                command,
                Answer(False, f"{verb} needs the role {wanted}; yours is {actor.role.name.lower()}"),
            )
        if not demand.confirm:
            return await self._do(command)
        now_ns = self._clock.now_ns()
        shown = preview(command, self.look())
        proposal = self._confirmations.propose(actor.name, command, shown, self._draw(), now_ns)
        self._note(command, {"proposed": shown})
        return proposal

    async def confirm(self, actor: Actor, code: str) -> Answer:
        """Do what the code was shown with. Each code works once."""
        taken = self._confirmations.take(actor.name, code, self._clock.now_ns())
        if isinstance(taken, Command):
            return await self._do(taken)
        self._audit("command_not_confirmed", {"by": actor.name, "reason": taken})
        return Answer(False, taken)

    async def _do(self, command: Command) -> Answer:
        return self._noted(command, await self._obey(command))

    def _noted(self, command: Command, answer: Answer) -> Answer:
        self._note(command, {"done": answer.done, "answer": answer.text, "trades": list(answer.trades)})
        return answer

    def _note(self, command: Command, detail: Mapping[str, Any]) -> None:
        asked = {"verb": command.verb.value, "subject": command.subject, "by": command.by}
        self._audit("command", {**asked, **detail})


def preview(command: Command, status: Status) -> str:
    """What a command that wants a code would do, to the trades as they stand."""
    said = _WORDS.get(command.verb)
    if said is not None:
        return said.format(command.subject)
    trades = [t for t in status.trades if command.verb is Verb.FLATTEN or t.symbol == command.subject]
    if not trades:
        return "no open trade; entries stop" if command.verb is Verb.FLATTEN else "no open trade"
    listed = "; ".join(_in_words(trade) for trade in trades)
    after = "; then no new entries" if command.verb is Verb.FLATTEN else ""
    return f"close at the market, reduce-only: {listed}{after}"


def _in_words(trade: TradeStatus) -> str:
    side = "long" if trade.side > 0 else "short"
    worth = f"{trade.unrealised_e8 / 1e8:+.2f} {trade.coin}"
    return f"{side} {trade.quantity:f} {trade.symbol} ({trade.strategy}, {trade.stage}, {worth} unrealised)"
