"""`warmup`: compile now what the first run would compile."""

from __future__ import annotations

from bot.cli.output import say, tell


def warmup() -> None:
    """Compile the loop into the cache, so that the next start is quick. Needed once a version."""
    from bot.core.clock import monotonic_ns

    tell("compiling (a minute or two the first time)")
    started_ns = monotonic_ns()
    from bot.app.warm import compile_all

    folder = compile_all()
    say(f"compiled in {(monotonic_ns() - started_ns) / 1e9:.1f} s; cached in {folder}")
