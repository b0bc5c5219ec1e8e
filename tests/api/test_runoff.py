"""Trajectories that pass every test and differ: the judge is asked, writes tests, compares; what a trajectory tested votes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Runoff, commit, left_behind
from tests.api.test_ask import ISSUE, shop  # noqa: F401  (a fixture)

pytestmark = pytest.mark.bubblewrap

REPRODUCE = """A test first.
```
t = create(path="tests/test_NAME.py", content='''from shop import price


def test_NAME():
    assert price(ARGUMENT) == RESULT
''')
r = run_tests(selector="tests/test_NAME.py")
```"""
MEND = """Mend it.
```
e = edit(path="shop.py", search="quantity * 5", replace="quantity * FACTOR")
r = run_tests()
finish(answer="it is times FACTOR")
```"""
TESTS = "```python\nfrom shop import price\n\n\ndef test_three():\n    assert price(3) == 6\n```"


def trajectory(name: str, argument: str, result: str, factor: str) -> list[str]:
    reproduce = REPRODUCE.replace("NAME", name).replace("ARGUMENT", argument).replace("RESULT", result)
    return [reproduce, MEND.replace("FACTOR", factor)]


def resolve(
    runoff: Runoff, repo: Path, tmp_path: Path, script: dict[str, Any], *more: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    (tmp_path / "script.json").write_text(json.dumps({"trajectories": script}))
    arguments = ["--issue", ISSUE, "--model", f"scripted:{tmp_path / 'script.json'}", "-o", tmp_path / "out", *more]
    ended = runoff("resolve", repo, *arguments, RUNOFF_TRAJECTORIES="2")
    assert ended.returncode == 0, ended.stderr + ended.stdout
    assert left_behind(tmp_path / "state") == []
    journal = (tmp_path / "out" / "journal.jsonl").read_text().splitlines()
    return json.loads((tmp_path / "out" / "verdict.json").read_text()), [json.loads(line) for line in journal]


def winner(verdict: dict[str, Any]) -> str:
    return str(next(each["step"] for each in verdict["candidates"] if each["id"] == verdict["winner"]))


@pytest.mark.parametrize("settings", ["", "tests/pytest.ini"])
def test_the_tests_of_all_trajectories_vote_on_all(
    shop: Path,  # noqa: F811
    tmp_path: Path,
    runoff: Runoff,
    settings: str,
) -> None:
    """Both wrote a test that fails on base; one test is passed by both programs, the other by one alone. From where its
    settings are, pytest names the tests."""
    if settings:
        (shop / settings).write_text("[pytest]\npythonpath = ..\n")
        commit(shop)
    script = {
        "1": trajectory("two", "2", "4", "quantity"),
        "2": trajectory("three", "3", "6", "2"),
        "judge": ["no idea"] * 40,
    }
    verdict, _ = resolve(runoff, shop, tmp_path, script, *(["--test", "pytest tests"] if settings else []))
    kinds = {probe["id"]: probe["kind"] for probe in verdict["probes"]}
    reproductions = [name for name, kind in kinds.items() if kind == "reproduction"]
    assert len(reproductions) == 2
    assert winner(verdict) == "trajectory 2: it is times 2"


def test_the_judge_writes_a_test_that_decides(shop: Path, tmp_path: Path, runoff: Runoff) -> None:  # noqa: F811
    """To three questions it has no answer; then its test tells the two programs apart."""
    same = [trajectory("two", "2", "4", factor) for factor in ("quantity", "2")]
    script = {"1": same[0], "2": same[1], "judge": [*["no idea"] * 3, TESTS, *["no idea"] * 40]}
    verdict, journal = resolve(runoff, shop, tmp_path, script)
    assert any(event["kind"] == "judge.tests" for event in journal)
    assert any("judge's" in probe["id"] for probe in verdict["probes"])
    assert winner(verdict) == "trajectory 2: it is times 2"


def test_the_judge_answers_and_compares(shop: Path, tmp_path: Path, runoff: Runoff) -> None:  # noqa: F811
    """It says of price(1) that 2 is right, three times in each order."""
    same = [trajectory("two", "2", "4", factor) for factor in ("quantity", "2")]
    script = {"1": same[0], "2": same[1], "judge": [*["B"] * 3, *["A"] * 3, *["no idea"] * 40]}
    verdict, journal = resolve(runoff, shop, tmp_path, script)
    answers = [event for event in journal if event["kind"] == "answer"]
    assert answers[0]["call"] == "price(1)"
    assert answers[0]["answers"][answers[0]["choice"]]["result"] == "2"
    assert answers[0]["by"] == "the judge"
    assert winner(verdict) == "trajectory 2: it is times 2"
    assert verdict["cost"]["stages"]["selection"]["tokens"] > 0
