"""How the candidates of trajectories are verified: the repository's tests run on base, then on each candidate's files.

    tests = tests_of(live)                      pytest, or whatever command --test names
    base = await tests.base()                   which fail, which pass
    async with tests.on(candidate) as suite:    the same ones, as they are on base, on a candidate's files
        report = await suite.run(limits)
    tests.runner(sandbox)                       for the trajectories' own use

A command votes by its exit code; where --junit says where it writes a JUnit XML report, its cases vote as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence, Set
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from agents.errors import NotPytest, UnusableTests
from agents.judged import sandbox_with
from agents.live import LiveRun
from agents.testrun import BaseRun, Limit, Outcome, RunReport, TestCommand, TestSession, parse_command
from agents.testrun.baserun import base_outcomes
from agents.testrun.protocol import LONGEST_NAME
from agents.tools import CommandTests, PytestTests, TestRunner
from selection import Candidate
from workspaces import Sandbox

COMMAND_S = 1200.0  # that one run of a command may take
_NOT_RUN = {126: "cannot be executed", 127: "is not found"}  # a shell's exit codes for what it could not start
_SHOWN = 300


class Suite(Protocol):
    """Tests on some files."""

    @property
    def tests(self) -> Collection[str]:
        """Those that can be run there."""

    async def run(self, limits: Mapping[str, Limit], *, stop: bool = False, again: bool = False) -> RunReport:
        """Run some of them, in an interpreter that has seen nothing of the repository. stop: end at the first that does
        not pass. again: what was seen before is in doubt. More outcomes than were asked for may come."""


class RepositoryTests(Protocol):
    """The tests of a Run."""

    async def base(self) -> BaseRun:
        """Run them on base. Raises UnusableTests, HarnessFailed."""

    async def alone(self, tests: Set[str]) -> Set[str]:
        """Those of them that pass on base without the tests that ran before them there. Raises SandboxDied."""

    def on(self, candidate: Candidate) -> AbstractAsyncContextManager[Suite]:
        """The tests on a candidate's files, in a sandbox of its own. Entering it raises UnusableTests, HarnessFailed."""

    def runner(self, sandbox: Sandbox) -> TestRunner:
        """What runs tests in a trajectory's sandbox."""


def tests_of(live: LiveRun) -> RepositoryTests:
    """By what the Run was asked to test with."""
    try:
        return _Pytest(live, parse_command(live.request.test))
    except NotPytest:
        return _Command(live, live.request.test or "", live.request.junit or "")


@dataclass(slots=True)
class _Pytest:
    live: LiveRun
    command: TestCommand
    _base: BaseRun | None = None

    async def base(self) -> BaseRun:
        worker = await self.live.start_worker()
        self._base = await base_outcomes(self.live.workers[worker])
        return self._base

    async def alone(self, tests: Set[str]) -> Set[str]:
        assert self._base is not None
        limits = {test: self._base.generous_limit(test) for test in self._base.tests if test in tests}
        report = await self.live.workers[0].run_fresh(limits)
        return {outcome.unit for outcome in report.outcomes if outcome.passed}

    @asynccontextmanager
    async def on(self, candidate: Candidate) -> AsyncIterator[Suite]:
        like = self.live.workers[0]
        async with sandbox_with(self.live, candidate) as sandbox:
            session = await TestSession.start(
                sandbox, python=like.python, command=like.command, preparation=like.preparation
            )
            try:
                yield _PytestSuite(session)
            finally:
                await session.close()

    def runner(self, sandbox: Sandbox) -> TestRunner:
        if self.live.workers:
            session = self.live.workers[0]
            return PytestTests(sandbox, session.python, session.command, session.preparation)
        return PytestTests(sandbox, "python3", self.command)


@dataclass(frozen=True, slots=True)
class _PytestSuite:
    session: TestSession

    @property
    def tests(self) -> Collection[str]:
        return self.session.tests

    async def run(self, limits: Mapping[str, Limit], *, stop: bool = False, again: bool = False) -> RunReport:
        return await self.session.run_fresh(limits, stop=stop)


@dataclass(slots=True)
class _Command:
    live: LiveRun
    command: str
    junit: str
    counting: Sequence[str] = ()

    async def base(self) -> BaseRun:
        """What fails there runs again, in a fresh workspace: what then passes has no vote."""
        first, said = await self.outcomes(None)
        failed = {name for name, outcome in first.items() if outcome.broken}
        again = (await self.outcomes(None))[0] if failed else {}
        failing = tuple(name for name in first if name in failed and name in again and again[name].broken)
        passing = tuple(name for name, outcome in first.items() if outcome.passed)
        self.counting = (*failing, *passing)
        if said:
            self.live.journal.append("note", {"text": said})
        unstable = tuple(sorted(failed - set(failing)))
        return BaseRun(first, failing, passing, (), 0.0, unstable=unstable)

    async def alone(self, tests: Set[str]) -> Set[str]:
        return tests  # a command always runs whole, so that no test lacks what ran before it

    @asynccontextmanager
    async def on(self, candidate: Candidate) -> AsyncIterator[Suite]:
        yield _CommandSuite(self, candidate)

    def runner(self, sandbox: Sandbox) -> TestRunner:
        return CommandTests(sandbox, self.command, self.junit)

    async def outcomes(self, candidate: Candidate | None) -> tuple[dict[str, Outcome], str]:
        """The command itself and the cases of its report, each with how it ended; and what is wrong with that report.
        Raises UnusableTests when there is nothing to run."""
        async with sandbox_with(self.live, candidate) as sandbox:
            result, cases, said = await CommandTests(sandbox, self.command, self.junit).run_cases("", COMMAND_S)
        if result.exit_code in _NOT_RUN:
            why = " ".join(result.stdout.decode("utf-8", "replace").split())[-_SHOWN:]
            raise UnusableTests(
                f"{self.command!r} {_NOT_RUN[result.exit_code]} in the sandbox ({why}); name a command that is there, or an "
                "image that has it (--sandbox docker --image NAME)"
            )
        whole = self.command[:LONGEST_NAME]
        outcomes = {whole: Outcome(unit=whole, status="passed" if result.ok else "failed")}
        for case in cases:
            name = case.name[:LONGEST_NAME]
            before = outcomes.get(name)
            if before is None or not before.broken:  # of cases with one name, one that fails speaks for all
                outcomes[name] = Outcome(unit=name, status=case.status)
        return outcomes, said


@dataclass(slots=True)
class _CommandSuite:
    """A command runs whole, in a workspace of its own, so that one run tells of every test."""

    of: _Command
    candidate: Candidate
    _ran: RunReport | None = None

    @property
    def tests(self) -> Collection[str]:
        return self.of.counting

    async def run(self, limits: Mapping[str, Limit], *, stop: bool = False, again: bool = False) -> RunReport:
        if again or self._ran is None:
            self._ran = await self._run()
        return self._ran

    async def _run(self) -> RunReport:
        tests = tuple(self.of.counting)
        try:
            ran, _ = await self.of.outcomes(self.candidate)
        except UnusableTests as error:  # the candidate took away what the command starts
            return RunReport(tests, tuple(Outcome(unit=name, status="error", text=str(error)) for name in tests))
        missing = (Outcome(unit=name, status="error", text="the report no longer has it") for name in tests)
        return RunReport(tests, tuple(ran.get(name, lost) for name, lost in zip(tests, missing, strict=True)))
