"""The model policy: trajectories, as many at once as the server's cache and the workers allow, each ending with a
candidate or a reason."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from langgraph.checkpoint.base import BaseCheckpointSaver

from agents.changes import changes_of
from agents.models import Admission, Weighed
from agents.policy import Found, Tried
from agents.repair.diff import patch_id
from agents.trajectory.loop import Ended, run_trajectory
from agents.trajectory.workbench import Shared, open_workbench
from executor import Pool
from selection import Candidate, Provenance

ENDED = "trajectory.ended"
_FAILURES = 2  # trajectories in a row that the model failed (its own retries included) before no other is begun
_ENDS = 3  # of the reasons, the most frequent ones, that are told
_CONTEXT_TOKENS = 16_000  # that a trajectory is expected to use, when the model does not say how much it holds


class ModelPolicy:
    """most: trajectories of the Run. at_once: on this machine.
    drawn: trajectories that a process before this one began in waves that it saw to their end.

    A wave that was killed begins again: its trajectories go on from their own checkpoints.
    """

    def __init__(
        self,
        shared: Shared,
        saver: BaseCheckpointSaver[str],
        admission: Admission,
        *,
        most: int,
        at_once: int,
        drawn: int = 0,
    ) -> None:
        self._shared = shared
        self._saver = saver
        self._admission = admission
        self._most = most
        self._at_once = max(1, at_once)
        self._failures = 0
        self.drawn = drawn

    @property
    def exhausted(self) -> bool:
        return self.drawn >= self._most or self._failures >= _FAILURES

    @property
    def ended(self) -> str:
        journaled = [event.data for event in self._shared.journal.events() if event.kind == ENDED]
        ends = Counter({each["trajectory"]: each["why"] for each in journaled}.values())
        told = "; ".join(f"{why} ({times} of {ends.total()})" for why, times in ends.most_common(_ENDS))
        return f"the trajectories ended: {told}" if told else ""

    async def wave(self, *, executions: int, wall_s: float) -> AsyncGenerator[Found | Tried]:
        """Run trajectories, `executions` at most; one that has begun is finished, however long it takes."""
        end, used = time.monotonic() + wall_s, 0

        def numbers() -> Iterator[int]:
            nonlocal used
            while not self.exhausted and used < executions and time.monotonic() < end:
                self.drawn += 1
                used += 1
                yield self.drawn

        pool: Pool[int, int, Found | Tried] = Pool(tuple(range(self._at_once)), self._one)
        async with aclosing(pool.run(numbers())) as results:
            async for _, event in results:
                yield event

    async def _one(self, _: int, number: int) -> Found | Tried:
        shared = self._shared
        context = shared.model.context_tokens or _CONTEXT_TOKENS
        prefix = Weighed([*shared.prefix.messages, shared.prefix.instruction(number)]).size // 4
        expected = min(context, _CONTEXT_TOKENS)
        async with (
            self._admission.place(expected, issue=shared.issue_key, shared=prefix) as place,
            open_workbench(shared, number) as bench,
        ):
            bench.place = place
            ended = await run_trajectory(bench, self._saver)
        self._failures = self._failures + 1 if ended.model_failed else 0
        shared.journal.append(
            ENDED,
            {
                "trajectory": str(number),
                "why": ended.why,
                "turns": ended.turns,
                "patch": shared.store.files.put(ended.patch) if ended.patch else "",
                "reproduced": ended.reproduced,
            },
        )
        if not ended.patch:
            return Tried(number, f"trajectory {number}", ended.why, 1)
        return Found(number, self._candidate(number, ended), 1)

    def _candidate(self, number: int, ended: Ended) -> Candidate:
        changes = changes_of(self._shared.checkout, ended.patch)
        step = f"trajectory {number}: {ended.answer.strip() or ended.why}"
        provenance = Provenance("model", step, self._shared.model.name, str(number))
        score = (ended.why == "finished") + 0.5 * ended.reproduced
        # who proposes what another did is a candidate too, and agrees with it
        name = f"{patch_id(ended.patch)}-{number}"
        return Candidate(name, ended.patch, changes, provenance, score)
