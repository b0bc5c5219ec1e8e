"""Time-outs of many Calls with one timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf


class Deadlines:
    """Calls `expire(name)` when a name's time is over. Cheap to set and to forget: most of them are never reached.

    Names with the same limit are due in the order in which they were set, so that only the first of each must be watched.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, expire: Callable[[str], None]) -> None:
        self._loop = loop
        self._expire = expire
        self._due: dict[float, dict[str, float]] = {}  # limit -> name -> when
        self._next = inf  # when the timer looks
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, name: str, limit_s: float) -> None:
        when = self._loop.time() + limit_s
        self._due.setdefault(limit_s, {})[name] = when
        if when < self._next:
            self._set(when)

    def forget(self, name: str, limit_s: float) -> None:
        self._due[limit_s].pop(name, None)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _set(self, when: float) -> None:
        self.close()
        self._next = when
        self._timer = self._loop.call_at(when, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        late: list[str] = []
        self._next = inf
        for due in self._due.values():
            while due:
                name = next(iter(due))
                if due[name] > now:
                    self._next = min(self._next, due[name])
                    break
                del due[name]
                late.append(name)
        self._timer = None
        if self._next < inf:
            self._set(self._next)
        for name in late:
            self._expire(name)
