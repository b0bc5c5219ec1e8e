"""Of several trajectories' programs, the one on which most agree wins, and not every program is run on every test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selection import Verdict
from tests.api.conftest import Runoff, commit, git, left_behind

pytestmark = pytest.mark.bubblewrap

PRODUCT = "def half(number):\n    return number * 2\n\n\ndef name(number):\n    return f'n{number}'\n"
TESTS = """
import pytest
from halves import half, name

def test_half():
    assert half(4) == 2

@pytest.mark.parametrize("number", range(50))
def test_name(number):
    assert name(number) == f"n{number}"
"""


def answer(search: str, replace: str) -> list[str]:
    edit = f'e = edit(path="halves.py", search={search!r}, replace={replace!r})'
    return [f'I see.\n```\n{edit}\nfinish(answer="done")\n```']


SCRIPT = {
    "trajectories": {
        "1": answer("number * 2", "number // 2"),
        "2": answer("number * 2", "number // 2"),
        "3": answer("number * 2", "number / 2"),
        "4": answer(
            "number * 2\n\n\ndef name(number):\n    return f'n", "number / 2\n\n\ndef name(number):\n    return f'm"
        ),
    }
}


def test_agreement_wins_and_a_program_that_breaks_a_test_is_not_run_to_its_end(runoff: Runoff, tmp_path: Path) -> None:
    repo, script = tmp_path / "repo", tmp_path / "script.json"
    repo.mkdir()
    (repo / "halves.py").write_text(PRODUCT)
    (repo / "test_halves.py").write_text(TESTS)
    git(repo, "init", "-q")
    commit(repo)
    script.write_text(json.dumps(SCRIPT))
    arguments = ["--issue", "half(4) gives 8", "--model", f"scripted:{script}", "-o", tmp_path / "out"]
    ended = runoff("resolve", repo, *arguments, RUNOFF_TRAJECTORIES="4", RUNOFF_WORKERS="4")
    assert ended.returncode == 0, ended.stderr + ended.stdout
    verdict = Verdict.model_validate_json((tmp_path / "out" / "verdict.json").read_bytes())
    by_trajectory = {each.trajectory: each for each in verdict.candidates}
    assert sorted(by_trajectory) == ["1", "2", "3", "4"]
    winner = by_trajectory["1"]
    assert winner.equivalence_class == by_trajectory["2"].equivalence_class
    assert verdict.winner in (winner.id, by_trajectory["2"].id)
    assert (winner.votes, winner.rank, winner.unseen) == (1.41, 1, 0)
    assert by_trajectory["4"].broken or by_trajectory["4"].unseen
    assert verdict.executions is not None
    assert verdict.executions.full == 3 * 51
    assert verdict.executions.saved > 0
    assert left_behind(tmp_path / "state") == []
