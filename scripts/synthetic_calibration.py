"""The base book of the synthetic market against the specification: 8 runs of 20,000 s (signals.md 11.1).

    python -m scripts.synthetic_calibration [--runs 8] [--seconds 20000] [--seed 100]

Exits with 1 when the mean of a figure is further than four standard deviations from its target.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from bot.market.synthetic.calibration import RUN_S, TARGETS, run_figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=RUN_S)
    parser.add_argument("--seed", type=int, default=100)
    wanted = parser.parse_args()
    runs = [run_figures(wanted.seed + n, ("BTCUSDT",), wanted.seconds)[0] for n in range(wanted.runs)]
    print(f"{'figure':40} {'mean':>9} {'sd':>7} {'target':>9} {'sd':>7} {'away, sd':>9}")
    off = 0
    for name, target in TARGETS.items():
        found = np.array([run[name] for run in runs])
        away = (found.mean() - target.mean) / target.sd
        off += abs(away) > 4
        sd = found.std(ddof=1) if len(found) > 1 else 0.0
        print(f"{name:40} {found.mean():9.4f} {sd:7.4f} {target.mean:9.4f} {target.sd:7.4f} {away:9.2f}")
    return 1 if off else 0


if __name__ == "__main__":
    sys.exit(main())
