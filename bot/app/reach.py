"""Whether a venue's servers can be reached at all: names resolve and somebody accepts a connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.core.clock import monotonic_ns
from bot.core.errors import LopsideError
from bot.core.units import NS_PER_MS, NS_PER_S
from bot.market.venues.protocol import Hosts

WITHIN_S = 4.0


class Unreachable(LopsideError):
    """No venue answers."""


@dataclass(frozen=True, slots=True)
class Reached:
    url: str
    ms: float  # until the connection stood
    trouble: str = ""  # why it did not

    @property
    def fine(self) -> bool:
        return not self.trouble


def reach(url: str) -> Reached:
    """Open a TCP connection to a URL's host and close it again; takes as long as the system takes."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme in ("https", "wss") else 80)
    began_ns = monotonic_ns()
    try:
        with socket.create_connection((parts.hostname, port), WITHIN_S):
            return Reached(url, (monotonic_ns() - began_ns) / NS_PER_MS)
    except OSError as error:
        return Reached(url, 0.0, error.strerror or str(error))


def reach_all(hosts: Mapping[str, Hosts]) -> dict[str, tuple[Reached, Reached]]:
    """Websocket and REST host of each venue, all at the same time, within WITHIN_S.

    In threads that nobody waits for: looking up a name cannot be cut short.
    """
    found: dict[str, Reached] = {}
    urls = {url for each in hosts.values() for url in (each.ws, each.rest)}
    threads = [
        threading.Thread(target=lambda u=url: found.update({u: reach(u)}), daemon=True) for url in urls
    ]
    for thread in threads:
        thread.start()
    end_ns = monotonic_ns() + int(WITHIN_S * NS_PER_S)
    for thread in threads:
        thread.join(max(0.0, (end_ns - monotonic_ns()) / NS_PER_S))
    late = f"no answer within {WITHIN_S:g} s"
    told = dict(found)
    return {
        venue: tuple(told.get(u) or Reached(u, 0.0, late) for u in (each.ws, each.rest))  # type: ignore[misc]
        for venue, each in hosts.items()
    }


def require(hosts: Mapping[str, Hosts]) -> None:
    """Raises Unreachable, within seconds and naming what runs without a network, when no venue answers."""
    found = reach_all(hosts)
    if not hosts or any(stream.fine for stream, _ in found.values()):
        return
    reasons = ", ".join(f"{venue} at {s.url}: {s.trouble}" for venue, (s, _) in found.items())
    raise Unreachable(
        f"no venue can be reached ({reasons}); `lopside doctor` looks closer, "
        "and `lopside paper --market demo` runs without a network"
    )
