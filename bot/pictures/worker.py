"""Draws in a process of its own: a picture takes a tenth of a second, too much for the loop."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from bot.core.errors import BadInput
from bot.pictures.liquidity import draw
from bot.pictures.scene import Scene


class Painter:
    """One worker, started with the first picture or by `start`. Pictures are drawn one after the other."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    def start(self) -> None:
        """Have the worker load what it needs, so that the first picture comes as fast as the others."""
        self._workers().submit(_load)

    async def paint(self, scene: Scene) -> bytes:
        """A PNG. Raises BadInput when there is nothing to draw."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._workers(), draw, scene)
        except OSError as error:
            raise BadInput(f"the picture could not be drawn: {error}") from None

    def _workers(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # spawned, not forked: the engine's threads and sockets stay out of it
            self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        return self._pool

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


def _load() -> None:
    with contextlib.suppress(ImportError):
        import matplotlib.figure  # noqa: F401
