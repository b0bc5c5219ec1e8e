"""One plan while it runs (`PlanRun`): which Calls wait, run and have ended. The contract stands in `executor/scheduler.py`.

`PlanRun._end` is the heart of it: one Call's end is what lets others start.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from executor.deadlines import Deadlines
from executor.errors import BadArguments, BadReference, BadResult, CallCancelled, CallTimeout, UnknownTool, worded
from executor.execution import CallReport, Execution, Status
from executor.values import resolve
from planner import Call, End, Plan, ToolSpec, references

if TYPE_CHECKING:
    from executor.scheduler import Scheduler

GRACE_S = 5.0  # seconds that a cancelled Call may take to clean up before it is cancelled again
_MOST_IN_A_ROW = 16  # Calls in one task: what never waits must let the loop go on


class PlanRun:
    """Made by `Scheduler.run`: `through` runs the plan, `close` ends whatever is left of it."""

    def __init__(self, scheduler: Scheduler, label: str) -> None:
        self._of = scheduler
        self._slots, self._owner = scheduler.slots, scheduler.owner
        self._remembers = scheduler.memo is not None or scheduler.hedge is not None
        self._label = {"plan": label} if label else {}
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._calls: dict[str, Call] = {}
        self._missing: dict[str, int] = {}  # Call -> how many of its needs have not ended
        self._dependants: dict[str, list[Call]] = {}
        self._ready_at: dict[str, float] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._started_at: dict[str, float] = {}
        self._free: asyncio.Task[None] | None = None  # the task of a Call that is ending, while it may take on another
        self._next: Call | None = None  # which it took on
        self._reports: dict[str, CallReport] = {}
        self._ending: deque[tuple[Call, CallReport]] = deque()
        self._trouble = False  # a Call has failed or was skipped
        self._timed_out: dict[str, str] = {}  # Call -> whose time was over
        self._deadlines = Deadlines(self._loop, self._call_is_over)
        self._over = self._closing = False
        self._plan: Plan | None = None
        self._ranks: Mapping[str, float] = {}
        self._pruned: set[str] = set()
        self._reader: asyncio.Task[None] | None = None
        self._reading = False
        self._stream_error: Exception | None = None

    # -- the plan --

    async def through(self, plan: Plan | AsyncIterable[Call | Plan], timeout_s: float | None) -> Execution:
        timer = self._loop.call_later(timeout_s, self._guarded, self._plan_is_over) if timeout_s is not None else None
        try:
            if isinstance(plan, Plan):
                self._plan, self._ranks = plan, plan.ranks
                self._add(plan.calls)
            else:
                self._reader, self._reading = self._loop.create_task(self._read(plan)), True
            self._look_if_done()
            await self._done
        finally:
            if timer is not None:
                timer.cancel()
        return self._execution()

    async def close(self) -> None:
        """Cancel what still runs and await its clean-up, whoever cancels this in the meantime."""
        self._closing = True
        self._deadlines.close()
        self._withdraw()
        tasks = {*self._running.values(), *([self._reader] if self._reader is not None else [])}
        cancelled: asyncio.CancelledError | None = None
        for name, task in self._running.items():
            if name not in self._timed_out:  # whose clean-up is at work
                task.cancel()
        if self._reader is not None and self._reading:
            self._reader.cancel()
        while tasks:
            try:
                _, tasks = await asyncio.wait(tasks, timeout=GRACE_S)
                for task in tasks:
                    task.cancel()
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled

    async def _read(self, stream: AsyncIterable[Call | Plan]) -> None:
        """Take Calls on as they are written."""
        try:
            async for item in stream:
                if isinstance(item, Plan):
                    self._guarded(self._learn, item)
                else:
                    self._guarded(self._add, (item,))
        except asyncio.CancelledError:
            if self._closing or not self._reading:
                raise
            self._stream_error = CallCancelled("the stream of Calls was cancelled from outside; ask for it again")
        except Exception as error:  # noqa: BLE001 (told in the Execution)
            self._stream_error = self._stream_error or error
        except BaseException as failure:
            self._fail(failure)
            raise
        self._reading = False
        self._guarded(self._look_if_done)

    def _add(self, calls: Iterable[Call]) -> None:
        """Take Calls on; those that wait for nothing can go."""
        free = []
        for call in calls:
            if call.name in self._calls:
                raise ValueError(f"the plan has two Calls named {call.name}")
            missing = 0
            for name in call.needs:
                if name in self._reports:
                    continue
                if name not in self._calls:
                    raise ValueError(f"{call.name} needs {name}, which is not before it in the plan")
                missing += 1
                self._dependants.setdefault(name, []).append(call)
            self._calls[call.name] = call
            if missing:
                self._missing[call.name] = missing
            else:
                free.append(call)
        self._release(free)

    def _learn(self, plan: Plan) -> None:
        """The whole plan is known: its ranks hold for what has not started, and what nobody reads need not start."""
        self._plan, self._ranks = plan, plan.ranks
        self._pruned = set(plan.pruned)
        self._release([self._calls[name] for name in self._withdraw()])

    def _withdraw(self) -> list[str]:
        """Take back what waits for a slot."""
        self._slots.withdraw(self._owner, self._start)
        return [name for name in self._ready_at if name not in self._running and name not in self._reports]

    def _plan_is_over(self) -> None:
        """Cancel what runs; what has not started is skipped when its turn comes."""
        self._over = True
        if self._reader is not None and self._reading:
            self._reader.cancel()
            self._reading = False  # `close` awaits its clean-up
            self._stream_error = CallTimeout(f"{_OVER} before it was written")
        queued = self._withdraw()
        for name in list(self._running):
            if name not in self._timed_out:  # else it has its time to clean up
                self._expire(name, "the plan's time")
        self._release([self._calls[name] for name in queued])
        self._look_if_done()

    def _look_if_done(self) -> None:
        if len(self._reports) == len(self._calls) and not self._reading and not self._done.done():
            self._done.set_result(None)

    def _guarded(self, step: Callable[..., None], *arguments: Any) -> None:
        """What fails here is no Call's fault: it ends the plan."""
        try:
            step(*arguments)
        except Exception as failure:  # noqa: BLE001 (raised from `run`)
            self._fail(failure)

    def _fail(self, failure: BaseException) -> None:
        if isinstance(failure, StopIteration):  # which no future can hold
            failure = RuntimeError(f"{failure!r} came out of what listens to the plan")
        if not self._done.done():
            self._done.set_exception(failure)

    # -- one Call --

    def _release(self, calls: Sequence[Call]) -> None:
        """Calls that wait for nothing more: the highest rank first, each starts, waits for a slot, or is skipped."""
        if self._closing:
            return
        if len(calls) > 1:
            calls = sorted(calls, key=self._rank, reverse=True)
        now = self._loop.time() - self._begun
        for call in calls:
            name, tool = call.name, call.tool
            cause = _OVER if self._over else self._cause(call) if self._trouble else ""
            if name in self._pruned:
                self._end(call, CallReport("pruned"))
            elif cause:
                self._end(call, CallReport("skipped", cause=cause))
            elif tool is None:
                self._end(call, _JOINED)
            else:
                self._ready_at.setdefault(name, now)
                if self._slots.try_take(tool.resource, self._owner, tool.cost_s):
                    self._start(call)
                else:
                    self._slots.wait(tool.resource, self._owner, self._rank(call), tool.cost_s, self._start, call)

    def _cause(self, call: Call) -> str:
        """The Call that failed, if this one uses its result, directly or not."""
        for name, why in call.needs.items():
            if why == "uses" and self._reports[name].status != "ok":
                return self._reports[name].cause or name
        return ""

    def _rank(self, call: Call) -> float:
        return self._ranks.get(call.name, call.cost_s)

    def _start(self, call: Call) -> None:
        """Its slot is taken: it runs in the task whose end let it go, or in one of its own."""
        if self._free is not None:
            self._running[call.name], self._next, self._free = self._free, call, None
        else:
            self._running[call.name] = task = self._loop.create_task(self._work(call), name=call.name)
            task.add_done_callback(self._unbegun)

    def _unbegun(self, task: asyncio.Task[None]) -> None:
        """A task was cancelled before its first step, in which this is taken back."""
        call = self._calls[task.get_name()]
        assert call.tool is not None
        if not self._closing:
            del self._running[call.name]
            error = self._late(call.name, "it had not begun") or CallCancelled(_CANCELLED.format(call.name))
            now = self._loop.time() - self._begun
            self._guarded(self._end, call, CallReport("failed", None, error, "", self._ready_at[call.name], now, now))
        self._slots.give(call.tool.resource)

    async def _work(self, call: Call) -> None:
        """The life of a task: a Call, then the first of those that its end let go, and so on. A task that was cancelled
        takes on nothing more."""
        task = asyncio.current_task()
        assert task is not None
        task.remove_done_callback(self._unbegun)
        for left in range(_MOST_IN_A_ROW, 0, -1):
            await self._perform(call, task if left > 1 else None)
            if self._next is None:
                return
            call, self._next = self._next, None
            if task.cancelling():
                self._start(call)
                return
            task.set_name(call.name)

    async def _perform(self, call: Call, task: asyncio.Task[None] | None) -> None:
        """The life of a Call, from its start to that of what waited for it, one of which may go to `task`."""
        tool = call.tool
        assert tool is not None
        self._started_at[call.name] = started = self._loop.time() - self._begun
        limit = tool.timeout_s if tool.timeout_s is not None else self._of.timeout_s
        if limit is not None:
            self._deadlines.watch(call.name, limit)
        result: Any = None
        error: Exception | None = None
        try:
            self._of.listener("call.started", {**self._label, "name": call.name, "tool": tool.name})
            try:
                result = self._promised(call, tool, await self._begin(call, tool))
            except asyncio.CancelledError:
                if self._closing:
                    raise
                error = CallCancelled(_CANCELLED.format(call.name))
            except Exception as raised:  # noqa: BLE001 (whatever a tool raises is its Call's)
                error = raised
            ended = self._loop.time() - self._begun
            if call.name in self._timed_out:
                error = self._late(call.name, f"it had run for {ended - started:.3g} s")
            if self._running.pop(call.name, None) is not None:  # else it was given up
                self._free = task
                status: Status = "ok" if error is None else "failed"
                ready = self._ready_at[call.name]
                self._end(call, CallReport(status, None if error else result, error, "", ready, started, ended))
        except asyncio.CancelledError:
            if self._running.pop(call.name, None) is not None:
                ended = self._loop.time() - self._begun
                report = CallReport("cancelled", None, None, "", self._ready_at[call.name], started, ended)
                self._guarded(self._tell, call, report)
            raise
        except BaseException as failure:
            self._free = None
            self._fail(failure)
            if self._next is not None:
                following, self._next = self._next, None
                self._start(following)  # the plan's end cancels it before its first step
            if not isinstance(failure, Exception):
                raise
        finally:
            if limit is not None:
                self._deadlines.forget(call.name, limit)
            self._slots.give(tool.resource)
            self._free = None

    def _begin(self, call: Call, tool: ToolSpec) -> Awaitable[Any]:
        """Arguments with results in them -> the tool, which is at work when its result is awaited."""
        run = self._of.tools.get(tool.name)
        if run is None:
            raise UnknownTool(f"{call.name}: the scheduler has no tool {tool.name}; give it one")
        arguments = call.checked or self._arguments(call, tool)
        return self._pure(call, tool, arguments, run) if self._remembers and call.effects.pure else run(arguments)

    def _promised(self, call: Call, tool: ToolSpec, result: Any) -> Any:
        """The result, as the tool promises it."""
        if tool.result is None:
            return result
        try:
            return tool.result.validator.validate_python(result)
        except ValidationError as error:
            raise BadResult(f"{call.name}: {tool.name} returned what it does not promise: {_first(error)}") from error

    async def _pure(
        self, call: Call, tool: ToolSpec, arguments: BaseModel, run: Callable[[Any], Awaitable[Any]]
    ) -> Any:
        """A pure Call's result: remembered, or from the first of two starts, as far as that is wanted."""
        once: Callable[[], Awaitable[Any]] = partial(run, arguments)
        if self._of.hedge is not None:
            take = partial(self._slots.try_take, tool.resource, self._owner, tool.cost_s)
            once = partial(self._of.hedge.run, tool.name, once, take, partial(self._slots.give, tool.resource))
        memo, version_of = self._of.memo, self._of.version
        if memo is None or version_of is None or tool.result is None:
            return await once()
        version = await version_of(call.effects.reads) if call.effects.reads else ""
        return await once() if version is None else await memo.fetch(tool, arguments, version, once)

    def _arguments(self, call: Call, tool: ToolSpec) -> BaseModel:
        values = {name: resolve(value, self._value) for name, value in call.arguments.items()}
        try:
            return tool.arguments.model_validate(values)
        except ValidationError as error:
            raise BadArguments(f"{call.name}: {tool.name}'s {_first(error)}") from error

    def _value(self, name: str) -> Any:
        return self._reports[name].result

    def _call_is_over(self, name: str) -> None:
        self._guarded(self._expire, name, "its time")

    def _expire(self, name: str, whose: str) -> None:
        """Time is over: cancel the Call; if it has not ended after a while, give it up."""
        task = self._running.get(name)
        if task is None or self._closing:
            return
        task.cancel()
        if name not in self._timed_out:
            self._timed_out[name] = whose
            self._loop.call_later(GRACE_S, self._guarded, self._expire, name, whose)
            return
        del self._running[name]
        error = self._late(name, "it did not end when it was cancelled, and was given up")
        ready, started, ended = self._ready_at[name], self._started_at[name], self._loop.time() - self._begun
        self._end(self._calls[name], CallReport("failed", None, error, "", ready, started, ended))

    def _late(self, name: str, what: str) -> CallTimeout | None:
        """The error of a Call whose time was over."""
        return CallTimeout(f"{name}: {self._timed_out[name]} was over; {what}") if name in self._timed_out else None

    def _end(self, call: Call, report: CallReport) -> None:
        """A Call has ended: tell it, and let go what waited for it alone."""
        self._ending.append((call, report))
        if len(self._ending) > 1:
            return  # the loop below is at work, further up
        while self._ending:
            call, report = self._ending[0]
            self._reports[call.name] = report
            self._trouble = self._trouble or report.status != "ok"
            if call.tool is not None:
                self._tell(call, report)
            free = []
            for dependant in self._dependants.pop(call.name, ()):
                self._missing[dependant.name] -= 1
                if not self._missing[dependant.name]:
                    free.append(dependant)
            if free:
                self._release(free)
            self._ending.popleft()
        self._look_if_done()

    def _tell(self, call: Call, report: CallReport) -> None:
        data: dict[str, Any] = {**self._label, "name": call.name, "status": report.status}
        if report.status not in ("skipped", "pruned"):
            data["ready_s"], data["started_s"], data["ended_s"] = report.ready_s, report.started_s, report.ended_s
        if report.status != "ok":
            data["error"] = worded(report.error) if report.error is not None else ""
            data["cause"] = report.cause
        self._of.listener("call.ended", data)

    def _execution(self) -> Execution:
        plan = self._plan or Plan(tuple(self._calls.values()))
        reports = {name: self._reports[name] for name, call in self._calls.items() if call.tool is not None}
        reports = {name: CallReport("pruned") for name in plan.pruned} | reports
        reports |= {name: reports[same] for name, same in plan.merged.items()}
        answer = None
        if plan.end is not None and all(reports[each.name].status == "ok" for each in references(plan.end.arguments)):
            answer = self._answer(plan.end)
        return Execution(reports, self._loop.time() - self._begun, plan.end, answer, self._stream_error)

    def _answer(self, end: End) -> dict[str, Any] | None:
        try:
            return {name: resolve(value, self._value) for name, value in end.arguments.items()}
        except BadReference as error:
            self._stream_error = self._stream_error or error
            return None


_OVER = "the plan's time was over"
_CANCELLED = "{} was cancelled from outside; call it again"
_JOINED = CallReport("ok")


def _first(error: ValidationError) -> str:
    told = error.errors(include_url=False)[0]
    where = ".".join(map(str, told["loc"]))
    return f"{where}: {told['msg']}" if where else str(told["msg"])
