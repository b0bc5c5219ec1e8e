"""DAGs of simulated tool calls, and the ways in which a user would execute them instead, for benchmarks/scheduler.py.

A DAG is a list of steps in an order in which each comes after what it needs; a step waits for its seconds and gives its
name. Every way runs the same steps and records when each of them began and ended.
"""

from __future__ import annotations

import asyncio
import json
import operator
import random
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import StructuredTool
from langgraph.graph import END, START, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Send
from pydantic import BaseModel

from executor import Scheduler
from planner import PURE, Plan, ToolSpec, always, compile_plan


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    needs: tuple[str, ...]
    seconds: float


Dag = list[Step]


@dataclass(slots=True)
class Clock:
    """When each step began and ended, as the tool itself sees it."""

    began: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)

    async def work(self, name: str, seconds: float) -> str:
        self.began[name] = time.perf_counter()
        if seconds:
            await asyncio.sleep(seconds)
        self.ended[name] = time.perf_counter()
        return name

    def lags(self, dag: Dag) -> list[float]:
        """Seconds from the end of a step's last dependency to its start."""
        return [self.began[s.name] - max(self.ended[need] for need in s.needs) for s in dag if s.needs]


Way = Callable[[Dag, Clock], Awaitable[None]]


# -- the DAGs --


def fan_out(width: int, seconds: float) -> Dag:
    return [Step(f"s{n}", (), seconds) for n in range(width)]


def fan_in(width: int) -> Dag:
    return [*fan_out(width, 0.0), Step("all", tuple(f"s{n}" for n in range(width)), 0.0)]


def chain(length: int, seconds: float) -> Dag:
    return [Step(f"s{n}", (f"s{n - 1}",) if n else (), seconds) for n in range(length)]


def layered(steps: int, low_s: float, high_s: float, width: int = 50, seed: int = 1) -> Dag:
    """Layers; each step needs two of the layer above, and takes a random time."""
    rng = random.Random(seed)
    dag = []
    for n in range(steps):
        above = range((n // width - 1) * width, n // width * width) if n >= width else ()
        needs = tuple(f"s{each}" for each in sorted(rng.sample(above, 2))) if above else ()
        dag.append(Step(f"s{n}", needs, rng.uniform(low_s, high_s)))
    return dag


def coding_turn() -> Dag:
    """What a coding agent asks for in one turn: searches, reads of what they found, an edit, a check and the tests."""
    searches = [Step(f"grep{n}", (), 0.06 + 0.02 * n) for n in range(4)]
    reads = [Step(f"read{n}", (f"grep{n % 4}",), 0.05) for n in range(8)]
    return [
        *searches,
        *reads,
        Step("edit", ("read0", "read1"), 0.08),
        Step("lint", ("edit",), 0.15),
        Step("tests", ("edit",), 0.6),
    ]


def uneven() -> Dag:
    """Three branches whose steps take different times: a barrier waits for the slowest of each level."""
    dag = []
    for branch, times in enumerate(((0.4, 0.05, 0.05, 0.4), (0.05, 0.4, 0.4, 0.05), (0.2, 0.2, 0.2, 0.2))):
        for n, seconds in enumerate(times):
            dag.append(Step(f"b{branch}_{n}", (f"b{branch}_{n - 1}",) if n else (), seconds))
    return dag


def critical_path_s(dag: Dag) -> float:
    ends: dict[str, float] = {}
    for step in dag:
        ends[step.name] = step.seconds + max((ends[need] for need in step.needs), default=0.0)
    return max(ends.values())


def levels(dag: Dag) -> list[Dag]:
    """By the number of steps above: what a model that asks for parallel calls turn by turn can run at once."""
    depth: dict[str, int] = {}
    found: list[Dag] = []
    for step in dag:
        depth[step.name] = 1 + max((depth[need] for need in step.needs), default=-1)
        while len(found) <= depth[step.name]:
            found.append([])
        found[depth[step.name]].append(step)
    return found


# -- ours --


class Work(BaseModel):
    name: str
    seconds: float
    after: list[str] = []


WORK = ToolSpec("work", "Wait.", Work, "sandbox", 1.0, always(PURE), returns=str, timeout_s=600)


def text_of(dag: Dag) -> str:
    return "\n".join(
        f"{s.name} = work(name={s.name!r}, seconds={s.seconds!r}, after=[{', '.join(s.needs)}])" for s in dag
    )


def compiled(dag: Dag) -> Plan:
    return compile_plan(text_of(dag), [WORK])


def runoff(plan: Plan, **options: Any) -> Way:
    """The scheduler, with a plan that was compiled before."""

    async def way(dag: Dag, clock: Clock) -> None:
        async def work(asked: Work) -> str:
            return await clock.work(asked.name, asked.seconds)

        execution = await Scheduler({"work": work}, **options).run(plan)
        assert execution.ok

    return way


# -- what a user would pick instead --


class Done(TypedDict):
    done: Annotated[list[str], operator.add]


class Turns(TypedDict):
    messages: Annotated[list[Any], operator.add]
    level: int


class Results(TypedDict):
    results: Annotated[dict[str, Any], operator.or_]


async def bare_asyncio(dag: Dag, clock: Clock) -> None:
    """The floor: one task for each step, which awaits those of its dependencies. No types, time-outs, limits, events,
    failures."""
    tasks: dict[str, asyncio.Task[str]] = {}

    async def run(step: Step) -> str:
        for need in step.needs:
            await tasks[need]
        return await clock.work(step.name, step.seconds)

    for step in dag:
        tasks[step.name] = asyncio.create_task(run(step))
    await asyncio.gather(*tasks.values())


async def sequential(dag: Dag, clock: Clock) -> None:
    for step in dag:
        await clock.work(step.name, step.seconds)


async def gather_by_levels(dag: Dag, clock: Clock) -> None:
    for level in levels(dag):
        await asyncio.gather(*(clock.work(step.name, step.seconds) for step in level))


async def tool_calls_by_turns(dag: Dag, clock: Clock) -> None:
    """OpenAI-style parallel calls: each turn's arguments are JSON, and a barrier ends the turn."""
    for level in levels(dag):
        calls = [{"name": "work", "arguments": json.dumps({"name": s.name, "seconds": s.seconds})} for s in level]
        await asyncio.gather(*(clock.work(**json.loads(call["arguments"])) for call in calls))


async def polling(dag: Dag, clock: Clock) -> None:
    """A loop that looks every 10 ms for steps whose dependencies are done."""
    done: set[str] = set()
    waiting = list(dag)
    tasks = []

    async def run(step: Step) -> None:
        await clock.work(step.name, step.seconds)
        done.add(step.name)

    while waiting:
        ready = [step for step in waiting if done.issuperset(step.needs)]
        waiting = [step for step in waiting if not done.issuperset(step.needs)]
        tasks += [asyncio.create_task(run(step)) for step in ready]
        await asyncio.sleep(0.01)
    await asyncio.gather(*tasks)


async def langgraph_send(dag: Dag, clock: Clock) -> None:
    """A graph that sends every ready step to a node, again and again."""

    async def dispatch(state: Done) -> dict[str, Any]:
        return {}

    def ready(state: Done) -> Any:
        done = set(state["done"])
        sends = [Send("work", step) for step in dag if step.name not in done and done.issuperset(step.needs)]
        return sends or END

    async def work(step: Step) -> dict[str, Any]:
        return {"done": [await clock.work(step.name, step.seconds)]}

    graph = StateGraph(Done)
    graph.add_node("dispatch", dispatch)
    graph.add_node("work", work)  # type: ignore[arg-type]
    graph.add_edge(START, "dispatch")
    graph.add_conditional_edges("dispatch", ready, ["work", END])
    graph.add_edge("work", "dispatch")
    await graph.compile().ainvoke({"done": []}, {"recursion_limit": 10_000})


async def langgraph_toolnode(dag: Dag, clock: Clock) -> None:
    """The prebuilt ToolNode: one message of parallel tool calls for each level."""

    async def work(name: str, seconds: float) -> str:
        """Wait."""
        return await clock.work(name, seconds)

    turns = levels(dag)

    async def model(state: Turns) -> dict[str, Any]:
        calls = [
            {"name": "work", "args": {"name": s.name, "seconds": s.seconds}, "id": s.name}
            for s in turns[state["level"]]
        ]
        return {"messages": [AIMessage("", tool_calls=calls)], "level": state["level"] + 1}

    graph = StateGraph(Turns)
    graph.add_node("model", model)
    graph.add_node("tools", ToolNode([StructuredTool.from_function(coroutine=work, name="work")]))
    graph.add_edge(START, "model")
    graph.add_edge("model", "tools")
    graph.add_conditional_edges("tools", lambda state: "model" if state["level"] < len(turns) else END, ["model", END])
    await graph.compile().ainvoke({"messages": [], "level": 0}, {"recursion_limit": 10_000})


PEERS: dict[str, Way] = {
    "bare asyncio": bare_asyncio,
    "gather by levels": gather_by_levels,
    "tool calls by turns": tool_calls_by_turns,
    "polling, 10 ms": polling,
    "LangGraph Send": langgraph_send,
    "LangGraph ToolNode": langgraph_toolnode,
    "sequential": sequential,
}


# -- the ways in which they fail --


@dataclass(slots=True)
class Broken:
    """A small program with one fault, `a` -> `b`, and `c` beside them. seen: what reached `b`."""

    fault: str
    seen: list[Any] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)

    async def a(self) -> Any:
        match self.fault:
            case "a tool raises":
                raise ValueError("no such file")
            case "a tool hangs":
                await asyncio.Event().wait()
            case "a tool cancels itself":
                raise asyncio.CancelledError
            case "a result of another type":
                return None
        return "$1 and {x}" if self.fault == "a result that looks like a reference" else "result of a"

    async def b(self, value: Any) -> str:
        self.seen.append(value)
        self.finished.append("b")
        return "b"

    async def c(self) -> str:
        await asyncio.sleep(0.02)
        self.finished.append("c")
        return "c"


FAULTS = (
    "a tool raises",
    "a tool hangs",
    "a tool cancels itself",
    "an unknown tool",
    "a forward reference",
    "a result of another type",
    "a result that looks like a reference",
    "the stream dies",
)


async def broken_gather(program: Broken) -> None:
    values = await asyncio.gather(program.a(), program.c())
    await program.b(values[0])


async def broken_polling(program: Broken) -> None:
    """As plan executors of this kind do it: steps come from a queue while they are written, results replace `$n` in the
    arguments' text, and the end is when a last mark has come and every step has a result."""
    results: dict[int, Any] = {9: "nine"}
    steps: list[tuple[int, str, tuple[int, ...], str]] = [(1, "a", (), ""), (2, "b", (1,), "$1"), (3, "c", (), "")]
    if program.fault == "an unknown tool":
        steps[0] = (1, "nothing", (), "")
    if program.fault == "a forward reference":
        steps = [(1, "b", (), "$2"), (2, "a", (), ""), (3, "c", (), "")]
    if program.fault == "a result that looks like a reference":
        steps[1:1] = [(4, "b", (), "the price is $9")]
    written: asyncio.Queue[tuple[int, str, tuple[int, ...], str] | None] = asyncio.Queue()

    async def write() -> None:
        for step in steps:
            written.put_nowait(step)
        if program.fault == "the stream dies":
            raise ConnectionError("gone")
        written.put_nowait(None)

    async def run(number: int, tool: str, argument: str) -> None:
        for each, value in results.items():
            argument = re.sub(rf"\${each}\b", str(value).replace("\\", r"\\"), argument)
        results[number] = await (program.b(argument) if tool == "b" else getattr(program, tool)())

    writing = asyncio.create_task(write())
    waiting: list[tuple[int, str, tuple[int, ...], str]] = []
    tasks, known, complete = [writing], {9}, False
    while not complete or results.keys() != known:
        while not written.empty():
            step = written.get_nowait()
            complete = step is None
            if step is not None:
                known.add(step[0])
                waiting.append(step)
        for each in [each for each in waiting if all(need in results for need in each[2])]:
            waiting.remove(each)
            tasks.append(asyncio.create_task(run(each[0], each[1], each[3])))
        await asyncio.sleep(0.01)


async def broken_send(program: Broken) -> None:
    async def one(name: str) -> dict[str, Any]:
        return {"results": {name: await getattr(program, name)()}}

    async def last(state: Results) -> dict[str, Any]:
        return {"results": {"b": await program.b(state["results"].get("a"))}}

    async def start(state: Results) -> dict[str, Any]:
        return {}

    graph = StateGraph(Results)
    graph.add_node("start", start)
    graph.add_node("one", one)  # type: ignore[arg-type]
    graph.add_node("b", last)
    graph.add_edge(START, "start")
    first = "nothing" if program.fault == "an unknown tool" else "a"
    graph.add_conditional_edges("start", lambda _: [Send("one", first), Send("one", "c")], ["one"])
    graph.add_edge("one", "b")
    graph.add_edge("b", END)
    await graph.compile().ainvoke({"results": {}})


async def broken_toolnode(program: Broken) -> None:
    async def a() -> Any:
        """First."""
        return await program.a()

    async def b(value: str) -> str:
        """Uses a's result."""
        return await program.b(value)

    async def c() -> str:
        """Beside them."""
        return await program.c()

    def call(name: str, **arguments: Any) -> dict[str, Any]:
        return {"name": name, "args": arguments, "id": name}

    async def first(state: Turns) -> dict[str, Any]:
        unknown = program.fault == "an unknown tool"
        return {"messages": [AIMessage("", tool_calls=[call("nothing" if unknown else "a"), call("c")])]}

    async def second(state: Turns) -> dict[str, Any]:
        result = next(m.content for m in state["messages"] if isinstance(m, ToolMessage))
        return {"messages": [AIMessage("", tool_calls=[call("b", value=result)])]}

    tools = [StructuredTool.from_function(coroutine=each, name=each.__name__) for each in (a, b, c)]
    graph = StateGraph(Turns)
    for name, node in {"first": first, "tools1": ToolNode(tools), "second": second, "tools2": ToolNode(tools)}.items():
        graph.add_node(name, node)  # type: ignore[call-overload]
    for before, after in zip(
        [START, "first", "tools1", "second", "tools2"], ["first", "tools1", "second", "tools2", END], strict=True
    ):
        graph.add_edge(before, after)
    await graph.compile().ainvoke({"messages": [], "level": 0})


BROKEN_PEERS: dict[str, Callable[[Broken], Awaitable[None]]] = {
    "gather by levels": broken_gather,
    "polling, 10 ms": broken_polling,
    "LangGraph Send": broken_send,
    "LangGraph ToolNode": broken_toolnode,
}
