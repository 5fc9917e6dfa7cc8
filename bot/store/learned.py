"""What was learned of cards and zones, kept over the starts of a session, and every change of a weight.

Kept as bytes in the table `learned`: `cards` as `bot.signals.learning.frozen`
makes them, `zones` as JSON. What cannot be used is said, and learning starts from the prior.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import msgspec

from bot.core.enums import Mode
from bot.core.errors import BadInput
from bot.signals.learning.frozen import Keys, freeze, thaw
from bot.signals.learning.publishing import Reason
from bot.signals.learning.report import changes_since
from bot.signals.learning.state import Learning
from bot.signals.zones import learning as zone_learning
from bot.signals.zones.state import Zones
from bot.store.database import Database
from bot.store.encoding import decode
from bot.store.journal import StoreJournal

CARDS, ZONES = "cards", "zones"
NULL_EXPERT = "null"
_MODES = tuple(mode.value for mode in Mode)


class Learners(Protocol):
    """What is read of `bot.signals.state.Signals`; its arrays stay the same while a run lasts."""

    @property
    def learning(self) -> Learning: ...

    @property
    def zones(self) -> Zones: ...


class Note(NamedTuple):
    """Something about what was learned that a person should know."""

    what: str
    detail: dict[str, Any]
    warn: bool


class LearnedKeeper:
    """`note_changes` at every tick, `keep` before the commit of a checkpoint.

    Changes of weights that are there when it is made are of an earlier run.
    """

    def __init__(self, journal: StoreJournal, keys: Keys, learners: Learners) -> None:
        self._journal = journal
        self._keys = keys
        self._learners = learners
        self._seen: list[int] = learners.learning.clocks["changes"].tolist()

    def note_changes(self) -> None:
        """Write the changes of traded weights since the last time."""
        learning = self._learners.learning
        if learning.clocks["changes"].tolist() == self._seen:
            return
        experts = [*self._keys.cards, NULL_EXPERT]
        for market, name in enumerate(self._keys.markets):
            rows, self._seen[market] = changes_since(learning, market, self._seen[market])
            for row in rows:
                self._journal.weight(
                    int(row["time_ns"]),
                    name,
                    _MODES[int(row["mode"])],
                    experts[int(row["expert"])],
                    float(row["before"]),
                    float(row["after"]),
                    Reason(int(row["reason"])).name.lower(),
                )

    def keep(self, now_ns: int) -> None:
        """Hand what is known to the journal. Only between ticks."""
        detail = {"markets": list(self._keys.markets), "cards": list(self._keys.cards)}
        self._journal.learned(CARDS, freeze(self._learners.learning, self._keys), detail, now_ns)
        known = zone_learning.freeze(self._learners.zones.model)
        self._journal.learned(ZONES, msgspec.json.encode(known), {}, now_ns)


def revive(database: Database, keys: Keys, learners: Learners, first_ns: int) -> list[Note]:
    """Fill the learners from a session's database, before the row at `first_ns`.

    What was learned later than that would be foresight and is left alone.
    """
    notes = []
    for name in (CARDS, ZONES):
        saved = saved_of(database, name)
        if saved is None:
            continue
        try:
            if saved.now_ns > first_ns:
                raise BadInput(f"{name}: what was learned is later than the stream")
            said = _thaw(name, keys, learners, saved.data)
        except BadInput as error:
            notes.append(Note("learner_ignored", {"learner": name, "reason": str(error)}, True))
            continue
        detail = {"learner": name, "run": saved.run, "at_ns": saved.now_ns, "notes": said}
        notes.append(Note("learner_restored", detail, bool(said)))
    return notes


def _thaw(name: str, keys: Keys, learners: Learners, data: bytes) -> list[str]:
    if name == CARDS:
        return thaw(learners.learning, keys, data)
    zone_learning.thaw(learners.zones.model, zones_from(data))
    return []


class Saved(NamedTuple):
    """Bytes of a learner; `detail` names the markets and cards they are of."""

    run: int
    now_ns: int
    detail: dict[str, Any]
    data: bytes


def saved_of(database: Database, name: str) -> Saved | None:
    """What a session kept of a learner."""
    for row in database.query("SELECT run, now_ns, detail, data FROM learned WHERE name = ?", [name]):
        return Saved(row["run"], row["now_ns"], decode(row["detail"]), row["data"])
    return None


def zones_from(data: bytes) -> Any:
    """The JSON of what was learned of zones. Raises BadInput."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"zones: what was learned is damaged ({error})") from None
