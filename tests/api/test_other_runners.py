"""`runoff resolve --model --test COMMAND` where the tests are not pytest: what the command says is what votes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from selection.confidence import ALONE, UNSHOWN, UNTESTED
from tests.api.conftest import Runoff, commit, git, left_behind
from tests.api.test_model_resolve import script_of

pytestmark = pytest.mark.bubblewrap

FILES = {
    "area.sh": "width=$1 height=$2\necho $((width + height))\n",
    "check.sh": "out() { echo \"<testcase name='$1'>$2</testcase>\" >> report.xml; }\n"
    "rm -f report.xml; echo '<testsuite>' > report.xml; failed=0\n"
    "for case in '2 2 4' '3 5 15' '7 0 0'; do\n"
    '  set -- $case; name="$1 by $2"\n'
    '  if [ "$(sh area.sh $1 $2)" = "$3" ]; then out "$name"; else out "$name" "<failure/>"; failed=1; fi\n'
    "done\necho '</testsuite>' >> report.xml; exit $failed\n",
}
MEND = 'edit(path="area.sh", search="width + height", replace="width * height")'
BREAK = 'edit(path="area.sh", search="width + height", replace="width - height")'
ISSUE = "area.sh 3 5 gives 8, it should give 15"


@pytest.fixture
def shell(tmp_path: Path) -> Path:
    """A repository without Python."""
    repo = tmp_path / "repo"
    repo.mkdir()
    for path, text in FILES.items():
        (repo / path).write_text(text)
    git(repo, "init", "-q")
    commit(repo)
    return repo


def resolve(runoff: Runoff, repo: Path, edit: str, *arguments: object) -> dict[str, Any]:
    """The verdict on a model that makes one edit and says that it is done."""
    script = script_of(repo.parent / "script.json", [f"Mend it.\n```\ne = {edit}\nfinish(answer='done')\n```"])
    given = ["--issue", ISSUE, "--model", script, "--json", *arguments]
    ended = runoff("resolve", repo, *given, RUNOFF_TRAJECTORIES="1")
    verdict = json.loads(ended.stdout)
    assert ended.returncode == (0 if verdict["winner"] else 1), ended.stderr
    assert left_behind(repo.parent / "state") == []
    return dict(verdict)


def kinds(verdict: dict[str, Any]) -> dict[str, str]:
    return {probe["id"]: probe["kind"] for probe in verdict["probes"]}


def test_a_command_that_fails_on_base_must_pass(runoff: Runoff, shell: Path) -> None:
    verdict = resolve(runoff, shell, MEND, "--test", "sh check.sh")
    assert kinds(verdict) == {"sh check.sh": "target"}
    assert verdict["reason"] == "it mends 1 test; none passed before"
    assert verdict["confidence"] == pytest.approx(ALONE, abs=1e-3)


def test_a_command_that_passes_on_base_must_go_on_passing(runoff: Runoff, shell: Path) -> None:
    command = "test $(sh area.sh 2 2) = 4"
    kept = resolve(runoff, shell, MEND, "--test", command)
    assert kinds(kept) == {command: "regression"}
    assert kept["winner"]
    assert kept["confidence"] == UNSHOWN
    broken = resolve(runoff, shell, BREAK, "--test", command)
    assert broken["winner"] is None
    assert broken["reason"] == f"no patch found: the best of 1 breaks {command}"


def test_the_cases_of_a_junit_report_vote_beside_the_exit_code(runoff: Runoff, shell: Path) -> None:
    arguments = ("--test", "sh check.sh", "--junit", "report.xml")
    verdict = resolve(runoff, shell, MEND, *arguments)
    assert kinds(verdict) == {
        "sh check.sh": "target",
        "3 by 5": "target",
        "7 by 0": "target",
        "2 by 2": "regression",
    }
    assert verdict["reason"] == "it mends 3 tests and breaks none of the 1 that passed"
    broken = resolve(runoff, shell, BREAK, *arguments)
    assert broken["winner"] is None
    assert broken["candidates"][0]["broken"] == ["2 by 2"]


def test_a_case_of_any_name_votes(runoff: Runoff, shell: Path) -> None:
    check = (shell / "check.sh").read_text()
    (shell / "check.sh").write_text(check.replace('"$1 by $2"', '"$1 by $2 $(printf %09000d 0)"'))
    commit(shell)
    verdict = resolve(runoff, shell, MEND, "--test", "sh check.sh", "--junit", "report.xml")
    assert verdict["reason"] == "it mends 3 tests and breaks none of the 1 that passed"


def test_a_report_that_is_missing_is_said_and_the_exit_code_votes_alone(runoff: Runoff, shell: Path) -> None:
    verdict = resolve(runoff, shell, MEND, "--test", "sh check.sh", "--junit", "elsewhere.xml")
    assert kinds(verdict) == {"sh check.sh": "target"}
    assert "elsewhere.xml says nothing of single tests" in runoff("show", "last", "--journal").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--test", "no-such-runner all"), "'no-such-runner all' is not found in the sandbox"),
        ((), "name tests with --test"),
    ],
)
def test_where_no_test_can_be_run_the_verdict_says_so(
    runoff: Runoff, shell: Path, arguments: tuple[str, ...], words: str
) -> None:
    verdict = resolve(runoff, shell, MEND, *arguments)
    assert verdict["winner"]
    assert verdict["reason"] == "it was not verified: no test had a vote"
    assert verdict["confidence"] == UNTESTED < UNSHOWN
    assert "only its author's word" in verdict["confidence_reason"]
    (note,) = verdict["notes"]
    assert "no test can be run, so that no candidate is verified" in note
    assert words in note


def test_a_failing_command_that_no_patch_mends_lets_none_win(runoff: Runoff, shell: Path) -> None:
    verdict = resolve(runoff, shell, BREAK, "--test", "sh check.sh")
    assert (kinds(verdict), verdict["confidence"], verdict["winner"]) == ({"sh check.sh": "target"}, 0, None)
    assert [ballot["outcome"] for ballot in verdict["ballots"]] == ["failed"]
    assert verdict["reason"] == "no patch found: the best of 1 does not mend sh check.sh, nor does any other"
    assert verdict["notes"] == ["no vote, since they fail on base and with every patch: sh check.sh"]


def test_without_a_model_a_command_is_refused(runoff: Runoff, shell: Path) -> None:
    refused = runoff("resolve", shell, "--issue", ISSUE, "--test", "sh check.sh")
    assert refused.returncode == 2
    assert "is not a call of it" in refused.stderr
    refused = runoff("resolve", shell, "--issue", ISSUE, "--model", "m", "--test", "make", "--junit", "../out.xml")
    assert (refused.returncode, refused.stderr) == (
        2,
        "runoff: junit: '../out.xml' is no file below the repository; write e.g. build/report.xml\n",
    )


def test_a_record_is_that_of_one_run_and_its_replay_verifies_alike(runoff: Runoff, shell: Path) -> None:
    record = shell.parent / "record"
    assert resolve(runoff, shell, MEND, "--test", "sh check.sh", "--record", record)["winner"]
    replayed = runoff("replay", "last", RUNOFF_TRAJECTORIES="1")
    assert replayed.returncode == 0, replayed.stderr
    assert "replayed 1 calls" in replayed.stdout and "won, as then" in replayed.stdout
    before = (record / "1.jsonl").read_bytes()
    script = script_of(shell.parent / "script.json", ["no plan"])
    refused = runoff("resolve", shell, "--issue", ISSUE, "--model", script, "--record", record)
    assert refused.returncode == 2
    assert "holds the record of run" in refused.stderr
    assert (record / "1.jsonl").read_bytes() == before
