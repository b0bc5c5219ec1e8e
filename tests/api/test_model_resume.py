"""A run of a model that is killed again and again ends as an undisturbed one, and pays for no answer twice."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import INTERPRETER, Runoff, left_behind
from tests.api.test_model_resolve import MAILROOM, repository, script_of

pytestmark = pytest.mark.bubblewrap
ENV = {"RUNOFF_TRAJECTORIES": "2"}


def begun(state: Path) -> int:
    """How often a process has begun to work on the run."""
    if not (state / "runoff.db").exists():
        return 0
    with closing(sqlite3.connect(state / "runoff.db")) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'events'").fetchone():
            return 0
        return int(connection.execute("SELECT count(*) FROM events WHERE kind = 'run.opened'").fetchone()[0])


def killed(arguments: list[str], state: Path, after_s: float) -> int:
    """Run the command line, and end it with SIGKILL so long after it has begun to work, unless it ends before; its exit
    code."""
    before = begun(state)
    environment = os.environ | INTERPRETER | ENV | {"RUNOFF_STATE_DIR": str(state)}
    process = subprocess.Popen(
        [sys.executable, "-m", "api", *arguments], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while process.poll() is None and begun(state) == before:
        time.sleep(0.02)
    try:
        return process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def told(output: Path) -> dict[str, Any]:
    """A verdict without what it cost, and without which of two equal trajectories came first."""
    verdict = json.loads(re.sub(r"trajectory \d+", "a trajectory", (output / "verdict.json").read_text()))
    del verdict["cost"]
    return dict(verdict)


@pytest.mark.parametrize(("kills", "within_s"), [(3, 5.0), pytest.param(30, 1.0, marks=pytest.mark.slow)])
def test_a_run_that_is_killed_at_random_moments_ends_like_an_undisturbed_one(
    runoff: Runoff, tmp_path: Path, kills: int, within_s: float
) -> None:
    issue = repository("mailroom", tmp_path / "repo")
    model = script_of(tmp_path / "script.json", MAILROOM)
    begin = ["resolve", str(tmp_path / "repo"), "--issue", issue, "--model", model, "--budget", "wall=20m"]
    assert runoff(*begin, "-o", tmp_path / "undisturbed", state=tmp_path / "other", **ENV).returncode == 0

    state, chance = tmp_path / "state", random.Random(kills)
    code, done = killed(begin, state, within_s * chance.random()), 1
    assert code == -signal.SIGKILL
    while done < kills and code == -signal.SIGKILL:
        code, done = killed(["resume", "last"], state, within_s * chance.random()), done + 1
    assert done == kills or within_s > 1  # with little time between them, it does not end before the last of them
    if code == -signal.SIGKILL:
        ended = runoff("resume", "last", "-o", tmp_path / "out", **ENV)
        assert ended.returncode == 0, ended.stderr
        assert told(tmp_path / "out") == told(tmp_path / "undisturbed")
    journal = [json.loads(line) for line in runoff("show", "last", "--journal").stdout.splitlines()]
    asked = Counter((event["trajectory"], event["step"]) for event in journal if event["kind"] == "model.called")
    assert asked == {(str(number), step): 1 for number in (1, 2) for step in range(len(MAILROOM))}
    deadline = time.monotonic() + 5  # of the processes that were killed
    while left_behind(state) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left_behind(state) == []
