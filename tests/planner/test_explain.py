"""EXPLAIN shows what the passes made of a plan, and after its execution what it did."""

from __future__ import annotations

import json

import pytest

from planner import VOLATILE, Timing, ToolSpec, always, compile_plan, explain
from planner.render import FORMATS
from tests.planner.tools import TOOLS, Nothing

TEXT = """
hits = grep(pattern="x")
again = grep(pattern="x", path=".")
body = read(path=hits[0].path)
fix = edit(path="src/a.py", search="a", replace=f"{body.text}")
tests = run_tests()
lost = think(of=1)
finish(answer=tests, first=again[0].path)
"""


def test_an_explanation_has_edges_costs_path_and_parallelism() -> None:
    explained = explain(compile_plan(TEXT, TOOLS))
    calls = {call.name: call for call in explained.calls}
    assert calls["fix"].needs == {"body": "uses", "hits": "writes after read"}
    assert calls["tests"].needs == {"fix": "reads after"}
    assert (calls["tests"].earliest_s, explained.critical_path_s, explained.work_s) == (4.0, 14.0, 14.0)
    assert explained.critical_path == ["hits", "body", "fix", "tests"]
    assert explained.parallelism == 1
    assert explained.merged == {"again": "hits"}
    assert explained.pruned == ["lost"]
    assert explained.end == "finish(answer=tests, first=hits[0].path)"


def test_after_an_execution_it_has_actual_times() -> None:
    plan = compile_plan("a = ask()\nb = ask()\nc = think(of=[a, b])", TOOLS)
    timings = {
        "a": Timing(status="ok", ready_s=0, started_s=0, ended_s=2),
        "b": Timing(status="ok", ready_s=0, started_s=1, ended_s=4),
        "c": Timing(status="failed", ready_s=4, started_s=4, ended_s=4.5),
    }
    explained = explain(plan, timings)
    assert (explained.actual_s, explained.actual_parallelism, explained.actual_critical_path_s) == (4.5, 2, 3.5)
    text = FORMATS["text"](explained)
    assert "actual: ok, 3 s from 1 s, waited 1 s for a slot" in text
    gantt = FORMATS["gantt"](explained).splitlines()
    assert [line.split("|")[1].strip()[:1] for line in gantt[:3]] == ["#", ".", "#"]


def test_calls_of_which_one_waits_for_the_other_are_not_at_once_even_if_they_cost_nothing() -> None:
    free = ToolSpec("free", "", Nothing, "host", 0.0, always(VOLATILE))
    chain = ToolSpec("chain", "", Nothing, "host", 0.0)
    plan = compile_plan(
        "a = chain()\nb = chain()\nc = chain()\n" + "".join(f"d{n} = free()\n" for n in range(4)), [free, chain]
    )
    assert explain(plan).parallelism == 4
    assert explain(compile_plan("a = chain()\nb = chain()\nc = chain()", [chain])).parallelism == 1


def test_a_merged_call_did_not_run() -> None:
    plan = compile_plan("a = think(of=1)\nb = think(of=1)\nc = think(of=a)", TOOLS)
    once = Timing(status="ok", ended_s=1)
    timings = {"a": once, "b": once, "c": Timing(status="ok", ready_s=1, started_s=1, ended_s=2)}
    assert explain(plan, timings).actual_parallelism == 1


def test_a_chart_of_an_execution_shows_what_ran_however_short_and_nothing_of_what_did_not() -> None:
    plan = compile_plan("a = ask()\nb = think(of=a)\nc = think(of=b)\nd = ask()", TOOLS)
    timings = {
        "a": Timing(status="ok", ended_s=0.001),
        "b": Timing(status="cancelled", ready_s=0.001, started_s=0.001, ended_s=10),
        "c": Timing(status="skipped"),
    }
    lines = FORMATS["gantt"](explain(plan, timings)).splitlines()[:4]
    assert [line.split("|")[1].strip() for line in lines] == ["#", "#" * 60, "", ""]
    assert [line.split("|")[2].strip() for line in lines] == ["1 ms ok", "10 s cancelled", "0 s skipped", "0 s"]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_shows_every_call(name: str) -> None:
    shown = FORMATS[name](explain(compile_plan(TEXT, TOOLS)))
    for call in ("hits", "body", "fix", "tests"):
        assert call in shown
    if name == "json":
        assert json.loads(shown)["critical_path_s"] == 14.0


def test_what_a_plan_holds_cannot_break_a_drawing() -> None:
    text = "end = think(of='\"]; <script> `x` \\\\ \\n')\nsubgraph = think(of=end)"
    explained = explain(compile_plan(text, TOOLS))
    mermaid, dot = FORMATS["mermaid"](explained), FORMATS["dot"](explained)
    assert '\\"' not in mermaid
    assert "c_end_0 --> c_subgraph_1" in mermaid
    assert len([line for line in mermaid.splitlines() if line.count('"') % 2]) == 0
    assert "c_end_0 -> c_subgraph_1" in dot
