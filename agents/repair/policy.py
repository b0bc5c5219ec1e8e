"""The repair policy: draw proposals in order, try each in a warm interpreter, verify what passes, hand over what holds.

The whole loop is `RepairPolicy.wave`. Its state between waves is one number, how many proposals were drawn, because the
sequence of proposals depends on nothing but the sources and the localisation.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

from agents.errors import HarnessFailed
from agents.policy import Found, Tried, Wave
from agents.repair.diff import git_patch, patch_id
from agents.repair.localise import Localisation
from agents.repair.propose import Proposal, proposals
from agents.repair.source import SourceFile
from agents.testrun import BaseRun, Limit, RunReport, TestSession
from agents.testrun.baserun import Coverage
from executor.pool import Pool
from selection import Candidate, Change, Offer, Provenance

QUICK_CPU_S = 3.0  # for the passing tests of one try; the rest waits for the verification
EXECUTIONS = 2  # of one try at most: itself, and its verification
WAVE_TRIES = 150  # between two looks at what was found
PATIENCE = 5  # harness failures in a row that end a wave


@dataclass(frozen=True, slots=True)
class _Trial:
    verdict: Literal["plausible", "failed", "timed out", "refused", "not verified"]
    executions: int
    cpu_s: float
    harness_failed: bool = False


class RepairPolicy:
    """One search in one repository. Workers are sessions on workspaces that hold the same base commit."""

    deepened: tuple[int, ...] = ()
    cut: tuple[int, ...] = ()

    def __init__(
        self,
        workers: Sequence[TestSession],
        base: BaseRun,
        coverage: Coverage,
        found: Localisation,
        sources: Mapping[str, SourceFile],
        *,
        drawn: int = 0,
    ) -> None:
        self._workers = workers
        self._base = base
        self._coverage = coverage
        self._sources = sources
        self._proposals = proposals(sources, found)
        self._orders: dict[str, Mapping[str, Limit]] = {}
        self._exhausted = False
        self.ended = ""
        self.drawn = sum(1 for _ in itertools.islice(self._proposals, drawn))

    def offers(self) -> tuple[Offer, ...]:
        return () if self._exhausted else (Offer("sample", "repair", most=WAVE_TRIES),)

    async def wave(self, asked: Wave, *, wall_s: float) -> AsyncGenerator[Found | Tried]:
        """Try proposals until the executions or the wall seconds are used up, or none is left; what is drawn is finished.

        A try counts as one execution, a verification as one more; a try starts only when both still fit. Leaving the loop
        early, or cancelling it, ends the tries that are running; they count as drawn. Raises HarnessFailed when
        sandboxes keep failing.
        """
        end, used, failures, running = time.monotonic() + wall_s, 0, 0, 0

        def jobs() -> Iterator[tuple[int, Proposal]]:
            nonlocal running
            while used + EXECUTIONS * (running + 1) <= asked.executions and time.monotonic() < end:
                proposal = next(self._proposals, None)
                if proposal is None:
                    self._exhausted = True
                    return
                self.drawn += 1
                running += 1
                yield self.drawn, proposal

        pool: Pool[TestSession, tuple[int, Proposal], _Trial] = Pool(self._workers, self._try)
        async with aclosing(pool.run(jobs())) as results:
            async for (number, proposal), trial in results:
                used += trial.executions
                running -= 1
                failures = failures + 1 if trial.harness_failed else 0
                if failures >= PATIENCE:
                    raise HarnessFailed("the sandboxes fail again and again; see the journal for the reasons")
                if trial.verdict == "plausible":
                    candidate = self._candidate(proposal)
                    yield Found(number, candidate, trial.executions, trial.cpu_s, proven=True)
                else:
                    yield Tried(number, proposal.what, trial.verdict, trial.executions, trial.cpu_s)

    async def _try(self, session: TestSession, job: tuple[int, Proposal]) -> _Trial:
        _, proposal = job
        edits = {proposal.file: proposal.after}
        run = session.run_files if self._base.spawns else session.run
        report = await run(self._order(proposal.file), edits=edits, stop=True)
        if not report.passed:
            return _Trial(_verdict(report), 1, report.cpu_s, report.harness_failed)
        limits = {test: self._base.generous_limit(test) for test in self._base.tests}
        verified = await session.run_files(limits, edits, stop=True)
        cpu_s = report.cpu_s + verified.cpu_s
        return _Trial("plausible" if verified.passed else "not verified", 2, cpu_s, verified.harness_failed)

    def _order(self, file: str) -> Mapping[str, Limit]:
        """The tests of a try of one file: the failing ones, then passing ones that execute the file (or of which that is not
        known), the quickest, as many as the time allows. Each group keeps its order, for tests may lean on earlier ones;
        where failing ones first would make others fail, all keep it."""
        if file not in self._orders:
            cost = {test: self._base.outcomes[test].cpu_s for test in (*self._base.failing, *self._base.passing)}
            concerned = [test for test in self._base.passing if file in self._coverage.get(test, {file: ()})]
            chosen, total = set(self._base.failing), 0.0
            for test in sorted(concerned, key=cost.__getitem__):
                total += cost[test]
                if total > QUICK_CPU_S:
                    break
                chosen.add(test)
            failing = set() if self._base.order_matters else set(self._base.failing)
            order = sorted((test for test in self._base.tests if test in chosen), key=lambda test: test not in failing)
            self._orders[file] = {test: self._base.limit(test) for test in order}
        return self._orders[file]

    def _candidate(self, proposal: Proposal) -> Candidate:
        source = self._sources[proposal.file]
        change = Change(proposal.file, source.encode(source.text), proposal.after)
        patch = git_patch([change])
        step = f"{proposal.file}:{proposal.line}: {proposal.what}"
        return Candidate(patch_id(patch), patch, (change,), Provenance("repair", step), proposal.score)


def _verdict(report: RunReport) -> Literal["failed", "timed out", "refused"]:
    if report.refused is not None:
        return "refused"
    return "timed out" if report.timed_out else "failed"
