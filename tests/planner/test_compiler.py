"""Plan text becomes a checked DAG, or a list of faults that say what to write instead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from planner import CompileErrors, Reference, ToolSpec, compile_plan


class Grep(BaseModel):
    pattern: str
    path: str = "."


class Read(BaseModel):
    path: str
    lines: list[int] = []


TOOLS = (ToolSpec("grep", "Search.", Grep, cost_s=2.0), ToolSpec("read", "Read.", Read, cost_s=1.0))


def faults(text: str) -> list[tuple[str, int]]:
    with pytest.raises(CompileErrors) as caught:
        compile_plan(text, TOOLS)
    return [(error.code, error.line) for error in caught.value.errors]


def test_a_reference_becomes_an_edge_and_ranks_follow_the_longest_chain() -> None:
    plan = compile_plan('hits = grep(pattern="x")\nbody = read(path=hits[0].path, lines=[1, hits.n])\n', TOOLS)
    hits, body = plan.calls
    assert hits.needs == ()
    assert body.needs == ("hits",)
    assert body.arguments["path"] == Reference("hits", (("index", 0), ("field", "path")))
    assert body.arguments["lines"] == [1, Reference("hits", (("field", "n"),))]
    assert (hits.rank, body.rank) == (3.0, 1.0)


def test_every_fault_of_a_plan_is_told_at_once_and_what_follows_from_one_is_not() -> None:
    text = """
a = grop(pattern="x")
b = read(path=a.path)
c = grep(patern="x")
c = grep(pattern="y")
d = read("x")
e = read(path=later)
f = read(path=open("x"))
g = read(path=b.__class__)
for x in b: pass
h = read(path=1)
"""
    assert faults(text) == [
        ("unknown-tool", 2),
        ("unknown-argument", 4),
        ("missing-argument", 4),
        ("assigned-twice", 5),
        ("positional", 6),
        ("missing-argument", 6),
        ("unknown-name", 7),
        ("not-a-value", 8),
        ("not-a-reference", 9),
        ("not-a-call", 10),
    ]
    assert faults("h = read(path=1)") == [("wrong-type", 1)]


def test_a_fault_names_what_to_write_instead() -> None:
    with pytest.raises(CompileErrors, match=r"line 1, column 4: there is no tool grop; did you mean grep\?"):
        compile_plan('a = grop(pattern="x")', TOOLS)


@pytest.mark.parametrize("text", ["(" * 100_000, "a = " + "-" * 50_000 + "1", "\0", "a = '\ud800'", "x" * (1 << 20)])
def test_a_monstrous_text_is_refused_like_any_other(text: str) -> None:
    assert faults(text)


@given(st.text(max_size=200))
def test_any_text_ends_in_a_plan_or_in_faults(text: str) -> None:
    try:
        compile_plan(text, TOOLS)
    except CompileErrors as errors:
        assert errors.errors
