"""A small faulty repository and the command line, for the tests of the faces."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest

from api.cli import main
from tests.lean import lean_python

INTERPRETER = {"RUNOFF_PYTHON": str(lean_python())}
LONGEST_S = 120  # that a command of a test may take
ISSUE = "half(4) gives 8, it should give 2"
FAULTY = "def half(number):\n    return number * 2\n"
TEST = "from halves import half\n\n\ndef test_half():\n    assert half(4) == 2\n"


def git(repo: Path, *arguments: str) -> None:
    command = [
        "git",
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@example.org",
        "-c",
        "protocol.file.allow=always",
        *arguments,
    ]
    subprocess.run(command, cwd=repo, check=True, capture_output=True)


def commit(repo: Path) -> None:
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "base")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with a fault that its test shows, committed."""
    repo = tmp_path / "repo"
    (repo / "tests").mkdir(parents=True)
    (repo / "halves.py").write_text(FAULTY)
    (repo / "tests" / "test_halves.py").write_text(TEST)
    (repo / "conftest.py").write_text("")
    git(repo, "init", "-q")
    commit(repo)
    return repo


class Runoff(Protocol):
    """Runs the command line and returns how it ended."""

    def __call__(
        self, *arguments: object, state: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def runoff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Runoff:
    """The command line in this process, which is spared its start, with a state directory of its own; a traceback is an error of
    the test."""

    def run(*arguments: object, state: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        command = ["runoff", *map(str, arguments)]
        interrupted, late = signal.getsignal(signal.SIGINT), signal.signal(signal.SIGALRM, _too_late)
        with monkeypatch.context() as patch:
            for name, value in _environment(tmp_path, state, variables).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", command)
            signal.alarm(LONGEST_S)
            try:
                with pytest.raises(SystemExit) as left:
                    main()
            finally:
                signal.alarm(0)
                signal.signal(signal.SIGALRM, late)
                signal.signal(signal.SIGINT, interrupted)
        said = capsys.readouterr()
        return subprocess.CompletedProcess(command, int(left.value.code or 0), said.out, said.err)

    return run


@pytest.fixture
def program(tmp_path: Path) -> Runoff:
    """The command line as a program of its own, where that is what matters."""

    def run(*arguments: object, state: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "api", *map(str, arguments)]
        environment = os.environ | _environment(tmp_path, state, variables)
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LONGEST_S)

    return run


def _environment(tmp_path: Path, state: Path | None, variables: dict[str, str]) -> dict[str, str]:
    return INTERPRETER | {"RUNOFF_STATE_DIR": str(state or tmp_path / "state")} | variables


def _too_late(*_: object) -> None:
    raise TimeoutError(f"not at its end after {LONGEST_S} s")


def left_behind(state: Path) -> list[str]:
    """Mounts, and entries of live/ and workspaces, that outlive a run."""
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if str(state) in line]
    live = [str(path) for name in ("live", "workspaces") for path in (state / name).glob("*")]
    return mounts + live
