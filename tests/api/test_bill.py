"""The bill of real runs: every limit ends one in order, and the journal gives the bill again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from memory import Budget, Journal, Ledger, Runs, Store, bill_of
from selection import Verdict
from tests.api.conftest import INTERPRETER, ISSUE, Runoff, left_behind
from tests.api.test_cli import hopeless
from tests.api.test_model_resolve import MAILROOM, repository, script_of
from tests.memory.conftest import REDIS, drop

pytestmark = pytest.mark.bubblewrap
PRICES = {"RUNOFF_PRICE_PROMPT": "1.0", "RUNOFF_PRICE_COMPLETION": "10"}


@pytest.mark.parametrize("ledger", [None, pytest.param(REDIS, marks=pytest.mark.redis)])
def test_the_journal_of_a_resolved_run_gives_its_bill_again(
    repo: Path, runoff: Runoff, tmp_path: Path, ledger: str | None
) -> None:
    ended = runoff("resolve", repo, "--issue", ISSUE, "--json", **({"RUNOFF_LEDGER": ledger} if ledger else {}))
    assert ended.returncode == 0, ended.stderr
    verdict = Verdict.model_validate_json(ended.stdout)
    with Store.open(tmp_path / "state") as store:
        run_id = Runs(store).find("last").id
        rebuilt = bill_of(Journal(store, run_id).events())
        with Ledger(store, run_id, Budget(), url=ledger) as book:
            assert rebuilt.stages == book.bill().stages
        if ledger:
            drop([run_id])
            assert not store.query("SELECT id FROM entries WHERE run_id = ?", run_id), "it was kept in Redis alone"
    assert {name: each.as_dict() for name, each in rebuilt.stages.items()} == {
        name: each.model_dump() for name, each in verdict.cost.stages.items()
    }
    assert rebuilt.stages.keys() == {"localise", "search", "selection"}
    assert all(each.sandbox_s > 0 for each in rebuilt.stages.values())
    assert verdict.cost.wall_s == round(rebuilt.wall_s, 3)
    shown = runoff("show", "last").stdout
    for name, each in rebuilt.stages.items():
        assert f"{name} {each.candidates} {each.sandbox_s:.1f}" in " ".join(shown.split())


def test_a_killed_run_shows_what_it_has_cost_so_far(repo: Path, runoff: Runoff, tmp_path: Path) -> None:
    hopeless(repo)
    process = subprocess.Popen(
        [sys.executable, "-m", "api", "resolve", repo, "--issue", ISSUE, "--budget", "wall=120s,candidates=4000"],
        env=os.environ | INTERPRETER | {"RUNOFF_STATE_DIR": str(tmp_path / "state")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("searching on"):
            break
    process.kill()
    process.communicate()
    shown = runoff("show", "last").stdout
    assert "interrupted" in shown
    assert "bill:" in shown
    assert "so far" in shown
    assert "search" in shown
    assert runoff("cleanup").returncode == 0
    assert left_behind(tmp_path / "state") == []


@pytest.mark.parametrize(
    ("budget", "turn", "ended"),
    [
        ("tokens=8k", "r = run_tests()", "stopped: the budget is used up (tokens=8000"),
        ("usd=0.06", "r = run_tests()", "stopped: the budget is used up (usd=0.06"),
        ("candidates=1", "r = run_tests()", "stopped: the budget is used up (candidates=1"),
        ("wall=15s", 'r = run(command="sleep 600")', "stopped: the time is used up"),
    ],
)
def test_each_limit_ends_a_run_with_a_model_and_says_so(
    runoff: Runoff, tmp_path: Path, budget: str, turn: str, ended: str
) -> None:
    issue = repository("mailroom", tmp_path / "repo")
    model = script_of(tmp_path / "script.json", [*MAILROOM[:2], *[f"Once more.\n```\n{turn}\n```"] * 40])
    run = runoff("resolve", tmp_path / "repo", "--issue", issue, "--model", model, "--budget", budget, **PRICES)
    assert run.returncode in (0, 1), run.stderr
    assert ended in run.stdout
    limit = Budget.parse(budget)
    with Store.open(tmp_path / "state") as store:
        total = bill_of(Journal(store, Runs(store).find("last").id).events()).total
    for kind in ("tokens", "usd", "candidates"):
        assert total.as_dict()[kind] <= limit.limit(kind)
    assert total.sandbox_s > 0


def test_sandboxes_of_trajectories_are_on_the_bill(runoff: Runoff, tmp_path: Path) -> None:
    issue = repository("mailroom", tmp_path / "repo")
    waits = 'Wait.\n```\nr = run(command="sleep 3")\n```'
    model = script_of(tmp_path / "script.json", [waits, *MAILROOM])
    arguments = ["--issue", issue, "--model", model, "--json"]
    ended = runoff("resolve", tmp_path / "repo", *arguments, RUNOFF_TRAJECTORIES="3", RUNOFF_WORKERS="3")
    assert ended.returncode == 0, ended.stderr
    stages = json.loads(ended.stdout)["cost"]["stages"]
    assert stages["search"]["sandbox_s"] > 3 * 3 + 3, "three trajectories, and the worker beside them"


def test_a_budget_in_dollars_needs_prices(runoff: Runoff, tmp_path: Path) -> None:
    issue = repository("mailroom", tmp_path / "repo")
    arguments = ["--issue", issue, "--model", "some", "--base-url", "http://127.0.0.1:1/v1", "--budget", "usd=1"]
    ended = runoff("resolve", tmp_path / "repo", *arguments)
    assert ended.returncode == 2
    assert "usd=1 can only be kept when prices are known: set RUNOFF_PRICE_PROMPT" in ended.stderr


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("http://somewhere", "RUNOFF_LEDGER cannot be used: it must begin with redis://"),
        ("redis://me:sesame@127.0.0.1:1/0", "the ledger at redis://127.0.0.1:1/0 cannot be used"),
    ],
)
def test_a_ledger_that_cannot_be_used_is_told_in_one_line(repo: Path, runoff: Runoff, address: str, says: str) -> None:
    ended = runoff("resolve", repo, "--issue", ISSUE, RUNOFF_LEDGER=address)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert "sesame" not in ended.stderr + runoff("show", "last").stdout
    assert "Traceback" not in ended.stderr
