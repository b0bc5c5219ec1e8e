"""The file of the checkpoints is opened and closed whole, and its failures are the state's."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any, Literal, TypedDict

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Overwrite

from agents.checkpoints import Checkpoints, checkpoints
from agents.trajectory.loop import More
from agents.trajectory.loop import State as Trajectory
from memory import StoreUnusable


class State(TypedDict):
    count: int


async def test_a_checkpoint_is_in_the_file_when_its_step_has_ended(tmp_path: Path) -> None:
    config = {"configurable": {"thread_id": "a"}}
    seen: list[int] = []

    async def step(state: State) -> State:
        with sqlite3.connect(tmp_path / "checkpoints.db") as other:
            seen.append(other.execute("SELECT count(*) FROM checkpoints").fetchone()[0])
        return {"count": state["count"] + 1}

    graph = StateGraph(State)
    graph.add_node("first", step)
    graph.add_node("second", step)
    graph.add_edge(START, "first")
    graph.add_edge("first", "second")
    graph.add_edge("second", END)
    with checkpoints(tmp_path) as saver:
        await graph.compile(checkpointer=saver).ainvoke({"count": 0}, config, durability="sync")  # type: ignore[call-overload]
    assert seen == [2, 3]
    with checkpoints(tmp_path) as saver:
        state = await graph.compile(checkpointer=saver).aget_state(config)  # type: ignore[arg-type]
    assert (state.values, state.next) == ({"count": 2}, ())


def test_a_file_that_cannot_be_opened_is_told_with_its_place_and_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "checkpoints.db").mkdir()
    told = f"{tmp_path} cannot be written: unable to open .* RUNOFF_STATE_DIR"
    with pytest.raises(StoreUnusable, match=told), checkpoints(tmp_path):
        pass


class Killed(Exception):
    pass


class Cut(Checkpoints):
    """Dies at a write, as a killed process does."""

    left = 0

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed

    async def aput(self, *arguments: Any) -> Any:
        self._count()
        return await super().aput(*arguments)

    async def aput_writes(self, *arguments: Any, **options: Any) -> None:
        self._count()
        await super().aput_writes(*arguments, **options)


SEEN: list[str] = []  # the diffs with which turns began


async def _turn(state: Trajectory) -> Command[Literal["turn", "condense", "__end__"]]:
    number = state["step"]
    SEEN.append(state.get("patch", ""))
    goto: Literal["turn", "condense", "__end__"] = {3: "condense", 6: "__end__"}.get(number, "turn")  # type: ignore[assignment]
    said = {"role": "assistant", "content": f"{number} after {len(state['history'])}"}
    return Command(update={"history": More(messages=[said]), "step": number + 1, "patch": f"after {number}"}, goto=goto)


async def _condense(state: Trajectory) -> dict[str, Any]:
    return {"history": Overwrite([{"role": "user", "content": "condensed"}])}


@pytest.mark.parametrize("writes", range(20))
async def test_a_history_is_whole_again_whichever_write_was_the_last(tmp_path: Path, writes: int) -> None:
    graph = StateGraph(Trajectory)
    graph.add_node("turn", _turn)
    graph.add_node("condense", _condense)
    graph.add_edge(START, "turn")
    graph.add_edge("condense", "turn")
    config: Any = {"configurable": {"thread_id": "a"}}
    begin: Any = {"history": More(messages=[{"role": "user", "content": "instruction"}]), "step": 0}
    with contextlib.closing(sqlite3.connect(tmp_path / "checkpoints.db")) as connection:
        saver = Cut(connection)
        saver.left = writes
        with contextlib.suppress(Killed):
            await graph.compile(checkpointer=saver).ainvoke(begin, config, durability="sync")
    with checkpoints(tmp_path) as saver:
        again = graph.compile(checkpointer=saver)
        before = await again.aget_state(config)
        SEEN.clear()
        if not before.values or before.tasks:
            await again.ainvoke(None if before.values else begin, config, durability="sync")
        state = (await again.aget_state(config)).values
    assert SEEN[:1] in ([], [before.values.get("patch", "")])
    said = ["condensed", "4 after 1", "5 after 2", "6 after 3"]
    assert ([each["content"] for each in state["history"]], state["step"]) == (said, 7)
