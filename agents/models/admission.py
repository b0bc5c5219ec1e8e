"""How many trajectories may live at once: as many as the server's KV cache holds.

Overcommitting it costs more than anything else: every turn then finds its prefix evicted, and computes it anew. So a new
trajectory waits until the tokens in use and its own fit, and while requests wait at the server (they would wait too, and
push others out). Contexts grow: before each call a trajectory waits where those that were let in before it leave it no room
any more. The first one never waits, so that all come to their end.

A server that computes equal prefixes of requests that came together anew for each of them (several replicas behind one
address, prefill in small chunks, most hosted services) is spared that: an issue's other trajectories wait for the first
token of the first one, after which their prefix is in the cache.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from agents.models.metrics import ServerLoad

Reader = Callable[[], Awaitable[ServerLoad | None]]
_RECHECK_S = 1.0
_SHARE = 0.95  # of the cache: blocks are filled in part, and answers are being written


class Place:
    """A live trajectory's share of the cache. tokens: its context now, or what it is expected to become if that is more."""

    def __init__(self, admission: Admission, issue: str, expected: int) -> None:
        self._admission = admission
        self.issue = issue
        self.tokens = expected

    def uses(self, tokens: int) -> None:
        """The context has this many tokens now (prompt and answer of the last call). It does not shrink."""
        if tokens > self.tokens:
            self.tokens = tokens
            self._admission._look()

    async def room(self) -> None:
        """Wait, before a call, until it fits beside those that were let in earlier."""
        admission = self._admission
        while not admission._keeps(self):
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            admission._paused.append(turn)
            try:
                await turn
            finally:
                admission._paused.remove(turn)

    def begins(self) -> None:
        """A token of its first answer has come: the prefix is in the server's cache."""
        if self.issue not in self._admission._warm:
            self._admission._warm.add(self.issue)
            self._admission._look()


class Admission:
    """Lets trajectories in, in the order in which they came.

    reader: reads the server's load, None when it says nothing (then only `most` counts). most: trajectories at once,
    whatever the cache holds; None for no limit. leader_first: an issue's first trajectory goes before the others; None for
    where the server says nothing of its load, as a vLLM does, whose requests share what is being computed. The first
    one is always let in.
    """

    def __init__(
        self,
        reader: Reader | None = None,
        *,
        most: int | None = None,
        leader_first: bool | None = None,
        recheck_s: float = _RECHECK_S,
    ) -> None:
        self._reader = reader
        self._most = most
        self._leader_first = leader_first
        self._warm: set[str] = set()  # issues whose prefix is in the cache
        self._told = False  # the server says what its load is
        self._recheck_s = recheck_s
        self._live: list[Place] = []
        self._shared: dict[str, int] = {}
        self._queue: deque[tuple[Place, asyncio.Future[None]]] = deque()
        self._paused: list[asyncio.Future[None]] = []  # live ones that have outgrown what is left to them
        self._watch: asyncio.Task[None] | None = None
        self._busy = False
        self.kv_tokens: int | None = None
        self.peak = 0  # the most trajectories that were live at once

    @asynccontextmanager
    async def place(self, expected: int, *, issue: str = "", shared: int = 0) -> AsyncIterator[Place]:
        """Wait for room, and hold it while the block runs.

        expected: tokens that the trajectory's context will have. shared: how many of them are the prefix that it has in
        common with its issue's other trajectories; they count once.
        """
        self._shared[issue] = max(self._shared.get(issue, 0), shared)
        place = Place(self, issue, expected)
        await self._enter(place)
        try:
            yield place
        finally:
            self._live.remove(place)
            self._look()

    @property
    def live(self) -> int:
        return len(self._live)

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @property
    def tokens(self) -> int:
        """Tokens of all live trajectories, each issue's shared prefix once."""
        return self._tokens(self._live)

    def _tokens(self, places: list[Place]) -> int:
        siblings = Counter(place.issue for place in places)
        twice = sum((many - 1) * self._shared.get(issue, 0) for issue, many in siblings.items())
        return sum(place.tokens for place in places) - twice

    async def _enter(self, place: Place) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((place, turn))
        if self._reader is not None and self._watch is None:
            self._watch = asyncio.create_task(self._watching())
        elif self._reader is None:
            self._look()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was let in just then
                self._live.remove(place)
            else:
                self._queue = deque(each for each in self._queue if each[0] is not place)
            self._look()
            raise

    def _look(self) -> None:
        """Let in whoever fits now."""
        while self._queue and self._fits(self._queue[0][0]):
            place, turn = self._queue.popleft()
            if turn.cancelled():
                continue
            self._live.append(place)
            self.peak = max(self.peak, len(self._live))
            turn.set_result(None)
        for paused in self._paused:
            if not paused.done():
                paused.set_result(None)  # it looks for itself

    def _fits(self, place: Place) -> bool:
        if not self._live:
            return True
        if self._waits_for_leader(place.issue):
            return False
        if self._most is not None and len(self._live) >= self._most:
            return False
        if self._busy:
            return False
        return self.kv_tokens is None or self._tokens([*self._live, place]) <= self.kv_tokens * _SHARE

    def _keeps(self, place: Place) -> bool:
        """Whether a live one has room beside those before it."""
        until = self._live[: self._live.index(place) + 1]
        return len(until) == 1 or self.kv_tokens is None or self._tokens(until) <= self.kv_tokens * _SHARE

    def _waits_for_leader(self, issue: str) -> bool:
        wanted = not self._told if self._leader_first is None else self._leader_first
        cold = bool(self._shared.get(issue)) and issue not in self._warm
        return wanted and cold and any(each.issue == issue for each in self._live)

    async def _watching(self) -> None:
        """Read the server's load as long as somebody waits; nobody else reads it."""
        assert self._reader is not None
        try:
            while self._queue:
                load = await self._reader()
                self._told = load is not None
                self._busy = load is not None and load.waiting > 0
                self.kv_tokens = self.kv_tokens if load is None else load.kv_tokens
                self._look()
                if self._queue:
                    await asyncio.sleep(self._recheck_s)
        except Exception as error:
            while self._queue:  # nobody else would wake them
                self._queue.popleft()[1].set_exception(error)
            raise
        finally:
            self._watch = None
            self._busy = False
