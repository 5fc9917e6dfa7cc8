"""The edge, costs, size and portfolio (signals.md 9.1, 9.4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from bot.core.enums import Side
from bot.risk import gate, margin, sizing
from bot.risk.gate import Costs, GateRules, Setup, SetupRecord, judge
from bot.risk.portfolio import portfolio_sigma
from bot.risk.sizing import SizeRules


def setup_edge(p_up, mean_abs_bps, sigma_bps, horizon_s, side, target, stop, cost) -> dict[str, float]:
    """The vector's figures from `judge`, without a record and without a margin."""
    setup = Setup(
        target_bps=target,
        stop_bps=stop,
        cost_bps=cost,
        drift_bps=side * (2 * p_up - 1) * mean_abs_bps,
        sigma_bps=sigma_bps,
        horizon_s=horizon_s,
        confidence=1.0,
    )
    verdict = judge(setup, SetupRecord(), GateRules(z=0.0))
    return {"p_win": verdict.p_win, "ev_bps": verdict.ev_bps, "breakeven": verdict.breakeven}


def round_trip_cost(
    side: int, funding_rate: float, settles_in_s: float, hold_s: float, **costs: Any
) -> float:
    return Costs(**costs).round_trip(side, funding_rate, settles_in_s, hold_s)


def size_notional(equity, stop_bps, cost_bps, p_lcb, target_bps, conf, state, sigma_day) -> dict[str, Any]:
    multiplier = sizing.confidence_multiplier(conf, state == "CONFLICTED")
    rules = SizeRules()
    size = sizing.size_notional(equity, stop_bps, cost_bps, p_lcb, target_bps, multiplier, sigma_day, rules)
    names = {"risk": "risk", "kelly": "kelly", "volatility": "vol", "leverage": "lev"}
    parts = {names[name]: value for name, value in size.parts.items()}
    return {"parts": parts, "conf_mult": size.multiplier, "notional": size.notional}


ADAPTERS: dict[str, Callable[..., Any]] = {
    "barrier_win_prob": lambda target, stop, drift, var: gate.barrier_win_prob(target, stop, drift, var),
    "breakeven_prob": gate.breakeven_prob,
    "expected_value": lambda p, target, stop, cost: gate.expected_value(p, target, stop, cost),
    "kelly_fraction": lambda p, **rest: sizing.kelly_fraction(p, **rest),
    "liquidation_price": lambda entry, leverage, mmr, side: margin.liquidation_price(
        entry, leverage, mmr, Side(side)
    ),
    "portfolio_sigma": lambda x, sigmas, corr: portfolio_sigma(x, sigmas, corr),
    "posterior_win": lambda p_model, wins, n: asdict(gate.posterior_win(p_model, wins, n)),
    "round_trip_cost": round_trip_cost,
    "setup_edge": setup_edge,
    "size_notional": size_notional,
}
