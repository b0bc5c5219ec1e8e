"""Patches that pass every test and still differ: somebody who knows is asked, at a terminal or over REST."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.api.conftest import INTERPRETER, Runoff, commit, left_behind
from tests.api.test_service import service  # noqa: F401  (a fixture)

pytestmark = pytest.mark.bubblewrap

PRICE = "def price(quantity):\n    return quantity * 5\n"
TEST = "from shop import price\n\n\ndef test_two():\n    assert price(2) == 4\n\n\ndef test_none():\n    assert price(0) == 0\n"
ISSUE = "an order of two costs 4"


@pytest.fixture
def shop(repo: Path) -> Path:
    """One test fails, and two programs mend it: quantity * 2, and quantity * quantity."""
    (repo / "shop.py").write_text(PRICE)
    (repo / "tests" / "test_halves.py").unlink()
    (repo / "tests" / "test_shop.py").write_text(TEST)
    commit(repo)
    return repo


def asked(shop: Path, state: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "api", "resolve", shop, "--issue", ISSUE, "--ask", "--json"],
        env=os.environ | INTERPRETER | {"RUNOFF_STATE_DIR": str(state)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(("right", "step"), [("2", "`5` becomes `2`"), ("1", "`5` becomes `quantity`")])
def test_the_answer_decides(shop: Path, tmp_path: Path, right: str, step: str) -> None:
    process = asked(shop, tmp_path / "state")
    assert process.stdin is not None
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if line.strip() == f"1  {right}" or line.strip() == f"2  {right}":
            answer = line.split()[0]
        if line.startswith("The number"):
            process.stdin.write(f"7\n{answer}\n")
            process.stdin.flush()
            break
    out, rest = process.communicate(timeout=120)
    assert process.returncode == 0, "".join(said) + rest
    assert "'7' is none of them" in rest
    verdict = json.loads(out)
    winner = next(each for each in verdict["candidates"] if each["id"] == verdict["winner"])
    assert step in winner["step"]
    assert any(probe["id"] == f"the person asked says: price(1) is {right}" for probe in verdict["probes"])


def test_that_none_is_right_means_that_none_wins(shop: Path, tmp_path: Path) -> None:
    process = asked(shop, tmp_path / "state")
    out, errors = process.communicate("n\n", timeout=120)
    assert process.returncode == 1, errors
    assert json.loads(out)["winner"] is None
    assert "price(1) is none of 1, 2" in json.loads(out)["reason"]


@pytest.mark.parametrize("reply", ["", "\n"])
def test_nobody_knowing_loses_nothing(shop: Path, tmp_path: Path, reply: str) -> None:
    process = asked(shop, tmp_path / "state")
    out, errors = process.communicate(reply, timeout=120)
    assert process.returncode == 0, errors
    assert json.loads(out)["winner"]
    assert not left_behind(tmp_path / "state")


def test_an_interrupt_while_it_waits_ends_with_the_best_so_far(shop: Path, tmp_path: Path, runoff: Runoff) -> None:
    process = asked(shop, tmp_path / "state")
    assert process.stderr is not None
    while not process.stderr.readline().startswith("The number"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert json.loads(out)["winner"]
    assert not left_behind(tmp_path / "state")
    resumed = subprocess.run(
        [sys.executable, "-m", "api", "resume", "last", "--json"],
        env=os.environ | INTERPRETER | {"RUNOFF_STATE_DIR": str(tmp_path / "state")},
        input="1\n",
        capture_output=True,
        text=True,
    )
    assert resumed.returncode == 0, resumed.stderr
    assert any("the person asked says" in probe["id"] for probe in json.loads(resumed.stdout)["probes"])


def test_without_ask_the_verdict_says_what_could_be_asked(shop: Path, runoff: Runoff) -> None:
    ended = runoff("resolve", shop, "--issue", ISSUE)
    assert ended.returncode == 0, ended.stderr
    assert "price(1) is 1 or 2; --ask lets you say" in ended.stdout


def test_ask_needs_a_free_standard_input(shop: Path, runoff: Runoff) -> None:
    ended = runoff("resolve", shop, "--issue", "-", "--ask")
    assert ended.returncode == 2
    assert "standard input holds the issue" in ended.stderr


def test_over_rest_the_run_waits_in_a_state_of_its_own(service: httpx.Client, shop: Path) -> None:  # noqa: F811
    run_id = service.post("/v1/runs", json={"repo": str(shop), "issue": ISSUE, "ask": True}).json()["id"]
    assert service.post(f"/v1/runs/{run_id}/answer", json={"choice": 0}).status_code == 409  # too early
    for _ in range(600):
        run = service.get(f"/v1/runs/{run_id}").json()
        if run["state"] != "running":
            break
        time.sleep(0.1)
    assert run["state"] == "needs_input"
    assert run["question"] == {"call": "price(1)", "answers": ["1", "2"]}
    assert service.post(f"/v1/runs/{run_id}/answer", json={"choice": 2}).status_code == 409
    assert service.post(f"/v1/runs/{run_id}/answer", json={"choice": "two"}).status_code == 422
    assert service.post(f"/v1/runs/{run_id}/answer", json={"choice": 1}).status_code == 202
    with service.stream("GET", f"/v1/runs/{run_id}/events") as stream:
        kinds = [json.loads(line[5:])["kind"] for line in stream.iter_lines() if line.startswith("data:")]
    assert kinds[-1] == "run.finished"
    ended = service.get(f"/v1/runs/{run_id}").json()
    assert ended["state"] == "resolved"
    assert ended["question"] is None
    assert "+    return quantity * 2" in ended["patch"]
