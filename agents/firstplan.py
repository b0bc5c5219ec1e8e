"""The Run's own first plan, in the plan language: checkout, workers, base run, coverage, suspects.

The scheduler finds what can run at once: the other workers start and collect while the first one runs the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from agents.errors import CollectionFailed, NoTests, NothingFails, NothingToRepair
from agents.live import LiveRun
from agents.planned import PLANNED
from agents.repair import RepairPolicy, SourceFile, Unreadable, localise, read_source
from agents.repair.examples import find_examples
from agents.testrun import base_run, coverage
from executor import Scheduler
from planner import VOLATILE, ToolSpec, always, compile_plan, explain

PLAN = """
base = checkout()
first = start_worker(commit=base.commit)
others = start_workers(commit=base.commit, count={others})
tests = run_tests(worker=first)
traced = trace(worker=first, failing=tests.failing)
suspects = find_suspects(files=traced.files, failing=tests.failing)
"""
LABEL = "first"  # the plan's name in the Journal
_SHOWN = 20  # suspects in the journal


class Nothing(BaseModel):
    """No arguments."""


class AtCommit(BaseModel):
    commit: str


class Several(AtCommit):
    count: int


class OfWorker(BaseModel):
    worker: int


class Traced(OfWorker):
    failing: list[str]


class Ranked(BaseModel):
    files: list[str]
    failing: list[str]


async def run_first_plan(live: LiveRun, *, tried: int) -> None:
    """Fill the LiveRun with workers, the base run, coverage and a policy that goes on after `tried` proposals.

    Raises the first error of a Call: what makes the repository or its tests unusable.
    """
    try:
        await first_plan(live, PLAN.format(others=live.settings.workers - 1), SPECS, _Tools(live, tried))
    except (NothingFails, NoTests, CollectionFailed) as error:
        if unseen := await live.unseen_tests():
            raise type(error)(f"{error}; {unseen}") from error
        raise


async def first_plan(live: LiveRun, text: str, specs: Sequence[ToolSpec], tools: object) -> None:
    """Compile and execute a plan whose tools are methods of `tools`. Raises the first error of a Call."""
    plan = compile_plan(text, specs)
    live.journal.append(PLANNED, {"plan": LABEL, "explanation": explain(plan).model_dump(mode="json")})
    scheduler = Scheduler({spec.name: getattr(tools, spec.name) for spec in specs}, listener=live.journal.append)
    execution = await scheduler.run(plan, label=LABEL)
    for name in execution.calls:
        execution.result(name)


class _Tools:
    """What the plan's Calls do. What they return is plain; what must stay open is in the LiveRun."""

    def __init__(self, live: LiveRun, tried: int) -> None:
        self._live = live
        self._tried = tried

    async def checkout(self, _: Nothing) -> dict[str, Any]:
        found = await self._live.check_out()
        return {"commit": found.commit}

    async def start_worker(self, _: AtCommit) -> int:
        return await self._live.start_worker()

    async def start_workers(self, asked: Several) -> list[int]:
        return [await self._live.start_worker() for _ in range(asked.count)]

    async def run_tests(self, asked: OfWorker) -> dict[str, Any]:
        base = await base_run(self._live.workers[asked.worker])
        self._live.evidence.base = base
        self._live.journal.append("base.ran", {"failing": list(base.failing), "passing": len(base.passing)})
        return {"failing": list(base.failing), "passing": list(base.passing)}

    async def trace(self, asked: Traced) -> dict[str, Any]:
        evidence = self._live.evidence
        assert evidence.base is not None
        evidence.coverage = await coverage(self._live.workers[asked.worker], evidence.base)
        reached = {file for test in asked.failing for file in evidence.coverage.get(test, {})}
        return {"files": sorted(reached)}

    async def find_suspects(self, asked: Ranked) -> dict[str, Any]:
        live, evidence = self._live, self._live.evidence
        assert evidence.base is not None
        frames = {test: evidence.base.outcomes[test].frames for test in asked.failing}
        found = localise(evidence.coverage, asked.failing, frames)
        sources = self._sources(found.files)
        if not sources:
            raise NothingToRepair(
                f"the failing tests ({', '.join(asked.failing[:3])}) execute no Python file of the repository other than "
                "tests, so there is nothing to repair; check that they import the code of this checkout"
            )
        evidence.examples = find_examples(sources, live.request.issue)
        live.policy = RepairPolicy(live.workers, evidence.base, evidence.coverage, found, sources, drawn=self._tried)
        shown = [{"path": each.file, "line": each.line} for each in found.suspects[:_SHOWN]]
        live.journal.append("localised", {"statements": len(found.suspects), "suspects": shown})
        return {"suspects": shown}

    def _sources(self, files: Sequence[str]) -> dict[str, SourceFile]:
        """The tracked ones that can be read; the others are noted."""
        assert self._live.checkout is not None
        sources: dict[str, SourceFile] = {}
        for path in files:
            if path not in self._live.checkout.entries:
                continue  # made by the tests
            try:
                sources[path] = read_source(path, self._live.checkout.read(path))
            except Unreadable as error:
                self._live.journal.append("note", {"text": f"left out, since this Python cannot parse it: {error}"})
        return sources


# What they do, no path tells: they fill the LiveRun. Their order is that of the results that they use.
_EFFECTS = always(VOLATILE)
SPECS = (
    ToolSpec("checkout", "The files of the base commit.", Nothing, "host", 0.1, _EFFECTS),
    ToolSpec("start_worker", "A workspace, a sandbox, and pytest collected in it.", AtCommit, "sandbox", 1.0, _EFFECTS),
    ToolSpec("start_workers", "More of them.", Several, "sandbox", 1.0, _EFFECTS),
    ToolSpec("run_tests", "Run every test on base.", OfWorker, "sandbox", 5.0, _EFFECTS),
    ToolSpec(
        "trace", "The lines that failing tests, and quick passing ones, execute.", Traced, "sandbox", 5.0, _EFFECTS
    ),
    ToolSpec("find_suspects", "Rank those lines (Ochiai).", Ranked, "host", 0.1, _EFFECTS),
)
