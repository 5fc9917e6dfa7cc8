from __future__ import annotations

import pytest

from tests.signals.walls.street import Street


@pytest.fixture
def street() -> Street:
    return Street()
