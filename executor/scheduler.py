"""The scheduler: runs a Plan's Calls, each in the instant in which its last dependency has ended and a slot is free.

The contract when things fail: a Call that raises is `failed` and holds its exception; the Calls that need it, directly or
not, are `skipped` and name it; everything else goes on. Cancelling `run` cancels what is running and awaits its clean-up.
No task outlives `run`.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from planner import Call, Plan, Reference

Tool = Callable[[Any], Awaitable[Any]]  # takes the tool's validated argument model
Listener = Callable[[str, dict[str, Any]], object]


class BadReference(LookupError):
    """A reference that does not fit the result that it points into, or an argument of the wrong type."""


@dataclass(frozen=True, slots=True)
class CallReport:
    """How one Call ended. started_s, ended_s: seconds since the plan's start; 0 for a Call that never ran."""

    status: Literal["ok", "failed", "skipped"]
    result: Any = None
    error: Exception | None = None
    cause: str = ""  # skipped: the name of the Call that failed
    started_s: float = 0.0
    ended_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Execution:
    """The reports of all Calls, by name, in the plan's order."""

    calls: Mapping[str, CallReport]

    def result(self, name: str) -> Any:
        """A Call's result. Raises its error, or the one for which it was skipped."""
        report = self.calls[name]
        if report.status == "skipped":
            return self.result(report.cause)
        if report.error is not None:
            raise report.error
        return report.result


class Scheduler:
    """Runs plans. `slots`: how many Calls may hold each resource at once, in one `run`."""

    def __init__(
        self, tools: Mapping[str, Tool], *, slots: Mapping[str, int] | None = None, listener: Listener | None = None
    ) -> None:
        self._tools = tools
        self._slots = dict(slots or {})
        self._listener = listener or (lambda kind, data: None)

    async def run(self, plan: Plan) -> Execution:
        """Run all Calls to their end. Raises nothing that a Call raises: the Execution holds it."""
        run = _Run(plan, dict(self._slots))
        tasks: dict[asyncio.Task[Any], Call] = {}
        clock = asyncio.get_running_loop().time
        begun = clock()
        try:
            while run.ready or tasks:
                for call in run.startable():
                    self._listener("call.started", {"name": call.name, "tool": call.tool.name})
                    tasks[asyncio.create_task(self._execute(call, run.reports), name=call.name)] = call
                    run.started[call.name] = clock() - begun
                ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    call = tasks.pop(task)
                    report = _report(task, run.started[call.name], clock() - begun)
                    run.end(call, report)
                    data = {"name": call.name, "status": report.status, "wall_s": report.ended_s - report.started_s}
                    self._listener("call.ended", data | ({"error": str(report.error)} if report.error else {}))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return Execution({call.name: run.reports[call.name] for call in plan.calls})

    async def _execute(self, call: Call, reports: Mapping[str, CallReport]) -> Any:
        values = {name: _resolved(value, reports) for name, value in call.arguments.items()}
        try:
            arguments: BaseModel = call.tool.arguments.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise BadReference(f"{call.name}: {call.tool.name}'s {where}: {first['msg']}") from error
        return await self._tools[call.tool.name](arguments)


@dataclass(slots=True)
class _Run:
    """Where one plan stands."""

    plan: Plan
    slots: dict[str, int]
    ready: list[tuple[float, int, Call]] = field(default_factory=list)  # a heap: the highest rank first
    reports: dict[str, CallReport] = field(default_factory=dict)
    started: dict[str, float] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    dependants: dict[str, list[tuple[int, Call]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for place, call in enumerate(self.plan.calls):
            self.waiting[call.name] = len(call.needs)
            for need in call.needs:
                self.dependants.setdefault(need, []).append((place, call))
            if not call.needs:
                heapq.heappush(self.ready, (-call.rank, place, call))

    def startable(self) -> list[Call]:
        """Take the ready Calls whose resource has a free slot, by rank."""
        chosen: list[Call] = []
        kept: list[tuple[float, int, Call]] = []
        while self.ready:
            entry = heapq.heappop(self.ready)
            resource = entry[2].tool.resource
            if self.slots.get(resource, 1) > 0:
                if resource in self.slots:
                    self.slots[resource] -= 1
                chosen.append(entry[2])
            else:
                kept.append(entry)
        self.ready = kept  # popped in order, so it is a heap
        return chosen

    def end(self, call: Call, report: CallReport) -> None:
        """Free the slot; let dependants go, or skip them and theirs."""
        if call.tool.resource in self.slots:
            self.slots[call.tool.resource] += 1
        self.reports[call.name] = report
        for place, dependant in self.dependants.get(call.name, []):
            self.waiting[dependant.name] -= 1
            if report.status == "failed":
                self._skip(dependant, call.name)
            elif self.waiting[dependant.name] == 0 and dependant.name not in self.reports:
                heapq.heappush(self.ready, (-dependant.rank, place, dependant))

    def _skip(self, call: Call, cause: str) -> None:
        skipped = [call]
        while skipped:
            each = skipped.pop()
            if each.name not in self.reports:
                self.reports[each.name] = CallReport("skipped", cause=cause)
                skipped += [dependant for _, dependant in self.dependants.get(each.name, [])]


def _report(task: asyncio.Task[Any], started_s: float, ended_s: float) -> CallReport:
    if task.cancelled():
        return CallReport("failed", error=RuntimeError("the call was cancelled"), started_s=started_s, ended_s=ended_s)
    error = task.exception()
    if error is None:
        return CallReport("ok", task.result(), started_s=started_s, ended_s=ended_s)
    if not isinstance(error, Exception):
        raise error
    return CallReport("failed", error=error, started_s=started_s, ended_s=ended_s)


def _resolved(value: Any, reports: Mapping[str, CallReport]) -> Any:
    if isinstance(value, Reference):
        return _part(value, reports[value.name].result)
    if isinstance(value, list):
        return [_resolved(each, reports) for each in value]
    if isinstance(value, dict):
        return {key: _resolved(each, reports) for key, each in value.items()}
    return value


def _part(reference: Reference, result: Any) -> Any:
    for kind, key in reference.path:
        try:
            result = getattr(result, str(key)) if kind == "field" and not isinstance(result, Mapping) else result[key]
        except (LookupError, TypeError, AttributeError) as error:
            raise BadReference(f"{reference} does not fit the result of {reference.name}: no {key!r} there") from error
    return result
