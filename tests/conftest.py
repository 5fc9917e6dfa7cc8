"""What every test may use: the folder of recordings and a printed seed for property tests."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from bot.app.session import SessionResult

REPO = Path(__file__).resolve().parents[1]
CI_SEED = 20240808

settings.register_profile(
    "lopside", deadline=None, print_blob=True, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("lopside")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """One printed seed for a run: new each time at a desk, the same in CI."""
    if config.option.hypothesis_seed in (None, ""):
        seed = CI_SEED if os.environ.get("CI") else random.SystemRandom().randrange(2**32)
        config.option.hypothesis_seed = str(seed)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("first") is None)


def pytest_report_header(config: pytest.Config) -> list[str]:
    data = _data_folder()
    return [
        f"lopside: repeat this run's property tests with --hypothesis-seed={config.option.hypothesis_seed}",
        f"lopside: recordings {data if data.is_dir() else f'absent ({data})'}",
    ]


def _data_folder() -> Path:
    return Path(os.environ.get("LOPSIDE_TEST_DATA") or REPO.parent / "shared" / "data").resolve()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of recordings. Skips without it, fails when LOPSIDE_REQUIRE_DATA=1."""
    folder = _data_folder()
    if not folder.is_dir():
        reason = f"recordings not found at {folder}; name their folder with LOPSIDE_TEST_DATA"
        if os.environ.get("LOPSIDE_REQUIRE_DATA") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def repo() -> Path:
    """The checkout the tests run in."""
    return REPO


@pytest.fixture(scope="session")
def usdm_tape(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording of BTCUSDT on Binance USDⓈ-M (5.7 min), imported once."""
    from bot.market.importers.binance_raw import import_to_tape

    tape = tmp_path_factory.mktemp("usdm") / "btc.tape"
    import_to_tape([data_dir / "hftbacktest/usdm/btcusdt_20240808.gz"], tape)
    return tape


@dataclass(frozen=True, slots=True)
class Recorded:
    """A demo session with what it recorded."""

    result: SessionResult
    tape: Path
    seed: int


@pytest.fixture(scope="session")
def demo_session(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """A quarter of an hour of the demo market, paper-traded and recorded once for all tests.

    The first seed with refusals, orders, fills and a finished trade: tuning a strategy breaks no test.
    """
    from tests.sessions import demo

    folder = tmp_path_factory.mktemp("demo")
    for seed in range(2, 12):
        tape = folder / f"tape{seed}"
        result = demo(folder, session=f"seed{seed}", seed=seed, record=tape)
        finished = any(trade["filled_ns"] and trade["closed_ns"] for trade in result.report.trades)
        if finished and all(result.summary["decisions"].values()):
            return Recorded(result, tape, seed)
    pytest.fail("no demo session of ten saw refusals, orders, fills and a finished trade")
