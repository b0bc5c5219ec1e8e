"""The file of the checkpoints is opened and closed whole, and its failures are the state's."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TypedDict

import pytest
from langgraph.graph import END, START, StateGraph

from agents.checkpoints import checkpoints
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
