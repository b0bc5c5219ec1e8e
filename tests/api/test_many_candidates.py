"""More patches than the budget lasts for: the likeliest are tested, and the verdict says what was not looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agents.given import GivenCandidates
from agents.policy import Found, Wave
from agents.suite import by_looks
from selection import MOST_COMPARED, classify
from tests.api.conftest import ISSUE, Runoff
from tests.api.test_select import diff
from workspaces import Repositories

pytestmark = pytest.mark.bubblewrap

RIGHT = "def half(number):\n    return number // 2\n"


def choose(runoff: Runoff, repo: Path, patches: list[tuple[str, str]], budget: str) -> dict[str, Any]:
    predictions = repo.parent / "predictions.jsonl"
    lines = [{"instance_id": "i", "model_name_or_path": name, "model_patch": patch} for name, patch in patches]
    predictions.write_text("".join(json.dumps(line) + "\n" for line in lines))
    ended = runoff("select", repo, "--issue", ISSUE, "--candidates", predictions, "--budget", budget, "--json")
    verdict: dict[str, Any] = json.loads(ended.stdout)
    return verdict


def test_patches_that_were_not_looked_at_are_told(repo: Path, runoff: Runoff) -> None:
    patches = [("a", diff(repo, halves_py=RIGHT.replace("// 2", "- 2"))), ("b", diff(repo, halves_py=RIGHT))]
    verdict = choose(runoff, repo, patches, "candidates=1")
    assert verdict["notes"][0] == (
        "only the first 1 of the 2 patches were looked at: the budget lasts no longer; --budget candidates=2 (and a longer "
        "wall) looks at all of them"
    )
    assert verdict["stopped"] == "the budget is used up (candidates=1)"
    assert not any("looked at" in note for note in choose(runoff, repo, patches, "candidates=2")["notes"])


async def test_each_of_many_patches_is_ranked_and_the_likeliest_come_first(repo: Path, tmp_path: Path) -> None:
    """All but one kind are different, which stands at the end of more than are compared with each other."""
    source = await Repositories.inspect(repo)
    checkout = await Repositories(tmp_path / "state").checkout(source, None)
    patch = diff(repo, halves_py="def half(number):\n    return NEW\n").encode()
    wrong = [(f"w{number}", 1, patch.replace(b"NEW", f"w{number}(number)".encode())) for number in range(MOST_COMPARED)]
    right = [(f"r{number}", 1, patch.replace(b"NEW", b"number // 2")) for number in range(80)]
    given = GivenCandidates([*wrong, *right], checkout)
    asked = Wave(len(wrong) + len(right))
    found = [each.candidate async for each in given.wave(asked, wall_s=600) if isinstance(each, Found)]
    assert all(each.probability is not None for each in found)
    parts = by_looks(classify(found))
    assert len(parts) > 1
    assert parts[0][0].representative.provenance.source[0] == "r"  # type: ignore[index]
    assert len(parts[0][0].members) == len(right)
