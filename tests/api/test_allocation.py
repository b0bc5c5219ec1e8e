"""What a run of models buys next, from the command line: the same model, another one, or more rounds of what was cut."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import INTERPRETER, Runoff, git
from tests.api.test_model_resolve import script_of

pytestmark = pytest.mark.bubblewrap

BUDGET = ["--issue", "half(4) must give 2", "--budget", "wall=10m,tokens=1M"]


def edits(*replacements: str) -> list[str]:
    """Answers that each replace what the one before wrote, and run the tests."""
    before, answers = "number * 2", []
    for after in replacements:
        answers.append(
            f'Try this.\n```\ne = edit(path="halves.py", search="{before}", replace="{after}")\nr = run_tests()\n```'
        )
        before = after
    return answers


WRONG = edits("number * 3", "number * 4", "number * 5", "number * 6")
MENDED = edits("number // 2")[0].removesuffix("```") + 'finish(answer="half of it")\n```'


def decisions(runoff: Runoff) -> list[tuple[str, str]]:
    events = [json.loads(line) for line in runoff("show", "last", "--journal").stdout.splitlines()]
    return [(event["action"], event["what"]) for event in events if event["kind"] == "decision"]


def decided(state: Path) -> bool:
    if not (state / "runoff.db").exists():
        return False
    with closing(sqlite3.connect(state / "runoff.db")) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'events'").fetchone():
            return False
        return bool(connection.execute("SELECT 1 FROM events WHERE kind = 'decision'").fetchone())


def ended(runoff: Runoff) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in runoff("show", "last", "--journal").stdout.splitlines()]
    return [event for event in events if event["kind"] == "trajectory.ended"]


def late(tmp_path: Path) -> str:
    """A model whose fifth round mends it, one more than a trajectory has."""
    last = MENDED.replace("number * 2", "number * 6")
    return script_of(tmp_path / "late.json", [*WRONG, last])


def test_a_trajectory_that_was_cut_goes_on_when_no_other_is_allowed(runoff: Runoff, repo: Path, tmp_path: Path) -> None:
    done = runoff("resolve", repo, *BUDGET, "--model", late(tmp_path), RUNOFF_TRAJECTORIES="1")
    assert done.returncode == 0, done.stderr + done.stdout
    assert decisions(runoff)[0] == ("deepen", "")
    first, second = ended(runoff)
    assert (first["why"], first["cut"], first["depth"], first["turns"]) == ("4 rounds of edits and tests", True, 0, 4)
    assert (second["why"], second["cut"], second["depth"], second["turns"]) == ("finished", False, 1, 5)
    replayed = runoff("replay", "last", RUNOFF_TRAJECTORIES="1")
    assert replayed.returncode == 0, replayed.stderr + replayed.stdout
    assert "replayed 5 calls" in replayed.stdout


def test_a_deepening_that_is_killed_goes_on_and_loses_nothing(runoff: Runoff, repo: Path, tmp_path: Path) -> None:
    model, state = late(tmp_path), tmp_path / "state"
    variables = {**INTERPRETER, "RUNOFF_TRAJECTORIES": "1", "RUNOFF_STATE_DIR": str(state)}
    command = [sys.executable, "-m", "api", "resolve", str(repo), *BUDGET, "--model", model]
    process = subprocess.Popen(command, env=os.environ | variables, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if decided(state):
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = runoff("resume", "last", RUNOFF_TRAJECTORIES="1")
    assert done.returncode == 0, done.stderr + done.stdout
    assert [each["depth"] for each in ended(runoff)][-1] == 1
    events = [json.loads(line) for line in runoff("show", "last", "--journal").stdout.splitlines()]
    assert [event["step"] for event in events if event["kind"] == "model.called"] == [0, 1, 2, 3, 4]


def test_another_model_is_asked_where_the_first_has_failed(runoff: Runoff, repo: Path, tmp_path: Path) -> None:
    poor = script_of(tmp_path / "poor.json", ["I do not know."] * 10)
    good = script_of(tmp_path / "good.json", [MENDED])
    done = runoff("resolve", repo, *BUDGET, "--model", poor, "--other-model", good, RUNOFF_WORKERS="2")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "turning to good: the winner is correct with" in done.stderr + done.stdout
    assert decisions(runoff)[0] == ("switch", "good")
    assert [each["model"] for each in ended(runoff)][:3] == ["poor", "poor", "good"]
    replayed = runoff("replay", "last", RUNOFF_WORKERS="2")
    assert replayed.returncode == 0, replayed.stderr + replayed.stdout


def test_another_model_is_not_asked_where_the_first_does_well(runoff: Runoff, repo: Path, tmp_path: Path) -> None:
    good = script_of(tmp_path / "good.json", [MENDED])
    other = script_of(tmp_path / "other.json", [MENDED])
    done = runoff("resolve", repo, *BUDGET, "--model", good, "--other-model", other, RUNOFF_WORKERS="2")
    assert done.returncode == 0, done.stderr + done.stdout
    assert {each["model"] for each in ended(runoff)} == {"good"}


def test_another_model_that_cannot_be_used_is_told_before_any_work(runoff: Runoff, repo: Path, tmp_path: Path) -> None:
    good = script_of(tmp_path / "good.json", [MENDED])
    missing = runoff("resolve", repo, *BUDGET, "--model", good, "--other-model", f"scripted:{tmp_path / 'none.json'}")
    assert missing.returncode == 2
    assert "none.json" in missing.stderr
    (tmp_path / "again").mkdir()
    twice = script_of(tmp_path / "again" / "good.json", [MENDED])
    refused = runoff("resolve", repo, *BUDGET, "--model", good, "--other-model", twice)
    assert refused.returncode == 2
    assert "two models are named good" in refused.stderr
    git(repo, "status")  # still a repository of the user's, untouched
