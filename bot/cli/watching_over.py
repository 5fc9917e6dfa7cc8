"""`watchdog`: looks after a running session from a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.options import ConfigFile, Session, load_config
from bot.cli.output import say, tell

if TYPE_CHECKING:
    from bot.core.alerts import Alert


def watchdog(
    session: Session = None,
    every: Annotated[str, typer.Option("--every", metavar="TIME", help="Time between two looks.")] = "15s",
    quiet: Annotated[
        str, typer.Option("--quiet", metavar="TIME", help="Silence after which people are told.")
    ] = "90s",
    config: ConfigFile = None,
) -> None:
    """Tell people, by Telegram and notify, when a session goes quiet: it does not answer, or stands still.

    Runs beside the session, best under a supervisor; until Ctrl-C. An end in order is no alarm.
    """
    import asyncio
    import signal
    import threading

    from bot.app.durations import parse_duration_s
    from bot.app.watchdog import Watchdog
    from bot.core.clock import SystemClock

    def on_alert(alert: Alert) -> None:
        say(alert.text)

    def warn(what: str, detail: Mapping[str, Any]) -> None:
        tell(f"warning: {what.replace('_', ' ')}: {detail.get('reason')}")

    settings = load_config(config, session__name=session)
    every_s, quiet_s = parse_duration_s(every), parse_duration_s(quiet)
    dog = Watchdog(settings, SystemClock(), on_alert, warn, every_s=every_s, quiet_s=quiet_s)
    stop = threading.Event()
    before = {s: signal.signal(s, lambda *_: stop.set()) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        asyncio.run(dog.run(stop))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
