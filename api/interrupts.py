"""Ctrl-C and SIGTERM: a Run ends with the best patch so far, and says all of it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable


class Interrupts:
    """The first Ctrl-C (or SIGTERM), from now on, ends the search with the best so far, which takes a second or so. Another is
    taken for impatience; one after that ends the program."""

    def __init__(self) -> None:
        self._noted = 0
        self._pass_on: Callable[[], object] | None = None
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}

    def pass_on(self, stop: asyncio.Event) -> None:
        """Set `stop` when it comes, or at once if it has come."""
        loop = asyncio.get_running_loop()
        self._pass_on = lambda: loop.call_soon_threadsafe(stop.set)
        if self._noted:
            stop.set()

    def _note(self, number: int, frame: object) -> None:
        self._noted += 1
        if self._noted == 2:
            for each, handler in self._before.items():
                signal.signal(each, handler)
        if self._pass_on is not None:
            self._pass_on()
