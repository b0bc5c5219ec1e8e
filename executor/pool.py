"""The pool: many jobs, few workers, results in the order in which they end.

A job is one candidate to try, a worker is what it takes to try one (a workspace, a sandbox, a warm interpreter). Jobs
are drawn lazily, one for each free worker, so that an endless or adaptive source of jobs costs nothing ahead of time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

Job = TypeVar("Job")
Worker = TypeVar("Worker")
Result = TypeVar("Result")


class Pool(Generic[Worker, Job, Result]):
    """Runs `work(worker, job)` on every worker at once.

    Cancelling the loop over `run` cancels what is running and awaits its clean-up. So does leaving it early, when `run`
    is closed: `async with contextlib.aclosing(pool.run(jobs)) as ended`. After a plain `break`, Python closes it some
    time later. An exception that `work` raises ends the run after the same clean-up and is raised from the loop: what
    can be mended (a sandbox that died) is mended inside `work`.
    """

    def __init__(self, workers: Sequence[Worker], work: Callable[[Worker, Job], Awaitable[Result]]) -> None:
        if not workers:
            raise ValueError("a pool needs at least one worker")
        self._workers = tuple(workers)
        self._work = work

    async def run(self, jobs: Iterable[Job]) -> AsyncGenerator[tuple[Job, Result], None]:
        """Yield `(job, result)` as jobs end; draws the next job only when a worker is free."""
        source: Iterator[Job] = iter(jobs)
        running: dict[asyncio.Task[Result], tuple[Worker, Job]] = {}

        def start(worker: Worker) -> None:
            for job in source:
                task: asyncio.Task[Result] = asyncio.ensure_future(self._call(worker, job))
                running[task] = (worker, job)
                return

        try:
            for worker in self._workers:
                start(worker)
            while running:
                ended, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    worker, job = running.pop(task)
                    result = task.result()
                    start(worker)
                    yield job, result
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _call(self, worker: Worker, job: Job) -> Result:
        return await self._work(worker, job)
