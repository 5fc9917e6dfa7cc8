"""Identifiers as pure functions of what they name, so that a retry is the same order."""

from __future__ import annotations

from hashlib import blake2b


def intent_id(strategy: str, mode: str, symbol: str, action: str, now_ns: int, nth: int) -> str:
    """16 hex digits; equal inputs give the equal id, in live, paper and replay alike."""
    text = f"{strategy}|{mode}|{symbol}|{action}|{now_ns}|{nth}"
    return blake2b(text.encode(), digest_size=8).hexdigest()


def client_order_id(intent: str, role: str, nth: int) -> str:
    """Client order id of the nth order of an intent in a role, at most 36 characters."""
    return f"lop-{intent}-{role[:2]}{nth}"
