"""The loop of a trajectory, all of it:

    turn -> observe -> turn | condense | finish

**turn** asks the model; its answer is a thought and a plan, which is compiled and executed while it is being written.
**observe** puts into the history what came of it, and notes what was tested. Then `stops.next_step` decides. An answer
that is no plan is answered with its faults and never enters the history as it was.

The history is append-only after the prefix that all siblings share. A checkpoint holds plain data: the history, the
last diff (in the file store), the notes, the counters. On another process the workspace is made anew from the base
commit and that diff; an answer that was journaled is not asked for again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from agents.errors import ModelError, ModelUnusable
from agents.trajectory import prompt
from agents.trajectory.reproduction import Reproduction, look_at_tests
from agents.trajectory.said import Said
from agents.trajectory.speak import speak
from agents.trajectory.stops import Standing, next_step
from agents.trajectory.workbench import Workbench
from memory import LimitExceeded


@dataclass(frozen=True, slots=True)
class Ended:
    """How a trajectory ended. patch: what it changed, in git's format; may be empty. why: in a few words. answer: what
    it said of its solution. reproduced: its own test was seen failing on base. model_failed: that is what ended it."""

    patch: bytes
    why: str
    answer: str
    turns: int
    reproduced: bool
    model_failed: bool = False


class State(TypedDict, total=False):
    """What a checkpoint holds. patch: digest of the workspace's diff. history: messages after the prefix."""

    history: list[dict[str, Any]]
    notes: dict[str, str]
    patch: str
    step: int  # calls of the model
    standing: dict[str, Any]
    reproduction: dict[str, Any]
    said: dict[str, Any]
    next: str
    why: str


async def run_trajectory(bench: Workbench, saver: BaseCheckpointSaver[Any]) -> Ended:
    """Run a trajectory to its end, from its last checkpoint if it has one. Raises what is no fault of the model:
    SandboxDied, StoreUnusable, ToolsUnusable; and ModelUnusable, as long as nothing was changed."""
    graph = _graph().compile(checkpointer=saver)
    config: Any = {"configurable": {"thread_id": bench.thread}, "recursion_limit": 10_000}
    before = (await graph.aget_state(config)).values
    if before:
        await bench.restore(before.get("patch", ""), before.get("notes", {}))
    start: Any = None if before else {"history": [bench.prefix.instruction(bench.number)], "step": 0}
    state = (
        before
        if before.get("next") == "finish"
        else await graph.ainvoke(start, config, context=bench, durability="sync")
    )
    said = state.get("said", {})
    return Ended(
        patch=bench.stored(state.get("patch", "")),
        why=state["why"],
        answer=str(said.get("answer", "")),
        turns=state["step"],
        reproduced=bool(state.get("reproduction", {}).get("failed_on_base")),
        model_failed=bool(said.get("failed")),
    )


def _graph() -> StateGraph[State, Workbench, State, State]:
    graph = StateGraph(State, context_schema=Workbench)
    for node in (turn, observe, condense, finish):
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "turn")
    graph.add_edge("turn", "observe")
    graph.add_conditional_edges("observe", lambda state: state["next"], ["turn", "condense", "finish"])
    graph.add_edge("condense", "turn")
    graph.add_edge("finish", END)
    return graph


async def turn(state: State, runtime: Runtime[Workbench]) -> State:
    """Ask, and execute the plan while it is being written."""
    bench = runtime.context
    try:
        said = await speak(bench, state.get("history", []), state["step"], patch=state.get("patch", ""))
    except LimitExceeded as limit:
        said = Said(stop=f"the budget is used up: {limit}")
    except ModelError as error:
        if isinstance(error, ModelUnusable) and not state.get("patch"):
            raise  # nothing is lost: once a person has mended it, this turn is taken again
        said = Said(stop=f"the model failed: {error}", failed=True)
    patch = await bench.patch()
    return {"said": said.as_data(), "patch": patch, "notes": bench.notes.as_data(), "step": state["step"] + 1}


async def observe(state: State, runtime: Runtime[Workbench]) -> State:
    """Tell the model what came of its plan, and decide how it goes on."""
    bench, said = runtime.context, Said.from_data(state["said"])
    before = Reproduction.from_data(state.get("reproduction", {}))
    found = look_at_tests(before, said, bench.touched(state["patch"]))
    standing = Standing.from_data(state.get("standing", {})).after(said, state["patch"])
    step = next_step(standing, said, bench.limits, room=bench.has_room(said))
    history = [*state.get("history", []), *prompt.exchange(said, found.told, bench.form)]
    bench.tell_turn(said, state["patch"], step)
    return {
        "history": history,
        "standing": standing.as_data(),
        "reproduction": found.as_data(),
        "next": step.next,
        "why": step.why,
    }


async def condense(state: State, runtime: Runtime[Workbench]) -> State:
    """The window is full: the prefix, the instruction, the notes and the last diff survive. Once for a trajectory."""
    bench = runtime.context
    diff = bench.stored(state["patch"]).decode("utf-8", "replace")
    return {"history": [prompt.condensed(bench.prefix.instruction(bench.number), bench.notes.as_text(), diff)]}


async def finish(state: State, runtime: Runtime[Workbench]) -> State:
    """Nothing is left to do."""
    return {}
