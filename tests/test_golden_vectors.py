"""Every golden vector of the specification, answered by the code the bot runs."""

from __future__ import annotations

import pytest

from tests import reference
from tests.signals.worlds import none_if_nan
from tests.vectors import ADAPTERS, CASES


@pytest.mark.parametrize("case", [c for c in CASES if c["fn"] in ADAPTERS], ids=lambda case: case["id"])
def test_a_vector_is_reproduced(case):
    got = ADAPTERS[case["fn"]](**case["args"])
    reference.compare(none_if_nan(got), case["expected"], case["rel_tol"], case["id"])


def test_there_are_175_vectors_and_each_has_an_answer():
    assert len(CASES) == 175
    assert sorted({case["fn"] for case in CASES} - ADAPTERS.keys()) == []


def test_no_adapter_answers_a_function_without_vectors():
    assert sorted(ADAPTERS.keys() - {case["fn"] for case in CASES}) == []
