"""What an error means, from ccxt's own classes and the venues' codes; the page says the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.execution.news import Refusal, Verdict
from bot.execution.outcomes import BY_CLASS, BY_CODE, code_of, is_not_found, outcome_of_submit

ccxt = pytest.importorskip("ccxt")


def classes_of(name: str) -> list[str]:
    return [c.__name__ for c in getattr(ccxt, name).__mro__]


@pytest.mark.parametrize("name", [n for n in BY_CLASS if n != "CancelledError"])
def test_every_class_of_the_table_exists_in_the_library(name: str) -> None:
    assert issubclass(getattr(ccxt, name), ccxt.BaseError)


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("RequestTimeout", Verdict.UNKNOWN),
        ("ExchangeNotAvailable", Verdict.UNKNOWN),
        ("OnMaintenance", Verdict.UNKNOWN),
        ("NetworkError", Verdict.UNKNOWN),
        ("ExchangeError", Verdict.UNKNOWN),
        ("NullResponse", Verdict.UNKNOWN),
        ("DuplicateOrderId", Verdict.UNKNOWN),
        ("InsufficientFunds", Verdict.REFUSED),
        ("InvalidOrder", Verdict.REFUSED),
        ("OrderNotFillable", Verdict.REFUSED),
        ("PermissionDenied", Verdict.REFUSED),
        ("RateLimitExceeded", Verdict.REFUSED),
        ("DDoSProtection", Verdict.REFUSED),
    ],
)
def test_only_what_was_certainly_not_placed_is_refused(name: str, verdict: Verdict) -> None:
    assert outcome_of_submit("elsewhere", classes_of(name), "").verdict is verdict


@pytest.mark.parametrize("name", ["RateLimitExceeded", "DDoSProtection", "InvalidNonce"])
def test_what_was_not_processed_may_be_sent_again(name: str) -> None:
    assert outcome_of_submit("elsewhere", classes_of(name), "").again


@pytest.mark.parametrize(
    ("venue", "name", "words", "verdict", "refusal"),
    [
        ("binance", "OperationFailed", '{"code":-1008,"msg":"overloaded"}', Verdict.REFUSED, Refusal.RATE),
        ("binance", "RequestTimeout", '{"code":-1007,"msg":"Timeout"}', Verdict.UNKNOWN, Refusal.NONE),
        ("binance", "InvalidOrder", '{"code":-4116,"msg":"duplicated"}', Verdict.UNKNOWN, Refusal.NONE),
        ("binance", "ExchangeError", '{"code":-2021,"msg":"x"}', Verdict.REFUSED, Refusal.WOULD_TRIGGER),
        ("binance", "InvalidOrder", '{"code":-4120,"msg":"x"}', Verdict.REFUSED, Refusal.ENDPOINT),
        (
            "bybit",
            "ExchangeError",
            '{"retCode":10000,"retMsg":"Time"}',
            Verdict.UNKNOWN,
            Refusal.NONE,
        ),
        ("bybit", "InvalidOrder", '{"retCode":110072}', Verdict.UNKNOWN, Refusal.NONE),
        ("bybit", "InsufficientFunds", '{"retCode":110007}', Verdict.REFUSED, Refusal.MARGIN),
        (
            "okx",
            "InsufficientFunds",
            '{"code":"1","data":[{"sCode":"51008","sMsg":"x"}]}',
            Verdict.REFUSED,
            Refusal.MARGIN,
        ),
        ("okx", "InvalidOrder", '{"code":"1","data":[{"sCode":"51016"}]}', Verdict.UNKNOWN, Refusal.NONE),
        (
            "hyperliquid",
            "InvalidOrder",
            "Post only order would have immediately matched, bbo was 1@2",
            Verdict.REFUSED,
            Refusal.POST_ONLY,
        ),
    ],
)
def test_a_code_outweighs_its_class(
    venue: str, name: str, words: str, verdict: Verdict, refusal: Refusal
) -> None:
    outcome = outcome_of_submit(venue, classes_of(name), f"{venue} {words}")
    assert (outcome.verdict, outcome.refusal) == (verdict, refusal)


def test_an_error_nobody_knows_is_unknown() -> None:
    assert outcome_of_submit("binance", ["ValueError", "Exception"], "?").verdict is Verdict.UNKNOWN
    assert code_of("binance", "<html>502</html>") == ""
    assert is_not_found(classes_of("OrderNotFound"))


def test_the_page_of_outcomes_is_up_to_date(repo: Path) -> None:
    from bot.cli.outcomes_page import page

    assert (repo / "docs" / "outcomes.md").read_text() == page()


def test_every_code_has_a_venue_that_is_spoken() -> None:
    assert set(BY_CODE) == {"binance", "bybit", "okx", "hyperliquid"}
