"""A model's opinion on where an issue points, before any trajectory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agents.localise import Snippet
from agents.models import Account, Metered, ModelRequest, Scripted
from agents.opinion import Opinion
from memory import Budget, Journal, Ledger, Runs, Store, Teller
from tests.api.conftest import Runoff, commit
from tests.api.test_model_resolve import MAILROOM, repository

SNIPPETS = [Snippet("a.py", "def a(): ..."), Snippet("b.py", "def b(): ..."), Snippet("c.py", "def c(): ...")]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("1: 10\n3: 2.5", {"a.py": 1.0, "c.py": 0.25}),
        ("- 2: 7\n9: 10\n0: 3\nnothing else", {"b.py": 0.7}),
        ("3 = 99", {"c.py": 1.0}),
        ("3: 8.\n2: 7/10", {"c.py": 0.8, "b.py": 0.7}),
        ("9" * 5000 + ": 3\n" + "\n" * 50_000 + "1: " + "9" * 5000, {}),
        ("File b.py is it.", {}),
        ("", {}),
    ],
)
async def test_the_figures_of_files_are_read_and_the_rest_is_left_out(
    tmp_path: Path, said: str, found: dict[str, float]
) -> None:
    asked: list[ModelRequest] = []

    def script(request: ModelRequest) -> str:
        asked.append(request)
        return said

    with Store.open(tmp_path) as store:
        run = Runs(store).create({})
        ledger = Ledger(store, run, Budget.parse("tokens=1M"))
        model = Metered(Scripted(script), Account(Teller(ledger), Journal(store, run)))
        assert await Opinion(model, run_id=run, answer_tokens=500)("b is wrong", SNIPPETS) == found
        assert ledger.bill().stages["localise"].tokens > 0
    text = str(asked[0].messages[-1]["content"])
    assert "b is wrong" in text
    assert "## File 2: b.py\n\ndef b(): ..." in text


def places(runoff: Runoff) -> tuple[list[str], list[dict[str, Any]]]:
    events = [json.loads(line) for line in runoff("show", "last", "--journal").stdout.splitlines()]
    (ranked,) = (event["places"] for event in events if event["kind"] == "localised")
    return [each["path"] for each in ranked], events


@pytest.mark.bubblewrap
def test_what_the_model_points_at_comes_first_and_is_told_to_trajectories(runoff: Runoff, tmp_path: Path) -> None:
    issue = repository("mailroom", tmp_path / "repo")
    (tmp_path / "repo" / "mailroom" / "old.py").write_text("def depot(country):\n    return label(country)\n")
    commit(tmp_path / "repo")
    script = {"answers": MAILROOM, "trajectories": {"localise": []}}
    arguments = ["resolve", tmp_path / "repo", "--issue", issue, "--model", f"scripted:{tmp_path / 'script.json'}"]
    (tmp_path / "script.json").write_text(json.dumps(script))
    assert runoff(*arguments, RUNOFF_TRAJECTORIES="1").returncode == 0
    plain, _ = places(runoff)
    last = str(plain.index(plain[-1]) + 1)
    script["trajectories"] = {"localise": [f"{last}: 10"]}
    (tmp_path / "script.json").write_text(json.dumps(script))
    done = runoff(*arguments, RUNOFF_TRAJECTORIES="1", RUNOFF_RELEVANCE="1")
    assert done.returncode == 0, done.stderr
    ranked, events = places(runoff)
    assert ranked.index(plain[-1]) < len(plain) - 1
    assert next(event["stage"] for event in events if event["kind"] == "model.called") == "localise"
    replayed = runoff("replay", "last", RUNOFF_TRAJECTORIES="1", RUNOFF_RELEVANCE="1")
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr


@pytest.mark.bubblewrap
def test_a_model_without_an_opinion_costs_nothing_but_a_note(runoff: Runoff, tmp_path: Path) -> None:
    issue = repository("mailroom", tmp_path / "repo")
    failing = {"localise": [{"error": "Throttled", "why": "too many"}]}
    (tmp_path / "script.json").write_text(json.dumps({"answers": MAILROOM, "trajectories": failing}))
    arguments = ["resolve", tmp_path / "repo", "--issue", issue, "--model", f"scripted:{tmp_path / 'script.json'}"]
    done = runoff(*arguments, RUNOFF_TRAJECTORIES="1", RUNOFF_RELEVANCE="1")
    assert done.returncode == 0, done.stderr
    assert "ranked without the model's opinion: too many" in done.stdout + done.stderr
