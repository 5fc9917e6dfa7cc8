"""Risk and trading by the state machine, for as long as wanted: `python -m scripts.risk_soak --runs 50000`.

The suite runs it 2,000 times with fixed choices; here they are random, and runs are longer.
"""

from __future__ import annotations

import argparse
import time

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.risk.any_market import AnyMarket


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20_000, help="how many stories (default 20000)")
    parser.add_argument("--steps", type=int, default=25, help="events of a story at most (default 25)")
    given = parser.parse_args()
    started = time.monotonic()
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        AnyMarket,
        settings=settings(
            max_examples=given.runs,
            stateful_step_count=given.steps,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"{given.runs:,} runs of up to {given.steps} events held in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
