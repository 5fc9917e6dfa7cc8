"""`record`: raw frames and a tape of live markets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.options import AsJson, ConfigFile, load_config
from bot.cli.output import print_json, say, tell
from bot.cli.running import For, References, Symbols, Url, Venue

if TYPE_CHECKING:
    from bot.app.record import Recorded

_EVERY_S = 5.0


def record(
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="DIR", help="Folder for the recording.", show_default=False)
    ],
    venue: Venue = None,
    symbols: Symbols = None,
    references: References = None,
    duration: For = None,
    url: Url = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Record live public data: raw frames as they came, and a tape to replay, side by side.

    Ends with Ctrl-C, after --for, or when the disk is nearly full (storage.min_free_mb).
    """
    settings = load_config(
        config,
        market__source="live",
        market__venue=venue,
        market__references=references,
        market__urls=url,
        market__symbols=symbols,
        market__duration=duration,
    )
    from bot.app.live_markets import hosts_of, live_instruments, urls_of
    from bot.app.reach import require

    require(hosts_of(settings))
    from bot.app.live import LiveSource
    from bot.app.record import Recorder

    def on_news(what: str, detail: Mapping[str, Any]) -> None:
        tell(f"warning: {what.replace('_', ' ')}: {detail.get('reason') or dict(detail)}")

    market = settings.market
    named = market.symbols if "symbols" in market.model_fields_set else ()
    limit_s = market.duration if "duration" in market.model_fields_set else None
    source = LiveSource(live_instruments(settings, named, on_news), urls_of(market.urls))
    recorder = Recorder(source, out, settings.storage.min_free_mb, limit_s or None, on_news, _Progress())
    _show(recorder.run(), out, as_json)


class _Progress:
    """A line every few seconds."""

    def __init__(self) -> None:
        self._next_s = _EVERY_S

    def __call__(self, so_far: Recorded) -> None:
        if so_far.seconds >= self._next_s:
            self._next_s += _EVERY_S
            frames = sum(so_far.frames.values())
            tell(f"{so_far.seconds:.0f} s | {frames:,} frames | {so_far.rows:,} rows | {so_far.gaps} gaps")


def _show(recorded: Recorded, out: Path, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "out": str(out),
                "rows": recorded.rows,
                "frames": recorded.frames,
                "gaps": recorded.gaps,
                "seconds": recorded.seconds,
                "stopped": recorded.stopped,
                "feeds": recorded.feeds,
            }
        )
        return
    frames = ", ".join(f"{n:,} of {venue}" for venue, n in recorded.frames.items())
    say(f"recorded {recorded.seconds:.0f} s: {recorded.rows:,} rows, frames {frames}, {recorded.gaps} gaps")
    say(f"tape {out / 'tape'}, raw frames {out / 'raw'}")
    if recorded.stopped:
        say(f"ended early: {recorded.stopped}")
