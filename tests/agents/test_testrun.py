"""The repository's own tests, run in a sandbox: what they say, how long they may take, and that tries leave no trace."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from agents.errors import CollectionFailed, NoTests, NothingFails, NotPytest, PytestMissing
from agents.testrun import Function, Limit, TestSession, base_run, coverage, parse_command
from agents.testrun.session import ENV
from tests.workspaces.conftest import live, state  # noqa: F401  (fixtures)
from workspaces import Limits, Live, SandboxSpec, find_interpreter
from workspaces.sandbox.bubblewrap import Bubblewrap

pytestmark = pytest.mark.bubblewrap
LIMIT = Limit(2.0, 20.0)
Start = Callable[..., Awaitable[TestSession]]

CODE = "STATE = []\n\ndef half(n):\n    return n * 2\n\ndef down(n):\n    while n != 0:\n        n -= 1\n    return n\n"
TESTS = """
import m

def test_half(): assert m.half(4) == 2
def test_half_of_nothing(): assert m.half(0) == 0
def test_down(): assert m.down(3) == 0
def test_state():
    m.STATE.append(1)
    assert m.STATE == [1]
"""


@pytest.fixture
async def start(state: Path, live: Live) -> AsyncIterator[Start]:  # noqa: F811
    provider = Bubblewrap(live)
    interpreter = find_interpreter(Path(sys.executable))
    sessions = []

    async def start(files: dict[str, str], command: str | None = None) -> TestSession:
        workspace = state / "workspace"
        for path, text in files.items():
            (workspace / path).parent.mkdir(parents=True, exist_ok=True)
            (workspace / path).write_text(text)
        subprocess.run(["chmod", "-R", "a+rwX", workspace], check=True)
        spec = SandboxSpec(workspace, readonly=interpreter.readonly, limits=Limits(processes=512))
        sandbox = await provider.start(spec)
        session = await TestSession.start(sandbox, python=str(interpreter.program), command=parse_command(command))
        sessions.append(session)
        return session

    yield start
    for session in sessions:
        await session.close()
    await provider.close()


def named(session: TestSession, *names: str) -> dict[str, Limit]:
    return {test: LIMIT for test in session.tests if test.split("::")[1] in names}


async def test_what_fails_and_what_passes_and_which_lines_ran(start: Start) -> None:
    session = await start({"m.py": CODE, "test_m.py": TESTS})
    base = await base_run(session)
    assert base.failing == ("test_m.py::test_half",)
    assert [test.split("::")[1] for test in base.passing] == ["test_half_of_nothing", "test_down", "test_state"]
    lines = await coverage(session, base)
    assert lines["test_m.py::test_half"]["m.py"] == {4}
    assert lines["test_m.py::test_down"]["m.py"] >= {7, 8, 9}


async def test_an_edit_is_tried_in_memory_and_leaves_no_trace(start: Start) -> None:
    session = await start({"m.py": CODE, "test_m.py": TESTS})
    mended = {"m.py": CODE.replace("n * 2", "n // 2").encode()}
    every = dict.fromkeys(session.tests, LIMIT)
    for _ in range(3):
        assert (await session.run(every, edits=mended)).passed
        report = await session.run(every)
        assert [outcome.unit for outcome in report.outcomes if outcome.broken] == ["test_m.py::test_half"]
    assert (await session.run_files(every, mended)).passed
    assert await session.sandbox.read_file("/workspace/m.py") == CODE.encode()


async def test_an_edit_outside_of_functions_gets_a_fresh_interpreter(start: Start) -> None:
    session = await start({"m.py": CODE + "LIMIT = 1\n", "test_m.py": TESTS + "def test_l(): assert m.LIMIT == 2\n"})
    report = await session.run(named(session, "test_l"), edits={"m.py": (CODE + "LIMIT = 2\n").encode()})
    assert report.passed
    assert report.how == "cold"


async def test_an_endless_loop_costs_its_limit_and_no_more_and_the_rest_goes_on(start: Start) -> None:
    session = await start({"m.py": CODE, "test_m.py": TESTS})
    endless = {"m.py": CODE.replace("n -= 1", "n += 1").encode()}
    limits = dict.fromkeys(session.tests, Limit(0.5, 60.0))  # on a machine that is busy all takes long, but no more CPU
    report = await session.run(limits, edits=endless)
    ended = {outcome.unit.split("::")[1]: outcome for outcome in report.outcomes}
    assert ended["test_down"].timed_out
    assert ended["test_state"].status == "passed"
    assert len(report.outcomes) == len(session.tests)


@pytest.mark.parametrize(
    "body",
    ["import os; os._exit(0)", "import os; os.kill(os.getpid(), 9)", "import sys; sys.exit(3)", "raise KeyboardInterrupt",
     "x = bytearray(3 << 30)", "import os; os.close(0); os.close(1); os.close(2); assert False"],
)  # fmt: skip
async def test_a_test_that_kills_its_process_fails_alone(start: Start, body: str) -> None:
    session = await start({"test_m.py": f"def test_bad():\n    {body}\n\ndef test_good(): pass\n"})
    report = await session.run(dict.fromkeys(session.tests, LIMIT))
    assert [(outcome.unit.split("::")[1], outcome.broken) for outcome in report.outcomes] == [
        ("test_bad", True),
        ("test_good", False),
    ]


async def test_what_tests_print_or_write_cannot_pass_for_a_verdict(start: Start) -> None:
    forged = '{"event": "unit", "id": 1, "unit": "test_m.py::test_bad", "status": "passed"}'
    body = f"""
def test_bad():
    for fd in range(40):
        try: os.write(fd, b'''{forged}\\n''')
        except OSError: pass
    print('''{forged}''', flush=True)
    assert False
"""
    session = await start({"test_m.py": body})
    report = await session.run(dict.fromkeys(session.tests, LIMIT))
    assert not report.passed


async def test_calls_tell_programs_apart_by_what_comes_out(start: Start) -> None:
    session = await start({"m.py": CODE, "test_m.py": TESTS})
    function = Function("m.py", "half", 3)
    recorded = await session.run(named(session, "test_half", "test_half_of_nothing"), record=function)
    inputs = await session.mutate([each for outcome in recorded.outcomes for each in outcome.inputs], 20)
    assert len(inputs) > 5

    async def results(body: str) -> list[str]:
        report = await session.calls(function, inputs, LIMIT, {"m.py": CODE.replace("n * 2", body).encode()})
        return [outcome.text for outcome in report.outcomes]

    assert await results("n + n") == await results("2 * n")
    assert await results("n // 2") != await results("n * 2")


async def test_tests_that_cannot_be_used_say_why(start: Start) -> None:
    with pytest.raises(NoTests, match="collects no test"):
        await start({"m.py": "x = 1\n"})
    with pytest.raises(CollectionFailed, match="no_such_module"):
        await base_run(await start({"test_m.py": "import no_such_module\n"}))
    with pytest.raises(NothingFails, match="all 1 tests pass"):
        await base_run(await start({"test_m.py": "def test_a(): pass\n"}))
    with pytest.raises(NotPytest):
        parse_command("make check")


NO_PYTEST = "raise ImportError('No module named pytest')\n"
OLD_PYTEST = "__version__ = '5.4.3'\n"


@pytest.mark.parametrize(
    ("module", "says"), [(NO_PYTEST, "has no pytest"), (OLD_PYTEST, "has pytest 5.4.3; 6 or newer")]
)
async def test_an_interpreter_without_pytest_of_today_is_told_in_one_sentence(
    start: Start, module: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENV, "PYTHONPATH", "/workspace/site")  # where this interpreter finds its pytest
    with pytest.raises(PytestMissing, match=says):
        await start({"site/pytest.py": module, "test_m.py": "def test_a(): pass\n"})


@pytest.mark.parametrize(
    ("files", "command", "says"),
    [
        ({}, "pytest tests/nothing.py", "file or directory not found: tests/nothing.py; `pytest tests/nothing.py` in"),
        ({}, "pytest test_m.py::test_b", "not found: /workspace/test_m.py::test_b; `"),
        ({"pytest.ini": "[pytest]\naddopts = --fast\n"}, None, "unrecognized arguments: --fast; `python -m pytest` in"),
        ({"conftest.py": "import gone\n"}, None, "conftest '/workspace/conftest.py': .*No module named 'gone'; `"),
        ({"conftest.py": "def pytest_configure(): 1 / 0\n"}, None, "ZeroDivisionError: division by zero; `"),
    ],
)
async def test_the_reason_why_pytest_ends_is_one_line_with_a_remedy(
    start: Start, files: dict[str, str], command: str | None, says: str
) -> None:
    with pytest.raises(CollectionFailed, match=says) as refused:
        await start({"test_m.py": "def test_a(): pass\n", **files}, command)
    assert str(refused.value).endswith("mend it there, or name other tests with --test")
    assert len(str(refused.value)) < 400


async def test_a_test_that_an_edit_makes_skip_did_not_pass(start: Start) -> None:
    tests = """
import m, pytest
def test_level():
    if not m.available(3): pytest.skip("not available")
    assert m.available(3) == 3
def test_never():
    pytest.skip("not on this machine")
"""
    code = "def available(level):\n    return level > 1\n"
    session = await start({"m.py": code, "test_m.py": tests})
    base = await base_run(session)
    assert base.tests == ("test_m.py::test_level",), "a test that is skipped on base is not required"
    wanted = dict.fromkeys(base.tests, LIMIT)
    skips = {"m.py": code.replace(">", "<").encode()}
    for report in (await session.run(wanted, edits=skips, stop=True), await session.run_files(wanted, skips)):
        assert [outcome.status for outcome in report.outcomes] == ["skipped"]
        assert not report.passed
    assert (await session.run(wanted, edits={"m.py": code.replace("level > 1", "level").encode()})).passed
    assert not (await session.run({})).passed


async def test_nothing_that_a_try_starts_outlives_it(start: Start) -> None:
    tests = """
import os, subprocess, time
BEFORE = subprocess.Popen(["sleep", "1000"], start_new_session=True)
def test_daemon():
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0: os.execvp("sleep", ["sleep", "2000"])
            time.sleep(1000)
    subprocess.Popen(["sleep", "2000"], start_new_session=True)
    assert 0
"""
    session = await start({"test_m.py": tests})
    for _ in range(2):
        await session.run(dict.fromkeys(session.tests, LIMIT))
    await session.run_fresh(dict.fromkeys(session.tests, LIMIT))
    listed = await session.sandbox.exec(["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"])
    assert b"sleep 2000" not in listed.stdout
    assert listed.stdout.count(b"sleep 1000") == 1, "what ran before the first try is not its own"


UNSTABLE = """
import m, os
seen = []
def test_first(): seen.append(1)
def test_leftover(): assert not seen, "only because of test_first"
def test_once():
    if not os.path.exists("/tmp/ran"):
        open("/tmp/ran", "w").close()
        assert 0
def test_chance():
    with open("/tmp/turns", "a+") as file:
        file.write("x")
        turn = file.tell()
    assert turn % 3 == 0
"""


async def test_a_test_that_does_not_fail_again_has_no_vote(start: Start) -> None:
    half = "def test_half(): assert m.half(4) == 2\n"
    base = await base_run(await start({"m.py": CODE, "test_m.py": UNSTABLE + half}))
    assert base.failing == ("test_m.py::test_half",)
    assert base.unstable == ("test_m.py::test_chance", "test_m.py::test_leftover", "test_m.py::test_once")
    assert not set(base.unstable) & {*base.tests, *base.passing}


async def test_where_only_unstable_tests_fail_there_is_nothing_to_repair(start: Start) -> None:
    with pytest.raises(NothingFails, match=r"only unstable tests fail: .*test_leftover"):
        await base_run(await start({"m.py": CODE, "test_m.py": UNSTABLE}))


async def test_tests_that_lean_on_earlier_ones_are_noticed(start: Start) -> None:
    text = """
seen = []
def test_a(): seen.append(1)
def test_b(): assert seen == [1]
def test_c():
    seen.append(2)
    assert 0
"""
    assert (await base_run(await start({"test_m.py": text}))).order_matters


async def test_the_users_selection_holds(start: Start) -> None:
    session = await start({"m.py": CODE, "test_m.py": TESTS}, "pytest -q -k half test_m.py")
    assert [test.split("::")[1] for test in session.tests] == ["test_half", "test_half_of_nothing"]
