"""The state machine of `any_market`, 2,000 times; `python -m scripts.risk_soak` runs it for longer."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

from tests.risk.any_market import AnyMarket

AnyMarket.TestCase.settings = settings(
    max_examples=2_000,
    stateful_step_count=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
TestAnyMarket = AnyMarket.TestCase
