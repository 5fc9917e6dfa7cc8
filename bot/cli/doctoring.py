"""`doctor`: what would keep a session from running well, and what to do about it."""

from __future__ import annotations

import typer

from bot.cli.options import AsJson, ConfigFile, Session, load_config
from bot.cli.output import print_json, say
from bot.cli.running import References, Url, Venue

FAILED = 1


def doctor(
    venue: Venue = None,
    references: References = None,
    url: Url = None,
    session: Session = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Check disk, database, network, clock, a venue's streams, Telegram's token, and what the key may do.

    Exit code 1 when something is bad.
    """
    settings = load_config(
        config,
        market__venue=venue,
        market__references=references,
        market__urls=url,
        session__name=session,
    )
    from bot.app.doctor import examine
    from bot.app.findings import State

    marks = {State.FINE: "ok", State.WARNING: "warning", State.BAD: "BAD", State.SKIPPED: "skipped"}
    found = []
    for finding in examine(settings):
        found.append(finding)
        if not as_json:
            say(f"{marks[finding.state]:>8}  {finding.what}: {finding.said}")
            if finding.advice:
                say(f"{'':>8}  -> {finding.advice}")
    if as_json:
        print_json([{"what": f.what, "state": f.state, "said": f.said, "advice": f.advice} for f in found])
    if any(f.state is State.BAD for f in found):
        raise typer.Exit(FAILED)
