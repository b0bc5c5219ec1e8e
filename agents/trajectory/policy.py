"""The model policy: trajectories, as many at once as the server's cache and the workers allow, each ending with a
candidate or a reason; and those that a limit of rounds cut short, further on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import islice

from langgraph.checkpoint.base import BaseCheckpointSaver

from agents.changes import changes_of
from agents.errors import RecordEnded, Unreachable
from agents.models import Admission, Model, Weighed
from agents.policy import Found, Tried, Wave
from agents.repair.diff import patch_id
from agents.trajectory.loop import Ended, run_trajectory
from agents.trajectory.workbench import TURN, Shared, open_workbench
from executor import Pool
from selection import Candidate, Offer, Provenance

ENDED = "trajectory.ended"
_FAILURES = 2  # trajectories in a row that the model failed (its own retries included) before no other is begun
_ENDS = 3  # of the reasons, the most frequent ones, that are told
_CONTEXT_TOKENS = 16_000  # that a trajectory is expected to use, when the model does not say how much it holds


@dataclass(frozen=True, slots=True)
class Source:
    """A model, and who admits trajectories to its server."""

    model: Model
    admission: Admission


@dataclass(frozen=True, slots=True)
class _Trajectory:
    """One of them, and how it last ended. goes_on: after it was cut, which may happen once: votes over candidates are
    best at four rounds, and no better at eight (CodeMonkeys, 2025)."""

    number: int
    model: str
    goes_on: bool = False
    cut: bool = False
    why: str = ""
    patch: str = ""


class ModelPolicy:
    """sources: models by their names, the first one to begin with. most: trajectories of the Run. at_once: on this machine.
    drawn, deepened: what a process before this one began, and let go on, in waves that it saw to their end.

    A wave that was killed begins again: its trajectories go on from their own checkpoints. So does one that ends with
    Unreachable.
    """

    def __init__(
        self,
        shared: Shared,
        saver: BaseCheckpointSaver[str],
        sources: Mapping[str, Source],
        *,
        most: int,
        at_once: int,
        drawn: int = 0,
        deepened: Sequence[int] = (),
    ) -> None:
        self._shared = shared
        self._saver = saver
        self._sources = sources
        self._most = most
        self._at_once = max(1, at_once)
        self._failures = Counter[str]()  # of each model, trajectories in a row
        self._record_ended = False  # of a replay: the recorded Run began nothing after this
        self._away: dict[_Trajectory, Unreachable] = {}  # of this wave, those that lost the model and could go on
        self.drawn = drawn
        self.deepened = tuple(deepened)
        self._ended = self._seen()

    def _seen(self) -> dict[int, _Trajectory]:
        """How the trajectories of those waves ended."""
        found: dict[tuple[bool, int], _Trajectory] = {}
        for event in self._shared.journal.of_kind(ENDED):
            data = event.data
            number, goes_on = int(data["trajectory"]), data["goes_on"]
            if number in self.deepened if goes_on else number <= self.drawn:
                each = _Trajectory(number, data["model"], goes_on, data["cut"], data["why"], data["patch"])
                found.setdefault((goes_on, number), each)  # the first end, where a wave that began again told another
        return {number: each for (_, number), each in sorted(found.items())}

    @property
    def cut(self) -> tuple[int, ...]:
        return tuple(
            each.number
            for each in sorted(self._ended.values(), key=lambda each: each.number)
            if each.cut and not each.goes_on and self._failures[each.model] < _FAILURES
        )

    def offers(self) -> tuple[Offer, ...]:
        """More trajectories of the model that began the last one, those of others, and those that were cut short."""
        if self._record_ended:
            return ()
        usable = [name for name in self._sources if self._failures[name] < _FAILURES]
        last = self._ended[max(self._ended)].model if self._ended else next(iter(self._sources))
        left, cut = self._most - self.drawn, self.cut
        found = [
            Offer("sample" if name == last else "switch", name, most=left, at_once=self._at_once)
            for name in sorted(usable, key=lambda each: each != last)
            if left > 0
        ]
        return (*found, *([Offer("deepen", most=len(cut), at_once=self._at_once)] if cut else []))

    @property
    def ended(self) -> str:
        ends = Counter(each.why for each in self._ended.values())
        told = "; ".join(f"{why} ({times} of {ends.total()})" for why, times in ends.most_common(_ENDS))
        return f"the trajectories ended: {told}" if told else ""

    async def wave(self, asked: Wave, *, wall_s: float) -> AsyncGenerator[Found | Tried]:
        """Run trajectories, as many as asked for at most; one that has begun is finished, however long it takes.

        Raises Unreachable when no model can be asked any more and none of them has changed anything."""
        end = time.monotonic() + wall_s
        model = asked.what or next(iter(self._sources))
        further = (replace(self._ended[number], goes_on=True) for number in asked.deepen)
        new = (_Trajectory(number, model) for number in range(self.drawn + 1, self._most + 1))

        def jobs() -> Iterator[_Trajectory]:
            for job in islice(further if asked.deepen else new, asked.executions):
                if time.monotonic() >= end or self._failures[job.model] >= _FAILURES or self._record_ended:
                    return
                if job.goes_on:
                    self.deepened = (*self.deepened, job.number)
                else:
                    self.drawn = job.number
                yield job

        pool: Pool[int, _Trajectory, Found | Tried] = Pool(tuple(range(self._at_once)), self._one)
        async with aclosing(pool.run(jobs())) as results:
            async for _, event in results:
                yield event
        self._see_to_away()

    def _see_to_away(self) -> None:
        """Those that lost the model go on once it is back, if nobody has a candidate, else they have ended."""
        away, self._away = self._away, {}
        found = any(each.patch for each in self._ended.values())
        if away and not found and all(self._failures[name] for name in self._sources):
            raise next(iter(away.values()))
        turns = Counter(event.data["trajectory"] for event in self._shared.journal.of_kind(TURN) if away)
        for job, error in away.items():
            why, took = f"the model failed: {error}", turns[str(job.number)]
            self._tell(job, Ended(b"", why, "", took, reproduced=False, model_failed=True))

    async def _one(self, _: int, job: _Trajectory) -> Found | Tried:
        number, source = job.number, self._sources[job.model]
        shared = replace(self._shared, model=source.model)
        context = shared.model.context_tokens or _CONTEXT_TOKENS
        prefix = Weighed([*shared.prefix.messages, shared.prefix.instruction(number)]).size // 4
        expected = min(context, _CONTEXT_TOKENS)
        async with (
            source.admission.place(expected, issue=shared.issue_key, shared=prefix) as place,
            open_workbench(shared, number, goes_on=job.goes_on) as bench,
        ):
            bench.place = place
            try:
                ended = await run_trajectory(bench, self._saver)
            except RecordEnded as end:
                self._record_ended = True
                return Tried(number, f"trajectory {number}", str(end), 1)
            except Unreachable as error:
                self._failures[job.model] += 1
                self._away[job] = error
                return Tried(number, f"trajectory {number}", f"the model failed: {error}", 0)
        clean = shared.secrets.clean  # what it said goes into the Journal, with its candidate and with the verdict
        ended = replace(ended, why=clean(ended.why), answer=clean(ended.answer))
        self._failures[job.model] = self._failures[job.model] + 1 if ended.model_failed else 0
        patch = self._tell(job, ended)
        if not patch or patch == job.patch:
            why = f"{ended.why}, with the patch of before" if patch else ended.why
            return Tried(number, f"trajectory {number}", why, 1)
        return Found(number, self._candidate(number, shared.model, ended), 1)

    def _tell(self, job: _Trajectory, ended: Ended) -> str:
        """A trajectory has ended; returns its patch's digest."""
        patch = self._shared.store.files.put(ended.patch) if ended.patch else ""
        self._ended[job.number] = replace(job, cut=ended.cut, why=ended.why, patch=patch)
        self._shared.journal.append(
            ENDED,
            {
                "trajectory": str(job.number),
                "model": job.model,
                "goes_on": job.goes_on,
                "why": ended.why,
                "cut": ended.cut,
                "turns": ended.turns,
                "patch": patch,
                "reproduced": ended.reproduced,
            },
        )
        return patch

    def _candidate(self, number: int, model: Model, ended: Ended) -> Candidate:
        changes = changes_of(self._shared.checkout, ended.patch)
        step = f"trajectory {number}: {ended.answer.strip() or ended.why}"
        provenance = Provenance("model", step, model.name, str(number))
        score = (ended.why == "finished") + 0.5 * ended.reproduced
        # who proposes what another did is a candidate too, and agrees with it
        name = f"{patch_id(ended.patch)}-{number}"
        return Candidate(name, ended.patch, changes, provenance, score)
