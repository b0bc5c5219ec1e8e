"""`runoff plan` explains a plan before its execution, and what a run's plans did after it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.api.conftest import ISSUE, Runoff

TOOLS = """
[read]
arguments = { path = "str" }
reads = ["path"]
[edit]
arguments = { path = "str" }
writes = ["path"]
"""
PLAN = 'a = read(path="x")\nb = edit(path="x")\nc = read(path="y")\n'


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    path = tmp_path / "tools.toml"
    path.write_text(TOOLS)
    return path


def test_a_plan_is_explained_in_every_format(runoff: Runoff, tools: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.txt"
    plan.write_text(PLAN)
    shown = runoff("plan", plan, "--tools", tools)
    assert shown.returncode == 0, shown.stderr
    assert "waits: writes after read a" in shown.stdout
    assert "at most 2 at once" in shown.stdout
    explained = json.loads(runoff("plan", plan, "--tools", tools, "--format", "json").stdout)
    assert explained["critical_path"] == ["a", "b"]
    for name, sign in {"mermaid": "flowchart", "dot": "digraph", "gantt": "|##"}.items():
        assert sign in runoff("plan", plan, "--tools", tools, "--format", name).stdout


def test_each_fault_of_a_plan_is_shown_with_its_place(runoff: Runoff, tools: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.txt"
    plan.write_text('a = raed(path="x")\nb = edit(pth="x")\n')
    refused = runoff("plan", plan, "--tools", tools)
    assert refused.returncode == 2
    assert f"{plan}: line 1, column 5: there is no tool raed; did you mean read? [unknown-tool]" in refused.stderr
    assert "did you mean path?" in refused.stderr
    refused = runoff("plan", plan, "--tools", tools, "--format", "json")
    assert refused.returncode == 2
    told = json.loads(refused.stdout)["errors"]
    assert [(each["code"], each["line"], each["column"]) for each in told] == [
        ("unknown-tool", 1, 5),
        ("unknown-argument", 2, 14),
        ("missing-argument", 2, 5),
    ]


def test_the_plan_of_the_documentation_is_one_for_the_tools_of_a_trajectory(runoff: Runoff, tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "plans.md").read_text()
    plan = tmp_path / "plan.txt"
    plan.write_text(text.split("```")[1])
    shown = runoff("plan", plan)
    assert shown.returncode == 0, shown.stderr
    assert "waits: uses hits, writes after read body" in shown.stdout
    assert "critical path (*): hits -> body -> fix -> tests" in shown.stdout
    tools = tmp_path / "tools.toml"
    tools.write_text(text.split("```toml\n")[1].split("```")[0])
    assert "hits -> body -> fix -> tests" in runoff("plan", plan, "--tools", tools).stdout
    tools.write_text('[look]\narguments = { model_config = "str" }\n')
    refused = runoff("plan", plan, "--tools", tools)
    assert f"{tools}: tool look: argument model_config" in refused.stderr
    assert "the plan or the tools, not both" in runoff("plan", "-", "--tools", "-").stderr


@pytest.mark.parametrize("arguments", [["plan"], ["plan", "nothing"], ["plan", "nothing", "--tools", "nothing"]])
def test_what_cannot_be_read_is_told_in_a_few_words(runoff: Runoff, arguments: list[str]) -> None:
    refused = runoff(*arguments)
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr


@pytest.mark.bubblewrap
def test_the_plan_of_a_run_is_shown_with_actual_times(runoff: Runoff, repo: Path) -> None:
    assert runoff("resolve", repo, "--issue", ISSUE).returncode == 0
    shown = runoff("plan", "--run", "last")
    assert shown.returncode == 0, shown.stderr
    assert "plan first:" in shown.stdout
    assert "actual: ok" in shown.stdout
    assert "critical path (*): base -> first -> tests -> traced -> suspects" in shown.stdout
    gantt = runoff("plan", "--run", "last", "--format", "gantt").stdout
    assert "suspects |" in gantt
