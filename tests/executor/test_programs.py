"""The law of the planner and the scheduler together: any program over a small file system does in parallel what it does in the
order of its text, in results and in the final files, with merging and leaving out, at once or streamed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from executor import BadReference, Execution, Scheduler, Slots, compile_stream
from executor.values import resolve
from planner import ALL, PURE, Compiler, Effects, Plan, ToolSpec, always, compile_plan, touches

NAMES = ("a", "a/x", "a/y", "b", "b/x", "c")


class At(BaseModel):
    path: str
    of: Any = None


class Move(BaseModel):
    source: str
    target: str


class Value(BaseModel):
    of: Any = None


class Files:
    """A flat file system: a path may hold a text, and is also the directory of what lies below it."""

    def __init__(self) -> None:
        self.texts = {name: f"first {name}" for name in ("a/x", "b", "c")}

    def below(self, path: str) -> dict[str, str]:
        return {name: text for name, text in self.texts.items() if name == path or name.startswith(f"{path}/")}

    def read(self, at: At) -> Any:
        found = self.below(at.path)
        if not found:
            raise FileNotFoundError(at.path)
        return sorted(found.items())

    def glob(self, at: At) -> Any:
        return sorted((name, text) for name, text in self.texts.items() if fnmatchcase(name, at.path))

    def write(self, at: At) -> Any:
        self.texts[at.path] = f"{at.of!r}"
        return len(self.texts[at.path])

    def append(self, at: At) -> Any:
        self.texts[at.path] = f"{self.texts.get(at.path, '')}+{at.of!r}"
        return self.texts[at.path]

    def delete(self, at: At) -> Any:
        for name in self.below(at.path):
            del self.texts[name]
        return at.path

    def move(self, move: Move) -> Any:
        if move.source not in self.texts:
            raise FileNotFoundError(move.source)
        self.texts[move.target] = self.texts.pop(move.source)
        return move.target

    def count(self, _: Value) -> Any:
        return sorted(self.texts.items())

    def reset(self, value: Value) -> Any:
        self.texts = {"b": f"{value.of!r}"}
        return 0

    def think(self, value: Value) -> Any:
        if value.of == "fail":
            raise ValueError("it fails")
        return [value.of]


TOOLS = (
    ToolSpec("read", "", At, "sandbox", 1.0, touches(reads=("path",))),
    ToolSpec("glob", "", At, "sandbox", 1.0, touches(reads=("path",))),
    ToolSpec("write", "", At, "sandbox", 2.0, touches(writes=("path",))),
    ToolSpec("append", "", At, "sandbox", 1.0, touches(reads=("path",), writes=("path",))),
    ToolSpec("delete", "", At, "sandbox", 1.0, touches(writes=("path",))),
    ToolSpec("move", "", Move, "sandbox", 3.0, touches(reads=("source",), writes=("source", "target"))),
    ToolSpec("count", "", Value, "sandbox", 1.0, always(Effects(reads=(ALL,)))),
    ToolSpec("reset", "", Value, "sandbox", 1.0),
    ToolSpec("think", "", Value, "host", 0.1, always(PURE)),
)


@st.composite
def programs(draw: st.DrawFn) -> str:
    """Statements whose values are literals or references to earlier results, some of which do not fit."""
    lines: list[str] = []
    for number in range(draw(st.integers(1, 14))):
        known = [f"v{each}" for each in range(number)]
        value = st.sampled_from(["1", "'fail'", "2"])
        if known:
            value |= st.sampled_from(
                [*known, *(f"{each}[0]" for each in known), f"f'{{{known[-1]}}}!'", f"[{known[0]}]"]
            )
        path = st.sampled_from(NAMES).map(repr)
        if known:
            path |= st.sampled_from(known).map(lambda name: f"{name}[0][0]")
        tool = draw(st.sampled_from([spec.name for spec in TOOLS]))
        if tool == "glob":
            arguments = f"path={draw(st.sampled_from(['a*', '*', 'a/*', '[bc]', '?']))!r}"
        elif tool == "move":
            arguments = f"source={draw(path)}, target={draw(path)}"
        elif tool in ("count", "reset", "think"):
            arguments = f"of={draw(value)}"
        elif tool in ("write", "append"):
            arguments = f"path={draw(path)}, of={draw(value)}"
        else:
            arguments = f"path={draw(path)}"
        lines.append(f"v{number} = {tool}({arguments})")
    if draw(st.booleans()):
        shown = draw(st.lists(st.sampled_from([f"v{each}" for each in range(len(lines))]), max_size=3))
        lines.append(f"finish(shown=[{', '.join(shown)}])")
    return "\n".join(lines)


def in_order(plan: Plan, files: Files) -> dict[str, tuple[str, Any]]:
    """The reference: one statement after the other; a failure skips what uses its result."""
    done: dict[str, tuple[str, Any]] = {}
    for call in plan.calls:
        if call.tool is None:
            continue
        if any(done[name][0] != "ok" for name, why in call.needs.items() if why == "uses"):
            done[call.name] = ("skipped", None)
            continue
        try:
            values = {key: resolve(value, lambda name: done[name][1]) for key, value in call.arguments.items()}
            done[call.name] = ("ok", getattr(files, call.tool.name)(call.tool.arguments.model_validate(values)))
        except (BadReference, ValueError, FileNotFoundError):
            done[call.name] = ("failed", None)
    return done


def unoptimised(text: str) -> Plan:
    """The program as it stands: nothing merged, nothing left out."""
    compiler = Compiler(TOOLS)
    compiler._dedupe.find = lambda call: None  # type: ignore[method-assign]
    compiler.feed(text.partition("finish(")[0])
    return compiler.finish()


async def in_parallel(text: str, files: Files, seed: int, *, streamed: bool, slots: int) -> Execution:
    rng = random.Random(seed)

    def slowly(run: Callable[[Any], Any]) -> Callable[[Any], Any]:
        async def tool(arguments: Any) -> Any:
            for _ in range(rng.randrange(4)):
                await asyncio.sleep(0)
            result = run(arguments)
            for _ in range(rng.randrange(4)):
                await asyncio.sleep(0)
            return result

        return tool

    async def chunks() -> AsyncIterator[str]:
        for place in range(0, len(text), 7):
            yield text[place : place + 7]
            for _ in range(rng.randrange(3)):
                await asyncio.sleep(0)

    tools = {spec.name: slowly(getattr(files, spec.name)) for spec in TOOLS}
    scheduler = Scheduler(tools, slots=Slots(sandbox=slots) if slots else None)
    plan = compile_stream(chunks(), Compiler(TOOLS)) if streamed else compile_plan(text, TOOLS)
    return await scheduler.run(plan)


def check(text: str, seed: int, streamed: bool, slots: int) -> None:
    expected_files, files = Files(), Files()
    expected = in_order(unoptimised(text), expected_files)
    execution = asyncio.run(in_parallel(text, files, seed, streamed=streamed, slots=slots))
    assert execution.stream_error is None or isinstance(execution.stream_error, BadReference)
    assert files.texts == expected_files.texts
    for name, report in execution.calls.items():
        if report.status != "pruned":
            assert (report.status, report.result) == expected[name], name
    if execution.end is not None and execution.answer is not None:
        shown = [each.name for each in execution.end.arguments["shown"]]
        assert execution.answer["shown"] == [expected[name][1] for name in shown]
    assert set(execution.calls) == set(expected)


SCHEDULES = st.tuples(st.integers(0, 1 << 16), st.booleans(), st.integers(0, 2))


@settings(max_examples=1000, deadline=None)
@given(programs(), SCHEDULES)
def test_in_parallel_is_in_order(text: str, schedule: tuple[int, bool, int]) -> None:
    check(text, *schedule)


@pytest.mark.slow
@settings(max_examples=100_000, deadline=None)
@given(programs(), SCHEDULES)
def test_in_parallel_is_in_order_for_very_many(text: str, schedule: tuple[int, bool, int]) -> None:
    check(text, *schedule)
