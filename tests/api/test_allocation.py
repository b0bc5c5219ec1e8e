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


def happened(state: Path, kind: str) -> bool:
    if not (state / "runoff.db").exists():
        return False
    with closing(sqlite3.connect(state / "runoff.db")) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'events'").fetchone():
            return False
        return bool(connection.execute("SELECT 1 FROM events WHERE kind = ?", (kind,)).fetchone())


def killed(state: Path, kind: str, *arguments: object, **variables: str) -> None:
    """Run the command line, and end it with SIGKILL once an event of a kind is in its journal."""
    environment = os.environ | INTERPRETER | {"RUNOFF_STATE_DIR": str(state)} | variables
    command = [sys.executable, "-m", "api", *map(str, arguments)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while process.poll() is None and not happened(state, kind) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


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
    assert (first["why"], first["cut"], first["goes_on"], first["turns"]) == (
        "4 rounds of edits and tests",
        True,
        False,
        4,
    )
    assert (second["why"], second["cut"], second["goes_on"], second["turns"]) == ("finished", False, True, 5)
    replayed = runoff("replay", "last", RUNOFF_TRAJECTORIES="1")
    assert replayed.returncode == 0, replayed.stderr + replayed.stdout
    assert "replayed 5 calls" in replayed.stdout


def test_a_deepening_that_is_killed_goes_on_and_loses_nothing(runoff: Runoff, repo: Path, tmp_path: Path) -> None:
    asked = ["resolve", repo, *BUDGET, "--model", late(tmp_path)]
    killed(tmp_path / "state", "decision", *asked, RUNOFF_TRAJECTORIES="1")
    done = runoff("resume", "last", RUNOFF_TRAJECTORIES="1")
    assert done.returncode == 0, done.stderr + done.stdout
    assert ended(runoff)[-1]["goes_on"]
    events = [json.loads(line) for line in runoff("show", "last", "--journal").stdout.splitlines()]
    assert [event["step"] for event in events if event["kind"] == "model.called"] == [0, 1, 2, 3, 4]


def test_no_wave_is_bought_twice_by_a_run_that_goes_on(runoff: Runoff, repo: Path, tmp_path: Path) -> None:
    variables = {"RUNOFF_TRAJECTORIES": "4", "RUNOFF_WORKERS": "1"}
    asked = ["resolve", repo, *BUDGET, "--model", script_of(tmp_path / "good.json", [MENDED])]
    killed(tmp_path / "state", "ballots", *asked, **variables)
    done = runoff("resume", "last", **variables)
    assert done.returncode == 0, done.stderr + done.stdout
    events = [json.loads(line) for line in runoff("show", "last", "--journal").stdout.splitlines()]
    bought = sum(event["samples"] for event in events if event["kind"] == "decision")
    assert len({each["trajectory"] for each in ended(runoff)}) == 1 + bought


def test_a_trajectory_goes_on_once(runoff: Runoff, repo: Path, tmp_path: Path) -> None:
    wrong = edits(*(f"number * {factor}" for factor in range(3, 20)))
    model = script_of(tmp_path / "wrong.json", wrong)
    asked = ["--issue", "half(4) must give 2", "--budget", "wall=5m", "--model", model]
    runoff("resolve", repo, *asked, RUNOFF_TRAJECTORIES="1")
    assert [(each["goes_on"], each["turns"]) for each in ended(runoff) if each["trajectory"] == "1"] == [
        (False, 4),
        (True, 8),
    ]


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


def test_patches_with_which_the_failing_test_fails_still_are_not_enough(
    runoff: Runoff, repo: Path, tmp_path: Path
) -> None:
    wrong = script_of(tmp_path / "wrong.json", edits(*(f"number * {factor}" for factor in range(3, 20))))
    good = script_of(tmp_path / "good.json", [MENDED])
    asked = ["--issue", "half(4) must give 2", "--budget", "wall=5m,candidates=40", "--model", wrong]
    done = runoff("resolve", repo, *asked, "--other-model", good, RUNOFF_WORKERS="1", RUNOFF_TRAJECTORIES="3")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "mended: tests/test_halves.py::test_half" in done.stdout


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
    first = runoff("resolve", repo, *BUDGET, "--other-model", good)
    assert first.returncode == 2
    assert "name it with --model" in first.stderr
    (tmp_path / "again").mkdir()
    twice = script_of(tmp_path / "again" / "good.json", [MENDED])
    refused = runoff("resolve", repo, *BUDGET, "--model", good, "--other-model", twice)
    assert refused.returncode == 2
    assert "two models are named good" in refused.stderr
    git(repo, "status")  # still a repository of the user's, untouched
