"""One-time codes: what moves money is shown first and done only on the code that was shown with it.

Pure: codes are drawn by the caller, time is an argument. An actor has at most
one proposal open; asking again replaces it, three wrong codes or a minute end it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hmac import compare_digest

from bot.core.commands import Command
from bot.core.units import NS_PER_S

VALID_NS = 60 * NS_PER_S
MOST_TRIES = 3


@dataclass(frozen=True, slots=True)
class Proposal:
    """A command that waits for its code."""

    command: Command
    preview: str  # what would happen, in words
    code: str
    expires_ns: int


@dataclass(slots=True)
class _Open:
    proposal: Proposal
    tries: int = 0


@dataclass(slots=True)
class Confirmations:
    """The proposals that wait, one an actor."""

    _open: dict[str, _Open] = field(default_factory=dict)

    def propose(self, actor: str, command: Command, preview: str, code: str, now_ns: int) -> Proposal:
        proposal = Proposal(command, preview, code, now_ns + VALID_NS)
        self._open[actor] = _Open(proposal)
        return proposal

    def take(self, actor: str, code: str, now_ns: int) -> Command | str:
        """The command that this code confirms, once; else why not."""
        waiting = self._open.get(actor)
        if waiting is None:
            return "nothing waits for a code; ask for the command first"
        if now_ns >= waiting.proposal.expires_ns:
            del self._open[actor]
            return f"the code was good for {VALID_NS // NS_PER_S} s and has expired; ask again"
        if not compare_digest(code.strip().upper().encode(), waiting.proposal.code.encode()):
            waiting.tries += 1
            if waiting.tries >= MOST_TRIES:
                del self._open[actor]
                return "wrong code, the last try; nothing was done, ask again"
            return f"wrong code; {MOST_TRIES - waiting.tries} tries left"
        del self._open[actor]
        return waiting.proposal.command
