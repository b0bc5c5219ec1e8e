"""What a user does with `runoff`, and what comes out."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from api.interrupts import Interrupts
from selection import Verdict
from tests.api.conftest import INTERPRETER, ISSUE, Runoff, commit, git, left_behind
from tests.workspaces.conftest import IMAGE
from workspaces.sandbox.docker import _state_key

pytestmark = pytest.mark.bubblewrap

ENDLESS = "def half(number):\n    while number:\n        pass\n    return number\n"


def test_a_bug_is_resolved_and_the_checkout_is_not_touched(repo: Path, runoff: Runoff, tmp_path: Path) -> None:
    issue, out = tmp_path / "issue.md", tmp_path / "out"
    issue.write_text(ISSUE)
    before = (repo / "halves.py").read_bytes()
    ended = runoff("resolve", repo, "--issue", issue, "-o", out)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (repo / "halves.py").read_bytes() == before
    assert "confidence" in ended.stdout
    verdict = Verdict.model_validate_json((out / "verdict.json").read_bytes())
    assert verdict.winner is not None
    assert [probe.id for probe in verdict.probes if probe.kind == "target"] == ["tests/test_halves.py::test_half"]
    kinds = [json.loads(line)["kind"] for line in (out / "journal.jsonl").read_text().splitlines()]
    assert kinds[0] == "run.started"
    assert kinds[-1] == "run.finished"
    git(repo, "apply", "--check", str(out / "patch.diff"))
    assert not left_behind(tmp_path / "state")


def test_apply_puts_the_patch_into_the_checkout(repo: Path, runoff: Runoff) -> None:
    repo = repo.rename(repo.with_name("[bold]repo"))
    ended = runoff("resolve", repo, "--issue", ISSUE, "--apply", "--json")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["winner"]
    assert f"applied to {repo}\n" in ended.stderr
    repo = repo.rename(repo.with_name("repo"))  # pytest has a meaning of its own for brackets
    test = subprocess.run([sys.executable, "-m", "pytest", "-q"], cwd=repo, capture_output=True, text=True)
    assert test.returncode == 0, test.stdout


def test_the_issue_may_come_from_standard_input(repo: Path, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "api", "resolve", repo, "--issue", "-", "--json"],
        input=ISSUE,
        env=os.environ | INTERPRETER | {"RUNOFF_STATE_DIR": str(tmp_path / "state")},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr


def hopeless(repo: Path) -> None:
    """A test that no small edit can make pass."""
    (repo / "tests" / "test_halves.py").write_text(
        "import hashlib\nfrom halves import half\n\n\ndef test_half():\n"
        "    assert hashlib.sha256(repr(half(4)).encode()).hexdigest().startswith('000000')\n"
    )
    (repo / "halves.py").write_text(
        "def half(number):\n    result, rest = number * 2, number % 2\n    for each in range(number):\n"
        "        if each > rest and result != each:\n            result += each - rest\n    return result\n"
    )
    commit(repo)


def test_no_patch_is_said_honestly_with_exit_code_1(repo: Path, runoff: Runoff, tmp_path: Path) -> None:
    hopeless(repo)
    ended = runoff("resolve", repo, "--issue", ISSUE, "--budget", "wall=60s,candidates=40", "-o", tmp_path / "out")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "no patch" in ended.stdout
    assert (tmp_path / "out" / "patch.diff").read_bytes() == b""
    assert Verdict.model_validate_json((tmp_path / "out" / "verdict.json").read_bytes()).winner is None


def test_the_time_of_a_budget_ends_even_a_base_run_that_never_would(repo: Path, runoff: Runoff, tmp_path: Path) -> None:
    (repo / "halves.py").write_text(ENDLESS)
    commit(repo)
    ended = runoff("resolve", repo, "--issue", ISSUE, "--budget", "wall=4s", "--json")
    assert ended.returncode == 1, ended.stderr
    verdict = Verdict.model_validate_json(ended.stdout)
    assert "time is used up" in verdict.reason
    assert verdict.cost.wall_s < 10
    assert not left_behind(tmp_path / "state")


def test_runs_and_show_tell_what_happened(repo: Path, runoff: Runoff) -> None:
    assert "no runs yet" in runoff("runs").stdout
    assert runoff("resolve", repo, "--issue", ISSUE).returncode == 0
    assert "resolved" in runoff("runs").stdout
    shown = runoff("show", "last").stdout
    assert "halves.py" in shown
    assert "bill" in shown
    assert Verdict.model_validate_json(runoff("show", "last", "--json").stdout).winner
    assert json.loads(runoff("show", "last", "--journal").stdout.splitlines()[0])["kind"] == "run.started"


def test_base_starts_from_another_commit_even_when_the_checkout_is_dirty(repo: Path, runoff: Runoff) -> None:
    (repo / "halves.py").write_text("def half(number):\n    return number // 2\n")
    commit(repo)
    (repo / "halves.py").write_text("broken(")
    assert runoff("resolve", repo, "--issue", ISSUE, "--base", "HEAD~1").returncode == 0


@pytest.mark.parametrize(("number", "times"), [(signal.SIGINT, 1), (signal.SIGTERM, 1), (signal.SIGINT, 2)])
def test_an_interrupt_ends_with_130_a_verdict_and_nothing_left_behind(
    repo: Path, tmp_path: Path, number: signal.Signals, times: int
) -> None:
    (repo / "halves.py").write_text(ENDLESS)
    commit(repo)
    state, out = tmp_path / "state", tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "api", "resolve", repo, "--issue", ISSUE, "-o", out],
        env=os.environ | INTERPRETER | {"RUNOFF_STATE_DIR": str(state)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:  # until the search has begun
        if "tests fail" in line or "suspicious" in line:
            break
    for _ in range(times):
        process.send_signal(number)
        time.sleep(0.05)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "runoff resume" in said + errors
    assert (out / "verdict.json").exists()
    assert not left_behind(state)


def test_an_interrupt_that_comes_after_the_run_breaks_nothing_that_is_being_shown() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    interrupts, stop = Interrupts(), asyncio.Event()

    async def run() -> None:
        with interrupts.passed_on(stop):
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.wait_for(stop.wait(), 10)

    try:
        asyncio.run(run())
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def started(repo: Path, tmp_path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "api", "resolve", repo, "--issue", ISSUE, "-o", tmp_path / "out"],
        env=os.environ | INTERPRETER | {"RUNOFF_STATE_DIR": str(tmp_path / "state")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_an_interrupt_while_the_engine_is_being_imported_ends_with_a_verdict(repo: Path, tmp_path: Path) -> None:
    process = started(repo, tmp_path)
    while not (tmp_path / "state" / "runoff.db").exists():
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert Verdict.model_validate_json((tmp_path / "out" / "verdict.json").read_bytes()).stopped == "interrupted"
    assert not left_behind(tmp_path / "state")


def test_an_interrupt_before_anything_has_begun_is_quiet(repo: Path, tmp_path: Path) -> None:
    process = started(repo, tmp_path)
    while b"api" not in Path(f"/proc/{process.pid}/cmdline").read_bytes():
        time.sleep(0.001)
    while "pydantic" not in Path(f"/proc/{process.pid}/maps").read_text():  # among the first imports
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors


def test_a_killed_run_counts_as_interrupted_and_the_next_start_clears_what_it_left(
    repo: Path, runoff: Runoff, tmp_path: Path
) -> None:
    (repo / "halves.py").write_text(ENDLESS)
    commit(repo)
    state = tmp_path / "state"
    process = subprocess.Popen(
        [sys.executable, "-m", "api", "resolve", repo, "--issue", ISSUE],
        env=os.environ | INTERPRETER | {"RUNOFF_STATE_DIR": str(state)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "tests fail" in line:
            break
    process.kill()
    process.communicate()
    time.sleep(0.5)
    assert "interrupted" in runoff("runs").stdout
    assert runoff("cleanup").returncode == 0
    assert not left_behind(state)


def test_a_killed_run_goes_on_where_it_was(repo: Path, runoff: Runoff, tmp_path: Path) -> None:
    hopeless(repo)
    state = tmp_path / "state"
    process = subprocess.Popen(
        [sys.executable, "-m", "api", "resolve", repo, "--issue", ISSUE, "--budget", "wall=120s,candidates=400"],
        env=os.environ | INTERPRETER | {"RUNOFF_STATE_DIR": str(state)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("searching on"):
            break
    process.kill()
    process.communicate()
    ended = runoff("resume", "last")
    assert ended.returncode == 1, ended.stderr
    events = [json.loads(line) for line in runoff("show", "last", "--journal").stdout.splitlines()]
    opened = [place for place, event in enumerate(events) if event["kind"] == "run.opened"]
    tried = [event["tried"] for event in events if event["kind"] == "progress"]
    assert len(opened) == 2
    assert tried == sorted(tried), "no proposal is tried twice"
    assert events[-1]["kind"] == "run.finished"
    assert runoff("resume", "last").returncode == 2


def test_doctor_says_which_sandbox_would_be_used(runoff: Runoff) -> None:
    ended = runoff("doctor")
    assert ended.returncode == 0, ended.stdout
    assert "would be used" in ended.stdout
    without = runoff("doctor", PATH="/nowhere", DOCKER_HOST="unix:///no/such/socket")
    assert without.returncode == 1
    assert "apt-get install" in without.stdout


@pytest.mark.parametrize(
    ("sandbox", "code", "says"),
    [("bubblewrap", 0, "bubblewrap would be used"), ("auto", 1, "docker is needed"), ("docker", 1, "docker is needed")],
)
def test_doctor_follows_the_rule_by_which_a_run_chooses(runoff: Runoff, sandbox: str, code: int, says: str) -> None:
    ended = runoff("doctor", RUNOFF_SANDBOX=sandbox, RUNOFF_IMAGE="no-such-image:ever", DOCKER_HOST="unix:///no/socket")
    assert ended.returncode == code, ended.stdout
    assert f"{says} (sandbox={sandbox}, image=no-such-image:ever)" in " ".join(ended.stdout.split())
    assert "bubblewrap" in ended.stdout
    assert "docker" in ended.stdout


def test_doctor_lists_everything_even_where_the_state_cannot_be_written(runoff: Runoff, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = runoff("doctor", state=tmp_path / "file" / "state")
    assert ended.returncode == 1, ended.stderr
    assert "missing state:" in ended.stdout
    assert "RUNOFF_STATE_DIR" in ended.stdout
    assert "would be used" in ended.stdout


def test_what_a_repository_says_is_no_command_to_the_terminal(repo: Path, runoff: Runoff, tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\x9b2J\u202e"
    shown = "\\x1b]0;owned"
    test = repo / "tests" / "test_halves.py"
    text = (repo / "halves.py").read_text()
    (repo / "halves.py").write_text(text.replace("number * 2", f"number * 2  # {evil}"))
    commit(repo)
    ended = runoff("resolve", repo, "--issue", ISSUE, "--budget", "wall=60s,candidates=20")
    assert ended.returncode == 0, ended.stderr
    assert shown in ended.stdout  # in the diff
    test.write_text(f"raise ValueError({evil!r})\n")
    commit(repo)
    failed = runoff("resolve", repo, "--issue", ISSUE)
    assert failed.returncode == 2
    assert shown in failed.stderr
    for output in (ended.stdout, ended.stderr, failed.stderr, runoff("show", "last").stdout, runoff("runs").stdout):
        assert not set("\x1b\x07\x9b\u202e") & set(output)


def test_it_says_its_version(runoff: Runoff) -> None:
    asked = runoff("--version")
    assert (asked.returncode, asked.stdout) == (0, f"runoff {version('runoff')}\n")


def test_help_teaches(runoff: Runoff) -> None:
    assert "resolve" in runoff("--help").stdout
    assert "Exit code" in runoff("resolve", "--help").stdout


def test_an_interpreter_that_the_repository_brings_is_never_run(repo: Path, runoff: Runoff, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (repo / ".venv" / "bin").mkdir(parents=True)
    (repo / ".venv" / "bin" / "python").write_text(f'#!/bin/sh\ntouch {ran}\nexec {sys.executable} "$@"\n')
    (repo / ".venv" / "bin" / "python").chmod(0o755)
    git(repo, "add", "-f", ".venv")
    commit(repo)
    before = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "RUNOFF_PYTHON")}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = [sys.executable, "-m", "api", "resolve", repo, "--issue", ISSUE, "--base", "HEAD~1"]
    variables = before | {"RUNOFF_STATE_DIR": str(tmp_path / "state"), "PATH": path}
    ended = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert not ran.exists()


@pytest.mark.docker
def test_a_bug_is_resolved_in_docker(repo: Path, runoff: Runoff, tmp_path: Path) -> None:
    ended = runoff(
        "resolve", repo, "--issue", ISSUE, "--sandbox", "docker", "--image", IMAGE, "--python", "python3", "--json"
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["winner"]
    assert not left_behind(tmp_path / "state")
    label = f"label=runoff.state={_state_key(tmp_path / 'state')}"
    listed = subprocess.run(["docker", "ps", "-aq", "--filter", label], capture_output=True, check=True)
    assert listed.stdout == b""
