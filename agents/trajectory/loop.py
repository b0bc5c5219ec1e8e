"""The loop of a trajectory, all of it:

    turn -> turn | condense | finish

**turn** asks the model; its answer is a thought and a plan, which is compiled and executed while it is being written. What
came of it goes into the history, and what was tested is noted. Then `stops.next_step` decides. An answer that is no plan is
answered with its faults and never enters the history as it was.

The history is append-only after the prefix that all siblings share. A checkpoint holds plain data: what is new in the
history, the last diff (in the file store), the notes, the counters. On another process the workspace is made anew from the
base commit and that diff; an answer that was journaled is not asked for again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

from langgraph.channels import DeltaChannel
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, Overwrite

from agents.errors import ModelError, ModelUnusable, PromptTooLong, RecordEnded, Unreachable
from agents.trajectory import prompt
from agents.trajectory.reproduction import Reproduction, adds_only_tests, is_on_base, look_at_tests
from agents.trajectory.said import Said
from agents.trajectory.speak import speak
from agents.trajectory.stops import Standing, next_step
from agents.trajectory.workbench import Workbench
from memory import LimitExceeded

Messages = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a trajectory ended. patch: what it changed, in git's format; may be empty. why: in a few words. answer: what
    it said of its solution. reproduced: its own test was seen failing on base. model_failed: that is what ended it. cut: it
    was a limit of rounds or turns, and more of them let it go on."""

    patch: bytes
    why: str
    answer: str
    turns: int
    reproduced: bool
    model_failed: bool = False
    cut: bool = False


class More(TypedDict):
    """Messages to add to a history. (A bare list of them the library would turn into messages of its own kind.)"""

    messages: Messages


def _grown(history: Messages, added: Sequence[More]) -> Messages:
    return [*history, *(message for more in added for message in more["messages"])]


class State(TypedDict, total=False):
    """What a checkpoint holds. patch: digest of the workspace's diff. history: messages after the prefix; of them a
    checkpoint writes only what is new."""

    history: Annotated[Messages, DeltaChannel(_grown)]
    notes: dict[str, str]
    patch: str
    step: int  # calls of the model
    standing: dict[str, Any]
    reproduction: dict[str, Any]
    why: str
    answer: str
    model_failed: bool
    cut: bool
    goes_on: bool  # after it was cut


async def run_trajectory(bench: Workbench, saver: BaseCheckpointSaver[Any]) -> Ended:
    """Run a trajectory to its end, from its last checkpoint if it has one; one that was cut goes on from there, if the
    workbench says so. Raises what is no fault of the model:
    SandboxDied, StoreUnusable, ToolsUnusable, RecordEnded; and ModelUnusable and Unreachable, as long as nothing but tests was
    changed."""
    graph = _graph().compile(checkpointer=saver)
    config: Any = {"configurable": {"thread_id": bench.thread}, "recursion_limit": 10_000}
    before = await graph.aget_state(config)
    state = before.values  # with what the step after the checkpoint had written, if the process died then
    if state:
        await bench.restore(state.get("patch", ""), state.get("notes", {}))
    start: Any = None
    if not state:
        start = {"history": More(messages=[bench.prefix.instruction(bench.number)]), "step": 0}
    elif bench.goes_on and not before.tasks and not state.get("goes_on"):
        start = {"goes_on": True}
    if start or before.tasks:  # not `next`, which leaves out a step that only lacks its checkpoint
        state = await graph.ainvoke(start, config, context=bench, durability="sync")
    return Ended(
        patch=bench.stored(state.get("patch", "")),
        why=state["why"],
        answer=state["answer"],
        turns=state["step"],
        reproduced=bool(state.get("reproduction", {}).get("failed_on_base")),
        model_failed=state["model_failed"],
        cut=state["cut"],
    )


def _graph() -> StateGraph[State, Workbench, State, State]:
    graph = StateGraph(State, context_schema=Workbench)
    graph.add_node("turn", turn)
    graph.add_node("condense", condense)
    graph.add_edge(START, "turn")
    graph.add_edge("condense", "turn")
    return graph


async def turn(state: State, runtime: Runtime[Workbench]) -> Command[Literal["turn", "condense", "__end__"]]:
    """Ask, execute the plan while it is being written, tell the model what came of it, and decide how it goes on."""
    bench = runtime.context
    said = await _ask(bench, state)
    patch = await bench.patch()
    before = Reproduction.from_data(state.get("reproduction", {}))
    touched = await bench.touched(patch)
    found = look_at_tests(before, said, touched)
    standing = Standing.from_data(state.get("standing", {})).after(said, patch, mends=not adds_only_tests(touched))
    step = next_step(standing, said, bench.limits, room=bench.has_room(said) and not said.full)
    told = "\n\n".join(filter(None, (found.told, standing.told)))
    bench.tell_turn(said, patch, step)
    after = {
        "history": More(messages=prompt.exchange(said, told, bench.form)),
        "notes": bench.notes.as_data(),
        "patch": patch,
        "step": state["step"] + 1,
        "standing": standing.as_data(),
        "reproduction": found.as_data(),
        "why": step.why,
        "answer": said.answer,
        "model_failed": said.failed,
        "cut": step.cut,
    }
    return Command(update=after, goto="__end__" if step.next == "finish" else step.next)


async def _ask(bench: Workbench, state: State) -> Said:
    if bench.place is not None:
        await bench.place.room()
    try:
        return await speak(bench, state["history"], state["step"], patch=state.get("patch", ""))
    except LimitExceeded as limit:
        return Said(stop=f"the budget is used up: {limit}")
    except RecordEnded:
        raise  # the recorded trajectory was cut off here, and so is this one
    except ModelError as error:
        if isinstance(error, ModelUnusable | Unreachable) and is_on_base(await bench.touched(state.get("patch", ""))):
            raise  # nothing is lost: once the model can be asked, this turn is taken again
        full = isinstance(error, PromptTooLong) and len(state["history"]) > 1
        return Said(full=True) if full else Said(stop=f"the model failed: {error}", failed=True)


async def condense(state: State, runtime: Runtime[Workbench]) -> dict[str, Any]:
    """The window is full: the prefix, the instruction, the notes and the last diff survive. Once for a trajectory."""
    bench = runtime.context
    diff = bench.stored(state["patch"]).decode("utf-8", "replace")
    kept = prompt.condensed(bench.prefix.instruction(bench.number), bench.notes.as_text(), diff)
    return {"history": Overwrite([kept]), "standing": Standing.from_data(state["standing"]).after_condensing.as_data()}
