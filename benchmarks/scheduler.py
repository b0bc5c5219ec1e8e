"""How near the scheduler comes to the critical path, what a Call costs, and what happens when something fails.

    python benchmarks/scheduler.py [--json] [--only wall cpu stream failures]

wall       wall time / critical path of DAGs of simulated tools, beside what a user would pick instead, in one run; and
           the lag from the last dependency's end to the start
cpu        CPU microseconds for each Call that takes no time, with everything switched on: typed references, hazards'
           edges, time-outs, limits, events; the growth with the number of Calls; a fan-in of 1,000 references
stream     a plan that is executed while it is written, at 50, 100 and 300 tokens a second
failures   what becomes of a program with one fault
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import math
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).parents[1])  # not this folder, in which planner.py is no package

from pydantic import BaseModel

from benchmarks import dags
from executor import CallReport, Scheduler, Slots, compile_stream
from planner import ALL, PURE, VOLATILE, Call, CompileErrors, Compiler, Effects, ToolSpec, always, compile_plan

LONGEST_S = 20.0  # a way that would take longer than this is not run: its time is added up
WALL = {
    "fan-out 16, 50 ms": dags.fan_out(16, 0.05),
    "fan-out 256, 50 ms": dags.fan_out(256, 0.05),
    "chain of 100, 10 ms": dags.chain(100, 0.01),
    "layered 500, 5-50 ms": dags.layered(500, 0.005, 0.05),
    "layered 5000, 5-50 ms": dags.layered(5000, 0.005, 0.05),
    "layered 500, 50-100 ms": dags.layered(500, 0.05, 0.1),
    "a coding agent's 15 calls": dags.coding_turn(),
    "12 calls, uneven branches": dags.uneven(),
}
CPU: dict[str, Callable[[int], dags.Dag]] = {
    "layers": lambda n: dags.layered(n, 0.0, 0.0),
    "fan-out": lambda n: [dags.Step("s0", (), 0.0), *(dags.Step(f"s{k}", ("s0",), 0.0) for k in range(1, n))],
    "chain": lambda n: dags.chain(n, 0.0),
}
SIZES = (500, 1000, 5000)


async def timed(way: dags.Way, dag: dags.Dag) -> tuple[float, float]:
    """Wall seconds, and the median lag in milliseconds."""
    clock = dags.Clock()
    began = time.perf_counter()
    await way(dag, clock)
    wall_s = time.perf_counter() - began
    lags = clock.lags(dag)
    return wall_s, statistics.median(lags) * 1000 if lags else 0.0


async def wall() -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for name, dag in WALL.items():
        path_s, plan = dags.critical_path_s(dag), dags.compiled(dag)
        ways = {"ours": dags.runoff(plan, slots=Slots(sandbox=100_000), timeout_s=600, listener=_listen), **dags.PEERS}
        row: dict[str, Any] = {"critical_path_s": path_s}
        for each, way in ways.items():
            if each == "sequential" and sum(step.seconds for step in dag) > LONGEST_S:
                row[each] = {"ratio": sum(step.seconds for step in dag) / path_s, "added_up": True}
                continue
            rounds = [await timed(way, dag) for _ in range(3 if path_s < 1 else 1)]
            wall_s, lag_ms = min(rounds)
            row[each] = {"ratio": wall_s / path_s, "lag_ms": lag_ms}
        rows[name] = row
        say(f"  {name:<28}" + "  ".join(f"{each} {row[each]['ratio']:.3f}" for each in ways))
    say("  lag, ms: " + ", ".join(f"{name} {row['ours']['lag_ms']:.3f}" for name, row in rows.items()))
    return rows


_events: list[tuple[str, dict[str, Any]]] = []


def _listen(kind: str, data: dict[str, Any]) -> None:
    _events.append((kind, data))


async def cpu() -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for shape, make in CPU.items():
        row: dict[str, float | None] = {}
        took = []
        for size in SIZES:
            dag = make(size)
            plan = dags.compiled(dag)
            options = {"slots": Slots(sandbox=100_000), "timeout_s": 600, "listener": _listen}
            row[str(size)] = each_us = await per_call_us(dags.runoff(plan, **options), dag)
            took.append(each_us * size)
        row["exponent"] = exponent(SIZES, took)
        row["bare asyncio, 1000"] = await per_call_us(dags.bare_asyncio, make(1000))
        row["polling, 1000"] = await per_call_us(dags.polling, make(1000)) if shape != "chain" else None
        row["LangGraph Send, 1000"] = await per_call_us(dags.langgraph_send, make(1000), rounds=1)
        row["LangGraph ToolNode, 1000"] = await per_call_us(dags.langgraph_toolnode, make(1000), rounds=1)
        rows[shape] = row
        shown = "  ".join(f"{key} {value:.2f}" for key, value in row.items() if value is not None)
        say(f"  {shape:<10}{shown}   (us for each call)")
    rows["fan_in_1000_ms"] = await fan_in_ms()
    say(f"  a fan-in of 1000 references: {rows['fan_in_1000_ms']:.2f} ms")
    return rows


async def per_call_us(way: dags.Way, dag: dags.Dag, rounds: int = 5) -> float:
    best = math.inf
    for _ in range(rounds):
        _events.clear()
        gc.collect()
        began = time.process_time()
        await way(dag, dags.Clock())
        best = min(best, time.process_time() - began)
    return best / len(dag) * 1e6


async def fan_in_ms() -> float:
    """From the end of the last of 1,000 Calls to the start of the one that takes all their results."""
    dag = dags.fan_in(1000)
    plan = dags.compiled(dag)
    best = math.inf
    for _ in range(5):
        clock = dags.Clock()
        await dags.runoff(plan, listener=_listen, timeout_s=600)(dag, clock)
        best = min(best, clock.lags(dag)[0])
    return best * 1000


def exponent(sizes: tuple[int, ...], totals: list[float]) -> float:
    """The slope of log(total) over log(size)."""
    xs, ys = [math.log(size) for size in sizes], [math.log(total) for total in totals]
    mean_x, mean_y = statistics.mean(xs), statistics.mean(ys)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / sum((x - mean_x) ** 2 for x in xs)


# -- streaming --


class Named(BaseModel):
    name: str
    after: list[str] = []
    text: str = ""


STREAM_TOOLS = (
    ToolSpec("grep", "", Named, "sandbox", 0.2, always(PURE), returns=str),
    ToolSpec("read", "", Named, "sandbox", 0.1, always(PURE), returns=str),
    ToolSpec("edit", "", Named, "sandbox", 0.1, always(Effects(writes=("a.py",))), returns=str),
    ToolSpec("run_tests", "", Named, "sandbox", 0.5, always(Effects(reads=(ALL,))), returns=str),
)
SECONDS = {"grep": 0.2, "read": 0.1, "edit": 0.1, "run_tests": 0.5}
STREAM_PLAN = "\n".join(
    [
        'a = grep(name="a")',
        'b = read(name="b", after=[a])',
        f'c = edit(name="c", text="""{"def f(x): return x + 1  # a long edit" * 40}""")',
        'd = grep(name="d", after=[b])',
        'e = run_tests(name="e")',
        'f = read(name="f", after=[d])',
    ]
)


async def stream() -> dict[str, Any]:
    tokens = [STREAM_PLAN[place : place + 4] for place in range(0, len(STREAM_PLAN), 4)]
    rows = {}
    for rate in (50, 100, 300):
        row = {}
        for name, way in {"ours": streamed, "by lines": by_lines, "after the text": after_the_text}.items():
            written: dict[str, float] = {}
            clock = dags.Clock()
            began = time.perf_counter()
            await way(_spoken(tokens, rate, written), clock)
            ended = time.perf_counter()
            bound = streaming_bound(written)
            row[name] = {
                "first_start_ms": (clock.began["a"] - written["a"]) * 1000,
                "latest_start_ms": latest_start_s(clock, written) * 1000,
                "over_bound_ms": (ended - bound) * 1000,
                "wall_s": ended - began,
                "bound_s": bound - began,
            }
        rows[str(rate)] = row
        shown = "; ".join(
            f"{name}: first start {each['first_start_ms']:.2f} ms, the most late one {each['latest_start_ms']:.1f} ms, "
            f"end {each['over_bound_ms']:.1f} ms over its bound"
            for name, each in row.items()
        )
        say(f"  {rate} tokens/s: {shown}")
    return rows


async def _spoken(tokens: list[str], rate: float, written: dict[str, float]) -> AsyncIterator[str]:
    """The tokens at their times; notes when each statement's closing bracket was said."""
    loop, said = asyncio.get_running_loop(), ""
    ends = {line.split(" = ")[0]: STREAM_PLAN.index(line) + len(line) for line in STREAM_PLAN.split("\n")}
    begun = loop.time()
    for number, token in enumerate(tokens, start=1):
        delay = begun + number / rate - loop.time()
        await asyncio.sleep(max(0.0, delay))
        said += token
        for name, end in ends.items():
            if end <= len(said) and name not in written:
                written[name] = time.perf_counter()
        yield token


def latest_start_s(clock: dags.Clock, written: dict[str, float]) -> float:
    """By how much that Call was late which was most late, after it was written and what it needs had ended."""
    plan = compile_plan(STREAM_PLAN, STREAM_TOOLS)
    return max(
        clock.began[call.name] - max([written[call.name], *(clock.ended[need] for need in call.needs)])
        for call in plan.calls
    )


def streaming_bound(written: dict[str, float]) -> float:
    """When the last Call can end at the soonest, if each starts as soon as it is written and what it needs has
    ended."""
    ends: dict[str, float] = {}
    for call in compile_plan(STREAM_PLAN, STREAM_TOOLS).calls:
        ready = max([written[call.name], *(ends[need] for need in call.needs)])
        assert call.tool is not None
        ends[call.name] = ready + SECONDS[call.tool.name]
    return max([*ends.values(), max(written.values())])


def _stream_tools(clock: dags.Clock) -> dict[str, Any]:
    def tool(name: str) -> Callable[[Named], Any]:
        return lambda asked: clock.work(asked.name, SECONDS[name])

    return {name: tool(name) for name in SECONDS}


async def streamed(tokens: AsyncIterator[str], clock: dags.Clock) -> None:
    execution = await Scheduler(_stream_tools(clock)).run(compile_stream(tokens, Compiler(STREAM_TOOLS)))
    assert execution.ok, execution


async def by_lines(tokens: AsyncIterator[str], clock: dags.Clock) -> None:
    """As plan executors do it that look for ready steps whenever a further line of the plan is complete."""
    compiler, tools = Compiler(STREAM_TOOLS), _stream_tools(clock)
    waiting: list[Call] = []
    tasks: dict[str, asyncio.Task[str]] = {}

    def start_what_is_ready() -> None:
        for call in list(waiting):
            if all(need in tasks and tasks[need].done() for need in call.needs):
                waiting.remove(call)
                assert call.tool is not None
                asked = Named.model_validate({**call.arguments, "after": []})
                tasks[call.name] = asyncio.ensure_future(tools[call.tool.name](asked))

    line = ""
    async for token in tokens:
        line += token
        while "\n" in line:
            whole, _, line = line.partition("\n")
            waiting += compiler.feed(whole + "\n")
            start_what_is_ready()
    waiting += compiler.feed(line)
    while waiting or not all(task.done() for task in tasks.values()):
        start_what_is_ready()
        await asyncio.wait([task for task in tasks.values() if not task.done()], return_when=asyncio.FIRST_COMPLETED)


async def after_the_text(tokens: AsyncIterator[str], clock: dags.Clock) -> None:
    text = "".join([token async for token in tokens])
    assert (await Scheduler(_stream_tools(clock)).run(compile_plan(text, STREAM_TOOLS))).ok


# -- failures --


class Any_(BaseModel):
    value: str = ""


async def failures() -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for fault in dags.FAULTS:
        row = {}
        for name, way in {"ours": broken_ours, **dags.BROKEN_PEERS}.items():
            if fault in ("the stream dies", "a forward reference") and name not in ("ours", "polling, 10 ms"):
                row[name] = "-"  # it takes no plan's text
                continue
            row[name] = await outcome(way, fault)
        rows[fault] = row
        say(f"  {fault:<38}" + "  ".join(f"{name}: {each}" for name, each in row.items()))
    rows["faults_of_ours"] = sum(not str(row["ours"]).startswith("right") for row in rows.values())
    return rows


async def outcome(way: Any, fault: str) -> str:
    """right: `b` never saw anything but a's real result, `c` ended (unless the plan as such was refused), and the
    failure was told."""
    program, raised = dags.Broken(fault), ""
    try:
        async with asyncio.timeout(1.0):
            await way(program)
    except TimeoutError:
        return "hangs" if "c" in program.finished else "hangs, loses c"
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 (what a way raises is its outcome)
        raised = type(error).__name__
    results: dict[str, list[Any]] = {
        "a result of another type": [None],
        "a result that looks like a reference": ["$1 and {x}", "the price is $9"],
    }
    real = results.get(fault, ["result of a"])
    wrong = [value for value in program.seen if value not in real]
    if wrong:
        return f"wrong argument: {wrong[0]!r:.40}"
    refused = raised == "CompileErrors" and fault in ("an unknown tool", "a forward reference")
    if "c" not in program.finished and not refused:
        return f"loses c ({raised})"
    return f"right ({raised})" if raised else "right"


async def broken_ours(program: dags.Broken) -> None:
    tools = (
        ToolSpec("a", "", Any_, "host", 1.0, always(VOLATILE), returns=str, timeout_s=0.1),
        ToolSpec("b", "", Any_, "host", 1.0, always(VOLATILE)),
        ToolSpec("c", "", Any_, "host", 1.0, always(VOLATILE)),
    )

    async def a(_: Any_) -> Any:
        return await program.a()

    async def b(asked: Any_) -> str:
        return await program.b(asked.value)

    async def c(_: Any_) -> str:
        return await program.c()

    text = "x = a()\nz = c()\ny = b(value=x)\n"
    if program.fault == "a result that looks like a reference":
        text += 'w = b(value="the price is $9")\n'
    if program.fault == "an unknown tool":
        text = text.replace("a()", "nothing()")
    if program.fault == "a forward reference":
        text = "z = c()\ny = b(value=x)\nx = a()\n"

    async def words() -> AsyncIterator[str]:
        yield text
        if program.fault == "the stream dies":
            raise ConnectionError("gone")

    execution = await Scheduler({"a": a, "b": b, "c": c}).run(compile_stream(words(), Compiler(tools)))
    if isinstance(execution.stream_error, CompileErrors):
        raise execution.stream_error
    told = [report for report in execution.calls.values() if report.status != "ok"]
    assert all(isinstance(report, CallReport) and (report.error or report.cause) for report in told)


def say(text: str) -> None:
    print(text, file=sys.stderr if "--json" in sys.argv else sys.stdout, flush=True)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="end in one object with every figure")
    parts = {"wall": wall, "cpu": cpu, "stream": stream, "failures": failures}
    parser.add_argument("--only", nargs="+", choices=list(parts), default=list(parts))
    asked = parser.parse_args()
    figures: dict[str, Any] = {"cores": len(os.sched_getaffinity(0)), "load": os.getloadavg()[0]}
    for name in asked.only:
        say(f"{name}:")
        figures[name] = await parts[name]()
    if asked.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    asyncio.run(main())
