"""Lopside: trades order-book liquidity imbalances on crypto perpetual futures.

Floors, lowest first: core, market, signals, (strategies, risk), execution,
(engine, store), faces, (app, cli). Imports go down only.
"""

import os

# Sums in one order whatever the machine, and no second thread that takes the loop's core for a matrix of 50.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"
