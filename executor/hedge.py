"""Hedging: a pure Call that takes longer than others of its tool is started a second time; the first answer wins.

Source: Dean and Barroso, "The Tail at Scale", 2013.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from typing import Any


class Hedge:
    """quantile: of a tool's latencies, after which the second start comes. least: how many latencies must be known
    before. The newest `window` count."""

    def __init__(self, quantile: float = 0.95, *, least: int = 20, window: int = 200) -> None:
        if not 0 < quantile < 1:
            raise ValueError(f"quantile {quantile} must lie between 0 and 1")
        self._quantile = quantile
        self._least = least
        self._latencies: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=window))
        self.started = self.won = 0  # second starts, and how many of them answered first

    def delay(self, tool: str) -> float | None:
        """Seconds after which a Call of this tool is late; None while too little is known."""
        known = self._latencies[tool]
        if len(known) < self._least:
            return None
        return sorted(known)[min(len(known) - 1, int(self._quantile * len(known)))]

    async def run(
        self, tool: str, start: Callable[[], Awaitable[Any]], take: Callable[[], bool], give: Callable[[], None]
    ) -> Any:
        """The first answer; the other start is cancelled and has ended when this returns. A second start needs a free
        slot (`take`), which it gives back. When one start fails, the other's answer counts; when both do, the first
        one's error."""
        begun = time.monotonic()
        delay = self.delay(tool)
        if delay is None:
            result = await start()
            self._latencies[tool].append(time.monotonic() - begun)
            return result
        first = asyncio.ensure_future(_as_coroutine(start))
        tasks = [first]
        held = False
        try:
            await asyncio.wait(tasks, timeout=delay)
            if not first.done() and take():
                held = True
                self.started += 1
                tasks.append(asyncio.ensure_future(_as_coroutine(start)))
            winner = await _first_answer(tasks)
            self.won += winner is not first and winner.exception() is None
            self._latencies[tool].append(time.monotonic() - begun)
            return winner.result()
        finally:
            for task in tasks:
                task.cancel()
            try:
                await asyncio.gather(*tasks, return_exceptions=True)
            finally:
                if held:
                    give()


async def _first_answer(tasks: list[asyncio.Task[Any]]) -> asyncio.Task[Any]:
    running = set(tasks)
    while running:
        ended, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task in ended and not task.cancelled() and task.exception() is None:
                return task
    return tasks[0]


async def _as_coroutine(start: Callable[[], Awaitable[Any]]) -> Any:
    return await start()
