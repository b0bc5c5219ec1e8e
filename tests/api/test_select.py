"""`runoff select`: patches that other systems made are dropped, tested and counted; nothing is generated."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Runoff, commit, git, left_behind
from tests.api.test_ask import ISSUE, PRICE, shop  # noqa: F401  (a fixture)

pytestmark = pytest.mark.bubblewrap

TWICE = PRICE.replace("quantity * 5", "quantity * 2")
PROGRAMS = {
    "alpha": TWICE,
    "beta": TWICE.replace("):\n", "):\n    # two for each\n"),
    "gamma": PRICE.replace("quantity * 5", "quantity + 2"),  # breaks a test
    "delta": PRICE.replace("quantity * 5", "quantity *"),  # does not parse
    "epsilon": PRICE.replace("):\n", "):\n    # nothing\n"),
}


def diff(repo: Path, **files: str) -> str:
    """A patch in git's format; the checkout is as before."""
    for path, text in files.items():
        (repo / path.replace("__", "/").replace("_py", ".py")).write_text(text)
    git(repo, "add", "-A")
    patch = subprocess.run(["git", "diff", "--cached"], cwd=repo, capture_output=True, text=True, check=True).stdout
    git(repo, "reset", "-q", "--hard")
    return patch


@pytest.fixture
def patches(shop: Path, tmp_path: Path) -> dict[str, str]:  # noqa: F811
    made = {name: diff(shop, shop_py=text) for name, text in PROGRAMS.items()}
    made["zeta"] = made["alpha"].replace("quantity * 5", "quantity * 6")  # does not apply
    made["eta"] = ""
    made["theta"] = diff(shop, tests__test_new_py="def test_nothing():\n    pass\n")
    return made


def write(directory: Path, patches: dict[str, str]) -> Path:
    directory.mkdir()
    for name, patch in patches.items():
        (directory / f"{name}.diff").write_text(patch)
    return directory


def by_source(verdict: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["source"]: each for each in verdict["candidates"]}


def test_what_cannot_be_right_is_dropped_and_the_rest_is_tested(
    shop: Path,  # noqa: F811
    patches: dict[str, str],
    tmp_path: Path,
    runoff: Runoff,
) -> None:
    directory = write(tmp_path / "patches", patches)
    ended = runoff("select", shop, "--issue", ISSUE, "--candidates", directory, "--json")
    assert ended.returncode == 0, ended.stderr
    verdict = json.loads(ended.stdout)
    found = by_source(verdict)
    assert len(found) == len(patches)
    winner = next(each for each in verdict["candidates"] if each["id"] == verdict["winner"])
    assert winner["source"] in ("alpha", "beta")
    assert found["alpha"]["equivalence_class"] == found["beta"]["equivalence_class"]
    assert found["gamma"]["broken"] == ["tests/test_shop.py::test_none"]
    reasons = {name: each["dropped"] for name, each in found.items() if each["dropped"]}
    assert reasons.keys() == {"delta", "epsilon", "zeta", "eta", "theta"}
    assert "no longer parses" in reasons["delta"]
    assert "only comments" in reasons["epsilon"]
    assert reasons["zeta"].endswith(": error: shop.py: patch does not apply")  # and no path that is another each time
    assert "changes nothing" in reasons["eta"]
    assert "only tests" in reasons["theta"]
    assert left_behind(tmp_path / "state") == []


def test_predictions_of_one_issue(shop: Path, patches: dict[str, str], tmp_path: Path, runoff: Runoff) -> None:  # noqa: F811
    rows = [
        {"instance_id": "shop-1", "model_name_or_path": name, "model_patch": patches[name]}
        for name in ("gamma", "beta")
    ]
    rows.append({"instance_id": "shop-2", "model_name_or_path": "other", "model_patch": patches["alpha"]})
    path = tmp_path / "all_preds.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ["select", shop, "--issue", ISSUE, "--candidates", path]
    ended = runoff(*arguments)
    assert ended.returncode == 2
    assert "name one with --instance" in ended.stderr
    ended = runoff(*arguments, "--instance", "shop-1", "-o", tmp_path / "out", "--apply")
    assert ended.returncode == 0, ended.stderr
    assert (shop / "shop.py").read_text() == PROGRAMS["beta"]
    git(shop, "diff", "--exit-code", "--", "tests")
    shown = runoff("show", "last")
    assert "the patch of beta" in shown.stdout


def test_tests_that_were_named_and_cannot_be_run_are_an_error(
    shop: Path,  # noqa: F811
    patches: dict[str, str],
    tmp_path: Path,
    runoff: Runoff,
) -> None:
    directory = write(tmp_path / "patches", patches)
    ended = runoff("select", shop, "--issue", "i", "--candidates", directory, "--test", "pytest tests/test_shpo.py")
    assert ended.returncode == 2
    assert "test_shpo.py" in ended.stderr


def test_none_that_is_right(shop: Path, patches: dict[str, str], tmp_path: Path, runoff: Runoff) -> None:  # noqa: F811
    directory = write(tmp_path / "patches", {name: patches[name] for name in ("gamma", "zeta")})
    ended = runoff("select", shop, "--issue", ISSUE, "--candidates", directory)
    assert ended.returncode == 1, ended.stderr
    assert "breaks tests/test_shop.py::test_none" in ended.stdout
    directory = write(tmp_path / "others", {name: patches[name] for name in ("eta", "zeta")})
    ended = runoff("select", shop, "--issue", ISSUE, "--candidates", directory)
    assert ended.returncode == 1, ended.stderr


def test_crlf_binary_renames_and_modes(shop: Path, tmp_path: Path, runoff: Runoff) -> None:  # noqa: F811
    (shop / "data.bin").write_bytes(bytes(range(256)))
    (shop / "shop.py").write_bytes(PRICE.replace("\n", "\r\n").encode())
    commit(shop)
    (shop / "shop.py").write_bytes(TWICE.replace("\n", "\r\n").encode())
    (shop / "data.bin").rename(shop / "moved.bin")
    (shop / "new.bin").write_bytes(bytes(range(255, -1, -1)) * 3)
    (shop / "shop.py").chmod(0o755)
    git(shop, "add", "-A")
    patch = subprocess.run(["git", "diff", "--cached", "--binary", "-M"], cwd=shop, capture_output=True, check=True)
    git(shop, "reset", "-q", "--hard")
    (tmp_path / "one.patch").write_bytes(patch.stdout)
    ended = runoff("select", shop, "--issue", ISSUE, "--candidates", tmp_path / "one.patch", "-o", tmp_path / "out")
    assert ended.returncode == 0, ended.stderr + ended.stdout
    assert (tmp_path / "out" / "patch.diff").read_bytes() == patch.stdout


def test_static_runs_nothing_and_the_patch_that_others_agree_with_wins(
    shop: Path,  # noqa: F811
    patches: dict[str, str],
    tmp_path: Path,
    runoff: Runoff,
) -> None:
    (shop / "conftest.py").write_text("raise SystemExit('nothing may run')\n")
    commit(shop)
    directory = write(tmp_path / "patches", patches)
    ended = runoff("select", shop, "--issue", ISSUE, "--candidates", directory, "--static", "--json")
    assert ended.returncode == 0, ended.stderr
    verdict = json.loads(ended.stdout)
    winner = next(each for each in verdict["candidates"] if each["id"] == verdict["winner"])
    assert winner["source"] in ("alpha", "beta")
    assert verdict["probes"] == []
    assert 0 < verdict["confidence"] < 1
    assert "it was not verified" in verdict["reason"]
    assert any("nothing was run" in note for note in verdict["notes"])


def test_two_patches_that_agree_with_nobody_are_not_sure_of_themselves(
    shop: Path,  # noqa: F811
    patches: dict[str, str],
    tmp_path: Path,
    runoff: Runoff,
) -> None:
    directory = write(tmp_path / "patches", {name: patches[name] for name in ("alpha", "gamma")})
    ended = runoff("select", shop, "--issue", ISSUE, "--candidates", directory, "--static", "--json")
    assert json.loads(ended.stdout)["confidence"] < 0.5


def test_more_patches_than_are_compared_with_each_other_are_all_ranked_whatever_their_order(
    shop: Path,  # noqa: F811
    patches: dict[str, str],
    tmp_path: Path,
    runoff: Runoff,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where the time of a wave ends again and again while they are read."""
    compared = 30  # the same is true of 400, which take a minute
    monkeypatch.setattr("selection.features.PANEL", compared)
    monkeypatch.setattr("agents.given.MOST_COMPARED", compared)
    plain = [{"source": f"s{n:03}", "patch": patches["alpha"].replace("* 2", f"* 2 + {n}")} for n in range(32)]
    odd = {"source": "zz", "patch": patches["alpha"].replace("* 2", "* missing")}  # a name that nothing defines
    given = [{"instance_id": "i", "model_name_or_path": n["source"], "model_patch": n["patch"]} for n in [*plain, odd]]
    ranks = []
    for name, order, at_once in (("there", given, 400), ("back", given[::-1], 400), ("waves", given[::-1], 4)):
        monkeypatch.setattr("agents.given.MOST_AT_ONCE", at_once)
        if at_once < len(given):
            monkeypatch.setattr("agents.resolve.WAVE_S", 0.0)
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(order))
        ended = runoff("select", shop, "--issue", ISSUE, "--candidates", path, "--static", "--json")
        assert ended.returncode == 0, ended.stderr
        verdict = json.loads(ended.stdout)
        ranks.append({source: (each["rank"], each["posterior"]) for source, each in by_source(verdict).items()})
        assert by_source(verdict)["zz"]["rank"] == len(given)
        assert f"the {compared} most frequent of 33 different changes" in verdict["stopped"]
    assert ranks[0] == ranks[1] == ranks[2]
    assert "searching on" in ended.stderr


def test_a_budget_that_ends_early_says_so_in_words_and_of_tests_only_what_was_seen(
    shop: Path,  # noqa: F811
    patches: dict[str, str],
    tmp_path: Path,
    runoff: Runoff,
) -> None:
    directory = write(tmp_path / "patches", {"alpha": patches["alpha"]})
    ended = runoff("select", shop, "--issue", ISSUE, "--candidates", directory, "--budget", "sandbox=0.3s", "--json")
    verdict = json.loads(ended.stdout)
    assert "localise: it had to end, with 0." in verdict["stopped"]
    assert "15 % are set aside for selection" in verdict["stopped"]
    assert not [note for note in verdict["notes"] if "with every patch" in note]


def test_a_test_that_hangs_on_base_is_not_run_with_a_patch_that_breaks_another(
    repo: Path, tmp_path: Path, runoff: Runoff
) -> None:
    says = "from halves import half\n\n\ndef test_waiting():\n    assert half(4) == 2, 'timed out'\n\n\n"
    (repo / "tests" / "test_halves.py").write_text(says + "def test_nothing():\n    assert half(0) == 0\n")
    commit(repo)
    patches = {name: diff(repo, halves_py=f"def half(number):\n    return number {name}\n") for name in ("- 1", "- 2")}
    directory = write(tmp_path / "patches", {"a": patches["- 1"], "b": patches["- 2"]})
    ended = runoff("select", repo, "--issue", "it waits", "--candidates", directory, "--json")
    assert {ballot["probe"] for ballot in json.loads(ended.stdout)["ballots"]} == {"tests/test_halves.py::test_nothing"}
