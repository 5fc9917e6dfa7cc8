"""kill -9 at seeded random moments while trading over sockets: `python -m scripts.kill_live --kills 200`.

An exchange (`lopside rehearse`) stays up in a process of its own; `lopside live`
trades there with a strategy that never rests, is killed, and started again in
the same session. Moments: in start-up, right after the exchange has answered an
order, and any other. At the end everything is closed in order, and the database
is compared with what the exchange wrote down. SIGTERM ends the killing early
and judges what there was. Exit code 1 when anything differs.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import Any, TextIO

from scripts.killing.lives import UP_WITHIN_S, Bot, ExchangeProcess, eventually
from scripts.killing.record import ORDERS, SELF_TEST, read_wire
from scripts.killing.verdict import Kept, Verdict, judge, judge_protection, judge_starts

DEPOSIT_E8 = 10_000 * 10**8
WARM_S = 65.0
"""The first life lasts at least so long: volatility is known, and a checkpoint written."""
LONGEST_WAIT_S = 15.0
SETTLES_WITHIN_S = 10.0
QUIET_S = 60.0
A_MINUTE_S = 65.0
"""The exchange counts requests by the minute; starts are paced by what it allows."""


@dataclass(frozen=True)
class Moment:
    """When to kill: so long after the `start` of the process, after it is `ready`, or after an `order`."""

    kind: str
    wait_s: float

    @staticmethod
    def drawn(random: Random) -> Moment:
        kind = random.choices(("start", "ready", "order"), (25, 35, 40))[0]
        longest_s = {"start": 4.0, "ready": 6.0, "order": 0.06}[kind]
        return Moment(kind, random.random() * longest_s)


class Killing:
    """The whole affair. `checked` counts lives in which both ledgers were seen to be equal."""

    def __init__(self, folder: Path, seed: int, warm_s: float = WARM_S) -> None:
        self._warm_s = warm_s
        self.exchange = ExchangeProcess(folder, seed)
        self.random = Random(seed)
        self.checked = 0
        self.unequal: list[str] = []
        self.by_kind: dict[str, int] = {}
        self.enough = False
        self._wire: TextIO | None = None
        self._equal_in_life = False
        self._first_ready_s = 0.0

    def run(self, kills: int) -> Verdict:
        self.exchange.start()
        bot = Bot(self.exchange.folder, self.exchange.url)
        bot.prepare()
        try:
            self._warm(bot)
            while sum(self.by_kind.values()) < kills and not self.enough:
                self._kill(bot, Moment.drawn(self.random))
            return self._last_life(bot)
        finally:
            if not bot.dead:
                bot.kill()
            self.exchange.stop()

    def _kill(self, bot: Bot, moment: Moment) -> None:
        self._live_until(bot, moment)
        bot.kill()
        self.by_kind[moment.kind] = self.by_kind.get(moment.kind, 0) + 1
        if sum(self.by_kind.values()) % 10 == 0:
            print(f"{self.by_kind}: {self.checked} ledgers equal, {len(self.unequal)} not", flush=True)
        self._begin_life(bot)

    def _warm(self, bot: Bot) -> None:
        self._begin_life(bot)
        self._until_ready(bot)
        until_s = time.monotonic() + self._warm_s
        while time.monotonic() < until_s:
            self._compare(bot)
            time.sleep(0.5)

    def _begin_life(self, bot: Bot) -> None:
        self._equal_in_life = False
        self._first_ready_s = 0.0
        eventually(self.exchange.has_room, "room for a start", A_MINUTE_S)
        bot.start()

    def _live_until(self, bot: Bot, moment: Moment) -> None:
        if moment.kind == "start":
            time.sleep(moment.wait_s)
            return
        self._until_ready(bot)
        if moment.kind == "ready":
            until_s = time.monotonic() + moment.wait_s
            while time.monotonic() < until_s:
                self._compare(bot)
                time.sleep(0.1)
            return
        self._next_order(bot)
        time.sleep(moment.wait_s)

    def _until_ready(self, bot: Bot) -> None:
        def armed() -> bool:
            if bot.dead:
                raise RuntimeError(f"the bot ended by itself; see {bot.log}")
            status = bot.look()
            return status is not None and bool(bot.money(status)) and bot.tell("resume")

        eventually(armed, "the bot to know its account", UP_WITHIN_S)
        self._first_ready_s = time.monotonic()

    def _next_order(self, bot: Bot) -> None:
        """Until the exchange has answered an order; none comes while all is flat, so not for ever."""
        with self.exchange.wire.open() as wire:
            wire.seek(0, 2)
            until_s = time.monotonic() + LONGEST_WAIT_S
            looked_s = 0.0
            while time.monotonic() < until_s:
                line = wire.readline()
                if (
                    any(f'"method":"POST","path":"{path}"' in line for path in ORDERS)
                    and SELF_TEST not in line
                ):
                    return
                if not line:
                    if time.monotonic() - looked_s > 0.5:
                        self._compare(bot)
                        looked_s = time.monotonic()
                    time.sleep(0.003)

    def _compare(self, bot: Bot) -> None:
        """Both ledgers, between two equal looks at the exchange, once a life; never equal is a fault."""
        if self._equal_in_life:
            return
        before = self.exchange.look()
        status = bot.look()
        if status is None or before != self.exchange.look():
            return
        shown = {symbol: held for symbol, held in bot.held(status).items() if symbol in before[1]}
        if (bot.money(status), shown) == before:
            self._equal_in_life = True
            self.checked += 1
        elif time.monotonic() - self._first_ready_s > SETTLES_WITHIN_S:
            self._equal_in_life = True
            self.unequal.append(f"life {len(bot.born_ns)}: {bot.money(status)} {shown}, exchange {before}")
            print(f"differ in {self.unequal[-1]}", flush=True)

    def _last_life(self, bot: Bot) -> Verdict:
        """Close everything as a person would, look once more, end in order, and compare."""
        self._until_ready(bot)
        eventually(bot.flatten, "flatten to be taken", 20.0)

        def quiet() -> bool:
            status = bot.look()
            wallet, held = self.exchange.look()
            return (
                status is not None
                and not status["trades"]
                and not any(held.values())
                and bot.money(status) == wallet
            )

        try:
            eventually(quiet, "everything to be closed and equal", QUIET_S, 0.5)
        except TimeoutError as late:
            print(late)
        status: dict[str, Any] = eventually(bot.look, "a status", 20.0)
        shown, (there, _) = bot.money(status), self.exchange.look()
        bot.end()
        record = read_wire(self.exchange.wire, DEPOSIT_E8)
        verdict = judge(record, Kept.read(bot.session), shown, there)
        judge_protection(verdict, record, bot.born_ns, bot.died_ns)
        judge_starts(verdict, bot.born_ns, bot.ready_ns)
        verdict.want(not self.unequal, f"ledgers differed: {self.unequal[:3]}")
        verdict.figures |= {"kills": self.by_kind, "ledgers_equal": self.checked}
        return verdict


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="how often (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="of the market and of the moments (default 1)")
    parser.add_argument("--folder", type=Path, help="where everything is kept (default: a new temporary one)")
    given = parser.parse_args()
    folder = given.folder or Path(mkdtemp(prefix="lopside-kill-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"in {folder}", flush=True)
    began_s = time.monotonic()
    killing = Killing(folder, given.seed)

    def end_early(number: int, frame: object) -> None:
        killing.enough = True

    signal.signal(signal.SIGTERM, end_early)
    verdict = killing.run(given.kills)
    print(json.dumps(verdict.figures, indent=1, default=str))
    for fault in verdict.faults:
        print(f"FAULT {fault}")
    kills, took_s = sum(killing.by_kind.values()), time.monotonic() - began_s
    print(f"{kills} kills in {took_s:.0f} s: {len(verdict.faults)} faults")
    return 1 if verdict.faults else 0


if __name__ == "__main__":
    sys.exit(main())
