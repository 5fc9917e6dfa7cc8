"""Runs a session: source → engine → database → report, with a recorder beside it.

The same for demo, replay and backtest; they differ in the source and in how
fast it is read. Everything that touches the world is here, in `pacing`, in the
store and the tape; the engine only sees rows.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bot.app.channels import access_to
from bot.app.config import Config
from bot.app.faces import Faces
from bot.app.header import session_header
from bot.app.live import LiveRun, LiveSource, Needed
from bot.app.live_account import open_account
from bot.app.live_markets import live_instruments, open_live
from bot.app.live_trading import LiveTrading
from bot.app.pacing import Split, run_paced
from bot.app.pictures import Pictures
from bot.app.plugins import Loaded, load_strategies
from bot.app.quota import Quota, live_tape
from bot.app.recording import Recording, open_recording
from bot.app.resuming import kept_state, restore_state
from bot.app.settling import hand_out_memory
from bot.app.sources import DemoSource, TapeSource, open_tapes
from bot.app.status_of import StatusMaker
from bot.app.wiring import Wired, wire
from bot.core.clock import SystemClock, monotonic_ns
from bot.core.commands import Answer, Command
from bot.core.enums import Mode
from bot.core.errors import BadInput
from bot.core.garbage import short_collections
from bot.core.units import NS_PER_S
from bot.engine import checkpoint
from bot.engine.command_rows import command_row
from bot.engine.inbox import Asked, Inbox, Numbering
from bot.engine.kernel import Ctl
from bot.engine.loop import Trading
from bot.engine.obeying import misdirected
from bot.engine.scheduler import PacedClock
from bot.execution.news import News, encode_news
from bot.market.events import Kind, empty_rows
from bot.market.synthetic import scenario as named_scenario
from bot.market.tape import TapeHeader, open_tape
from bot.operate.operator import Operator
from bot.operate.status import Status
from bot.signals.learning.frozen import Keys
from bot.signals.registry import card_names
from bot.store.chronicle import Chronicle
from bot.store.database import Database, StoreFailed, session_folder
from bot.store.encoding import encode
from bot.store.heard import BEGIN, HeardItem, open_heard
from bot.store.journal import StoreJournal
from bot.store.learned import revive
from bot.store.readings import FOLDER as READINGS_FOLDER
from bot.store.readings import drop_old_readings
from bot.store.report import Report, build_report
from bot.store.risk_report import KEPT_LIMITS

if TYPE_CHECKING:
    from types import FrameType

COMMIT_NS = NS_PER_S // 4
STATUS_NS = NS_PER_S // 5
LIMITS_NS = 5 * NS_PER_S
CHECKPOINT_NS = 60 * NS_PER_S
CHECKPOINT_FILE = "checkpoint.npz"
BEGUN_FILE = "begun.npz"
"""The signals that the last live run began with, when they go on from an earlier one; for its replay."""
TRUTH_FILE = "truth.jsonl"
TAPES_FOLDER = "tapes"
REPLAYED = ("instruments", "venue", "trader", "risk", "accounts", "live", "modes")
"""Of the kept state: what a replay of the run begins with."""


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What to run. `speed` 0 runs as fast as possible with timers generated from stream time."""

    config: Config
    kind: Literal["paper", "watch", "backtest", "live"] = "paper"
    market: Literal["demo", "replay", "live"] = "demo"
    tapes: tuple[Path, ...] = ()
    session: str = "paper"
    seed: int = 1
    symbols: tuple[str, ...] = ()
    duration_s: float | None = None
    speed: float = 0.0
    scenario: str = "demo"
    record: Path | None = None
    truth: bool = False  # beside the recording, what was planted
    fresh: bool = False
    strategies_dir: Path | None = None
    on_status: Callable[[Status], None] | None = None
    on_warning: Callable[[str, Mapping[str, Any]], None] | None = None
    split: Split | None = None
    heard: Path | None = None  # backtest: folder of the live session whose news is merged with its tape
    dry: bool = False  # live: ask everything, send nothing


@dataclass(frozen=True, slots=True)
class SessionResult:
    summary: dict[str, Any]
    report: Report
    database: Path
    interrupted: bool


def run_session(options: SessionOptions) -> SessionResult:
    """Run to the end of the source, or to Ctrl-C, and report.

    Raises the errors of `bot.core.errors`; nothing half-written stays behind.
    """
    config = options.config
    if options.truth and (options.record is None or options.market != "demo"):
        raise BadInput(
            "--truth: expected a recording of the demo market to write it beside; add --record DIR"
        )
    if options.market == "demo":
        named_scenario(options.scenario)
    strategies = load_strategies(config.strategies.enabled, options.strategies_dir)
    header = session_header(config.model_dump(mode="json"), options.seed, strategies)
    tapes = (
        open_tapes(options.tapes, options.symbols, options.duration_s) if options.market == "replay" else None
    )
    live = open_live(options) if options.market == "live" else None
    with Database.open(session_folder(config.storage.folder, options.session), fresh=options.fresh) as db:
        earlier = db.state("session") or {}
        source = tapes or live or _demo(options, earlier)
        running = _Running(options, db, source, strategies, header, earlier)
        return running.run()


def _demo(options: SessionOptions, earlier: Mapping[str, Any]) -> DemoSource:
    return DemoSource(
        options.seed,
        options.symbols or options.config.market.symbols,
        options.duration_s,
        earlier.get("source"),
        _recorded_until_ns(options.record),
        options.scenario,
    )


def _recorded_until_ns(record: Path | None) -> int:
    """Receive time of the last row of a recording that will be continued, 0 where there is none."""
    if record is None or not record.is_dir() or not any(record.iterdir()):
        return 0
    span = open_tape(record).span()
    return span[1] if span else 0


@dataclass(slots=True)
class _Running:
    """One run of a session, from first row to report."""

    options: SessionOptions
    database: Database
    source: DemoSource | TapeSource | LiveSource
    strategies: dict[str, Loaded]
    header: dict[str, Any]
    earlier: dict[str, Any]
    clock: SystemClock = field(default_factory=SystemClock)
    stop: threading.Event = field(default_factory=threading.Event)
    record_to: Path | None = None
    quota: Quota | None = None  # of the tapes that live sessions record by themselves
    wired: Wired = field(init=False)
    status: StatusMaker | None = field(init=False)
    journal: StoreJournal = field(init=False)
    faces: Faces = field(init=False)
    pictures: Pictures = field(init=False)
    chronicle: Chronicle | None = None  # from the first row on
    recording: Recording | None = None
    account: LiveTrading | None = None  # live
    heard: Iterator[HeardItem] | None = None  # a replay's news of an account, by seq
    _next_heard: HeardItem | None = None
    numbering: Numbering | None = None  # None: the source's own numbers are kept
    run_id: int = 0
    committed_ns: int = 0
    shown_ns: int = 0
    saved_ns: int = 0
    looked_ns: int = 0
    started_ns: int = 0
    from_checkpoint: bool = False
    goes_on: bool = False  # after an earlier run, so that what lies between is a gap

    def run(self) -> SessionResult:
        options = self.options
        self.database.remember_session(options.session, self.header, self.clock.now_ns())
        instruments = [i.to_json() for i in self.source.instruments]
        header = {**self.header, "instruments": instruments}
        self.run_id = self.database.start_run(options.kind, header, self.clock.now_ns())
        try:
            self._begin()
            with self._interruptible(), short_collections():
                self._stream()
        except BaseException as error:
            if self.recording is not None:
                self.recording.close()
            what = {"error": f"{type(error).__name__}: {error}"}
            with suppress(sqlite3.Error):  # the error at hand says more
                self.database.end_run(self.run_id, what, self.clock.now_ns(), interrupted=True)
            raise
        with self._told_when_unwritable():
            return self._finish()

    @contextmanager
    def _told_when_unwritable(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreFailed(
                f"{self.database.path}: the last of this session could not be written ({error}); orders and "
                "positions are at the venue as they were: make room or free the file and start the session "
                "again, it asks the account"
            ) from None

    @property
    def _real_time(self) -> bool:
        return self.options.speed > 0 or isinstance(self.source, LiveSource)

    @property
    def _own_timers(self) -> bool:
        """Whether the stream brings its timers, or a scheduler does."""
        return self.source.own_timers or self._real_time

    def _begin(self) -> None:
        """Build the engine, continue what an earlier run left, and open the recording."""
        options = self.options
        self.record_to = options.record
        if options.market == "live":
            tapes = self.database.path.with_name(TAPES_FOLDER)
            self.record_to, self.quota = live_tape(
                options.record, tapes, options.config.storage, self.clock.now_ns()
            )
        self.faces = Faces(
            access_to(options.config.telegram, options.config.notify) if self._real_time else None,
            self.database.path.parent,
            self.source.instruments,
            self.clock,
            self._warn,
        )
        self.faces.restore(self.database.state("faces"))
        self.pictures = Pictures(self.source.instruments)
        self.faces.on_trade = self.pictures.trade
        self.journal = StoreJournal(self.database, self.run_id, self.faces)
        self.wired = wire(
            options.config,
            self.source.instruments,
            self.strategies,
            self.journal,
            trades=options.kind != "watch",
            own_timers=self._own_timers,
            live=options.kind == "live" or options.heard is not None,
            on_tick=self._on_tick,
        )
        if self._real_time:
            hand_out_memory(self.wired.engine.state.tables)
        if self.wired.trading is not None:
            self._continue(self.wired.trading)
            for trade in self.wired.trading.trader.trades:
                self.pictures.trade(trade.row())
        self.status = (
            None
            if options.on_status is None
            else StatusMaker(options, self.source, self.wired, self.journal.tally)
        )
        self._open_recording()
        self.started_ns = self.committed_ns = self.saved_ns = monotonic_ns()

    def _continue(self, trading: Trading) -> None:
        """What an earlier run left. Live begins paused; a replay of it begins with what it began with."""
        options = self.options
        earlier = self.earlier
        if options.heard is not None:
            earlier, self.heard = open_heard(options.heard)
        restore_state(options, self.source, trading, earlier)
        if options.kind == "live":
            self.database.survive_power_loss()
            self.account = open_account(
                options, self.source, self.wired.engine, self.journal, self._gather, self._committed
            )
            begun = {name: earlier[name] for name in REPLAYED if name in earlier}
            self.journal.heard(0, self.clock.now_ns(), BEGIN, encode(begun))
        paused = options.kind == "paper" and self.earlier.get("paused", False)
        engine = self.wired.engine
        armed_ns = self.earlier.get("armed_until_ns", 0) if options.kind == "paper" else 0
        engine.allow(not paused and trading.live is None, until_ns=armed_ns)
        if options.kind in ("paper", "live") or options.heard is not None:
            engine.modes = tuple(Mode(word) for word in earlier.get("modes", Mode))

    def _stream(self) -> None:
        if isinstance(self.source, LiveSource):
            self._live(self.source)
            return
        if self.options.speed > 0:
            asyncio.run(
                run_paced(
                    self._batches(),
                    self._apply,
                    lambda: self.wired.engine.in_message,
                    self.stop.is_set,
                    answer=self.wired.engine.answers.pop,
                    serve=self._serve,
                    speed=self.options.speed,
                    clock=self.clock,
                    own_timers=self.source.own_timers,
                    numbering=self.numbering,
                    split=self.options.split,
                )
            )
            return
        for rows in self._batches():
            for part in self._with_news(rows if self.numbering is None else self.numbering.rows(rows)):
                self._apply(part)
            if self.stop.is_set():
                return
        for item in self.heard or ():
            self.wired.engine.hear(item.news, item.seq, item.recv_ns)

    def _with_news(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """The rows, cut where the replayed session heard something, which the engine hears in between."""
        at = 0
        while self.heard is not None:
            item = self._next_heard or next(self.heard, None)
            self._next_heard = item
            if item is None or item.seq > rows["seq"][-1]:
                break
            cut = int(np.searchsorted(rows["seq"], item.seq))
            yield rows[at:cut]
            self.wired.engine.hear(item.news, item.seq, item.recv_ns)
            at, self._next_heard = cut, None
        yield rows[at:]

    def _serve(self, inbox: Inbox, clock: PacedClock) -> AbstractAsyncContextManager[None]:
        """Take commands from other processes and from Telegram while the session runs."""
        instruments = self.source.instruments

        async def obey(command: Command) -> Answer:
            refused = misdirected(command, instruments, self.wired.engine.strategies)
            if refused is not None:
                return refused
            asked = Asked(command_row(command, instruments, clock.now_ns()), asyncio.Future())
            await inbox.put(asked)
            return await asked.answer

        def audit(what: str, detail: Mapping[str, Any]) -> None:
            self.journal.audit(self.wired.engine.now_ns, what, detail)

        look = StatusMaker(self.options, self.source, self.wired, self.journal.tally).make
        if self.faces.speaks:
            self.pictures.start()
        operator = Operator(look, obey, audit, self.clock, limits=self.wired.engine.limits)
        return self.faces.open(operator, self.pictures.of)

    @asynccontextmanager
    async def _serve_live(self, inbox: Inbox, clock: PacedClock) -> AsyncIterator[Needed]:
        """Commands, and the account when one is traded."""
        account = nullcontext(()) if self.account is None else self.account.open(inbox)
        async with self._serve(inbox, clock), account as needed:
            yield needed

    def _hear(self, news: News, seq: int, now_ns: int) -> None:
        """Journaled with its place among the rows, then decided upon."""
        self.journal.heard(seq, now_ns, type(news).__name__, encode_news(news).decode())
        self.wired.engine.hear(news, seq, now_ns)
        if self.account is not None:
            self.account.flush()

    def _batches(self) -> Iterator[np.ndarray]:
        """The source's rows, behind a gap in every market where an earlier run goes on."""
        assert not isinstance(self.source, LiveSource)
        batches = self.source.batches()
        first = next(batches, None)
        if first is None:
            return
        gaps = self._opening(int(first[0]["recv_ns"]))
        yield np.concatenate([gaps, first]) if gaps.size else first
        yield from batches

    def _opening(self, first_ns: int) -> np.ndarray:
        """Get ready for the first row; returns the gaps that come before it where an earlier run goes on."""
        warm = self._warm_up(first_ns)
        if self.options.kind == "live":
            self._keep_begin(warm, first_ns)
        self.chronicle = Chronicle(self.journal, self._keys, self.wired.engine.state.signals)
        gaps = empty_rows(len(self.source.instruments) if self.goes_on else 0)
        gaps["kind"], gaps["recv_ns"] = Kind.GAP, first_ns
        gaps["market"] = np.arange(gaps.size)
        if gaps.size:
            self.numbering = self.numbering or Numbering()
        return gaps

    def _live(self, source: LiveSource) -> None:
        """Feeds, timers and the wall clock until Ctrl-C or the duration's end."""
        gaps = self._opening(source.clock.now_ns())
        run = LiveRun(
            source,
            self._apply,
            in_message=lambda: self.wired.engine.in_message,
            stopping=self.stop.is_set,
            on_news=self._news,
            numbering=self.numbering or Numbering(),
            state=lambda: self.wired.engine.state,
            answer=self.wired.engine.answers.pop,
            serve=self._serve_live,
            hear=self._hear,
            duration_s=self.options.duration_s,
            patient=self.account is not None and self.account.venue.at_stake,
            opening=(gaps,) if gaps.size else (),
            instruments=lambda: live_instruments(self.options.config, self.options.symbols),
        )
        asyncio.run(run.run())

    def _news(self, what: str, detail: Mapping[str, Any]) -> None:
        """What a feed tells: on the record, and to people."""
        self._event(self.wired.engine.now_ns, what, detail, warn=True)

    def _warm_up(self, first_ns: int) -> bool:
        """Continue from the last run's checkpoint, when it fits; where not, from what was learned.

        A replay of a live run goes on from what that run did. Whether there was anything.
        """
        if self.options.heard is not None:
            return self._restore_begin(self.options.heard / BEGUN_FILE)
        if not self._keeps or self.options.fresh:
            return False
        if self._restore_checkpoint(first_ns):
            return True
        notes = list(revive(self.database, self._keys, self.wired.engine.state.signals, first_ns))
        for note in notes:
            self._event(first_ns, note.what, note.detail, warn=note.warn)
        return bool(notes)

    def _keep_begin(self, warm: bool, first_ns: int) -> None:
        path = self.database.path.with_name(BEGUN_FILE)
        try:
            path.unlink(missing_ok=True)
            if self.from_checkpoint:
                os.link(self._checkpoint, path)  # a later checkpoint is another file
            elif warm:
                checkpoint.save(path, self.wired.engine.state, self._owner)
        except OSError as error:
            reason = f"{path}: {error.strerror or error}; this run cannot be replayed to its hash"
            self._event(first_ns, "begin_not_kept", {"reason": reason}, warn=True)

    def _restore_begin(self, path: Path) -> bool:
        """Raises BadInput when it is damaged, or of other markets or kernels than now."""
        saved = checkpoint.load(path, self._owner)
        if saved is not None:
            self.wired.engine.state = checkpoint.restore(self.wired.engine.state, saved)
        return saved is not None

    def _restore_checkpoint(self, first_ns: int) -> bool:
        """Whether the signals, and what they have learned, go on from the checkpoint."""
        engine = self.wired.engine
        try:
            saved = checkpoint.load(self._checkpoint, self._owner)
            if saved is None:
                return False
            if saved.now_ns > first_ns:
                raise BadInput(f"{self._checkpoint}: it is later than the stream")
            engine.state = checkpoint.restore(engine.state, saved)
        except BadInput as error:
            self._event(first_ns, "checkpoint_ignored", {"reason": str(error)}, warn=True)
            return False
        self.goes_on = self.from_checkpoint = True
        self._event(first_ns, "checkpoint_restored", {"seq": saved.seq, "at_ns": saved.now_ns})
        return True

    def _event(self, now_ns: int, what: str, detail: Mapping[str, Any], *, warn: bool = False) -> None:
        """Something about the run itself: an audit row, and a warning when a person should know."""
        self.journal.audit(now_ns, what, detail)
        if warn:
            self._warn(what, detail)

    def _warn(self, what: str, detail: Mapping[str, Any]) -> None:
        if self.options.on_warning is not None:
            self.options.on_warning(what, detail)

    @property
    def _keys(self) -> Keys:
        return Keys([i.key for i in self.source.instruments], card_names())

    def _on_tick(self, due_ns: int) -> None:
        """After the readings of every 10 s: what changed to the journal, all of it to the readings' file."""
        engine, trading = self.wired.engine, self.wired.trading
        now_ns, signals = engine.now_ns, engine.state.signals
        if trading is not None:
            coins = {i.settle for i in self.source.instruments}
            self.faces.tick(now_ns, {coin: trading.venue.equity_e8(coin) for coin in coins})
        if self.faces.speaks:
            self.pictures.look(now_ns, engine.state)
        if self.chronicle is not None:
            self.chronicle.tick(now_ns, engine.state.heads, signals, engine.doubts)
        if self.recording is not None:
            self.recording.note(now_ns, signals)
            self._note_failure(now_ns, self.recording)

    @property
    def _checkpoint(self) -> Path:
        return self.database.path.with_name(CHECKPOINT_FILE)

    @property
    def _owner(self) -> dict[str, Any]:
        """What a checkpoint must have in common with this run."""
        return {
            "markets": [i.to_json() for i in self.source.instruments],
            "kernels": self.header["kernels"],
        }

    def _save_checkpoint(self) -> None:
        engine = self.wired.engine
        if self._keeps and engine.now_ns and not engine.in_message:
            checkpoint.save(self._checkpoint, engine.state, self._owner)

    def _apply(self, rows: np.ndarray) -> None:
        """One batch to the engine, and on the tape before anything that it brought about leaves us."""
        assert self.recording is not None
        self.recording.append(rows)
        try:
            self.wired.engine.feed(rows)
        finally:
            self.recording.flush()
        if self.account is not None:
            self.account.flush()
        now_ns = monotonic_ns()
        if self.account is None:  # else it commits beside the loop
            self._commit_when_due(now_ns)
        if self.status is not None and now_ns - self.shown_ns >= STATUS_NS:
            self.shown_ns = now_ns
            self._show(self.status)

    def _commit_when_due(self, now_ns: int) -> None:
        if now_ns - self.committed_ns >= COMMIT_NS:
            self._commit()
            self.committed_ns = now_ns
        if now_ns - self.saved_ns >= CHECKPOINT_NS and not self.wired.engine.in_message:
            self._keep_learned()
            self._commit()  # first, so that a checkpoint is never ahead of the money
            self._save_checkpoint()
            self.saved_ns = now_ns

    def _committed(self) -> None:
        """Live, after a commit beside the loop: a checkpoint when it is due."""
        now_ns = monotonic_ns()
        if now_ns - self.saved_ns < CHECKPOINT_NS or self.wired.engine.in_message:
            return
        self.saved_ns = now_ns
        self._keep_learned()
        try:
            self._save_checkpoint()
        except OSError as error:
            reason = f"{self._checkpoint}: {error.strerror or error}; a restart begins with cold signals"
            self._event(self.wired.engine.now_ns, "checkpoint_not_written", {"reason": reason}, warn=True)

    def _show(self, status: StatusMaker) -> None:
        if self.options.on_status is not None:
            self.options.on_status(status.make())

    def _commit(self) -> None:
        self._gather()
        self.journal.commit()

    def _gather(self) -> None:
        """What the next commit writes besides the rows."""
        if self.chronicle is not None:
            self.chronicle.before_commit(self.wired.engine.now_ns, self.wired.engine.state.signals)
        self._keep_state()

    @property
    def _keeps(self) -> bool:
        """Whether the next start of the session continues this run."""
        return self.options.kind in ("paper", "live")

    def _keep_state(self) -> None:
        if self._keeps:
            state = kept_state(self.source, self.wired.trading)
            engine = self.wired.engine
            state["paused"], state["armed_until_ns"] = not engine.accepting, engine.armed_until_ns
            state["modes"] = [mode.value for mode in engine.modes]
            self.journal.keep("session", state, self.wired.engine.now_ns)
            self.journal.keep("faces", self.faces.kept(), self.wired.engine.now_ns)
            self._keep_limits()

    def _keep_limits(self, *, last: bool = False) -> None:
        """How the limits stand, for `lopside risk`; seldom enough to cost the loop nothing."""
        now_ns = monotonic_ns()
        if last or now_ns - self.looked_ns >= LIMITS_NS:
            self.looked_ns = now_ns
            engine = self.wired.engine
            self.journal.keep(KEPT_LIMITS, [row.to_json() for row in engine.limits()], engine.now_ns)

    def _keep_learned(self) -> None:
        """A restart continues from it when the checkpoint no longer fits, as after an upgrade."""
        if self._keeps and self.chronicle is not None:
            self.chronicle.keep_learned(self.wired.engine.now_ns)

    def _open_recording(self) -> None:
        """The tape goes on where an earlier run's ended. A backtest keeps no readings: its tape has them."""
        options = self.options
        if options.fresh:
            drop_old_readings(self.database.path.with_name(READINGS_FOLDER), 0.0, self.clock.now_ns())
        header = TapeHeader(
            instruments=self.source.instruments,
            has_timers=self._own_timers,
            provenance={"session": self.header, "source": self.source.describe()},
        )
        self.recording = open_recording(
            self.record_to,
            header,
            self.database.path.parent,
            self.run_id,
            card_names(),
            0.0 if options.kind == "backtest" else options.config.storage.readings_days,
            self.clock,
            self.quota,
        )
        tape = self.recording.tape
        if tape is not None and self.recording.goes_on:
            self.goes_on = True
            self.numbering = Numbering(tape.recovered.last_seq, tape.recovered.last_recv_ns)

    def _note_failure(self, now_ns: int, recording: Recording) -> None:
        """Readings are for research: without them the bot trades on."""
        failure = recording.failure()
        if failure:
            self._event(now_ns, "readings_stopped", {"reason": failure}, warn=True)

    def _finish(self) -> SessionResult:
        wall_s = (monotonic_ns() - self.started_ns) / NS_PER_S
        recording = self.recording
        assert recording is not None
        self.database.wait_for_others()
        readings_to = None if recording.readings is None else str(recording.readings.folder)
        recording.close()
        self.pictures.close()
        self._note_failure(self.wired.engine.now_ns, recording)
        if self.wired.trading is not None and self.wired.engine.counts.rows:
            self.wired.engine.note_equity()
            self.wired.engine.finish()
        self._keep_learned()
        if self.options.kind == "paper":
            self._keep_limits(last=True)
        self._commit()
        self._save_checkpoint()
        summary = self._summary(wall_s) | {"readings_to": readings_to}
        interrupted = self.stop.is_set()
        self.database.end_run(self.run_id, summary, self.clock.now_ns(), interrupted=interrupted)
        if isinstance(self.source, DemoSource):
            self.source.write_truth(self.database.path.with_name(TRUTH_FILE))
            if self.options.truth and self.options.record is not None:
                self.source.write_truth(self.options.record / TRUTH_FILE, go_on=recording.goes_on)
        if self.status is not None:
            self._show(self.status)
        return SessionResult(
            summary, build_report(self.database, self.run_id), self.database.path, interrupted
        )

    def _summary(self, wall_s: float) -> dict[str, Any]:
        engine = self.wired.engine
        heads = engine.state.heads
        counts = engine.counts
        span_ns = max(0, engine.now_ns - counts.first_ns)
        return {
            "kind": self.options.kind,
            "session": self.options.session,
            "run": self.run_id,
            "source": self.source.describe(),
            "markets": [i.key for i in self.source.instruments],
            "rows": counts.rows,
            "span_s": span_ns / NS_PER_S,
            "ticks": counts.ticks,
            "commits": int(heads["commits"].sum()),
            "trades_seen": int(heads["trades"].sum()),
            "not_market_prints": int(heads["not_market"].sum()),
            "duplicate_prints": int(heads["duplicates"].sum()),
            "gaps": int(heads["gaps"].sum()),
            "lost_rows": counts.lost,
            "crossed_commits": int(heads["crossed_commits"].sum()),
            "decision_hash": engine.decisions.hexdigest(),
            "decisions": dict(engine.decisions.counts),
            "reports": counts.reports,
            "sentinels_fired": counts.sentinels,
            "disabled_strategies": dict(counts.disabled),
            **(self.faces.lag.figures() if self.faces.lag.looks else {}),
            "recorded_to": str(self.record_to) if self.record_to else None,
            "recording_stopped": self.recording.stopped if self.recording else "",
            "last_seq": int(engine.state.ctl[Ctl.SEQ]),
            "wall_s": wall_s,
            "rows_per_s": counts.rows / wall_s if wall_s > 0 else 0.0,
        }

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """First Ctrl-C (or SIGTERM): stop after the batch at hand, with a report. The second: at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def ask(number: int, frame: FrameType | None) -> None:
            if self.stop.is_set():
                raise KeyboardInterrupt
            self.stop.set()

        before = {s: signal.signal(s, ask) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
