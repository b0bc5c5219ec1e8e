"""Slots are shared between plans, fairly between their owners."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel

from executor import Scheduler, Slots
from planner import VOLATILE, ToolSpec, always, compile_plan


class Value(BaseModel):
    of: int


TOOLS = (ToolSpec("work", "", Value, "sandbox", 1.0, always(VOLATILE)),)


async def test_a_small_plan_is_not_stuck_behind_a_large_one() -> None:
    order: list[str] = []

    def tools(owner: str) -> dict[str, Any]:
        async def work(value: Value) -> None:
            order.append(f"{owner}{value.of}")
            await asyncio.sleep(0)

        return {"work": work}

    slots = Slots(sandbox=2)
    large = compile_plan("\n".join(f"a{n} = work(of={n})" for n in range(20)), TOOLS)
    small = compile_plan("\n".join(f"a{n} = work(of={n})" for n in range(4)), TOOLS)
    await asyncio.gather(
        Scheduler(tools("large"), slots=slots, owner="large").run(large),
        Scheduler(tools("small"), slots=slots, owner="small").run(small),
    )
    assert [each for each in order[:11] if each.startswith("small")] == ["small0", "small1", "small2", "small3"]


async def test_a_plan_that_is_cancelled_gives_its_slots_back_and_its_place_up() -> None:
    began, slots = asyncio.Event(), Slots(sandbox=1)

    async def work(value: Value) -> int:
        if value.of == 0:
            began.set()
            await asyncio.Event().wait()
        return value.of

    stuck = asyncio.create_task(
        Scheduler({"work": work}, slots=slots).run(compile_plan("a = work(of=0)\nb = work(of=0)", TOOLS))
    )
    await began.wait()
    waiting = asyncio.create_task(Scheduler({"work": work}, slots=slots).run(compile_plan("a = work(of=7)", TOOLS)))
    await asyncio.sleep(0)
    stuck.cancel()
    assert (await asyncio.wait_for(waiting, 5)).result("a") == 7


def test_no_slots_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="sandbox: 0 slots"):
        Slots(sandbox=0)


def test_the_shares_of_many_owners_do_not_pile_up() -> None:
    slots = Slots(sandbox=1)
    for owner in range(10_000):
        assert slots.try_take("sandbox", owner, 1.0)
        slots.give("sandbox")
    assert len(slots._queues["sandbox"].served) < 100
