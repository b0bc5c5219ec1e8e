"""Calls run as soon as they can, and a failure reaches exactly what depends on it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel

from executor import BadReference, Scheduler
from planner import ToolSpec, compile_plan


class Value(BaseModel):
    of: Any = None


TOOLS = tuple(ToolSpec(name, "", Value, resource) for name, resource in (("give", "host"), ("hold", "sandbox")))


async def give(value: Value) -> Any:
    if value.of == "fail":
        raise ValueError("it fails")
    return value.of


async def test_results_go_into_dependants_by_reference() -> None:
    plan = compile_plan('a = give(of={"rows": [1, 2]})\nb = give(of=[a.rows[1], a])', TOOLS)
    execution = await Scheduler({"give": give}).run(plan)
    assert execution.result("b") == [2, {"rows": [1, 2]}]


async def test_a_failed_call_skips_its_dependants_and_nothing_else() -> None:
    plan = compile_plan(
        'a = give(of="fail")\nb = give(of=a)\nc = give(of=b)\nd = give(of=1)\ne = give(of=[d, c])', TOOLS
    )
    execution = await Scheduler({"give": give}).run(plan)
    assert {name: report.status for name, report in execution.calls.items()} == {
        "a": "failed",
        "b": "skipped",
        "c": "skipped",
        "d": "ok",
        "e": "skipped",
    }
    assert execution.calls["e"].cause == "a"
    with pytest.raises(ValueError, match="it fails"):
        execution.result("e")


async def test_a_reference_that_does_not_fit_fails_its_own_call() -> None:
    plan = compile_plan("a = give(of=[1])\nb = give(of=a[3])\nc = give(of=a[0])", TOOLS)
    execution = await Scheduler({"give": give}).run(plan)
    assert execution.result("c") == 1
    with pytest.raises(BadReference, match=r"a\[3\] does not fit"):
        execution.result("b")


async def test_calls_that_do_not_depend_on_each_other_run_at_once_within_the_slots() -> None:
    running, most = 0, 0

    async def hold(_: Value) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    plan = compile_plan("\n".join(f"a{number} = hold()" for number in range(6)), TOOLS)
    await Scheduler({"hold": hold}).run(plan)
    assert most == 6
    most = 0
    await Scheduler({"hold": hold}, slots={"sandbox": 2}).run(plan)
    assert most == 2


async def test_cancelling_awaits_the_clean_up_of_what_runs() -> None:
    began, cleaned = asyncio.Event(), []

    async def hold(_: Value) -> None:
        try:
            began.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    task = asyncio.create_task(Scheduler({"hold": hold}).run(compile_plan("a = hold()", TOOLS)))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == [True]
