"""What a session's next start continues from: money, trades, limits, and where the market stood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bot.app.sources import Source
from bot.app.wiring import starting_balance_e8
from bot.core.errors import BadInput
from bot.engine.loop import Trading

if TYPE_CHECKING:
    from bot.app.session import SessionOptions


def kept_state(source: Source, trading: Trading | None) -> dict[str, Any]:
    """JSON-able."""
    state: dict[str, Any] = {"source": source.resume_state()}
    if trading is not None:
        state |= {
            "instruments": [i.to_json() for i in source.instruments],
            "venue": trading.venue.to_state(),
            "trader": trading.trader.to_state(),
            "risk": trading.risk.to_state(),
            "accounts": trading.accounts.to_state(),
        }
        if trading.live is not None:
            state["live"] = trading.live.to_state()
    return state


def restore_state(
    options: SessionOptions, source: Source, trading: Trading, earlier: Mapping[str, Any]
) -> None:
    """Go on from what the session's last paper run kept; a new coin gets its starting balance.

    Raises BadInput when trades are open in other markets than this run's.
    """
    known: set[str] = set()
    live = trading.live is not None
    if options.kind == "paper" and "live" in earlier:
        raise BadInput(f"session {options.session!r} trades an account; name another --session for paper")
    if options.kind == "live" and "venue" in earlier and "live" not in earlier:
        raise BadInput(f"session {options.session!r} is a paper session; name another --session to go live")
    if (options.kind == "paper" or live) and "venue" in earlier:
        trading.venue.restore(earlier["venue"])
        trading.risk.restore(earlier["risk"])
        trading.accounts.restore(earlier["accounts"])
        _restore_trades(options, source, trading, earlier)
        known = {i["settle"] for i in earlier["instruments"]}
        if trading.live is not None:
            trading.live.restore(earlier["live"])
    if live:
        return  # the account says what it holds
    for coin in sorted({i.settle for i in source.instruments} - known):
        trading.venue.deposit(coin, starting_balance_e8(options.config.paper, coin))


def _restore_trades(
    options: SessionOptions, source: Source, trading: Trading, earlier: Mapping[str, Any]
) -> None:
    markets = [i.to_json() for i in source.instruments]
    if _counted(markets) == _counted(earlier["instruments"]):
        trading.trader.restore(earlier["trader"])
    elif earlier["trader"]["trades"]:
        was = ", ".join(f"{i['venue']}:{i['symbol']}" for i in earlier["instruments"])
        raise BadInput(
            f"session {options.session!r} has open trades in the markets {was}; run it with "
            "those, name another --session, or start over with --fresh"
        )


def _counted(instruments: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    """What ticks and lots of a saved trade mean, market by market; fees and margin tiers may change."""
    return [
        tuple(i[name] for name in ("venue", "symbol", "tick", "lot", "contract_size")) for i in instruments
    ]
