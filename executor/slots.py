"""How many Calls may hold each resource at once: shared between all plans of a process, and fair between their
owners."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

_Start = Callable[[Any], None]
_Waiting = tuple[float, int, float, _Start, Any]  # minus its rank, its number, its cost, how to start it, and what


@dataclass(slots=True)
class _Queue:
    limit: int
    free: int
    waiting: dict[Hashable, list[_Waiting]] = field(default_factory=dict)
    served: dict[Hashable, float] = field(default_factory=dict)
    clock: float = 0.0  # the share that the owner had who was served last


class Slots:
    """Slots(sandbox=8, model=32): what is not named has no limit.

    When a slot is free, it goes to the owner that has had the smallest share so far, and among its Calls to the one
    with the highest rank. An owner that comes later, or had nothing to do for a while, does not make up for that time.
    Source: start-time fair queueing, Goyal, Vin and Cheng, 1996.
    """

    def __init__(self, **limits: int) -> None:
        for name, limit in limits.items():
            if limit < 1:
                raise ValueError(f"{name}: {limit} slots; at least one is needed")
        self._queues = {name: _Queue(limit, limit) for name, limit in limits.items()}
        self._count = 0

    def try_take(self, resource: str, owner: Hashable, cost_s: float) -> bool:
        """Take a slot if one is free."""
        queue = self._queues.get(resource)
        if queue is None:
            return True
        if queue.free < 1:
            return False
        self._serve(queue, owner, cost_s)
        return True

    def wait(self, resource: str, owner: Hashable, rank: float, cost_s: float, start: _Start, what: Any) -> None:
        """Call `start(what)`, with a slot taken, when one is free and it is this one's turn."""
        self._count += 1
        waiting = self._queues[resource].waiting.setdefault(owner, [])
        heapq.heappush(waiting, (-rank, self._count, cost_s, start, what))

    def give(self, resource: str) -> None:
        """Give a slot back: the next one starts."""
        queue = self._queues.get(resource)
        if queue is None:
            return
        queue.free += 1
        if not queue.waiting:
            if queue.free == queue.limit:  # nobody has anything to do: all begin anew
                queue.served.clear()
                queue.clock = 0.0
            return
        owner = min(queue.waiting, key=lambda each: max(queue.served.get(each, 0.0), queue.clock))
        waiting = queue.waiting[owner]
        _, _, cost_s, start, what = heapq.heappop(waiting)
        if not waiting:
            del queue.waiting[owner]
        self._serve(queue, owner, cost_s)
        start(what)

    def withdraw(self, owner: Hashable, start: _Start) -> None:
        """Forget what an owner has waiting for this `start`."""
        for queue in self._queues.values():
            left = [each for each in queue.waiting.pop(owner, []) if each[3] != start]
            if left:
                heapq.heapify(left)
                queue.waiting[owner] = left

    def _serve(self, queue: _Queue, owner: Hashable, cost_s: float) -> None:
        queue.free -= 1
        queue.clock = max(queue.served.get(owner, 0.0), queue.clock)
        queue.served[owner] = queue.clock + max(cost_s, 1e-3)
