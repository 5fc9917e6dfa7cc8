"""Sums at irregular times (signals.md 3.0) and trades (3.1).

A vector's times are stretched so that its tau becomes ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from bot.signals import decay
from bot.signals.flow import age_trades, on_trade
from bot.signals.raw import trade_imbalance
from bot.signals.state import new_signals
from tests.signals.worlds import NS_PER_S, T0

TAU_S = decay.TAUS_S[0]


ADAPTERS: dict[str, Callable[..., Any]] = {}


def adapter(function: Callable[..., Any]) -> Callable[..., Any]:
    ADAPTERS[function.__name__] = function
    return function


def at_ns(seconds: float, tau: float) -> int:
    return T0 + round(seconds * TAU_S / tau * NS_PER_S)


@adapter
def ew_sum(times, values, tau, t_eval):
    row = new_signals(1).flow[0]
    for t, value in zip(times, values, strict=True):
        if t <= t_eval:
            on_trade(row, 1, value, at_ns(t, tau))
    age_trades(row, at_ns(t_eval, tau))
    return float(row["bought"][0])


@adapter
def tw_ewma(times, values, tau, t_eval):
    numerator = weight = 0.0
    ends = [*times[1:], math.inf]
    for begin, end, value in zip(times, ends, values, strict=True):
        if begin < t_eval:
            elapsed_ns = at_ns(min(end, t_eval), tau) - at_ns(begin, tau)
            factor = decay.decay_factors(elapsed_ns)[0]
            numerator, weight = decay.hold(numerator, weight, value, factor)
    return decay.mean_of(numerator, weight)


def trade_imbalance_of(trades, tau, t_eval):
    row, trade_ns = new_signals(1).flow[0], 0
    for t, lots, side in trades:
        trade_ns = at_ns(t, tau)
        on_trade(row, side, lots, trade_ns)
    return trade_imbalance(row, trade_ns, 0, at_ns(t_eval, tau))


ADAPTERS["trade_imbalance"] = trade_imbalance_of


@adapter
def cvd(trades):
    row, out = new_signals(1).flow[0], []
    for t, lots, side in trades:
        on_trade(row, side, lots, at_ns(t, TAU_S))
        out.append(float(row["cvd"]))
    return out
