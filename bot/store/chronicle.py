"""Everything a run's database keeps of the signals, joined: call `tick` and `before_commit`."""

from __future__ import annotations

import numpy as np

from bot.signals.learning.frozen import Keys
from bot.signals.state import Signals
from bot.store.journal import StoreJournal
from bot.store.learned import LearnedKeeper
from bot.store.signal_steps import SignalSteps
from bot.store.wall_ledger import WallLedger
from bot.store.zone_ledger import ZoneLedger


class Chronicle:
    """To be made when the arrays hold what the run begins with: what they hold is of earlier runs."""

    def __init__(self, journal: StoreJournal, keys: Keys, signals: Signals) -> None:
        self._learned = LearnedKeeper(journal, keys, signals)
        self._walls = WallLedger(journal, keys.markets, signals)
        self._zones = ZoneLedger(journal, keys.markets)
        self._steps = SignalSteps(journal, keys.markets)
        self._ticked = False

    def tick(
        self, now_ns: int, heads: np.ndarray, signals: Signals, doubts: np.ndarray | None = None
    ) -> None:
        """After the readings of a tick."""
        self._ticked = True
        self._steps.look(now_ns, heads, signals, doubts)
        self._walls.look(now_ns, signals)
        self._learned.note_changes()
        self._zones.look(now_ns, signals.zones)

    def before_commit(self, now_ns: int, signals: Signals) -> None:
        """The walls that stand and the zones that changed, once a tick at most."""
        if self._ticked:
            self._zones.write()
            self._walls.note_standing(now_ns, signals)
            self._ticked = False

    def keep_learned(self, now_ns: int) -> None:
        """Before the commit of a checkpoint."""
        self._learned.keep(now_ns)
