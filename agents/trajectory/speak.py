"""One turn: the model is asked, and its plan is executed while it is being written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agents.errors import EmptyAnswer, ModelError, ToolError
from agents.models import Delta, ModelAnswer, ModelRequest
from agents.tools.results import Result, TestReport
from agents.trajectory.said import Said, TestRun
from executor import CallReport, Execution, ExecutorError, compile_stream
from memory import LimitExceeded
from planner import Call, CompileErrors, Compiler, Plan, compile_tool_calls, names_of_ids, statement_text

if TYPE_CHECKING:
    from agents.trajectory.workbench import Workbench

_LONGEST_FAULTS = 4000  # characters


async def speak(bench: Workbench, history: Sequence[Mapping[str, Any]], step: int, *, patch: str) -> Said:
    """Ask for the next plan and execute it. patch: digest of the diff that the turn began with.

    Raises ModelError, LimitExceeded; and what is no fault of the model (SandboxDied, StoreUnusable, ToolsUnusable).
    """
    request = bench.request(history, step)
    try:
        if bench.form == "tools":
            return await _in_tool_calls(bench, request)
        return await _in_text(bench, request, patch)
    except EmptyAnswer:
        return Said(faults="the answer was empty; write a plan")


async def _in_text(bench: Workbench, request: ModelRequest, patch: str) -> Said:
    notes = bench.notes.as_data()
    writing = _Writing(bench)
    try:
        answer = await bench.model.complete(request, on_delta=writing.take)
    except BaseException as error:
        await writing.stop()
        if writing.began and isinstance(error, ModelError | LimitExceeded):
            await bench.restore(patch, notes)  # what goes on, or is a candidate, comes from whole answers alone
        raise
    if writing.restarted:  # the stream was lost and asked for again: what the lost one had begun is undone
        await writing.stop()
        await bench.restore(patch, notes)
        writing = _Writing(bench)
        writing.take(Delta(answer.text))
    return await writing.ended(answer)


class _Writing:
    """An answer that is being written, and the execution of its plan."""

    def __init__(self, bench: Workbench) -> None:
        self.restarted = False
        self._bench = bench
        self._calls: dict[str, Call] = {}
        self._merged: Mapping[str, str] = {}
        self._words: asyncio.Queue[str | None] = asyncio.Queue()
        self._task = asyncio.create_task(bench.execute(self._stream()))

    @property
    def began(self) -> bool:
        """Whether any of its plan was taken on."""
        return bool(self._calls)

    def take(self, delta: Delta) -> None:
        self._bench.begins()
        self.restarted = self.restarted or delta.attempt > 1
        if delta.choice == 0 and not self.restarted:
            self._words.put_nowait(delta.text)

    async def _stream(self) -> AsyncIterator[Call | Plan]:
        async def words() -> AsyncIterator[str]:
            while (word := await self._words.get()) is not None:
                yield word

        async for item in compile_stream(words(), Compiler(self._bench.specs)):
            if isinstance(item, Call):
                self._calls[item.name] = item
            else:
                self._merged = item.merged
            yield item

    async def ended(self, answer: ModelAnswer) -> Said:
        """The answer is complete: wait for its plan."""
        self._words.put_nowait(None)
        try:
            execution = await self._task
            return _said(answer, self._calls, self._merged, execution)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def _in_tool_calls(bench: Workbench, request: ModelRequest) -> Said:
    answer = await bench.model.complete(request, on_delta=lambda _: bench.begins())
    bench.begins()  # of what is called, no piece of text tells
    asked = answer.choices[0].tool_calls
    ids = _unique([each.id for each in asked])
    calls = [
        {"id": id, "function": {"name": each.name, "arguments": each.arguments}}
        for id, each in zip(ids, asked, strict=True)
    ]
    try:
        plan = compile_tool_calls(calls, bench.specs)
    except CompileErrors as errors:
        return Said(answer.text, faults=_faults(errors), prompt_tokens=answer.usage.total)
    calls_of_plan = {call.name: call for call in plan.calls}
    said = _said(answer, calls_of_plan, plan.merged, await bench.execute(plan))
    told = (
        {"id": id, "name": c.name, "arguments": c.arguments, "call": call}
        for id, c, call in zip(ids, asked, names_of_ids(ids), strict=True)
    )
    return replace(said, tool_calls=tuple(told))


def _unique(ids: Sequence[str]) -> list[str]:
    """The ids of an answer's tool calls, none of them empty or twice: it is the server that chooses them."""
    found: list[str] = []
    for place, each in enumerate(ids, start=1):
        id = each or f"call_{place}"
        while id in found:
            id = f"{id}_{place}"
        found.append(id)
    return found


def _said(answer: ModelAnswer, calls: Mapping[str, Call], merged: Mapping[str, str], execution: Execution) -> Said:
    """What came of an answer, in words for the model. Raises what is no fault of the model."""
    error = execution.stream_error
    if error is not None and not isinstance(error, CompileErrors | ExecutorError):
        raise error
    equal: dict[str, list[str]] = {}
    for name, first in merged.items():
        equal.setdefault(first, []).append(name)
    results: list[tuple[str, str, str]] = []
    tests: list[TestRun] = []
    for name, call in calls.items():
        if call.tool is None or name not in execution.calls:
            continue
        report = execution.calls[name]
        results.append((name, statement_text(call), _outcome(report)))
        same = f"the same as {name}: an equal call"
        results += [(each, statement_text(replace(call, name=each)), same) for each in equal.get(name, ())]
        if isinstance(report.result, TestReport):
            tests.append(_test_run(str(call.arguments.get("selector", "")), report.result))
    end = execution.end if error is None else None
    return Said(
        text=answer.text,
        plan_text="\n".join(text for _, text, _ in results) + (f"\n{end.kind}()" if end else ""),
        results=tuple(results),
        faults=_faults(error) if error is not None else "",
        end=end.kind if end else "",
        answer=str((execution.answer or {}).get("answer", "")),
        ok=execution.ok and all(each.ok for each in tests),
        tests=tuple(tests),
        prompt_tokens=answer.usage.total,
    )


def _outcome(report: CallReport) -> str:
    match report.status:
        case "ok":
            return report.result.as_text() if isinstance(report.result, Result) else str(report.result)
        case "skipped":
            return f"skipped: it needs {report.cause}, which did not work"
        case "pruned":
            return "left out: nothing reads its result"
    if not isinstance(report.error, ToolError | ExecutorError):
        assert report.error is not None
        raise report.error
    return f"failed: {report.error}"


def _test_run(selector: str, report: TestReport) -> TestRun:
    return TestRun(selector, report.ok, tuple(each.name for each in report.failures), report.passes, report.problem)


def _faults(error: Exception) -> str:
    text = str(error)
    return text if len(text) <= _LONGEST_FAULTS else f"{text[:_LONGEST_FAULTS]}\n…"
