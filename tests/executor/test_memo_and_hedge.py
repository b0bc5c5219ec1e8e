"""What was computed is not computed twice, and what takes too long is started again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from executor import BadResult, Hedge, Memo, Scheduler, Slots
from memory import Cache
from planner import PURE, Plan, ToolSpec, always, compile_plan, touches


class Read(BaseModel):
    path: str


class Anything(BaseModel):
    of: Any = None


class Text(BaseModel):
    text: str
    lines: list[int] = []


READ = ToolSpec("read", "", Read, "sandbox", 1.0, touches(reads=("path",)), Text)
EDIT = ToolSpec("edit", "", Read, "sandbox", 1.0, touches(writes=("path",)))


class Reader:
    """A tool that counts its calls, and holds each until it is let go."""

    def __init__(self) -> None:
        self.calls = 0
        self.go = asyncio.Event()
        self.go.set()
        self.fails = False

    async def __call__(self, read: Read) -> Text:
        self.calls += 1
        await self.go.wait()
        if self.fails:
            raise OSError(read.path)
        return Text(text=read.path)


def plan(*paths: str) -> Plan:
    return compile_plan("\n".join(f"a{n} = read(path={path!r})" for n, path in enumerate(paths)), [READ])


def scheduler(reader: Reader, memo: Memo, state: str = "1") -> Scheduler:
    async def version(paths: Sequence[str]) -> str:
        return f"{state}:{paths}"

    return Scheduler({"read": reader}, memo=memo, version=version)


async def test_equal_calls_on_equal_files_are_executed_once_in_all_trajectories() -> None:
    reader, memo = Reader(), Memo()
    first = await scheduler(reader, memo).run(plan("x", "y"))
    second = await scheduler(reader, memo).run(plan("y", "x"))
    assert (reader.calls, memo.hits) == (2, 2)
    assert second.result("a1") == first.result("a0") == Text(text="x")
    second.result("a1").lines.append(1)
    assert (await scheduler(reader, memo).run(plan("x"))).result("a0").lines == []
    await scheduler(reader, memo, state="2").run(plan("x"))
    assert reader.calls == 3


async def test_two_that_ask_at_once_share_one_execution() -> None:
    reader, memo = Reader(), Memo()
    reader.go.clear()
    tasks = [asyncio.create_task(scheduler(reader, memo).run(plan("x"))) for _ in range(5)]
    await asyncio.sleep(0.01)
    assert reader.calls == 1
    reader.go.set()
    assert [execution.result("a0").text for execution in await asyncio.gather(*tasks)] == ["x"] * 5
    assert memo.shared == 4


async def test_when_the_one_who_runs_is_cancelled_or_fails_the_others_run_themselves() -> None:
    reader, memo = Reader(), Memo()
    reader.go.clear()
    leader = asyncio.create_task(scheduler(reader, memo).run(plan("x")))
    await asyncio.sleep(0.01)
    follower = asyncio.create_task(scheduler(reader, memo).run(plan("x")))
    await asyncio.sleep(0.01)
    leader.cancel()
    reader.go.set()
    assert (await follower).result("a0").text == "x"
    reader.fails = True
    assert (await scheduler(reader, memo).run(plan("z"))).calls["a0"].status == "failed"
    reader.fails = False
    assert (await scheduler(reader, memo).run(plan("z"))).result("a0").text == "z"


async def test_when_the_one_who_runs_is_cancelled_one_other_takes_its_place_for_all() -> None:
    reader, memo = Reader(), Memo()
    reader.go.clear()
    tasks = [asyncio.create_task(scheduler(reader, memo).run(plan("x"))) for _ in range(6)]
    await asyncio.sleep(0.01)
    tasks[0].cancel()
    await asyncio.sleep(0.01)
    reader.go.set()
    for task in tasks[1:]:
        assert (await task).result("a0").text == "x"
    await scheduler(reader, memo).run(plan("x"))
    assert (reader.calls, memo.shared, memo.hits) == (2, 4, 1)


async def test_what_those_make_whose_first_one_failed_is_remembered() -> None:
    memo, calls, go = Memo(), 0, asyncio.Event()

    async def read(read: Read) -> Text:
        nonlocal calls
        calls += 1
        await go.wait()
        if calls == 1:
            raise OSError
        return Text(text=read.path)

    made: Any = scheduler(read, memo)  # type: ignore[arg-type]
    tasks = [asyncio.create_task(made.run(plan("x"))) for _ in range(2)]
    await asyncio.sleep(0.01)
    go.set()
    first, second = await asyncio.gather(*tasks)
    assert (first.calls["a0"].status, second.calls["a0"].status, calls) == ("failed", "ok", 2)
    assert (await made.run(plan("x"))).ok
    assert calls == 2


ECHO = ToolSpec("echo", "", Anything, "host", 1.0, always(PURE), returns=str)
GIVE = ToolSpec("give", "", Anything, "host", 1.0, always(PURE))


async def echoed(text: str, memo: Memo | None, *, given: Any = None) -> list[Any]:
    async def echo(asked: Anything) -> str:
        return f"{type(asked.of).__name__} {asked.of!r}"

    async def give(_: Anything) -> Any:
        return given

    async def version(paths: Sequence[str]) -> str:
        return "1"

    made = Scheduler({"echo": echo, "give": give}, memo=memo, version=version)
    execution = await made.run(compile_plan(text, [ECHO, GIVE]))
    return [execution.result(name) for name in execution.calls]


async def test_arguments_whose_keys_or_parts_are_of_different_types_are_different() -> None:
    memo = Memo()
    values = ["{1: 'v'}", "{'1': 'v'}", "[1]", "[True]", "[1.0]", "None", "'None'"]
    text = "".join(f"a{n} = echo(of={value})\n" for n, value in enumerate(values))
    plainly = await echoed(text, None)
    assert await echoed(text, memo) == plainly
    assert await echoed(text, memo) == plainly
    assert (memo.misses, memo.hits) == (len(values), len(values))
    assert await echoed("a = give()\nb = echo(of=a)", memo, given=(1,)) == [(1,), "tuple (1,)"]
    assert await echoed("a = give()\nb = echo(of=a)", memo, given=("1",)) == [("1",), "tuple ('1',)"]
    assert memo.misses == len(values) + 2


@pytest.mark.parametrize("given", [object(), b"\xff", {"a": {1: object}}, {1, 2}])
async def test_arguments_that_cannot_be_compared_are_not_remembered_and_change_no_outcome(given: Any) -> None:
    text = "a = give()\nb = echo(of=a)"
    assert await echoed(text, Memo(), given=given) == await echoed(text, None, given=given)


class Shelf:
    """Fails, or has something else."""

    def __init__(self, fails: str = "", has: bytes | None = None) -> None:
        self.fails, self.has = fails, has

    async def get(self, key: str) -> bytes | None:
        if self.fails == "get":
            raise OSError("the disk is gone")
        return self.has

    async def put(self, key: str, value: bytes) -> None:
        if self.fails == "put":
            raise OSError("the disk is full")


@pytest.mark.parametrize("shelf", [Shelf("get"), Shelf("put"), Shelf(has=b'{"old": 1}'), Shelf(has=b"\xff")])
async def test_a_shelf_that_fails_or_has_what_cannot_be_read_has_nothing(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    memo = Memo(shelf=shelf)
    assert await echoed("a = echo(of=1)", memo) == ["int 1"]
    assert (memo.hits, memo.misses, len(caplog.records)) == (0, 1, 1)
    assert await echoed("a = echo(of=1)", memo) == ["int 1"]
    assert memo.hits == 1


async def test_a_result_that_is_larger_than_the_memory_makes_it_forget_nothing() -> None:
    reader, memo = Reader(), Memo(most_bytes=300)
    for path in ("x", "y", "long" * 100, "x", "y"):
        await scheduler(reader, memo).run(plan(path))
    assert reader.calls == 3


async def test_memory_is_bounded_in_bytes_and_the_disk_remembers_across_processes(tmp_path: Path) -> None:
    reader = Reader()
    memo = Memo(most_bytes=300, shelf=Cache(tmp_path / "cache.db"))
    await scheduler(reader, memo).run(plan(*(f"{n}" * 20 for n in range(10))))
    assert 0 < memo.size <= 300
    assert reader.calls == 10
    again = Memo(shelf=Cache(tmp_path / "cache.db"))
    await scheduler(reader, again).run(plan(*(f"{n}" * 20 for n in range(10))))
    assert (reader.calls, again.hits) == (10, 10)


async def test_the_cache_forgets_the_least_recently_used_and_survives_damage(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache.db", most_bytes=100)
    for name in "abcde":
        await cache.put(name, name.encode() * 25)
        await cache.get("a")
    assert await cache.get("a") == b"a" * 25
    assert await cache.get("b") is None
    await cache.put("large", b"x" * 90)
    assert await cache.get("large") is None
    cache.close()
    for path in tmp_path.iterdir():
        path.write_bytes(b"nonsense" * 100)
    damaged = Cache(tmp_path / "cache.db")
    await damaged.put("a", b"1")
    assert await damaged.get("a") is None


class Straggler:
    """Every call is quick, but one that is told to be slow holds until it is cancelled."""

    def __init__(self, *slow: int) -> None:
        self.calls = self.cancelled = 0
        self.slow = set(slow)

    async def __call__(self, read: Read) -> Text:
        self.calls += 1
        if self.calls in self.slow:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        await asyncio.sleep(0.001)
        return Text(text=read.path)


async def test_a_straggler_is_started_a_second_time_and_the_loser_is_cancelled() -> None:
    tool, hedge = Straggler(31), Hedge(least=20)
    execution = await Scheduler({"read": tool}, hedge=hedge).run(plan(*map(str, range(30))))
    assert hedge.started == 0
    execution = await Scheduler({"read": tool}, hedge=hedge).run(plan("late"))
    assert execution.result("a0").text == "late"
    assert (hedge.started, hedge.won, tool.cancelled) == (1, 1, 1)


async def test_no_second_start_without_a_free_slot_and_never_of_what_writes() -> None:
    hedge = Hedge(least=1)
    tool = Straggler(2)
    made = Scheduler({"read": tool}, hedge=hedge, slots=Slots(sandbox=1), timeout_s=0.1)
    await made.run(plan("x"))
    execution = await made.run(plan("y"))
    assert execution.calls["a0"].status == "failed"
    assert hedge.started == 0
    writer = Straggler(2)
    made = Scheduler({"edit": writer}, hedge=Hedge(least=1), timeout_s=0.1)
    for text in ("a = edit(path='x')", "b = edit(path='y')"):
        execution = await made.run(compile_plan(text, [EDIT]))
    assert execution.calls["b"].status == "failed"
    assert writer.calls == 2


async def test_cancelling_a_hedged_call_cancels_both_starts() -> None:
    hedge, tool = Hedge(least=1), Straggler(2, 3)
    await Scheduler({"read": tool}, hedge=hedge).run(plan("x"))
    task = asyncio.create_task(Scheduler({"read": tool}, hedge=hedge).run(plan("y")))
    while tool.calls < 3:
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert tool.cancelled == 2


async def test_cancelling_a_hedged_call_while_the_loser_cleans_up_gives_its_slot_back() -> None:
    hedge, slots, calls = Hedge(least=1), Slots(sandbox=2), 0

    async def read(read: Read) -> Text:
        nonlocal calls
        calls += 1
        if calls == 2:  # the straggler
            try:
                await asyncio.sleep(10)
            finally:
                await asyncio.sleep(0.05)
        return Text(text=read.path)

    made = Scheduler({"read": read}, hedge=hedge, slots=slots)
    await made.run(plan("x"))
    task = asyncio.create_task(made.run(plan("y")))
    while calls < 3:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [slots.try_take("sandbox", None, 1.0) for _ in range(3)] == [True, True, False]


def test_a_quantile_is_between_nothing_and_all() -> None:
    with pytest.raises(ValueError, match="quantile"):
        Hedge(1.5)


async def test_a_tool_that_promises_nothing_is_not_remembered() -> None:
    vague = ToolSpec("read", "", Read, "sandbox", 1.0, touches(reads=("path",)))
    reader, memo = Reader(), Memo()
    for _ in range(2):
        made: Any = scheduler(reader, memo)
        await made.run(compile_plan("a = read(path='x')", [vague]))
    assert reader.calls == 2


@pytest.mark.parametrize("answer", ["\udc80", float("nan"), 7])
async def test_what_json_does_not_give_back_is_not_remembered_and_changes_no_outcome(answer: Any) -> None:
    tool = ToolSpec("odd", "", Read, "host", 1.0, always(PURE), returns=float if answer != answer else str | None)

    async def odd(read: Read) -> Any:
        return answer

    async def version(paths: Sequence[str]) -> str:
        return "1"

    memo = Memo()
    for made in (Scheduler({"odd": odd}), *[Scheduler({"odd": odd}, memo=memo, version=version)] * 2):
        report = (await made.run(compile_plan("a = odd(path='x')", [tool]))).calls["a"]
        assert (report.status, type(report.error)) in {("ok", type(None)), ("failed", BadResult)}
        assert report.status == ("failed" if answer == 7 else "ok")
