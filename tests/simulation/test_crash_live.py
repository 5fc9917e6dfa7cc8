"""Dying at any moment while trading over sockets: no order twice, no fill lost, nothing left naked.

`LOPSIDE_CRASHES=200 pytest tests/simulation/test_crash_live.py` repeats it at 200 seeded moments.
"""

from __future__ import annotations

import asyncio
import os
from random import Random
from typing import Any

import pytest

from bot.core.enums import Action, Side, Stage
from bot.core.errors import LopsideError
from bot.risk.trades import ExitReason
from tests.execution.live_account import LiveAccount
from tests.execution.test_live_faults import sent_once
from tests.execution.test_live_life import a_plan, money_is_the_exchanges, protected, wish
from tests.rehearsing import Running, eventually, rehearsal

pytest.importorskip("ccxt")

CRASHES = int(os.environ.get("LOPSIDE_CRASHES", "8"))
RECOVERED_S = 5.0


class Mortal(LiveAccount):
    """Keeps what a commit makes durable; a crash leaves that and nothing else."""

    kept: dict[str, Any] | None = None

    async def _commit(self) -> bool:
        self.kept = self.state()
        await asyncio.sleep(0)
        return True


def act(account: Mortal, random: Random) -> None:
    """One decision: open when flat, else move the stop, take some off, or leave."""
    trades = account.trader.trades.all()
    if not trades:
        plan = a_plan(account, side=random.choice(list(Side)), lots=random.randint(10, 60))
        account.trader.open(plan, account.clock.now_ns())
        account.flush()
        return
    trade = trades[0]
    if trade.stage is not Stage.OPEN:
        return
    choice = random.random()
    if choice < 0.4:
        account.trader.flatten(account.clock.now_ns(), ExitReason.OPERATOR)
        account.flush()
    elif choice < 0.7:
        wish(account, Action.MOVE_STOP, invalidation=trade.stop + int(trade.side) * random.randint(1, 9))
    else:
        wish(account, Action.REDUCE, fraction=0.5)


def safe(account: Mortal) -> bool:
    """Whatever is open is behind a proven stop, or on its way out."""
    account.time()
    trades = account.trader.trades.all()
    held = any(account.venue.position_lots(m) for m in range(len(account.venue.instruments)))
    return protected(account) if trades and trades[0].stage is Stage.OPEN else not held


async def one_life(running: Running, state: dict[str, Any] | None, random: Random) -> dict[str, Any] | None:
    """Start, recover, trade for a moment, die. What survives."""
    account = Mortal(running, state)
    account.kept = state
    try:
        await account.start()
        await eventually(lambda: safe(account), "a safe state after the restart", RECOVERED_S)
        for _ in range(random.randint(1, 3)):
            act(account, random)
            await asyncio.sleep(random.random() * 0.12)
    except LopsideError:
        raise
    finally:
        await account.crash()
    return account.kept


@pytest.mark.slow
@pytest.mark.parametrize("seed", [11])
def test_dying_at_any_moment_costs_nothing(seed: int) -> None:
    async def run() -> None:
        random = Random(seed)
        async with rehearsal(seed=seed) as running:
            state: dict[str, Any] | None = None
            for _ in range(CRASHES):
                state = await one_life(running, state, random)
                sent_once(running)
            last = Mortal(running, state)
            try:
                await last.start()
                await eventually(lambda: safe(last), "a safe state", RECOVERED_S)
                last.trader.flatten(last.clock.now_ns(), ExitReason.OPERATOR)
                last.flush()
                await eventually(lambda: last.time() and not last.trader.trades.all(), "the end", 15.0)
                await last.sender.idle()
                await money_is_the_exchanges(last, running)
                assert not last.desk.guards
                assert (await last.broker.account()).orders == ()
                sent_once(running)
            finally:
                await last.crash()

    asyncio.run(run())
