"""Run a generator one thread ahead of its consumer."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

AHEAD = 2
"""Batches that may wait; with the one being made and the one in use this bounds the memory."""


def prefetched(make: Callable[[], Iterator[T]]) -> Iterator[T]:
    """Yield what `make()` yields, made in a background thread at most AHEAD items early.

    An exception in the thread is raised here, after the items before it. The
    thread has ended when this generator is exhausted or closed.
    """
    worker = _Worker(make)
    worker.start()
    try:
        while True:
            item = worker.take()
            if item is None:
                return
            yield item[0]
    finally:
        worker.stop()


class _Worker(Generic[T]):
    def __init__(self, make: Callable[[], Iterator[T]]) -> None:
        self._make = make
        self._ready: deque[tuple[T]] = deque()
        self._changed = threading.Condition()
        self._stopped = False
        self._ended = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="tape-prefetch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def take(self) -> tuple[T] | None:
        """The next item, wrapped; None at the end. Raises what the thread raised."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._ended)
            if self._ready:
                item = self._ready.popleft()
                self._changed.notify_all()
                return item
        if self._error is not None:
            raise self._error
        return None

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._ready.clear()
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        try:
            for item in self._make():
                if not self._offer(item):
                    break
        except BaseException as error:  # handed to the consumer, who raises it
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _offer(self, item: T) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: len(self._ready) < AHEAD or self._stopped)
            if self._stopped:
                return False
            self._ready.append((item,))
            self._changed.notify_all()
            return True
