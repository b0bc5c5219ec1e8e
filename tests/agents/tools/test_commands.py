"""Commands and test runs: what a model is told of how they ended."""

from __future__ import annotations

import pytest

from agents.errors import NothingFound, ToolError
from agents.tools import LONGEST
from tests.agents.tools.conftest import Begin

pytestmark = pytest.mark.bubblewrap

CODE = "def half(n):\n    return n * 2\n"
TESTS = """
import pytest
from m import half

def test_half():
    four = 4
    assert half(four) == 2

def test_zero(): assert half(0) == 0

@pytest.mark.skip
def test_later(): pass

@pytest.mark.parametrize("name", ["a b", "c"])
def test_named(name): assert name == "c"
"""


async def test_a_command_gives_its_exit_code_and_both_outputs_in_order(begin: Begin) -> None:
    work = await begin()
    ended = await work.do("run", command="echo one; echo two >&2; echo three; exit 3")
    assert (ended.exit_code, ended.output, ended.timed_out) == (3, "one\ntwo\nthree\n", False)
    assert (await work.do("run", command="if")).exit_code == 2
    late = await work.do("run", command="echo begun; sleep 60", timeout_s=1)
    assert (late.output, late.timed_out) == ("begun\n", True)
    assert "ended at its time limit" in late.as_text()


async def test_long_output_is_cut_in_the_middle_and_kept_whole(begin: Begin) -> None:
    work = await begin()
    ended = await work.do("run", command="seq 1 30000")
    assert ended.output.startswith("1\n2\n") and ended.output.endswith("\n30000\n")
    assert len(ended.as_text()) < LONGEST + 300
    start = int(ended.output.split("start=")[1].split(")")[0])
    assert f'more(id="{ended.more}"' in ended.output
    read = ended.output.split("[…")[0]
    while True:
        rest = await work.do("more", id=ended.more, start=start)
        read, start = read + rest.text, rest.end
        if rest.end == rest.length:
            break
    assert read == "".join(f"{number}\n" for number in range(1, 30001))
    with pytest.raises(NothingFound):
        await work.do("more", id="0" * 16)
    hits = await work.do("recall")
    assert hits.as_text() == "no notes"


async def test_pytest_gives_each_outcome_and_where_it_failed(begin: Begin) -> None:
    work = await begin({"m.py": CODE, "tests/test_m.py": TESTS, "conftest.py": ""})
    report = await work.do("run_tests")
    assert (report.ok, report.passed, report.failed, report.skipped) == (False, 2, 2, 1)
    assert report.passes == ("tests/test_m.py::test_zero", "tests/test_m.py::test_named[c]")
    assert report.skips == ("tests/test_m.py::test_later",)
    first = report.failures[0]
    assert (first.name, first.status) == ("tests/test_m.py::test_half", "failed")
    assert "assert 8 == 2" in first.message
    assert first.traceback == "tests/test_m.py:7: assert half(four) == 2"
    assert "FAILED tests/test_m.py::test_half: AssertionError: assert 8 == 2" in report.as_text()


async def test_a_selection_sees_the_files_as_they_are_now(begin: Begin) -> None:
    work = await begin(
        {"m.py": CODE, "tests/test_m.py": TESTS, "conftest.py": ""}, tests="pytest tests/test_m.py -k named"
    )
    assert (await work.do("run_tests")).passed == 1
    await work.do("edit", path="m.py", search="n * 2", replace="n // 2")
    await work.do(
        "create", path="tests/test_new.py", content="from m import half\ndef test_new(): assert half(2) == 1\n"
    )
    chosen = await work.do("run_tests", selector="tests/test_m.py::test_named[a b]")
    assert [each.name for each in chosen.failures] == ["tests/test_m.py::test_named[a b]"]
    assert (await work.do("run_tests", selector="-k 'half or new' tests")).ok
    for selector in ("tests/test_m.py::test_gone", "tests/gone.py", "-k gone tests"):
        with pytest.raises(NothingFound):
            await work.do("run_tests", selector=selector)
    with pytest.raises(ToolError, match="close its quotes"):
        await work.do("run_tests", selector="-k 'half")


async def test_tests_that_cannot_run_are_told_as_a_problem(begin: Begin) -> None:
    work = await begin({"test_a.py": "import gone\n", "test_b.py": "def test_b(): pass\n"})
    report = await work.do("run_tests")
    assert "No module named 'gone'" in report.problem
    assert (report.ok, report.passed) == (False, 1)
    await work.do("create", path="conftest.py", content="import os\nos._exit(7)\n")
    assert "exit code 7" in (await work.do("run_tests")).problem
    await work.do("create", path="conftest.py", content="", overwrite=True)
    await work.do("create", path="test_b.py", content="import time\ndef test_b(): time.sleep(60)\n", overwrite=True)
    report = await work.do("run_tests", selector="test_b.py", timeout_s=5)
    assert not report.ok
    assert "limit" in report.failures[0].message if report.failures else "longer than 5 s" in report.problem


JUNIT = """<testsuite><testcase classname="p.A" name="ok" time="0.1"/><testcase classname="p.A" name="bad">
<failure message="1 is not 2">at A.go:7</failure></testcase><testcase name="later"><skipped/></testcase></testsuite>"""


async def test_any_other_runner_tells_by_exit_code_and_junit(begin: Begin) -> None:
    work = await begin({"j.xml": JUNIT}, tests="cat j.xml > out.xml; echo ran {tests}; exit 1", junit="out.xml")
    report = await work.do("run_tests", selector="a 'b c'")
    assert (report.exit_code, report.passed, report.failed, report.skipped, report.ok) == (1, 1, 1, 1, False)
    assert (report.failures[0].name, report.failures[0].message) == ("p.A::bad", "1 is not 2")
    assert report.failures[0].traceback == "at A.go:7"
    assert report.output == "ran a 'b c'\n" or report.output == "ran a b c\n"
    work.write("j.xml", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
    assert "declares entities" in (await work.do("run_tests")).problem


async def test_names_of_cases_keep_their_spaces(begin: Begin) -> None:
    work = await begin(tests="printf '<%s>' {tests}")
    for selector, words in (
        ("t.py::a[1 2]", "<t.py::a[1 2]>"),
        ("t.py::a[1] t.py::b[2 [3] 4]", "<t.py::a[1]><t.py::b[2 [3] 4]>"),
        ("t.py u.py::a[1 2] v/w", "<t.py><u.py::a[1 2]><v/w>"),
    ):
        assert (await work.do("run_tests", selector=selector)).output == words


async def test_an_old_report_does_not_speak_for_a_new_run(begin: Begin) -> None:
    work = await begin({"out.xml": JUNIT}, tests="true", junit="out.xml")
    report = await work.do("run_tests")
    assert (report.passed, report.ok, report.exit_code) == (0, True, 0)
    assert "out.xml says nothing of single tests" in report.problem
