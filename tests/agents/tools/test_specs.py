"""What a prompt, a server and the compiler know of the tools, and that the scheduler runs what they promise."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from agents.tools import FINISH, SPECS, Notes
from executor.scheduler import Scheduler
from planner import CompileErrors, compile_plan, openai_tools, plan_schema, prompt_text
from tests.agents.tools.conftest import Begin


def needs(text: str) -> dict[str, dict[str, str]]:
    return {call.name: dict(call.needs) for call in compile_plan(text, SPECS).calls}


def test_the_tools_and_their_order_are_pinned() -> None:
    """They stand in the prefix that all trajectories share."""
    assert [spec.name for spec in SPECS] == [
        "grep", "find_files", "read", "outline", "find_symbol", "find_references", "edit", "create", "delete", "apply_patch",
        "run", "run_tests", "diff", "note", "recall", "more", "finish",
    ]  # fmt: skip
    assert FINISH is SPECS[-1]
    assert prompt_text(SPECS) == prompt_text(SPECS)
    for spec in SPECS:
        assert spec.doc.endswith(".")
        assert all(info.description for info in spec.arguments.model_fields.values())
        required = [info.is_required() for info in spec.arguments.model_fields.values()]
        assert required == sorted(required, reverse=True)
    lengths = re.findall(r'"maxLength": (\d+)', json.dumps([openai_tools(SPECS), plan_schema(SPECS)]))
    assert max(map(int, lengths)) <= 8000


def test_a_text_beyond_all_bounds_is_refused_before_the_tool_runs() -> None:
    with pytest.raises(CompileErrors, match="send it in parts"):
        compile_plan(f'a = create(path="a", content="{"x" * 2_000_001}")', SPECS)


def test_references_into_results_are_checked_when_the_plan_is_compiled() -> None:
    good = """
hits = grep(pattern="def parse")
body = read(path=hits[0].path, first=hits[0].line)
again = read(path=hits.hits[1].path)
defs = find_symbol(name="parse")
part = read(path=defs[0].path, first=defs[0].line, last=defs[0].end_line)
tests = run_tests(selector="tests/test_a.py")
out = run(command=f"cat {hits[0].path}")
rest = more(id=out.more, start=100)
note = note(topic="why", text=tests.failures[0].message)
finish(answer=body.text)
"""
    compile_plan(good, SPECS)
    for bad in ("hits[0].file", "hits.total.x", "hits[0][0]", "hits.first"):
        with pytest.raises(CompileErrors):
            compile_plan(f'hits = grep(pattern="x")\nbody = read(path={bad})', SPECS)


def test_effects_order_what_touches_the_same_files_and_nothing_else() -> None:
    found = needs("""
one = edit(path="a.py", search="x", replace="y")
two = edit(path="./b.py", search="x", replace="y")
see = read(path="/workspace/b.py")
other = read(path="c.py")
py = grep(pattern="x", glob="*.py", path="src")
tests = run_tests()
late = edit(path="c.py", search="x", replace="y")
""")
    assert found["one"] == found["two"] == found["other"] == found["py"] == {}
    assert set(found["see"]) == {"two"}
    assert set(found["tests"]) == {"one", "two"}
    assert set(found["late"]) == {"other", "tests"}
    everything = needs('a = read(path="a")\nb = run(command="make")\nc = read(path="a")')
    assert (set(everything["b"]), set(everything["c"])) == ({"a"}, {"b"})
    patch = "--- a/x.py\\n+++ b/x.py\\n@@ -1 +1 @@\\n-a\\n+b\\n"
    assert set(needs(f'a = apply_patch(patch="{patch}")\nb = read(path="x.py")\nc = read(path="y.py")')["c"]) == set()
    notes = needs('a = note(topic="t", text="x")\nb = recall()\nc = note(topic="u", text="y")\nd = recall(topic="t")')
    assert set(notes["b"]) == {"a"}
    assert set(notes["d"]) == {"a"}


@pytest.mark.bubblewrap
async def test_the_scheduler_runs_what_a_plan_says(begin: Begin) -> None:
    work = await begin({"src/a.py": "def parse(text):\n    return text\n\nparse('x')\n"})
    assert set(work.toolbox.tools) == {spec.name for spec in SPECS} - {"finish"}
    plan = compile_plan(
        """
hits = grep(pattern="def parse")
body = read(path=hits[0].path)
uses = find_references(name="parse")
look = outline(path=hits[0].path)
done = edit(path="src/a.py", search="return text\\n", replace="return text.strip()\\n")
new = read(path="src/a.py")
out = run(command="cat src/a.py; seq 1 9000")
rest = more(id=out.more)
keep = note(topic="where", text="src/a.py")
all = recall()
bad = edit(path="src/a.py", search="nothing like it", replace="x")
""",
        SPECS,
    )
    execution = await Scheduler(work.toolbox.tools).run(plan)
    assert {name: report.status for name, report in execution.calls.items() if report.status != "ok"} == {
        "bad": "failed",
    }
    assert "strip" not in execution.result("body").text
    assert "strip" in execution.result("new").text
    for call in plan.calls:
        report = execution.calls[call.name]
        if call.tool is None or report.status != "ok":
            continue
        assert isinstance(report.result, BaseModel)
        assert report.result.as_text()  # type: ignore[attr-defined]
        assert call.tool.result is not None
        data = call.tool.result.dump_json(report.result)
        assert call.tool.result.validate_json(data) == report.result  # as a store of results gives it back


def test_notes_outlive_the_process_and_are_the_same_when_written_twice(tmp_path: Path) -> None:
    notes = Notes()
    for _ in range(2):
        notes.note("why", "a bug")
        notes.note("gone", "x")
        notes.note("gone", " ")
    again = Notes(json.loads(json.dumps(notes.as_data())))
    assert again.as_text() == "why: a bug"
    assert again.recall("why")[0].text == "a bug"
