"""Keys and signatures: HMAC-SHA256 over the raw query and body, and a timestamp within recvWindow."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass

from bot.core.units import NS_PER_MS
from bot.rehearsal.errors import VenueError
from bot.rehearsal.params import Params

DEFAULT_WINDOW_MS, LONGEST_WINDOW_MS = 5_000, 60_000
_AHEAD_MS = 1_000
_SIGNATURE = re.compile(r"&?signature=([^&]*)")
_KEY = re.compile(r"[A-Za-z0-9]{16,128}")


@dataclass(frozen=True, slots=True)
class Keys:
    """`repr` shows neither."""

    key: str
    secret: str

    def __repr__(self) -> str:
        return "Keys(…)"

    def check_key(self, sent: str | None) -> None:
        if not sent or not _KEY.fullmatch(sent):
            raise VenueError(-2014)
        if not hmac.compare_digest(sent, self.key):
            raise VenueError(-2015)

    def check_signature(self, query: str, body: str, params: Params) -> None:
        """`query` and `body` as they came, still encoded; the signature is the last field of either."""
        sent = params["signature"]
        payload = _SIGNATURE.sub("", query) + _SIGNATURE.sub("", body)
        wanted = hmac.new(self.secret.encode(), payload.encode(), "sha256").hexdigest()
        if not hmac.compare_digest(wanted, sent.lower()):
            raise VenueError(-1022)


def check_time(params: Params, now_ns: int) -> None:
    """`now_ns`: the server's clock."""
    sent_ms = params.whole("timestamp")
    window_ms = params.whole("recvWindow", DEFAULT_WINDOW_MS)
    if not 0 < window_ms <= LONGEST_WINDOW_MS:
        raise VenueError(-1130, "recvWindow")
    now_ms = now_ns // NS_PER_MS
    if sent_ms >= now_ms + _AHEAD_MS or now_ms - sent_ms > window_ms:
        raise VenueError(-1021)
