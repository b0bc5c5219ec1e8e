"""Bad input: exit code 2, one line that says what and how to mend it, nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.api.conftest import FAULTY, INTERPRETER, ISSUE, TEST, Runoff, commit, git, left_behind

pytestmark = pytest.mark.bubblewrap


def assert_refused(ended: subprocess.CompletedProcess[str], state: Path, *says: str) -> None:
    assert ended.returncode == 2, ended.stdout + ended.stderr
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("runoff: "), ended.stderr
    for words in says:
        assert words in last
    assert "Traceback" not in ended.stderr
    assert not left_behind(state)


def not_a_repository(repo: Path) -> None:
    subprocess.run(["rm", "-rf", repo / ".git"], check=True)


def dirty(repo: Path) -> None:
    (repo / "halves.py").write_text(FAULTY + "\n# more\n")


def bare(repo: Path) -> None:
    git(repo, "clone", "-q", "--bare", ".", "../bare")
    subprocess.run(["rm", "-rf", repo], check=True)
    (repo.parent / "bare").rename(repo)


def no_commits(repo: Path) -> None:
    not_a_repository(repo)
    git(repo, "init", "-q")


def no_tests(repo: Path) -> None:
    git(repo, "rm", "-q", "-r", "tests")
    commit(repo)


def tests_that_pass(repo: Path) -> None:
    (repo / "halves.py").write_text(FAULTY.replace("*", "//"))
    commit(repo)


def a_failing_test_that_is_not_committed(repo: Path) -> None:
    tests_that_pass(repo)
    (repo / "tests" / "test_third.py").write_text(TEST.replace("2", "3"))


def tests_that_cannot_be_collected(repo: Path) -> None:
    (repo / "tests" / "test_halves.py").write_text("import no_such_module_here\n" + TEST)
    commit(repo)


def link_out_of_the_tree(repo: Path) -> None:
    (repo / "passwords").symlink_to("/etc/passwd")
    commit(repo)


def submodule(repo: Path) -> None:
    other = repo.parent / "other"
    other.mkdir()
    git(other, "init", "-q")
    (other / "file").write_text("")
    commit(other)
    git(repo, "submodule", "add", "-q", str(other), "vendored")
    commit(repo)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (not_a_repository, ["not a git repository"]),
        (dirty, ["halves.py", "commit"]),
        (bare, ["bare"]),
        (no_commits, ["no commit"]),
        (no_tests, ["no test"]),
        (tests_that_pass, ["pass"]),
        (a_failing_test_that_is_not_committed, ["pass", "tests/test_third.py is not", "commit it"]),
        (tests_that_cannot_be_collected, ["no_such_module_here"]),
        (link_out_of_the_tree, ["passwords"]),
        (submodule, ["vendored"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_repository_that_cannot_be_worked_on(
    repo: Path, runoff: Runoff, tmp_path: Path, damage: Callable[[Path], None], says: list[str]
) -> None:
    damage(repo)
    assert_refused(runoff("resolve", repo, "--issue", ISSUE), tmp_path / "state", *says)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--issue", "  "], ["issue is empty"]),
        (["--issue", ISSUE, "--base", "no-such-commit"], ["no-such-commit"]),
        (["--issue", ISSUE, "--base", "odd\udcff"], ["base: 'odd\\udcff' holds", "is no character"]),
        (["--issue", ISSUE, "--model", "odd\udcff"], ["model: ", "is no character"]),
        (["--issue", ISSUE, "--budget", "wall=soon"], ["wall='soon'", "10m"]),
        (["--issue", ISSUE, "--test", "make check"], ["pytest"]),
        (["--issue", ISSUE, "--test", "pytest tests/test_nothing.py"], ["test_nothing.py"]),
        (["--issue", ISSUE, "--python", "/no/such/python"], ["/no/such/python"]),
    ],
)
def test_an_argument_that_cannot_be_used(
    repo: Path, runoff: Runoff, tmp_path: Path, arguments: list[str], says: list[str]
) -> None:
    assert_refused(runoff("resolve", repo, *arguments), tmp_path / "state", *says)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["resolve"], "missing argument 'repo'; see runoff resolve -h"),
        (["resolve", "."], "missing option '--issue'"),
        (
            ["resolve", ".", "--issue", ISSUE, "--sandbox", "jail"],
            "'jail' is not one of 'auto', 'docker', 'bubblewrap'",
        ),
        (["resolve", ".", "--issue", "/tmp"], "/tmp is a directory; name a file in it"),
        (["resolve", ".", "--issue", "no/such.md"], "there is no file no/such.md"),
        (["resolve", ".", "--issue", ISSUE, "-o", "/dev/null/x"], "/dev/null is a file"),
        (["solve"], "no such command 'solve'"),
        (["runs", "--limit", "0"], "'--limit'"),
        (["runs", "--limit", "9" * 20], "'--limit'"),
        (["plan", "no-such-file"], "no-such-file cannot be read"),
    ],
)
def test_wrong_usage_is_told_in_one_line(runoff: Runoff, arguments: list[str], says: str) -> None:
    ended = runoff(*arguments)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith("runoff: ")
    assert says in ended.stderr


def test_a_command_with_nothing_to_do_shows_its_help(runoff: Runoff) -> None:
    for arguments in ([], ["model"]):
        ended = runoff(*arguments)
        assert ended.returncode == 2
        assert "Commands:" in ended.stderr


def test_a_run_that_is_refused_leaves_no_directory_for_its_results(repo: Path, runoff: Runoff, tmp_path: Path) -> None:
    ended = runoff("resolve", repo, "--issue", ISSUE, "--base", "no-such-commit", "-o", tmp_path / "new" / "out")
    assert_refused(ended, tmp_path / "state", "no-such-commit")
    assert not (tmp_path / "new").exists()


def test_results_that_cannot_be_written_in_the_end_are_shown_and_kept(
    repo: Path, runoff: Runoff, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "api", "resolve", repo, "--issue", ISSUE, "-o", tmp_path / "out"]
    environment = os.environ | INTERPRETER | {"RUNOFF_STATE_DIR": str(tmp_path / "state")}
    running = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    running.stderr.readline()  # the run has begun
    (tmp_path / "out").write_text("somebody else's")
    shown, errors = running.communicate(timeout=60)
    assert running.returncode == 2, errors
    assert "+    return number" in shown
    last = errors.strip().splitlines()[-1]
    assert last.startswith(f"runoff: -o: {tmp_path}/out cannot be written: ")
    kept = last.partition("`runoff ")[2].partition("`")[0].split()
    assert "+    return number" in runoff(*kept).stdout


def test_no_repository_at_all(runoff: Runoff, tmp_path: Path) -> None:
    assert_refused(runoff("resolve", tmp_path / "nothing", "--issue", ISSUE), tmp_path / "state", "nothing")


def test_no_sandbox_on_this_machine(repo: Path, runoff: Runoff, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "git").symlink_to("/usr/bin/git")
    ended = runoff("resolve", repo, "--issue", ISSUE, PATH=str(programs), DOCKER_HOST="unix:///no/such/socket")
    assert_refused(ended, tmp_path / "state", "bubblewrap", "docker", "install")


def test_an_image_that_does_not_exist(repo: Path, runoff: Runoff, tmp_path: Path) -> None:
    ended = runoff(
        "resolve",
        repo,
        "--issue",
        ISSUE,
        "--sandbox",
        "docker",
        "--image",
        "no-such-image:ever",
        DOCKER_HOST=os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"),
    )
    assert_refused(ended, tmp_path / "state", "docker")


def test_an_unknown_run(runoff: Runoff, tmp_path: Path) -> None:
    for name in ("nothing", "odd\udcff"):
        assert_refused(runoff("show", name), tmp_path / "state", "runoff runs")


def test_a_setting_of_the_environment_that_cannot_be_read(repo: Path, runoff: Runoff, tmp_path: Path) -> None:
    ended = runoff("resolve", repo, "--issue", ISSUE, RUNOFF_WORKERS="many")
    assert_refused(ended, tmp_path / "state", "RUNOFF_WORKERS")


@pytest.mark.parametrize("content", [b"sandbox = ", b'budget = "\xff"', b"[workers]\nx = 1", b"workerz = 3"])
def test_a_settings_file_that_cannot_be_read(repo: Path, runoff: Runoff, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config" / "runoff").mkdir(parents=True)
    (tmp_path / "config" / "runoff" / "config.toml").write_bytes(content)
    for arguments in (["resolve", repo, "--issue", ISSUE], ["runs"], ["serve"]):
        ended = runoff(*arguments, XDG_CONFIG_HOME=str(tmp_path / "config"))
        assert_refused(ended, tmp_path / "state", "workers" if b"workers" in content else "", "config.toml")


def test_a_budget_of_the_environment_that_cannot_be_read_begins_no_run(
    repo: Path, runoff: Runoff, tmp_path: Path
) -> None:
    ended = runoff("resolve", repo, "--issue", ISSUE, RUNOFF_BUDGET="wall=soon")
    assert_refused(ended, tmp_path / "state", "RUNOFF_BUDGET", "wall='soon'", "10m")
    assert "no runs yet" in runoff("runs").stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="a file system of a given size needs root to be mounted")
def test_a_disk_that_is_full(repo: Path, program: Runoff, tmp_path: Path) -> None:
    (repo / "data.bin").write_bytes(os.urandom(6 << 20))
    commit(repo)
    state = tmp_path / "small"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", state], check=True)
    try:
        ended = program("resolve", repo, "--issue", ISSUE, state=state)
        assert ended.returncode == 2, ended.stdout + ended.stderr
        last = ended.stderr.strip().splitlines()[-1]
        assert "space" in last
        assert "Traceback" not in ended.stderr
    finally:
        subprocess.run(["umount", state], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="a file system of a given size needs root to be mounted")
def test_a_disk_that_fills_up_during_the_search(repo: Path, tmp_path: Path) -> None:
    slow = "import time\n" + TEST.replace("assert half(4) == 2", "time.sleep(0.2); assert half(4) == 'never'")
    (repo / "tests" / "test_halves.py").write_text(slow)
    commit(repo)
    state = tmp_path / "small"
    state.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", state]).returncode != 0:
        pytest.skip("this root may mount nothing")
    try:
        environment = os.environ | INTERPRETER | {"XDG_STATE_HOME": str(state)}
        command = [sys.executable, "-m", "api", "resolve", repo, "--issue", ISSUE]
        running = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert running.stderr is not None
        said = ""
        while "suspicious" not in said:
            line = running.stderr.readline()
            assert line, said
            said += line
        with (state / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError, match="No space"):
            while True:
                filler.write(bytes(1 << 12))
        _, rest = running.communicate(timeout=60)
        assert running.returncode == 2, said + rest
        last = rest.strip().splitlines()[-1]
        assert last.startswith(f"runoff: the state in {state}/runoff cannot be written")
        assert "no space is left; make room" in last
        assert "Traceback" not in rest
        assert len(left_behind(state)) == 1  # the file system itself
    finally:
        subprocess.run(["umount", "-l", state], check=True)


def test_a_file_too_large_to_copy(repo: Path, runoff: Runoff, tmp_path: Path) -> None:
    with (repo / "huge.bin").open("wb") as file:
        file.truncate((1 << 30) + 1)
    git(repo, "-c", "core.compression=0", "-c", "core.bigFileThreshold=1m", "add", "huge.bin")
    commit(repo)
    assert_refused(runoff("resolve", repo, "--issue", ISSUE), tmp_path / "state", "huge.bin")
    assert not list((tmp_path / "state").rglob("huge.bin"))


def test_windows_line_ends_survive_and_odd_file_names_do_no_harm(repo: Path, runoff: Runoff, tmp_path: Path) -> None:
    (repo / "halves.py").write_bytes(FAULTY.replace("\n", "\r\n").replace("* 2", "/ 3").encode())
    (repo / ".gitattributes").write_text("*.py text eol=lf\n")
    with open(os.fsencode(repo) + b"/odd-\xff-name.txt", "wb") as file:
        file.write(b"odd")
    git(repo, "-c", "core.autocrlf=false", "add", "-A")
    commit(repo)
    blob = subprocess.run(["git", "show", "HEAD:halves.py"], cwd=repo, capture_output=True, check=True).stdout
    ended = runoff("resolve", repo, "--issue", ISSUE, "-o", tmp_path / "out")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    patch = (tmp_path / "out" / "patch.diff").read_bytes()
    changed = [line for line in patch.splitlines() if line[:1] in (b"+", b"-") and line[:3] not in (b"+++", b"---")]
    assert len(changed) == 2, patch
    assert (b"\r\n" in patch) == (b"\r\n" in blob)
