"""Calls run as soon as they can; a failure reaches exactly what uses its result; nothing is left running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import BaseModel

from executor import (
    BadArguments,
    BadReference,
    BadResult,
    CallCancelled,
    CallTimeout,
    Execution,
    Scheduler,
    Slots,
    UnknownTool,
    compile_stream,
    planrun,
)
from planner import PURE, VOLATILE, Call, CompileErrors, Compiler, Plan, Timing, ToolSpec, always, compile_plan, explain


class Value(BaseModel):
    of: Any = None


class Number(BaseModel):
    of: int = 0


TOOLS = (
    ToolSpec("give", "", Value, "host", 1.0, always(PURE)),
    ToolSpec("hold", "", Value, "sandbox", 1.0, always(VOLATILE)),
    ToolSpec("count", "", Number, "host", 1.0, always(VOLATILE), returns=int),
    ToolSpec("brief", "", Value, "host", 1.0, always(VOLATILE), timeout_s=0.05),
)


async def give(value: Value) -> Any:
    if value.of == "fail":
        raise ValueError("it fails")
    return value.of


async def run(text: str, *, listener: Any = None, slots: Slots | None = None, **tools: Any) -> Execution:
    made = Scheduler({"give": give, **tools}, listener=listener, slots=slots)
    return await made.run(compile_plan(text, TOOLS))


def statuses(execution: Execution) -> dict[str, str]:
    return {name: report.status for name, report in execution.calls.items()}


def others() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]


class Gate:
    """A tool that holds until it is let go, and tells how it ended."""

    def __init__(self) -> None:
        self.began, self.go = asyncio.Event(), asyncio.Event()
        self.running = self.most = self.cleaned = 0

    async def __call__(self, value: Value) -> Any:
        self.running += 1
        self.most = max(self.most, self.running)
        self.began.set()
        try:
            await self.go.wait()
            return value.of
        finally:
            self.running -= 1
            await asyncio.sleep(0)
            self.cleaned += 1


async def test_results_go_into_dependants_by_reference() -> None:
    execution = await run('a = give(of={"rows": [1, 2]})\nb = give(of=[a.rows[1], f"{a.rows[0]}!", a])\nfinish(x=b[0])')
    assert execution.result("b") == [2, "1!", {"rows": [1, 2]}]
    assert execution.answer == {"x": 2}
    assert execution.ok


async def test_a_failed_call_skips_what_uses_its_result_and_nothing_else() -> None:
    execution = await run(
        'a = give(of="fail")\nb = give(of=a)\nc = give(of=b)\nd = give(of=1)\ne = give(of=[d, c])\nfinish(x=e)'
    )
    assert statuses(execution) == {"a": "failed", "b": "skipped", "c": "skipped", "d": "ok", "e": "skipped"}
    assert [execution.calls[name].cause for name in "bce"] == ["a", "a", "a"]
    assert execution.answer is None
    with pytest.raises(ValueError, match="it fails"):
        execution.result("e")


async def test_a_reference_that_does_not_fit_fails_its_own_call_and_says_what_is_there() -> None:
    execution = await run(
        "a = give(of=[1])\nb = give(of=a[3])\nc = give(of=a[0])\nd = give(of=a.append)\ne = give(of=c.x)"
    )
    assert statuses(execution) == {"a": "ok", "b": "failed", "c": "ok", "d": "failed", "e": "failed"}
    with pytest.raises(BadReference, match=r"a\[3\]: a has no \[3\]; it is a list of 1"):
        execution.result("b")
    with pytest.raises(BadReference, match=r"a\.append: a has no \.append"):
        execution.result("d")


async def test_arguments_and_results_are_what_the_spec_says() -> None:
    async def count(number: Number) -> Any:
        return "many" if number.of else 1

    execution = await run(
        "a = count()\nb = count(of=1)\nc = count(of=a)\nd = give(of='x')\ne = count(of=d)", count=count
    )
    assert statuses(execution) == {"a": "ok", "b": "failed", "c": "failed", "d": "ok", "e": "failed"}
    assert isinstance(execution.calls["b"].error, BadResult)
    assert isinstance(execution.calls["e"].error, BadArguments)
    assert "count's of" in str(execution.calls["e"].error)


async def test_a_tool_that_is_not_there_fails_its_call() -> None:
    execution = await run("a = hold()\nb = give(of=1)")
    assert isinstance(execution.calls["a"].error, UnknownTool)
    assert execution.result("b") == 1


async def test_calls_run_at_once_within_the_slots_and_the_highest_rank_first() -> None:
    order: list[Any] = []

    async def hold(value: Value) -> Any:
        order.append(value.of)
        await asyncio.sleep(0)
        return value.of

    text = "a = hold(of=1)\nb = hold(of=2)\nc = hold(of=3)\nd = give(of=c)\ne = give(of=d)"
    await run(text, hold=hold)
    assert order == [3, 1, 2]
    gate, order[:] = Gate(), []
    plan = compile_plan("\n".join(f"a{number} = hold()" for number in range(6)), TOOLS)
    task = asyncio.create_task(Scheduler({"hold": gate}, slots=Slots(sandbox=2)).run(plan))
    await gate.began.wait()
    gate.go.set()
    await task
    assert (gate.most, gate.cleaned) == (2, 6)


async def test_a_call_starts_in_the_instant_its_last_dependency_ends() -> None:
    slow, quick = Gate(), asyncio.Event()

    async def count(_: Number) -> int:
        quick.set()
        return 1

    task = asyncio.create_task(run("a = hold()\nb = give(of=1)\nc = count(of=b)", hold=slow, count=count))
    await asyncio.wait_for(quick.wait(), 5)
    assert slow.running == 1
    slow.go.set()
    assert (await task).ok


async def test_a_time_out_fails_one_call_after_its_clean_up() -> None:
    gate = Gate()
    execution = await run("a = brief()\nb = give(of=a)\nc = give(of=1)", brief=gate)
    assert statuses(execution) == {"a": "failed", "b": "skipped", "c": "ok"}
    assert isinstance(execution.calls["a"].error, CallTimeout)
    assert gate.cleaned == 1
    assert not others()


async def test_an_answer_that_comes_after_the_time_out_does_not_count() -> None:
    async def brief(_: Value) -> int:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return 1
        return 2

    execution = await run("a = brief()", brief=brief)
    assert isinstance(execution.calls["a"].error, CallTimeout)


async def test_a_tool_that_does_not_end_when_it_is_cancelled_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planrun, "GRACE_S", 0.05)
    end = asyncio.Event()

    async def brief(_: Value) -> None:
        while not end.is_set():
            try:
                await end.wait()
            except asyncio.CancelledError:
                continue

    started = asyncio.get_running_loop().time()
    execution = await run("b = give(of=1)\na = brief(of=b)", brief=brief)
    end.set()
    report = execution.calls["a"]
    assert "given up" in str(report.error)
    assert execution.result("b") == 1
    assert 0 < report.ready_s <= report.started_s
    assert 0.09 < report.ended_s - report.started_s < asyncio.get_running_loop().time() - started
    await asyncio.gather(*others())


async def test_a_call_that_cleans_up_after_its_time_out_is_left_alone_when_the_plans_time_is_over() -> None:
    cleaned = []

    async def brief(_: Value) -> None:
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(0.05)
            cleaned.append(True)

    plan = compile_plan("a = brief()", TOOLS)
    report = (await Scheduler({"brief": brief}).run(plan, timeout_s=0.07)).calls["a"]
    assert "its time was over; it had run" in str(report.error)
    assert cleaned
    assert not others()


async def test_when_the_plans_time_is_over_what_runs_fails_and_the_rest_is_skipped() -> None:
    gate = Gate()
    plan = compile_plan("a = hold()\nb = hold()\nc = give(of=a)\nd = give(of=1)", TOOLS)
    execution = await Scheduler({"hold": gate, "give": give}, slots=Slots(sandbox=1)).run(plan, timeout_s=0.05)
    assert statuses(execution) == {"a": "failed", "b": "skipped", "c": "skipped", "d": "ok"}
    assert "the plan's time" in execution.calls["b"].cause
    assert gate.cleaned == 1
    assert not others()


async def test_cancelling_awaits_the_clean_up_of_what_runs_even_when_cancelled_again() -> None:
    gate = Gate()
    task = asyncio.create_task(run("a = hold()\nb = hold(of=a)", hold=gate))
    await gate.began.wait()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gate.cleaned == 1
    assert not others()


async def test_the_end_of_what_a_cancelled_plan_was_running_is_told_with_its_times() -> None:
    told: list[tuple[str, dict[str, Any]]] = []
    gate = Gate()
    plan = compile_plan("a = hold()\nb = hold(of=a)\nc = hold(of=2)", TOOLS)
    made = Scheduler({"hold": gate}, slots=Slots(sandbox=1), listener=lambda kind, data: told.append((kind, data)))
    task = asyncio.create_task(made.run(plan))
    await gate.began.wait()
    await _cancelled(task)
    (_, (kind, data)) = told
    assert (kind, data["name"], data["status"], data["error"]) == ("call.ended", "a", "cancelled", "")
    analysed = explain(plan, {data["name"]: Timing.model_validate(data)})
    assert analysed.calls[0].actual == Timing(
        status="cancelled", **{key: data[key] for key in data if key.endswith("_s")}
    )
    assert data["ended_s"] > data["started_s"] >= data["ready_s"]


async def test_a_call_that_cancels_itself_fails() -> None:
    async def hold(_: Value) -> None:
        raise asyncio.CancelledError

    execution = await run("a = hold()\nb = give(of=1)", hold=hold)
    assert isinstance(execution.calls["a"].error, CallCancelled)
    assert execution.result("b") == 1


async def test_what_is_no_calls_fault_ends_the_plan_and_is_raised() -> None:
    gate = Gate()

    def listener(kind: str, data: dict[str, Any]) -> None:
        if data["name"] == "b" and kind == "call.ended":
            raise OSError("the journal's disk is full")

    with pytest.raises(OSError, match="disk is full"):
        await run("a = hold()\nb = give(of=1)\nc = give(of=b)", hold=gate, listener=listener)
    assert gate.cleaned == 1
    assert not others()


async def test_every_start_and_end_is_told_with_waits_and_causes() -> None:
    events: list[tuple[str, dict[str, Any]]] = []
    gate = Gate()
    gate.go.set()
    plan = compile_plan(
        "b = hold(of='fail')\na = hold(of=1)\nc = give(of=b)\nd = give(of=c)\ne = give(of=[a, d])", TOOLS
    )
    made = Scheduler(
        {"hold": gate, "give": give}, slots=Slots(sandbox=1), listener=lambda kind, data: events.append((kind, data))
    )
    execution = await made.run(plan, label="p1")
    assert all(data["plan"] == "p1" for _, data in events)
    assert [(kind, data["name"]) for kind, data in events if data["name"] in "ab"] == [
        ("call.started", "b"),
        ("call.ended", "b"),
        ("call.started", "a"),
        ("call.ended", "a"),
    ]
    ended = {data["name"]: data for kind, data in events if kind == "call.ended"}
    assert ended["a"]["ready_s"] < ended["a"]["started_s"] <= ended["a"]["ended_s"]
    assert (ended["c"]["status"], ended["c"]["error"], ended["d"]["cause"]) == ("failed", "it fails", "c")
    analysed = explain(plan, execution.timings())
    assert analysed.actual_s is not None
    assert [call.actual.status for call in analysed.calls if call.actual] == [
        "ok",
        "ok",
        "failed",
        "skipped",
        "skipped",
    ]


async def test_two_schedulers_in_one_loop_do_not_disturb_each_other() -> None:
    first, second = Gate(), Gate()
    one = asyncio.create_task(run("a = hold()", hold=first))
    other = asyncio.create_task(run("a = hold(of=2)\nb = give(of='fail')", hold=second))
    await asyncio.gather(first.began.wait(), second.began.wait())
    one.cancel()
    second.go.set()
    assert (await other).result("a") == 2
    with pytest.raises(asyncio.CancelledError):
        await one


async def test_a_long_chain_of_skips_and_joins_needs_no_deep_stack() -> None:
    text = "a0 = give(of='fail')\n" + "".join(f"a{n} = give(of=a{n - 1})\n" for n in range(1, 5000))
    execution = await run(text)
    assert execution.calls["a4999"].cause == "a0"


async def test_a_plan_that_is_no_plan_is_refused() -> None:
    call = Call("a", TOOLS[0], {}, needs={"b": "uses"})
    with pytest.raises(ValueError, match="a needs b"):
        await Scheduler({"give": give}).run(Plan((call,)))


# -- streams --


async def chunks(*parts: str, end: Exception | None = None, then: asyncio.Event | None = None) -> AsyncIterator[str]:
    for part in parts:
        yield part
        await asyncio.sleep(0)
    if then is not None:
        await then.wait()
    if end is not None:
        raise end


async def test_the_first_call_runs_while_the_next_one_is_written() -> None:
    gate, more = Gate(), asyncio.Event()
    words = chunks("a = hold(of=1)", "\nb = give(of=a", then=more)
    task = asyncio.create_task(Scheduler({"hold": gate, "give": give}).run(compile_stream(words, Compiler(TOOLS))))
    await asyncio.wait_for(gate.began.wait(), 5)
    gate.go.set()
    more.set()
    execution = await task
    assert execution.result("a") == 1
    assert isinstance(execution.stream_error, CompileErrors)


async def test_a_stream_that_dies_leaves_what_it_had_said() -> None:
    words = chunks("a = give(of=1)\n", "b = give(of=a)\nc = gi", end=ConnectionError("the server is gone"))
    execution = await Scheduler({"give": give}).run(compile_stream(words, Compiler(TOOLS)))
    assert execution.result("b") == 1
    assert isinstance(execution.stream_error, ConnectionError)
    assert not others()


async def test_a_stream_that_stalls_ends_with_the_plans_time() -> None:
    words = chunks("a = give(of=1)\n", then=asyncio.Event())
    execution = await Scheduler({"give": give}).run(compile_stream(words, Compiler(TOOLS)), timeout_s=0.05)
    assert execution.result("a") == 1
    assert not others()


async def test_cancelling_ends_the_stream() -> None:
    ended = asyncio.Event()

    async def words() -> AsyncIterator[str]:
        try:
            yield "a = give(of=1)\n"
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(Scheduler({"give": give}).run(compile_stream(words(), Compiler(TOOLS))))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(ended.wait(), 5)


async def test_at_the_end_of_a_stream_ranks_hold_and_what_nobody_reads_need_not_start() -> None:
    order: list[Any] = []
    gate = Gate()

    async def count(number: Number) -> int:
        order.append(number.of)
        return number.of

    tools = [*TOOLS[:2], ToolSpec("count", "", Number, "sandbox", 1.0, always(PURE), returns=int)]
    text = "a = hold()\nb = count(of=1)\nc = count(of=2)\nd = count(of=3)\ne = give(of=d)\nfinish(x=[b, e])"
    task = asyncio.create_task(
        Scheduler({"hold": gate, "give": give, "count": count}, slots=Slots(sandbox=1)).run(
            compile_stream(chunks(text), Compiler(tools))
        )
    )
    await gate.began.wait()
    for _ in range(5):
        await asyncio.sleep(0)
    gate.go.set()
    execution = await task
    assert order == [3, 1]
    assert execution.calls["c"].status == "pruned"
    assert execution.answer == {"x": [1, 3]}


async def _cancelled(running: asyncio.Task[Execution]) -> None:
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize("how", ["answers", "fails"])
async def test_nothing_starts_when_a_call_of_a_cancelled_plan_answers_or_fails_in_its_clean_up(how: str) -> None:
    started: list[Any] = []

    async def hold(value: Value) -> Any:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            if how == "fails":
                raise ValueError("no clean-up") from None
        return 1

    async def count(number: Number) -> int:
        started.append(number)
        return 1

    tools = (*TOOLS[:2], ToolSpec("count", "", Number))  # runs alone
    plan = compile_plan("a = hold()\nb = count()\n" + "c = give(of=a)\n" * (how == "answers"), tools)
    running = asyncio.ensure_future(Scheduler({"give": give, "hold": hold, "count": count}).run(plan))
    await asyncio.sleep(0.01)
    await _cancelled(running)
    assert others() == set()
    await asyncio.sleep(0.01)
    assert started == []


async def test_a_time_out_does_not_act_on_a_plan_that_was_cancelled_in_the_meantime(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planrun, "GRACE_S", 0.05)
    told: list[tuple[str, Any]] = []

    async def brief(value: Value) -> None:
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(0.03)

    tools = (*TOOLS, ToolSpec("alone", "", Value))
    plan = compile_plan("a = brief()\nb = alone()", tools)
    made = Scheduler({"brief": brief, "alone": give}, listener=lambda kind, data: told.append((kind, data["name"])))
    running = asyncio.ensure_future(made.run(plan))
    await asyncio.sleep(0.06)
    await _cancelled(running)
    await asyncio.sleep(0.1)
    assert told == [("call.started", "a"), ("call.ended", "a")]


async def test_a_call_that_is_cancelled_before_its_first_step_gives_its_slot_back() -> None:
    slots, go = Slots(sandbox=1), asyncio.Event()

    async def hold(value: Value) -> None:
        await go.wait()

    plan = compile_plan("a = hold()", TOOLS)
    first = asyncio.ensure_future(Scheduler({"hold": hold}, slots=slots).run(plan))
    await asyncio.sleep(0.01)
    second = asyncio.ensure_future(Scheduler({"hold": hold}, slots=slots).run(plan))
    await asyncio.sleep(0.01)
    go.set()  # the first one ends, and its slot goes to the second, in the round of the loop in which that is cancelled
    await _cancelled(second)
    assert (await first).ok
    assert (await asyncio.wait_for(Scheduler({"hold": hold}, slots=slots).run(plan), 1)).ok


async def test_a_call_that_is_cancelled_from_outside_before_its_first_step_fails_and_gives_its_slot_back() -> None:
    async def hold(_: Value) -> int:
        for task in asyncio.all_tasks():
            if task.get_name() == "b":
                task.cancel()
        return 1

    slots = Slots(host=1)
    async with asyncio.timeout(5):
        execution = await run("a = hold()\nb = give(of=1)\nc = give(of=b)\nd = give(of=a)", hold=hold, slots=slots)
    assert statuses(execution) == {"a": "ok", "b": "failed", "c": "skipped", "d": "ok"}
    assert isinstance(execution.calls["b"].error, CallCancelled)
    assert slots.try_take("host", "anyone", 1.0)


async def test_what_is_no_stream_is_told() -> None:
    class Broken:
        def __aiter__(self) -> AsyncIterator[Call]:
            raise RuntimeError("no stream")

    async with asyncio.timeout(5):
        execution = await Scheduler({}).run(Broken())
    assert "no stream" in str(execution.stream_error)


async def test_a_stream_that_is_cancelled_from_outside_is_told() -> None:
    async def written() -> AsyncIterator[Call | Plan]:
        yield compile_plan("a = give(of=1)", TOOLS).calls[0]
        raise asyncio.CancelledError

    execution = await asyncio.wait_for(Scheduler({"give": give}).run(written()), 1)
    assert execution.result("a") == 1
    assert isinstance(execution.stream_error, CallCancelled)


async def test_when_a_plans_time_is_over_before_it_is_written_that_is_told_and_its_stream_has_ended() -> None:
    ended = []

    async def written() -> AsyncIterator[str]:
        yield "a = give(of=1)\n"
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(0.02)
            ended.append(True)

    stream = compile_stream(written(), Compiler(TOOLS))
    execution = await Scheduler({"give": give}).run(stream, timeout_s=0.02)
    assert ended
    assert others() == set()
    assert not execution.ok
    assert isinstance(execution.stream_error, CallTimeout)


async def test_a_listener_that_raises_what_no_future_can_hold_ends_the_plan() -> None:
    def listener(kind: str, data: dict[str, Any]) -> None:
        raise StopIteration

    plan = compile_plan("a = give(of=1)\n", TOOLS)
    async with asyncio.timeout(5):
        with pytest.raises(RuntimeError, match="what listens to the plan"):
            await Scheduler({"give": give}, listener=listener).run(plan)


async def test_a_result_that_cannot_be_shown_in_a_text_costs_no_report() -> None:
    async def hold(_: Value) -> int:
        return 10**5000

    execution = await run('a = hold()\nfinish(answer=f"{a}")\n', hold=hold)
    assert statuses(execution) == {"a": "ok"}
    assert execution.answer is None
    assert isinstance(execution.stream_error, BadReference)


class Odd:
    """A result that fails at whatever it is asked for."""

    def __getitem__(self, key: object) -> Any:
        raise RuntimeError("it is gone")

    def __repr__(self) -> str:
        raise RuntimeError("it is gone")


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("it says nothing")


@pytest.mark.parametrize(
    ("result", "use", "said"),
    [
        (10**5000, "a.x", "a has no .x; it is int$"),
        (Odd(), "a[0]", r"a has no \[0\]; it is Odd \(RuntimeError: it is gone\)"),
        (Odd(), "a[0].x", "RuntimeError: it is gone"),
    ],
    ids=["long number", "odd", "part of odd"],
)
async def test_a_result_that_fails_at_being_read_or_shown_fails_only_what_reads_it(
    result: Any, use: str, said: str
) -> None:
    async def hold(_: Value) -> Any:
        return result

    execution = await run(f"a = hold()\nb = give(of={use})\nc = give(of=1)\nfinish(x={use})\n", hold=hold)
    assert (execution.calls["a"].status, execution.answer) == ("ok", None)
    with pytest.raises(BadReference, match=said):
        raise execution.stream_error or AssertionError
    execution = await run(f"a = hold()\nb = give(of={use})\nc = give(of=1)\n", hold=hold)
    assert statuses(execution) == {"a": "ok", "b": "failed", "c": "ok"}


async def test_an_error_that_cannot_say_what_it_is_fails_only_its_call() -> None:
    async def hold(_: Value) -> Any:
        raise Mute

    told: dict[str, Any] = {}
    execution = await run(
        "a = hold()\nb = give(of=1)\n", hold=hold, listener=lambda _, data: told.update({data["name"]: data})
    )
    assert statuses(execution) == {"a": "failed", "b": "ok"}
    assert told["a"]["error"] == "Mute, which cannot be shown (RuntimeError)"


async def test_a_call_that_cancels_its_own_task_at_its_end_does_no_harm_to_the_next() -> None:
    async def hold(value: Value) -> Any:
        task = asyncio.current_task()
        assert task is not None
        if value.of == 0:
            task.cancel()
        else:
            await asyncio.sleep(0)
        return 1

    execution = await run("a = hold(of=0)\nb = hold(of=a)\nc = hold(of=b)", hold=hold)
    assert statuses(execution) == {"a": "ok", "b": "ok", "c": "ok"}


async def test_a_listener_that_fails_when_an_end_let_another_call_go_costs_no_slot() -> None:
    slots, ended = Slots(host=1), []

    def listener(kind: str, data: dict[str, Any]) -> None:
        if kind == "call.ended":
            ended.append(data["name"])
            if data["name"] == "skipped":
                raise OSError("the disk is full")

    text = "a = give(of='fail')\nskipped = give(of=a)\nb = give(of=1)\nc = give(of=2)"
    with pytest.raises(OSError, match="disk is full"):
        await run(text, listener=listener, slots=slots)
    assert ended == ["a", "skipped"]
    assert slots.try_take("host", "anyone", 1.0)
    assert others() == set()


async def test_a_chain_of_calls_that_never_wait_lets_others_go_on() -> None:
    turns, going = 0, True

    async def other() -> None:
        nonlocal turns
        while going:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    text = "a0 = give(of=0)\n" + "\n".join(f"a{n} = give(of=a{n - 1})" for n in range(1, 1000))
    assert (await run(text)).ok
    going = False
    await beside
    assert turns > 1000 / 32


async def test_calls_in_one_task_each_have_their_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planrun, "GRACE_S", 0.01)

    async def brief(value: Value) -> Any:
        await asyncio.sleep(0.03 if value.of == "quick" else 10)

    text = "a = give(of='quick')\nb = brief(of=a)\nc = give(of=b)\nd = brief(of=c)\ne = give(of=d)"
    execution = await run(text, brief=brief)
    assert statuses(execution) == {"a": "ok", "b": "ok", "c": "ok", "d": "failed", "e": "skipped"}
