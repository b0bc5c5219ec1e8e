"""A replay is the recorded run again, whatever the settings are by now and however that one ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.api.conftest import ISSUE, Runoff
from tests.api.test_model_resolve import script_of

pytestmark = pytest.mark.bubblewrap

LOOKS = [f'```python\nseen_{step} = grep(pattern="p{step}")\n```' for step in range(60)]
MENDS = (
    '```python\nmended = edit(path="halves.py", search="number * 2", replace="number // 2")\n'
    'tested = run_tests()\nfinish(answer="half")\n```'
)


def test_the_settings_of_a_run_are_kept_with_it(runoff: Runoff, repo: Path, tmp_path: Path) -> None:
    script = script_of(tmp_path / "script.json", [LOOKS[0], MENDS])
    given = {"RUNOFF_ANSWER_TOKENS": "99", "RUNOFF_WORKERS": "1"}
    ended = runoff("resolve", repo, "--issue", ISSUE, "--model", script, "--trajectories", "1", **given)
    assert ended.returncode == 0, ended.stderr
    replayed = runoff("replay", "last", RUNOFF_TRAJECTORIES="3", RUNOFF_PLAN_FORM="tools", RUNOFF_WORKERS="2")
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert "replayed 2 calls" in replayed.stdout


@pytest.mark.parametrize(("budget", "delay_s"), [("tokens=20k", 0.0), ("wall=15s", 1.5)])
def test_a_run_that_its_budget_ended(runoff: Runoff, repo: Path, tmp_path: Path, budget: str, delay_s: float) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"answers": LOOKS, "delay_s": delay_s}))
    given = {"RUNOFF_ANSWER_TOKENS": "256"}
    arguments = ["--issue", ISSUE, "--model", f"scripted:{script}", "--trajectories", "2", "--budget", budget]
    ended = runoff("resolve", repo, *arguments, **given)
    assert ended.returncode == 1, ended.stderr
    assert "used up" in ended.stdout
    calls = sum('"model.called"' in line for line in runoff("show", "last", "--journal").stdout.splitlines())
    assert calls
    replayed = runoff("replay", "last")
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert f"replayed {calls} calls" in replayed.stdout
    assert "no patch won, as then" in replayed.stdout
