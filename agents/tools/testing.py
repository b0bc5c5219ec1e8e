"""`run_tests`: the repository's tests on the files as they are now, for a model to read.

Two runners behind one protocol: pytest, whose outcomes come one by one from the harness and cannot be forged by what tests print;
and any other command, which tells by its exit code and, where it writes one, a JUnit XML report.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from agents.errors import HarnessFailed, NoTests, NothingFound, ToolError, UnusableTests
from agents.testrun import Limit, Outcome, TestCommand, TestSession
from agents.testrun.session import DEFAULT_COMMAND, DEFAULT_PREPARATION, Preparation
from agents.tools.files import WorkspaceFiles
from agents.tools.junit import JUnit, read_junit
from agents.tools.results import TestOutcome, TestReport
from workspaces.errors import SandboxDied, SandboxFileError
from workspaces.sandbox.contract import WORKSPACE, ExecResult, Sandbox

PER_TEST = Limit(cpu_s=60.0, wall_s=120.0)
_OUTPUT = 4 << 20
_NOT_FOUND = re.compile(r"not found: |file or directory not found|no match in any of")
_BETWEEN = re.compile(r"(?<=\])\s+(?=\S*(?:::|/))")  # the name of one case and another file or test
_DETAILED = 20  # failures with a traceback
_FRAMES = 4  # of one traceback
_MOST_FAILURES = 200  # told; all are counted
_MOST_NAMES = 2000  # of tests that passed, or were skipped
_LONGEST_MESSAGE = 1500
_TAKE_VALUES = frozenset(
    """
    -k -m -p -c -o -W -n -r --rootdir --confcutdir --basetemp --ignore --ignore-glob --deselect
    --maxfail --timeout --import-mode --cov --cov-config --cov-report --dist --color --tb --durations
    """.split()  # noqa: SIM905
)


class TestRunner(Protocol):
    """Runs tests; `selector` is what its own command line takes, "" for all."""

    async def run(self, selector: str, timeout_s: float) -> TestReport:
        """Raises NothingFound (nothing has that name), ToolError (the selector cannot be read), SandboxDied. Tests that fail
        or cannot be collected are no error: the report says so."""


@dataclass(frozen=True, slots=True)
class PytestTests:
    """A fresh interpreter for each run, which collects the files as they are then."""

    sandbox: Sandbox
    python: str = "python3"
    command: TestCommand = DEFAULT_COMMAND
    preparation: Preparation = DEFAULT_PREPARATION

    @classmethod
    def like(cls, session: TestSession) -> PytestTests:
        """With the interpreter, arguments and limits of a session."""
        return cls(session.sandbox, session.python, session.command, session.preparation)

    async def run(self, selector: str, timeout_s: float) -> TestReport:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._run(_selected(self.command, selector), selector, timeout_s)
        except TimeoutError:
            problem = f"the tests took longer than {timeout_s:g} s and were ended; select fewer"
            return TestReport(ok=False, passed=0, failed=0, skipped=0, problem=problem)

    async def _run(self, command: TestCommand, selector: str, timeout_s: float) -> TestReport:
        limit = Limit(min(PER_TEST.cpu_s, timeout_s), min(PER_TEST.wall_s, timeout_s))
        try:
            session = await TestSession.start(
                self.sandbox, python=self.python, command=command, preparation=self.preparation
            )
        except NoTests as error:
            which = f"no test has the selector {selector!r}" if selector else "there are no tests"
            raise NothingFound(f'{which}; find_files(glob="test_*.py") shows the files, outline their tests') from error
        except (HarnessFailed, UnusableTests) as error:
            await _blame(self.sandbox, error)
            problem = _gist(str(error))
            if selector and _NOT_FOUND.search(problem):
                raise NothingFound(
                    f"pytest cannot find {selector!r}: {problem}; find_files shows what there is"
                ) from error
            return TestReport(ok=False, passed=0, failed=0, skipped=0, problem=problem)
        try:
            report = await session.run(dict.fromkeys(session.tests, limit))
        finally:
            await session.close()
        problems = [*session.collection_errors]
        if report.refused is not None:
            await _blame(self.sandbox, HarnessFailed(report.refused))
            problems.append(report.refused)
        broken = [each for each in report.outcomes if each.broken]
        passes = tuple(each.unit for each in report.outcomes if each.status in ("passed", "xpassed"))
        skips = tuple(each.unit for each in report.outcomes if each.status in ("skipped", "xfailed"))
        return TestReport(
            ok=not broken and not problems and bool(passes),
            passed=len(passes),
            failed=len(broken),
            skipped=len(skips),
            failures=await self._failures(broken[:_MOST_FAILURES]),
            passes=passes[:_MOST_NAMES],
            skips=skips[:_MOST_NAMES],
            problem="\n".join(problems),
        )

    async def _failures(self, outcomes: Sequence[Outcome]) -> tuple[TestOutcome, ...]:
        """In detail; the innermost frames of the first ones with the lines of source that stand there."""
        wanted = {file for each in outcomes[:_DETAILED] for file, _ in each.frames[:_FRAMES]}
        sources = {}
        with contextlib.suppress(ToolError):  # the tests may have removed them
            contents = await WorkspaceFiles(self.sandbox, self.python).read_some(sorted(wanted), limit=1 << 20)
            sources = {path: data.decode("utf-8", "replace").splitlines() for path, data in contents.items()}
        return tuple(
            TestOutcome(
                name=each.unit,
                status=each.status,
                message=("it did not end within its limit. " if each.timed_out else "") + each.text[:_LONGEST_MESSAGE],
                traceback=_traceback(each, sources) if place < _DETAILED else "",
                timed_out=each.timed_out,
                wall_s=each.wall_s,
            )
            for place, each in enumerate(outcomes)
        )


@dataclass(frozen=True, slots=True)
class CommandTests:
    """Any other runner. command: a line for /bin/sh, to which a selector is added (or put where it says `{tests}`). junit: where
    it writes a report, below the workspace; "" for nowhere."""

    sandbox: Sandbox
    command: str
    junit: str = ""

    async def run(self, selector: str, timeout_s: float) -> TestReport:
        result, cases, problem = await self.run_cases(selector, timeout_s)
        failures = tuple(each for each in cases if each.status in ("failed", "error"))
        passes = tuple(each.name for each in cases if each.status == "passed")
        skips = tuple(each.name for each in cases if each.status == "skipped")
        return TestReport(
            ok=result.ok and not failures,
            passed=len(passes),
            failed=len(failures),
            skipped=len(skips),
            failures=failures[:_MOST_FAILURES],
            passes=passes[:_MOST_NAMES],
            skips=skips[:_MOST_NAMES],
            problem=problem,
            exit_code=result.exit_code,
            output=result.stdout.decode("utf-8", "replace"),
        )

    async def run_cases(self, selector: str, timeout_s: float) -> tuple[ExecResult, Sequence[TestOutcome], str]:
        """How the command ended (its output in stdout), all cases of its report, and what is wrong with that, in words."""
        chosen = " ".join(shlex.quote(word) for word in _words(selector))
        line = (
            self.command.replace("{tests}", chosen) if "{tests}" in self.command else f"{self.command} {chosen}".strip()
        )
        place = f"{WORKSPACE}/{self.junit}"
        if self.junit:
            await self.sandbox.exec(
                ["rm", "-f", "--", place], timeout_s=20
            )  # an old report must not speak for this run
        result = await self.sandbox.exec(
            ["/bin/sh", "-c", f"exec 2>&1\n{line}"], timeout_s=timeout_s, output_limit=_OUTPUT
        )
        junit = JUnit()
        problem = f"the tests took longer than {timeout_s:g} s and were ended; select fewer" if result.timed_out else ""
        if self.junit and not result.timed_out:
            try:
                junit = read_junit(await self.sandbox.read_file(place))
            except (SandboxFileError, ValueError) as error:
                problem = f"{self.junit} says nothing of single tests: {error}"
        return result, junit.tests, problem


async def _blame(sandbox: Sandbox, error: Exception) -> None:
    """Whether the sandbox is to blame, and not what runs in it: then that is what is raised."""
    if isinstance(error.__cause__, SandboxDied):
        raise error.__cause__
    if isinstance(error, HarnessFailed):
        await sandbox.exec(["true"], timeout_s=20)  # raises SandboxDied


def _gist(problem: str) -> str:
    """Of what pytest printed, the lines that say what is wrong."""
    lines = [line for line in problem.splitlines() if line.startswith(("ERROR", "E  ", "usage:", "pytest: error"))]
    return "\n".join(lines) or problem[-_LONGEST_MESSAGE:]


def _words(selector: str) -> list[str]:
    if "::" in selector and "[" in selector and "'" not in selector and '"' not in selector:
        return [word for part in _BETWEEN.split(selector.strip()) for word in _case(part)]
    try:
        return shlex.split(selector)
    except ValueError as error:
        raise ToolError(f"the selector {selector[:200]!r} cannot be read ({error}); close its quotes") from error


def _case(part: str) -> list[str]:
    """Words of which the last is the name of one case, which may hold spaces."""
    before, bracket, case = part.partition("[")
    *words, last = before.split() or [""]
    return [*words, f"{last}{bracket}{case}"]


def _selected(command: TestCommand, selector: str) -> TestCommand:
    """The user's options with the selector in the place of the user's own files."""
    words = _words(selector)
    if not words:
        return command
    kept: list[str] = []
    value = False
    for word in command.args:
        if value or word.startswith("-"):
            kept.append(word)
        value = not value and word in _TAKE_VALUES
    return TestCommand((*kept, *words), command.cwd_on_path)


def _traceback(outcome: Outcome, sources: dict[str, list[str]]) -> str:
    lines = []
    for file, number in reversed(outcome.frames[:_FRAMES]):
        source = sources.get(file, [])
        shown = source[number - 1].strip()[:200] if 0 < number <= len(source) else ""
        lines.append(f"{file}:{number}: {shown}".rstrip(": "))
    return "\n".join(lines)
