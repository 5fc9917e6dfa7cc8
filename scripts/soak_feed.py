"""Half an hour of a feed against the local venue with faults all the time; prints what it cost.

    python scripts/soak_feed.py [--minutes 30] [--rate 100] [--symbols BTCUSDT,ETHUSDT]

`--rate` is book messages a second of each market; venues send ten. Fails when memory grows, a book is not
trusted at the end, or something was lost that no counter shows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bot.market.events import Kind
from bot.rehearsal.faults import Fault
from tests.rehearsal.local_server import Heard, Server, eventually, listening, serving, warm_decoder
from tests.rehearsal.plain_world import PlainWorld

EVERY_S = 5.0
FAULTS = (
    *(Fault.DROP, Fault.DUPLICATE, Fault.REORDER, Fault.ID_GAP, Fault.NAN, Fault.HUGE, Fault.GARBAGE),
    *(Fault.BURST, Fault.CUT_SNAPSHOT, Fault.OLD_SNAPSHOT, Fault.STALL, Fault.DISCONNECT),
)
GROWTH_MB = 64.0


async def main() -> int:
    asked = _arguments()
    warm_decoder()
    symbols = asked.symbols.split(",")
    async with serving(PlainWorld(symbols, every_s=1 / asked.rate)) as server, listening(server) as heard:
        heard.engine.keep_rows = False
        await eventually(heard.all_trusted, 30.0)
        figures = await _soak(server, heard, asked.minutes * 60.0, random.Random(asked.seed))
        server.faults.end()
        figures["healed_s"] = await eventually(heard.all_trusted, 60.0, "trusted at the end")
        server.world.going = False  # type: ignore[attr-defined]
        await asyncio.sleep(1.0)
        figures["same_books"] = all(
            heard.engine.ladders[m] == (told.bids, told.asks) for m, told in enumerate(server.data.markets)
        )
        figures |= {name: getattr(heard.feed.counts, name) for name in ("rows", "lost_frames", "audits")}
        figures["lost_told"] = heard.engine.lost
        figures["most_waiting"] = heard.inbox.most_waiting
    print(json.dumps(figures, indent=2))
    fine = figures["same_books"] and figures["lost_told"] == figures["lost_frames"]
    return 0 if fine and figures["grown_mb"] < GROWTH_MB else 1


async def _soak(server: Server, heard: Heard, seconds: float, draws: random.Random) -> dict[str, float]:
    """A fault every few seconds; memory from after the first minute on."""
    loop = asyncio.get_running_loop()
    end_s, settled_s, first_mb, struck = loop.time() + seconds, loop.time() + 60.0, 0.0, 0
    while loop.time() < end_s:
        fault = draws.choice(FAULTS)
        if fault is Fault.DISCONNECT:
            server.data.cut()
        elif fault is Fault.STALL:
            server.faults.begin(fault)
            await asyncio.sleep(3.5)
            server.faults.end(fault)
        else:
            server.faults.begin(fault, count=1)
        struck += 1
        await asyncio.sleep(EVERY_S * draws.uniform(0.5, 1.5))
        server.faults.struck.clear()
        if not first_mb and loop.time() >= min(settled_s, end_s - 1):
            first_mb = _memory_mb()
    last_mb = _memory_mb()
    first_mb = first_mb or last_mb
    return {
        "faults": struck,
        "gaps": heard.engine.counts[Kind.GAP],
        "after_a_minute_mb": round(first_mb),
        "at_the_end_mb": round(last_mb),
        "grown_mb": round(last_mb - first_mb, 1),
    }


def _memory_mb() -> float:
    """Most that was ever resident."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (default 30)")
    parser.add_argument("--rate", type=float, default=100.0, help="steps a second (default 100)")
    parser.add_argument("--symbols", default="BTCUSDT,ETHUSDT", help="markets")
    parser.add_argument("--seed", type=int, default=1, help="of the faults' order")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
