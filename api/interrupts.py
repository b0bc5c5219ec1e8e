"""Ctrl-C and SIGTERM: a Run ends with the best patch so far, and says all of it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Interrupts:
    """The first Ctrl-C (or SIGTERM), from now on, ends the search with the best so far, which takes a second or so. Another is
    taken for impatience; one after that ends the program."""

    def __init__(self) -> None:
        self._noted = 0
        self._pass_on: Callable[[], object] | None = None
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}

    @contextmanager
    def passed_on(self, stop: asyncio.Event) -> Iterator[None]:
        """Set `stop` when it comes, or at once if it has come. One that comes after the block finds nothing left to end: what
        came out is being shown."""
        loop = asyncio.get_running_loop()
        self._pass_on = lambda: loop.call_soon_threadsafe(stop.set)
        if self._noted:
            stop.set()
        try:
            yield
        finally:
            self._pass_on = None

    def _note(self, number: int, frame: object) -> None:
        self._noted += 1
        if self._noted == 2:
            for each, handler in self._before.items():
                signal.signal(each, handler)
        if self._pass_on is not None:
            self._pass_on()
