"""Generated stretches of market that several tests look at."""

from __future__ import annotations

import pytest

from bot.market.synthetic import SyntheticMarket
from tests.market.synthetic.plain_book import ONLY_SPOOFS, ONLY_THIN, START_NS, SYMBOLS, Session, session


@pytest.fixture(scope="session")
def lively() -> Session:
    """40 minutes of three symbols with everything planted."""
    return session(SyntheticMarket(7, SYMBOLS, START_NS, 2400.0))


@pytest.fixture(scope="session")
def thinning() -> Session:
    """An hour and a half of three symbols with nothing planted but thin sides."""
    return session(SyntheticMarket(11, SYMBOLS, START_NS, 5400.0, plants=ONLY_THIN))


@pytest.fixture(scope="session")
def spoofing() -> Session:
    """Half an hour of three symbols with nothing planted but spoofed walls."""
    return session(SyntheticMarket(13, SYMBOLS, START_NS, 1800.0, plants=ONLY_SPOOFS))


@pytest.fixture(scope="session")
def plain() -> Session:
    """Over an hour of the zero-intelligence book."""
    return session(SyntheticMarket(5, SYMBOLS, START_NS, 4000.0, scenario="s-zi"))
