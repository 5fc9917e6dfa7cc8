"""What `lopside doctor` looks at: one finding each, with plain advice. Works without a network."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from bot.app.config import Config
from bot.app.doctor_keys import account, telegram
from bot.app.findings import Finding, State
from bot.app.live_markets import hosts_of, venues_of
from bot.app.markets import symbol_on
from bot.app.reach import Reached, reach_all
from bot.app.venue_table import instruments_of
from bot.core.clock import SystemClock
from bot.core.errors import BadInput, LopsideError
from bot.core.units import NS_PER_MS
from bot.market.events import Flag, Kind
from bot.market.feeds.budget import RateBudget
from bot.market.feeds.feed import VenueFeed
from bot.market.feeds.offset import OffsetEstimate
from bot.market.feeds.rest import Rest, Trouble
from bot.market.feeds.steady import SteadyClock
from bot.market.venues.known import LIVE, public_hosts, stream_of
from bot.market.venues.protocol import Hosts
from bot.store.database import Database, session_folder

LISTEN_S = 6.0
SKEW_WARN_NS, SKEW_BAD_NS = 500 * NS_PER_MS, 1000 * NS_PER_MS
"""Signed requests are refused by most venues from a second ahead, or five behind."""
_TIMES = {
    "binance-usdm": ("/fapi/v1/time", lambda told: int(told["serverTime"]) * NS_PER_MS),
    "bybit-linear": ("/v5/market/time", lambda told: int(told["result"]["timeNano"])),
    "okx": ("/api/v5/public/time", lambda told: int(told["data"][0]["ts"]) * NS_PER_MS),
}


def examine(config: Config) -> Iterator[Finding]:
    """All findings, the quick ones first."""
    yield from disk(config)
    yield database(config)
    yield kernels()
    reached = reach_all({venue: public_hosts(venue) for venue in LIVE} | hosts_of(config))
    yield network(reached)
    yield telegram(config)
    for venue in venues_of(config):
        yield from _venue(config, venue, hosts_of(config)[venue], reached[venue])
    if all(part.fine for part in reached[venues_of(config)[0]]):
        yield account(config)


def before_live(config: Config, tell: Callable[[str], None]) -> None:
    """What must be right before an account is traded, beside what the account itself is asked.

    Raises BadInput with the advice. With trades open the session starts all the same, for them.
    """
    open_trades = open_trades_of(config)
    for finding in (*disk(config), database(config)):
        words = f"{finding.what}: {finding.said}; {finding.advice}"
        if finding.state is State.BAD and not open_trades:
            raise BadInput(words)
        if finding.state in (State.BAD, State.WARNING):
            tell(f"warning: {words}" + (f" ({open_trades} trades are open)" if open_trades else ""))


def open_trades_of(config: Config) -> int:
    """Of the session, 0 where nothing can be read."""
    folder = session_folder(config.storage.folder, config.session.name)
    try:
        with Database.read(folder) as opened:
            return len((opened.state("session") or {}).get("trader", {}).get("trades", ()))
    except (BadInput, sqlite3.Error):
        return 0


def disk(config: Config) -> Iterator[Finding]:
    """Room, and whether we may write."""
    folder = config.storage.folder.expanduser()
    existing = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    free_mb = shutil.disk_usage(existing).free / 1024**2
    wanted_mb = config.storage.min_free_mb + config.storage.live_tapes_mb
    said = f"{free_mb:,.0f} MB free at {existing}"
    if free_mb < config.storage.min_free_mb:
        yield Finding("disk", State.BAD, said, "make room: nothing is recorded below storage.min_free_mb")
    elif free_mb < wanted_mb:
        advice = f"recordings may take {wanted_mb:,.0f} MB; lower storage.live_tapes_mb or make room"
        yield Finding("disk", State.WARNING, said, advice)
    else:
        yield Finding("disk", State.FINE, said)
    if not os.access(existing, os.W_OK | os.X_OK):
        yield Finding("folder", State.BAD, f"{existing} cannot be written", "name another storage.folder")


def database(config: Config) -> Finding:
    """The session's database, read only."""
    folder = session_folder(config.storage.folder, config.session.name)
    found = sorted(folder.glob("*.db")) if folder.is_dir() else []
    if not found:
        return Finding("database", State.FINE, f"none yet for session {config.session.name!r}")
    try:
        with sqlite3.connect(f"file:{found[0]}?mode=ro", uri=True, timeout=2.0) as opened:
            verdict = opened.execute("PRAGMA quick_check").fetchone()[0]
    except sqlite3.Error as error:
        verdict = str(error)
    if verdict == "ok":
        return Finding("database", State.FINE, f"{found[0]} is sound")
    advice = "stop the session, keep a copy, and start another --session, or this one with --fresh"
    return Finding("database", State.BAD, f"{found[0]}: {verdict}", advice)


def kernels() -> Finding:
    """Whether the compiled loop is there."""
    from bot.core.jit import CACHE_DIR

    if any(CACHE_DIR.rglob("*.nbi")):
        return Finding("compiled loop", State.FINE, f"in {CACHE_DIR}")
    return Finding(
        "compiled loop", State.WARNING, "not compiled yet", "run `lopside warmup` once: it takes minutes"
    )


def network(reached: dict[str, tuple[Reached, Reached]]) -> Finding:
    fine = [venue for venue, (stream, rest) in reached.items() if stream.fine and rest.fine]
    if len(fine) == len(reached):
        return Finding("network", State.FINE, f"{', '.join(fine)} can be reached")
    why = "; ".join(
        f"{venue}: {next(r.trouble for r in both if not r.fine)}"
        for venue, both in reached.items()
        if venue not in fine
    )
    if fine:
        advice = "a venue that is not used does not matter; some block countries or need a VPN"
        return Finding("network", State.WARNING, f"cannot reach {why}", advice)
    advice = "check cable, DNS and firewall (TCP 443); `lopside paper --market demo` needs no network"
    return Finding("network", State.BAD, f"no venue can be reached ({why})", advice)


def skew(venue: str, offset_ns: int, within_ns: int) -> Finding:
    """This machine's clock against a venue's."""
    said = f"this clock is {-offset_ns / NS_PER_MS:+.0f} ms off {venue}'s (± {within_ns / NS_PER_MS:.0f} ms)"
    beyond_ns = abs(offset_ns) - within_ns
    if beyond_ns < SKEW_WARN_NS:
        return Finding("clock", State.FINE, said)
    state = State.BAD if beyond_ns >= SKEW_BAD_NS else State.WARNING
    return Finding("clock", state, said, "switch on time synchronisation (chrony, systemd-timesyncd)")


def _venue(config: Config, venue: str, hosts: Hosts, reached: tuple[Reached, Reached]) -> Iterator[Finding]:
    """REST, clock and streams of a venue that is used."""
    silent = [r for r in reached if not r.fine]
    if silent:
        said = "; ".join(f"{r.url}: {r.trouble}" for r in silent)
        yield Finding(venue, State.BAD, said, "without it no live session starts; try another --venue")
        return
    yield Finding(venue, State.FINE, f"reached in {max(r.ms for r in reached):.0f} ms")
    yield from asyncio.run(_clock(venue, hosts))
    try:
        yield asyncio.run(_streams(config, venue, hosts))
    except LopsideError as error:
        yield Finding(f"{venue} streams", State.BAD, str(error))


async def _clock(venue: str, hosts: Hosts) -> list[Finding]:
    if venue not in _TIMES:
        return [Finding("clock", State.SKIPPED, f"{venue} does not tell its time")]
    path, read = _TIMES[venue]
    estimate = OffsetEstimate()
    trouble = ""
    async with Rest(hosts.rest, RateBudget(), SystemClock()) as rest:
        for _ in range(3):
            answer = await rest.ask(path)
            if isinstance(answer, Trouble):
                trouble = answer.reason
                continue
            try:
                estimate.note(answer.sent_ns, answer.recv_ns, read(json.loads(answer.body)))
            except (ValueError, KeyError, TypeError, IndexError):
                trouble = f"not understood: {answer.body[:60]!r}"
    best = estimate.best()
    if best is None:
        advice = "the venue refuses this address, or something between answers in its place"
        return [Finding(f"{venue} REST", State.BAD, f"{hosts.rest}{path}: {trouble}", advice)]
    return [skew(venue, best.offset_ns, best.within_ns)]


async def _streams(config: Config, venue: str, hosts: Hosts) -> Finding:
    """Listen to one symbol for a few seconds: what comes, and what should but does not."""
    symbol = symbol_on(venue, config.market.symbols[0])
    folder = config.storage.folder.expanduser() / "instruments"
    own = hosts if hosts != public_hosts(venue) else None
    instruments = instruments_of(venue, [symbol], folder, SystemClock().now_ns(), hosts=own)
    heard = _Heard()
    clock = SteadyClock()
    markets = dict(enumerate(instruments))
    feed = VenueFeed(
        stream_of(venue, markets),
        markets,
        hosts,
        Rest(hosts.rest, RateBudget(), clock),
        heard,
        clock,
        Random(1),
    )
    task = asyncio.create_task(feed.run())
    end_s = asyncio.get_running_loop().time() + LISTEN_S
    while not task.done() and not heard.everything and asyncio.get_running_loop().time() < end_s:
        await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    what = f"{venue} streams"
    counts = ", ".join(f"{n:,} {name}" for name, n in heard.counts.items() if n) or "nothing"
    if heard.everything:
        return Finding(what, State.FINE, f"{symbol}: {counts} rows")
    missing = ", ".join(name for name, n in heard.counts.items() if not n)
    reasons = {link.counts.last_reason for link in feed.links.values()} - {""}
    said = "; ".join([f"{symbol}: {counts} within {LISTEN_S:g} s", f"missing: {missing}", *sorted(reasons)])
    state = State.BAD if not heard.counts["book"] else State.WARNING
    return Finding(what, state, said, "a quiet market may need longer; a missing book means no trading")


class _Heard:
    """A sink that only counts."""

    def __init__(self) -> None:
        self.counts = {"book": 0, "touch": 0, "trade": 0, "mark": 0}

    @property
    def everything(self) -> bool:
        return all(self.counts.values())

    def offer(self, rows: Any) -> bool:
        kinds, flags = rows["kind"], rows["flags"]
        self.counts["book"] += int(((kinds == Kind.COMMIT) & (flags & Flag.BBO == 0)).sum())
        self.counts["touch"] += int((kinds == Kind.BBO).sum())
        self.counts["trade"] += int((kinds == Kind.TRADE).sum())
        self.counts["mark"] += int((kinds == Kind.MARK).sum())
        return True

    async def put(self, rows: Any) -> None:
        self.offer(rows)
