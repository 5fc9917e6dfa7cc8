"""What a failed request to a venue means: placed, certainly not placed, or unknown.

Pure tables over the library's error classes (by name, most special first) and
the venues' codes; docs/outcomes.md prints them, a test keeps the two equal. A
code outweighs its class: libraries map one class to several meanings.

Sources: the venues' error code pages; ccxt's error hierarchy and HTTP map.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.execution.news import Refusal, Verdict

RESOLVE_AFTER_S = (0.15, 0.35, 0.7, 1.2, 1.6, 2.0)
"""Waits between the questions about an order of unknown outcome; the last one repeats."""

ABSENT_AFTER = 4
ABSENT_AFTER_S = 4.0
"""Answers "not found", and seconds since the order was sent, that prove absence: matching is asynchronous."""

AGAIN_AFTER_S = (0.2, 0.5, 1.0)
"""Waits before a request that was certainly not processed is sent again, with the same client id."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of a submit. `again`: certainly not processed, so the same request may be sent once more."""

    verdict: Verdict
    refusal: Refusal = Refusal.NONE
    again: bool = False
    resync: bool = False  # the clocks disagree: measure their difference first


UNKNOWN = Outcome(Verdict.UNKNOWN)


def _no(refusal: Refusal) -> Outcome:
    return Outcome(Verdict.REFUSED, refusal)


BUSY = Outcome(Verdict.REFUSED, Refusal.RATE, again=True)
CLOCK = Outcome(Verdict.REFUSED, Refusal.OTHER, again=True, resync=True)

BY_CLASS: dict[str, Outcome] = {
    "DuplicateOrderId": UNKNOWN,  # the first attempt arrived
    "OrderImmediatelyFillable": _no(Refusal.WOULD_TRIGGER),
    "OrderNotFillable": _no(Refusal.POST_ONLY),
    "InsufficientFunds": _no(Refusal.MARGIN),
    "InvalidOrder": _no(Refusal.OTHER),
    "BadSymbol": _no(Refusal.CLOSED),
    "BadRequest": _no(Refusal.OTHER),
    "ArgumentsRequired": _no(Refusal.OTHER),
    "NotSupported": _no(Refusal.ENDPOINT),
    "AccountSuspended": _no(Refusal.PERMISSION),
    "AuthenticationError": _no(Refusal.PERMISSION),
    "MarketClosed": _no(Refusal.CLOSED),
    "OperationRejected": _no(Refusal.OTHER),
    "RestrictedLocation": _no(Refusal.PERMISSION),
    "ManualInteractionNeeded": _no(Refusal.PERMISSION),
    "RateLimitExceeded": BUSY,
    "DDoSProtection": BUSY,
    "InvalidNonce": CLOCK,
    "RequestTimeout": UNKNOWN,
    "OnMaintenance": UNKNOWN,
    "ExchangeNotAvailable": UNKNOWN,
    "NetworkError": UNKNOWN,
    "BadResponse": UNKNOWN,
    "OperationFailed": UNKNOWN,
    "CancelledError": UNKNOWN,  # ours, while the request was under way
    "ExchangeError": UNKNOWN,  # unmapped: only a listed code proves a refusal
}

BY_CODE: dict[str, dict[str, Outcome]] = {
    "binance": {
        "-1003": BUSY,
        "-1006": UNKNOWN,
        "-1007": UNKNOWN,
        "-1008": BUSY,  # overloaded: throttled before the engine
        "-1015": BUSY,
        "-1021": CLOCK,
        "-1102": _no(Refusal.OTHER),
        "-1106": _no(Refusal.OTHER),
        "-1111": _no(Refusal.QUANTITY),
        "-1121": _no(Refusal.CLOSED),
        "-2010": _no(Refusal.OTHER),
        "-2014": _no(Refusal.PERMISSION),
        "-2015": _no(Refusal.PERMISSION),
        "-2018": _no(Refusal.MARGIN),
        "-2019": _no(Refusal.MARGIN),
        "-2021": _no(Refusal.WOULD_TRIGGER),
        "-2022": _no(Refusal.NOTHING_TO_REDUCE),
        "-2027": _no(Refusal.MARGIN),
        "-4003": _no(Refusal.QUANTITY),
        "-4005": _no(Refusal.QUANTITY),
        "-4014": _no(Refusal.PRICE),
        "-4016": _no(Refusal.PRICE),
        "-4024": _no(Refusal.PRICE),
        "-4061": _no(Refusal.MODE),
        "-4116": UNKNOWN,  # duplicate client id: the first attempt arrived
        "-4118": _no(Refusal.NOTHING_TO_REDUCE),
        "-4120": _no(Refusal.ENDPOINT),
        "-4131": _no(Refusal.PRICE),
        "-4164": _no(Refusal.QUANTITY),
        "-5021": _no(Refusal.OTHER),
        "-5022": _no(Refusal.POST_ONLY),
    },
    "bybit": {
        "10000": UNKNOWN,  # "server timeout"
        "10002": CLOCK,
        "10003": _no(Refusal.PERMISSION),
        "10004": _no(Refusal.PERMISSION),
        "10005": _no(Refusal.PERMISSION),
        "10006": BUSY,
        "10016": UNKNOWN,
        "33004": _no(Refusal.PERMISSION),
        "110003": _no(Refusal.PRICE),
        "110007": _no(Refusal.MARGIN),
        "110012": _no(Refusal.MARGIN),
        "110017": _no(Refusal.NOTHING_TO_REDUCE),
        "110072": UNKNOWN,  # duplicate client id: the first attempt arrived
        "110092": _no(Refusal.WOULD_TRIGGER),
        "110093": _no(Refusal.WOULD_TRIGGER),
        "110094": _no(Refusal.QUANTITY),
    },
    "okx": {
        "50001": UNKNOWN,
        "50011": BUSY,
        "50013": UNKNOWN,
        "50026": UNKNOWN,
        "50102": CLOCK,
        "51008": _no(Refusal.MARGIN),
        "51016": UNKNOWN,  # duplicate client id: the first attempt arrived
        "51019": _no(Refusal.POST_ONLY),
        "51020": _no(Refusal.QUANTITY),
        "51121": _no(Refusal.QUANTITY),
        "51169": _no(Refusal.NOTHING_TO_REDUCE),
        "51277": _no(Refusal.WOULD_TRIGGER),
        "51278": _no(Refusal.WOULD_TRIGGER),
        "51279": _no(Refusal.WOULD_TRIGGER),
        "51280": _no(Refusal.WOULD_TRIGGER),
    },
    "hyperliquid": {
        "Post only order would have immediately matched": _no(Refusal.POST_ONLY),
        "Reduce only order would increase position": _no(Refusal.NOTHING_TO_REDUCE),
        "Insufficient margin": _no(Refusal.MARGIN),
        "minimum value of $10": _no(Refusal.QUANTITY),
        "Price must be divisible by tick size": _no(Refusal.PRICE),
        "Invalid TP/SL price": _no(Refusal.WOULD_TRIGGER),
        "Too many cumulative requests": BUSY,
    },
}

_CODE = {
    "binance": re.compile(r'"code"\s*:\s*"?(-\d+)'),
    "bybit": re.compile(r'"retCode"\s*:\s*"?(\d+)'),
    "okx": re.compile(r'"sCode"\s*:\s*"?([1-9]\d*)|"code"\s*:\s*"?([1-9]\d{4})'),
}


def code_of(venue: str, words: str) -> str:
    """The venue's code in an error's words, "" when there is none."""
    pattern = _CODE.get(venue)
    if pattern is None:
        return next((text for text in BY_CODE.get(venue, {}) if text.lower() in words.lower()), "")
    found = pattern.search(words)
    return next((group for group in found.groups() if group), "") if found else ""


def outcome_of_submit(venue: str, classes: Sequence[str], words: str) -> Outcome:
    """Of an order that was answered with an error; `classes` from the error's own to its oldest ancestor."""
    code = code_of(venue, words)
    known = BY_CODE.get(venue, {}).get(code)
    if known is not None:
        return known
    return next((BY_CLASS[name] for name in classes if name in BY_CLASS), UNKNOWN)


def is_not_found(classes: Sequence[str]) -> bool:
    """Whether an error says that the venue does not know the order (now)."""
    return "OrderNotFound" in classes
