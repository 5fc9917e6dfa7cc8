"""Points ccxt's Binance client at another host: the rehearsal exchange, or a mirror of the venue."""

from __future__ import annotations

from typing import Any


def point_at(ex: Any, rest: str, websocket: str) -> None:
    """Lead every USDⓈ-M URL to `rest` and `websocket`; all others fail loudly.

    The library picks its table of errors by the real host's name, so the table is joined to the common one.
    """
    api = ex.urls["api"]
    for name in list(api):
        if name == "ws":
            api["ws"]["linear"] = f"{websocket}/ws"
        elif name == "sapi":
            api[name] = f"{rest}/sapi/v1"
        elif name.startswith("fapi") and name != "fapiData":
            api[name] = f"{rest}/fapi/" + {"V2": "v2", "V3": "v3"}.get(name[-2:], "v1")
        else:
            api[name] = f"{rest}/blocked/{name}"
    ex.exceptions["exact"].update(ex.exceptions["linear"]["exact"])
