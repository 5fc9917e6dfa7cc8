"""The learner as bytes: what comes back, what starts anew, and what is refused."""

from __future__ import annotations

import json
from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors import BadInput
from bot.signals.learning.frozen import Keys, freeze, thaw
from bot.signals.learning.state import Learning
from tests.signals.learning.drive import DAY, SCALP, even_learning, run

KEYS = Keys(["venue:AAA", "venue:BBB"], ["card0", "card1", "card2"])
KEPT = ("theta", "weights", "published", "precision", "log_weights", "learners", "rounds", "said", "tables")


def experienced(keys: Keys = KEYS, mode: int = SCALP) -> Learning:
    """A learner after some rounds that differ between markets and cards."""
    rng = np.random.default_rng(11)
    size = (900, len(keys.markets), len(keys.cards))
    scores = rng.uniform(-1, 1, size)
    outcomes = (scores[:, :, 0] + rng.normal(size=size[:2]) > 0).astype(float)
    learning = even_learning(size[1], size[2])
    run(learning, mode, scores, outcomes)
    return learning


@pytest.fixture(scope="module")
def learned() -> Learning:
    return experienced()


@pytest.fixture(scope="module")
def frozen(learned: Learning) -> bytes:
    return freeze(learned, KEYS)


def thawed(data: bytes, keys: Keys = KEYS) -> tuple[Learning, list[str]]:
    learning = even_learning(len(keys.markets), len(keys.cards))
    said = thaw(learning, keys, data)
    return learning, said


def test_what_was_frozen_comes_back_to_the_bit(learned, frozen):
    back, said = thawed(frozen)
    assert said == []
    for name in KEPT:
        assert getattr(back, name).tobytes() == getattr(learned, name).tobytes(), name
    assert freeze(back, KEYS) == frozen


def test_learning_goes_on_as_if_it_had_not_been_interrupted():
    rng = np.random.default_rng(12)
    scores = rng.uniform(-1, 1, (80, 2, 3))
    outcomes = rng.integers(0, 2, (80, 2)).astype(float)
    whole = experienced(mode=DAY)
    back, _ = thawed(freeze(whole, KEYS))
    for learning in (whole, back):
        run(learning, DAY, scores, outcomes.copy())
    for name in KEPT:
        assert getattr(back, name).tobytes() == getattr(whole, name).tobytes(), name


def test_state_follows_the_names_and_not_the_places(learned, frozen):
    turned = Keys(["venue:BBB", "venue:AAA"], ["card2", "card0", "card1"])
    back, said = thawed(frozen, turned)
    assert said == []
    np.testing.assert_array_equal(back.theta[:2], learned.theta[[1, 0]][:, :, [2, 0, 1]])
    np.testing.assert_array_equal(back.theta[2], learned.theta[2][:, [2, 0, 1]])
    np.testing.assert_allclose(back.weights, learned.weights[[1, 0]][:, :, [2, 0, 1, 3]])
    np.testing.assert_array_equal(back.tables, learned.tables[[1, 0]][:, :, [2, 0, 1, 3]])


def test_a_new_market_starts_from_the_prior_and_takes_nobodys_state(learned, frozen):
    back, said = thawed(frozen, Keys(["venue:NEW", "venue:AAA"], KEYS.cards))
    fresh = even_learning(2, 3)
    assert said == [
        "market venue:NEW: nothing was learned about it yet, it starts from the prior",
        "market venue:BBB: no longer in use, what was learned about it is dropped",
    ]
    for name in KEPT:
        assert getattr(back, name)[0].tobytes() == getattr(fresh, name)[0].tobytes(), name
        assert getattr(back, name)[1].tobytes() == getattr(learned, name)[0].tobytes(), name
    np.testing.assert_array_equal(back.theta[-1], learned.theta[-1])


def test_a_new_card_has_its_prior_weight_and_the_others_keep_their_proportions(learned, frozen):
    keys = Keys(KEYS.markets, ["card0", "new", "card1", "card2"])
    back, said = thawed(frozen, keys)
    assert said == ["card new: nothing was learned about it yet, it starts from the prior"]
    assert np.all(back.theta[:, :, 1] == 0.4)
    np.testing.assert_array_equal(back.theta[:, :, [0, 2, 3]], learned.theta)
    internal = np.exp(back.log_weights)
    np.testing.assert_allclose(internal.sum(axis=-1), 1.0)
    np.testing.assert_allclose(internal[..., 1], 0.2)
    np.testing.assert_allclose(internal[..., [0, 2, 3, 4]], 0.8 * np.exp(learned.log_weights))
    np.testing.assert_allclose(back.weights.sum(axis=-1), 1.0)
    np.testing.assert_allclose(back.weights[..., 1], 0.2)
    assert np.all(np.isnan(back.said[:, :, :, :, 1]))


def test_a_dropped_card_leaves_its_weight_to_the_others(learned, frozen):
    back, said = thawed(frozen, Keys(KEYS.markets, ["card0", "card2"]))
    assert said == ["card card1: no longer in use, what was learned about it is dropped"]
    kept = learned.published[..., [0, 2, 3]]
    np.testing.assert_allclose(back.weights, kept / kept.sum(axis=-1, keepdims=True))


def test_a_killed_mode_is_still_killed():
    learning = experienced()
    learning.learners["killed"][1, SCALP] = 1
    back, _ = thawed(freeze(learning, KEYS))
    assert back.weights[1, SCALP].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert back.weights[0, SCALP, -1] < 1.0


@given(data=st.data())
def test_a_changed_byte_is_noticed(frozen, data):
    at = data.draw(st.integers(0, len(frozen) - 1))
    broken = bytearray(frozen)
    broken[at] ^= data.draw(st.integers(1, 255))
    refused(bytes(broken), "damaged|something else")


@given(data=st.data())
def test_a_torn_file_is_noticed(frozen, data):
    refused(frozen[: data.draw(st.integers(0, len(frozen) - 1))], "damaged|something else")


@pytest.mark.parametrize("foreign", [b"", b"{}", b"SQLite format 3\x00" * 9, b"\x00" * 100])
def test_foreign_bytes_are_refused(foreign):
    refused(foreign, "something else")


def test_another_version_is_refused(frozen):
    refused(signed(frozen[:16] + (99).to_bytes(4, "little") + frozen[20:-16]), "expected version 1, was 99")


def test_another_layout_is_refused(frozen):
    size = int.from_bytes(frozen[20:24], "little")
    header = json.loads(frozen[24 : 24 + size])
    header["layout"] = "0" * len(header["layout"])
    head = json.dumps(header).encode()
    refused(signed(frozen[:20] + len(head).to_bytes(4, "little") + head + frozen[24 + size : -16]), "layout")


def test_a_body_that_is_too_short_is_refused_although_signed(frozen):
    refused(signed(frozen[:-200]), "cannot be read")


@pytest.mark.parametrize(
    ("name", "value"),
    [("theta", 3.5), ("theta", np.nan), ("precision", 0.0), ("published", -0.1), ("log_weights", 0.5)],
)
def test_impossible_weights_are_not_traded_on(name, value):
    learning = experienced()
    getattr(learning, name)[0, 0] = value
    refused(freeze(learning, KEYS), "impossible weights")


def test_names_that_do_not_fit_are_a_mistake_of_the_caller(learned):
    with pytest.raises(ValueError, match="2 different names of markets"):
        freeze(learned, Keys(["venue:AAA", "venue:AAA"], KEYS.cards))
    with pytest.raises(ValueError, match="3 different names of cards"):
        freeze(learned, Keys(KEYS.markets, ["card0"]))


def refused(data: bytes, why: str) -> None:
    """Refused with a reason, and the learner is untouched."""
    learning = even_learning(2, 3)
    before = [array.tobytes() for array in learning]
    with pytest.raises(BadInput, match=why):
        thaw(learning, KEYS, data)
    assert [array.tobytes() for array in learning] == before


def signed(data: bytes) -> bytes:
    return data + blake2b(data, digest_size=16).digest()
