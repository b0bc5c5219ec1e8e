"""A candidate that passes its tests by luck does not win by them, and nobody is asked about what it does by turns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import ISSUE, Runoff, commit
from tests.api.test_select import diff, write

pytestmark = pytest.mark.bubblewrap

RIGHT = "def half(number):\n    return number // 2\n"
# It gives the right result for its first call in a workspace, and then no more.
ONCE = """def half(number):
    with open("seen", "a") as file:
        file.write("x")
        return number // 2 if file.tell() == 1 else 0
"""
# It gives the right result the first times that it is imported, and then no more.
LUCKY = """import pathlib

SEEN = pathlib.Path(__file__).with_name("seen")
TURN = len(SEEN.read_text()) if SEEN.exists() else 0
SEEN.write_text("x" * (TURN + 1))


def half(number):
    return number // 2 if TURN < {times} else 0
"""


# It breaks another test, the first time that it is called in a workspace.
FLIPPING = """import pathlib


def half(number):
    return number // 2


def name():
    seen = pathlib.Path(__file__).with_name("seen")
    first = not seen.exists()
    seen.write_text("x")
    return "" if first else "half"
"""


# It breaks another test where that runs after its own.
LEAKING = """CALLED = []


def half(number):
    CALLED.append(number)
    return number // 2


def name():
    return "" if CALLED else "half"
"""
NAMES = "def half(number):\n    return number{}\n\n\ndef name():\n    return '{}'\n"


def with_names(repo: Path) -> None:
    (repo / "halves.py").write_text(NAMES.format("", "half"))
    with (repo / "tests" / "test_halves.py").open("a") as file:
        file.write("\n\ndef test_zero():\n    assert half(0) == 0\n")
        file.write("\n\ndef test_name():\n    from halves import name\n\n    assert name() == 'half'\n")
    commit(repo)


def choose(runoff: Runoff, repo: Path, tmp_path: Path, patches: dict[str, str], issue: str) -> dict[str, Any]:
    directory = write(tmp_path / "patches", patches)
    ended = runoff("select", repo, "--issue", issue, "--candidates", directory, "--json")
    verdict: dict[str, Any] = json.loads(ended.stdout)
    return verdict


def test_a_candidate_that_passes_once_and_then_fails_has_failed(repo: Path, tmp_path: Path, runoff: Runoff) -> None:
    lucky = diff(repo, halves_py=LUCKY.format(times=2))  # it is collected, and run
    verdict = choose(runoff, repo, tmp_path, {"lucky": lucky}, "half is wrong")
    (ballot,) = verdict["ballots"]
    assert ballot["outcome"] == "failed"
    assert ballot["detail"].startswith("flaky with this patch: it passed, and failed when it ran again: ")
    assert any("the candidate is flaky" in note and "test_half" in note for note in verdict["notes"])
    assert verdict["confidence"] < 0.7
    assert verdict["cost"]["stages"]["selection"]["sandbox_s"] > 0


def test_a_steady_candidate_wins_over_a_lucky_one(repo: Path, tmp_path: Path, runoff: Runoff) -> None:
    patches = {"a": diff(repo, halves_py=LUCKY.format(times=2)), "b": diff(repo, halves_py=RIGHT)}
    verdict = choose(runoff, repo, tmp_path, patches, "half is wrong")
    winner = next(each for each in verdict["candidates"] if each["id"] == verdict["winner"])
    assert winner["source"] == "b"


def test_an_example_that_holds_by_turns_does_not_hold(repo: Path, tmp_path: Path, runoff: Runoff) -> None:
    (repo / "tests" / "test_halves.py").write_text("import halves\n\n\ndef test_nothing():\n    assert halves\n")
    commit(repo)
    verdict = choose(runoff, repo, tmp_path, {"once": diff(repo, halves_py=ONCE)}, ISSUE)
    (ballot,) = (each for each in verdict["ballots"] if each["probe"] == "example 1: half(4) is 2")
    assert ballot["outcome"] == "failed"
    assert ballot["detail"].startswith("flaky with this patch")


def test_a_test_that_one_candidate_alone_breaks_by_turns_still_speaks_of_the_others(
    repo: Path, tmp_path: Path, runoff: Runoff
) -> None:
    """More programs break it for good, and base never does."""
    with_names(repo)
    patches = {f"wrong{which}": diff(repo, halves_py=NAMES.format(" // 2", which)) for which in range(3)}
    patches |= {"flips": diff(repo, halves_py=FLIPPING), "right": diff(repo, halves_py=NAMES.format(" // 2", "half"))}
    verdict = choose(runoff, repo, tmp_path, patches, "half is wrong")
    broken = {each["source"]: each["broken"] for each in verdict["candidates"]}
    assert all(broken[f"wrong{which}"] for which in range(3))
    assert broken["right"] == broken["flips"] == []
    winner = next(each for each in verdict["candidates"] if each["id"] == verdict["winner"])
    assert winner["source"] in ("right", "flips")
    (flipped,) = (
        each for each in verdict["ballots"] if each["detail"].startswith("it failed with this patch, and passed")
    )
    assert flipped["outcome"] == "passed"
    assert any("flips, tests failed and then passed" in note for note in verdict["notes"])


def test_a_test_that_a_candidate_breaks_where_it_runs_after_others_is_broken(
    repo: Path, tmp_path: Path, runoff: Runoff
) -> None:
    with_names(repo)
    patches = {"leaks": diff(repo, halves_py=LEAKING), "right": diff(repo, halves_py=NAMES.format(" // 2", "half"))}
    verdict = choose(runoff, repo, tmp_path, patches, "half is wrong")
    broken = {each["source"]: each["broken"] for each in verdict["candidates"]}
    assert broken == {"leaks": ["tests/test_halves.py::test_name"], "right": []}
