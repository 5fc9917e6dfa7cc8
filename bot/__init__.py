"""Lopside: trades order-book liquidity imbalances on crypto perpetual futures.

Floors, lowest first: core, market, signals, (strategies, risk), execution,
(engine, store), faces, (app, cli). Imports go down only.
"""

__version__ = "0.1.0"
