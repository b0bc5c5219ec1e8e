"""A Ledger for the tasks of an event loop: who waits for it keeps no other task waiting.

A book in the Store answers within microseconds, and is asked on the spot. A server may be a round trip away, or hang: then
the Ledger lives in a thread of its own, with a Store of its own, and takes one step after the other there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from typing import TypeVar

from memory.bill import Bill
from memory.budget import Amounts, Budget
from memory.ledger import Ledger, Reservation
from memory.redis_book import WAIT_S
from memory.store import Store

_T = TypeVar("_T")


class Teller:
    """The steps of a Ledger, as its own methods describe them. thread: where they are taken; None: on the spot.

    A step that has begun comes to its end, and a cancellation of the task that waits for it comes after; so what was
    spent is written down once. Only a reservation is not waited for any longer: should it still be granted, it is released.
    """

    def __init__(self, ledger: Ledger, thread: ThreadPoolExecutor | None = None) -> None:
        self._ledger = ledger
        self._thread = thread

    @property
    def budget(self) -> Budget:
        return self._ledger.budget

    def wall_left_s(self, stage: str) -> float:
        return self._ledger.wall_left_s(stage)

    async def reserve(self, stage: str, amounts: Amounts, *, all_of: str | None = None) -> Reservation:
        if self._thread is None:
            return self._ledger.reserve(stage, amounts, all_of=all_of)
        asked = self._thread.submit(self._ledger.reserve, stage, amounts, all_of=all_of)
        try:
            return await asyncio.wrap_future(asked)
        except asyncio.CancelledError:
            self._thread.submit(self._undo, asked)  # the thread comes to it when `asked` is over
            raise

    def _undo(self, asked: Future[Reservation]) -> None:
        if not asked.cancelled() and asked.exception() is None:
            self._ledger.release(asked.result())

    async def settle(self, reservation: Reservation, spent: Amounts) -> None:
        await self._step(lambda: self._ledger.settle(reservation, spent))

    async def release(self, reservation: Reservation) -> None:
        await self._step(lambda: self._ledger.release(reservation))

    async def left(self, kind: str, stage: str) -> float:
        return await self._step(lambda: self._ledger.left(kind, stage))

    async def is_short_of(self, kind: str, stage: str) -> bool:
        return await self._step(lambda: self._ledger.is_short_of(kind, stage))

    async def bill(self) -> Bill:
        return await self._step(self._ledger.bill)

    async def final_bill(self) -> Bill:
        return await self._step(self._ledger.final_bill)

    async def _step(self, step: Callable[[], _T]) -> _T:
        return step() if self._thread is None else await _to_its_end(self._thread.submit(step))


@asynccontextmanager
async def open_teller(
    store: Store, run_id: str, budget: Budget, *, url: str | None, wait_s: float = WAIT_S, wall_used_s: float = 0.0
) -> AsyncIterator[Teller]:
    """The Teller of a Run's Ledger, which is closed at the end. Raises StoreUnusable, LedgerUnusable."""
    if url is None:
        with Ledger(store, run_id, budget, wall_used_s=wall_used_s) as ledger:
            yield Teller(ledger)
        return
    things = ExitStack()

    def open_there() -> Ledger:
        own = things.enter_context(Store.open(store.state_dir))
        return things.enter_context(Ledger(own, run_id, budget, url=url, wait_s=wait_s, wall_used_s=wall_used_s))

    thread = ThreadPoolExecutor(1, f"ledger of {run_id}")
    try:
        yield Teller(await _to_its_end(thread.submit(open_there)), thread)
    finally:
        closed = thread.submit(things.close)
        thread.shutdown(wait=False)
        await _to_its_end(closed)


async def _to_its_end(job: Future[_T]) -> _T:
    """What a job returns or raises; where the waiting task is cancelled, that comes after the job."""
    running = asyncio.wrap_future(job)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        running.exception()  # it was seen
        raise
