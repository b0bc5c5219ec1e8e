"""Calls wait for each other where they touch the same files, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from planner import ALL, Effects, Plan, ToolSpec, compile_plan
from planner.paths import may_overlap, segments, simplified
from tests.planner.tools import TOOLS


def needs(text: str) -> dict[str, dict[str, str]]:
    return {call.name: dict(call.needs) for call in compile_plan(text, TOOLS).calls}


def test_reads_wait_for_writes_of_what_they_read_and_writes_for_both() -> None:
    assert needs(
        "a = read(path='src/x.py')\n"
        "b = edit(path='src/x.py')\n"
        "c = read(path='./src//x.py')\n"
        "d = edit(path='src/x.py', search='1')\n"
        "e = edit(path='src/y.py')\n"
    ) == {
        "a": {},
        "b": {"a": "writes after read"},
        "c": {"b": "reads after"},
        "d": {"c": "writes after read"},
        "e": {},
    }


def test_a_directory_stands_for_everything_below_it() -> None:
    found = needs("a = edit(path='src/x.py')\nb = grep(pattern='x', path='src')\nc = grep(pattern='x', path='docs')\n")
    assert found == {"a": {}, "b": {"a": "reads after"}, "c": {}}
    found = needs("a = read(path='src/x.py')\nb = move(source='src', target='lib')\nc = read(path='lib/x.py')\n")
    assert found == {"a": {}, "b": {"a": "writes after read"}, "c": {"b": "reads after"}}


def test_globs_touch_what_they_match() -> None:
    found = needs(
        "a = edit(path='src/x.py')\n"
        "b = edit(path='src/x.md')\n"
        "c = grep(pattern='x', path='src/*.py')\n"
        "d = edit(path='src/y.py')\n"
        "e = edit(path='src/y.md')\n"
        "f = grep(pattern='x', path='src/y.*')\n"
    )
    assert found["c"] == {"a": "reads after"}
    assert found["d"] == {"c": "writes after read"}
    assert found["e"] == {}
    assert found["f"] == {"d": "reads after", "e": "reads after"}


@pytest.mark.parametrize(
    "glob", ["src/[^a].py", "src/[!a].py", "src/[[:alpha:]].py", "src/**/**/b.py", "*/" * 40 + "b.py"]
)
def test_what_a_glob_may_match_is_waited_for_and_no_read_is_merged_across_it(glob: str) -> None:
    plan = compile_plan(
        f"a = grep(pattern='x', path={glob!r})\nb = edit(path='src/b.py')\nc = grep(pattern='x', path={glob!r})", TOOLS
    )
    assert not plan.merged
    assert {call.name: dict(call.needs) for call in plan.calls} == {
        "a": {},
        "b": {"a": "writes after read"},
        "c": {"b": "reads after"},
    }


@pytest.mark.parametrize("glob", ["[" * 200_000, "**/" * 5000 + "x", "a*" * 100_000, "*/" * 5000])
def test_a_long_glob_is_compared_in_no_time(glob: str) -> None:
    text = f"a = grep(pattern='x', path={glob!r})\nb = edit(path={'a/' * 1000 + 'b'!r})\n"
    assert needs(text)["b"] == {"a": "writes after read"}


def test_what_is_only_known_at_run_time_may_be_every_path() -> None:
    found = needs("a = grep(pattern='x')\nb = edit(path=a[0].path)\nc = read(path='x')\nd = read(path='../x')\n")
    assert found["b"] == {"a": "uses"}
    assert found["c"] == {"b": "reads after"}
    assert found["d"] == {"b": "reads after"}


def test_an_exclusive_call_runs_alone() -> None:
    found = needs("a = ask()\nb = read(path='x')\nc = think(of=b.text)\nd = run()\ne = ask()\nf = think(of=c)\n")
    assert found["d"] == {"a": "alone", "c": "alone"}
    assert found["e"] == {"d": "alone"}
    assert found["f"] == {"c": "uses", "d": "alone"}


def test_a_call_never_waits_for_itself() -> None:
    text = (
        "".join(f"r{n} = read(path='x', lines=[{n}])\n" for n in range(20))
        + "a = edit(path='x')\nb = move(source='x', target='y')\n"
    )
    plan = compile_plan(text, TOOLS)
    before: set[str] = set()
    for call in plan.calls:
        assert set(call.needs) <= before
        before.add(call.name)


# -- the law: whatever two Calls conflict, one of them waits for the other, directly or not --


class Touch(BaseModel):
    reads: list[str] = []
    writes: list[str] = []
    alone: bool = False
    n: int = 0


def touched(arguments: object) -> Effects:
    assert isinstance(arguments, dict)
    found = Touch.model_validate(arguments)
    return Effects(tuple(found.reads), tuple(found.writes), exclusive=found.alone)


TOUCH = ToolSpec("touch", "", Touch, effects=touched)
PARTS = st.sampled_from(["a", "b", "*", "a*", "**", "?", "[ab]", "[^a]", "[!a]", "..", "."])
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join) | st.sampled_from(
    ["a", "a/b", "a/b/a", "b", ALL, "/a", ""]
)
TOUCHES = st.builds(
    Touch,
    reads=st.lists(PATHS, max_size=2),
    writes=st.lists(PATHS, max_size=2),
    alone=st.sampled_from([False] * 9 + [True]),
)


def conflict(one: Touch, other: Touch) -> bool:
    pairs = [(a, b) for a in one.writes for b in [*other.reads, *other.writes]] + [
        (a, b) for a in one.reads for b in other.writes
    ]
    return one.alone or other.alone or any(overlap(a, b) for a, b in pairs)


def overlap(a: str, b: str) -> bool:
    """What it must find at least: some path of a small universe that both name, or a literal one that is the other's
    directory."""
    return bool(named(a) & named(b))


UNIVERSE = [(x, y, z) for x in "ab" for y in "ab" for z in "ab"]


def named(path: str) -> set[tuple[str, ...]]:
    """The files of the universe that a path stands for, spelled out naively."""
    if path.startswith("/") or ".." in path.split("/"):
        return set(UNIVERSE)
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return {file for file in UNIVERSE if any(matches(parts, file[:n]) for n in range(4))}


def matches(pattern: list[str], parts: tuple[str, ...]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(matches(pattern[1:], parts[n:]) for n in range(len(parts) + 1))
    first = {"*": "ab", "?": "ab", "[ab]": "ab", "[^a]": "b", "[!a]": "b", "a*": "a"}.get(pattern[0], pattern[0])
    return bool(parts) and parts[0] in first and matches(pattern[1:], parts[1:])


def ancestors(plan: Plan) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for call in plan.calls:
        found[call.name] = {name for need in call.needs for name in (need, *found[need])}
    return found


@given(st.lists(TOUCHES, max_size=30))
def test_of_two_calls_that_conflict_the_later_waits_for_the_earlier(touches: list[Touch]) -> None:
    text = "".join(
        f"c{n} = touch(reads={t.reads}, writes={t.writes}, alone={t.alone}, n={n})\n" for n, t in enumerate(touches)
    )
    if not touches:
        return
    before = ancestors(compile_plan(text, [TOUCH]))
    for later, one in enumerate(touches):
        for earlier in range(later):
            if conflict(touches[earlier], one):
                assert f"c{earlier}" in before[f"c{later}"], (touches[earlier], one)


@given(PATHS, PATHS)
def test_globs_overlap_at_least_where_some_file_is_named_by_both(glob: str, path: str) -> None:
    if overlap(glob, path) and not set("*?[") & set(path):
        assert may_overlap(simplified(segments(glob)), segments(path))


def test_unrelated_calls_do_not_wait() -> None:
    text = "".join(f"c{n} = touch(reads=['d{n}/x'], writes=['d{n}/y'])\n" for n in range(50))
    assert all(not call.needs for call in compile_plan(text, [TOUCH]).calls)
