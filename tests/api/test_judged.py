"""What decides whether tests pass is not a candidate's to change."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Runoff, commit, git

pytestmark = pytest.mark.bubblewrap

PARTS = "def parts(items, size):\n    return [items[at : at + size] for at in range(0, len(items) - size + 1, size)]\n"
RIGHT = PARTS.replace(" - size + 1", "")
NOTHING = PARTS.replace("size):\n", "size):\n    size = size + 0\n")
TESTS = """from parts import parts


def test_even():
    assert parts([1, 2], 1) == [[1], [2]]


def test_odd():
    assert parts([1, 2, 3], 2) == [[1, 2], [3]]
"""
ALL_PASS = """import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    outcome = yield
    outcome.get_result().outcome = "passed"
"""
CHECK = "python3 -c 'from parts import parts; assert parts([1, 2, 3], 2) == [[1, 2], [3]]'\n"
CHEATS = {
    "assertion": {"tests/test_parts.py": TESTS.replace("parts([1, 2, 3], 2) ==", "1 or")},
    "script": {"tests/check.sh": "true\n"},
    "hook": {"conftest.py": ALL_PASS},
    "deeper hook": {"tests/conftest.py": ALL_PASS},
    "plugin": {"pytest.ini": "[pytest]\naddopts = -p cheat\npythonpath = .\n", "cheat.py": ALL_PASS},
    "selection": {"pytest.ini": "[pytest]\npython_functions = test_even\n"},
}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    made = tmp_path / "parts"
    (made / "tests").mkdir(parents=True)
    (made / "parts.py").write_text(PARTS)
    (made / "tests" / "test_parts.py").write_text(TESTS)
    (made / "tests" / "check.sh").write_text(CHECK)
    (made / "check.sh").write_text(CHECK)
    (made / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    git(made, "init", "-q")
    commit(made)
    return made


def candidate(repo: Path, at: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (repo / path).write_text(text)
    git(repo, "add", "-A")
    at.write_bytes(subprocess.run(["git", "diff", "--cached"], cwd=repo, capture_output=True, check=True).stdout)
    git(repo, "reset", "-q", "--hard")


def select(runoff: Runoff, repo: Path, candidates: Path, *more: str) -> dict[str, Any]:
    ended = runoff("select", repo, "--issue", "the last part is lost", "--candidates", candidates, "--json", *more)
    assert ended.returncode in (0, 1), ended.stderr
    verdict: dict[str, Any] = json.loads(ended.stdout)
    return verdict


@pytest.mark.parametrize(
    ("cheats", "command"),
    [
        (("assertion", "hook", "deeper hook", "plugin", "selection"), ()),
        (("script",), ("--test", "sh tests/check.sh")),
    ],
)
def test_a_candidate_that_changes_what_judges_it_gains_nothing(
    repo: Path, tmp_path: Path, runoff: Runoff, cheats: tuple[str, ...], command: tuple[str, ...]
) -> None:
    given = tmp_path / "given"
    given.mkdir()
    for name in cheats:
        candidate(repo, given / f"{name}.diff", {"parts.py": NOTHING, **CHEATS[name]})
    candidate(repo, given / "right.diff", {"parts.py": RIGHT})
    verdict = select(runoff, repo, given, *command)
    mended = {each["source"] for each in verdict["candidates"] if not each["unmet"]}
    assert mended == {"right"}
    (winner,) = [each for each in verdict["candidates"] if each["id"] == verdict["winner"]]
    assert winner["source"] == "right"
    assert any("were as they are on base" in note for note in verdict["notes"])


def test_a_right_candidate_may_change_tests_too(repo: Path, tmp_path: Path, runoff: Runoff) -> None:
    files = {"parts.py": RIGHT, "tests/test_parts.py": TESTS + "\n\ndef test_none():\n    assert parts([], 2) == []\n"}
    candidate(repo, tmp_path / "both.diff", files)
    assert select(runoff, repo, tmp_path / "both.diff")["winner"]


def test_a_candidate_that_changes_a_script_which_the_command_names_is_pointed_at(
    repo: Path, tmp_path: Path, runoff: Runoff
) -> None:
    candidate(repo, tmp_path / "script.diff", {"parts.py": NOTHING, "check.sh": "true\n"})
    verdict = select(runoff, repo, tmp_path / "script.diff", "--test", "sh check.sh")
    assert any("look whether it still tests the same: check.sh" in note for note in verdict["notes"])
