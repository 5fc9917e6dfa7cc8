from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.signals.learning.frozen import Keys
from bot.signals.learning.publishing import Reason
from bot.signals.learning.state import new_learning
from bot.signals.registry import card_names
from bot.signals.zones.state import PRIOR, new_zones
from bot.store.database import Database
from bot.store.journal import StoreJournal
from bot.store.learned import CARDS, ZONES, LearnedKeeper, revive, saved_of
from tests.store.signal_arrays import MARKETS, T0, S

KEYS = Keys(MARKETS, card_names())


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "paper") as opened:
        yield opened


def learners(markets: int = 2) -> Any:
    return SimpleNamespace(learning=new_learning(markets), zones=new_zones(markets))


def experienced() -> Any:
    """Learners that differ from their prior."""
    made = learners()
    made.learning.theta[0, 0, 0] = 1.5
    made.zones.model["theta"][0, 0] = 0.5
    made.zones.model["labels"] = 3
    return made


def keep(database: Database, of: Any, now_ns: int, keys: Keys = KEYS) -> None:
    journal = StoreJournal(database, database.start_run("paper", {}, 0))
    LearnedKeeper(journal, keys, of).keep(now_ns)
    journal.commit()


def test_the_next_start_goes_on_with_what_was_learned(database: Database) -> None:
    keep(database, experienced(), T0)
    fresh = learners()
    notes = revive(database, KEYS, fresh, T0 + S)
    assert [(note.what, note.detail["learner"], note.warn) for note in notes] == [
        ("learner_restored", "cards", False),
        ("learner_restored", "zones", False),
    ]
    assert fresh.learning.theta[0, 0, 0] == 1.5
    assert fresh.zones.model["theta"][0, 0] == 0.5
    assert fresh.zones.model["labels"][0] == 3


def test_a_first_start_has_nothing_to_say(database: Database) -> None:
    assert revive(database, KEYS, learners(), T0) == []


@pytest.mark.parametrize("name", [CARDS, ZONES])
@pytest.mark.parametrize("damage", [b"", b"not ours at all", b"\xff\xfe{}", b'{"version": 1}'])
def test_what_is_damaged_is_said_and_learning_starts_from_the_prior(
    database: Database, name: str, damage: bytes
) -> None:
    keep(database, experienced(), T0)
    database.connection.execute("UPDATE learned SET data = ? WHERE name = ?", (damage, name))
    fresh = learners()
    notes = {note.detail["learner"]: note for note in revive(database, KEYS, fresh, T0 + S)}
    other = ZONES if name == CARDS else CARDS
    assert (notes[name].what, notes[name].warn) == ("learner_ignored", True)
    assert notes[name].detail["reason"]
    assert notes[other].what == "learner_restored"
    assert (fresh.learning.theta[0, 0, 0] == 1.5) == (name != CARDS)
    assert (fresh.zones.model["theta"][0, 0] == PRIOR[0]) == (name == ZONES)


def test_a_flipped_bit_is_noticed(database: Database) -> None:
    keep(database, experienced(), T0)
    saved = saved_of(database, CARDS)
    assert saved is not None
    data = bytearray(saved.data)
    data[len(data) // 2] ^= 1
    database.connection.execute("UPDATE learned SET data = ? WHERE name = ?", (bytes(data), CARDS))
    fresh = learners()
    notes = revive(database, KEYS, fresh, T0 + S)
    assert "damaged" in notes[0].detail["reason"]
    assert fresh.learning.theta[0, 0, 0] != 1.5


def test_other_markets_start_from_the_prior_and_it_says_which(database: Database) -> None:
    keep(database, experienced(), T0)
    fresh = learners()
    notes = revive(database, Keys(("binance:SOLUSDT", MARKETS[0]), card_names()), fresh, T0 + S)
    assert notes[0].warn
    assert any("SOLUSDT" in sentence and "prior" in sentence for sentence in notes[0].detail["notes"])
    assert fresh.learning.theta[1, 0, 0] == 1.5, "never another market's"
    assert fresh.learning.theta[0, 0, 0] != 1.5


def test_what_was_learned_later_than_the_stream_is_foresight(database: Database) -> None:
    keep(database, experienced(), T0)
    fresh = learners()
    notes = revive(database, KEYS, fresh, T0 - S)
    assert {note.what for note in notes} == {"learner_ignored"}
    assert "later" in notes[0].detail["reason"]
    assert fresh.learning.theta[0, 0, 0] != 1.5
    keep(database, fresh, T0 - S)  # the replay of the past ends
    saved = saved_of(database, CARDS)
    assert saved is not None
    assert saved.now_ns == T0, "what was learned until later stays"


def change(of: Any, market: int, after: float) -> None:
    """As the publisher writes it."""
    clock = of.learning.clocks[market]
    row = of.learning.changes[market, clock["changes"] % of.learning.changes.shape[1]]
    row["time_ns"], row["mode"], row["expert"] = T0, 1, len(KEYS.cards)
    row["before"], row["after"], row["reason"] = 0.25, after, Reason.LEARNED
    clock["changes"] += 1


def test_every_change_of_a_weight_is_written_once(database: Database) -> None:
    of = learners()
    change(of, 0, 0.1)  # by an earlier run
    journal = StoreJournal(database, database.start_run("paper", {}, 0))
    keeper = LearnedKeeper(journal, KEYS, of)
    change(of, 1, 0.2)
    keeper.note_changes()
    change(of, 1, 0.3)
    change(of, 0, 0.4)
    keeper.note_changes()
    keeper.note_changes()
    journal.commit()
    rows = database.query("SELECT market, mode, expert, before, after, reason FROM weights")
    assert [(row["market"], row["after"]) for row in rows] == [
        (MARKETS[1], 0.2),
        (MARKETS[0], 0.4),
        (MARKETS[1], 0.3),
    ]
    assert {key: rows[0][key] for key in ("mode", "expert", "before", "reason")} == {
        "mode": "day",
        "expert": "null",
        "before": 0.25,
        "reason": "learned",
    }
