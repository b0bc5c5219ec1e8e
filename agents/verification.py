"""How the candidates of trajectories are verified: the repository's tests run on base, then on each candidate's files.

    tests = tests_of(live)                      pytest, or whatever command --test names
    base = await tests.base()                   which fail, which pass
    outcomes = await tests.outcomes(candidate)  the same ones with the candidate
    tests.runner(sandbox)                       for the trajectories' own use

A command votes by its exit code; where --junit says where it writes a JUnit XML report, its cases vote as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agents.errors import HarnessFailed, NotPytest, UnusableTests
from agents.live import LiveRun
from agents.testrun import BaseRun, Outcome, TestCommand, TestSession, parse_command
from agents.testrun.baserun import base_outcomes
from agents.tools import CommandTests, PytestTests, TestRunner
from selection import Candidate
from workspaces import Sandbox, Workspaces

COMMAND_S = 1200.0  # that one run of a command may take
_NOT_RUN = {126: "cannot be executed", 127: "is not found"}  # a shell's exit codes for what it could not start
_SHOWN = 300


class RepositoryTests(Protocol):
    """The tests of a Run."""

    async def base(self) -> BaseRun:
        """Run them on base. Raises UnusableTests, HarnessFailed."""

    async def outcomes(self, candidate: Candidate) -> Mapping[str, bool]:
        """Whether each test that counts on base passes with the candidate, in a sandbox of its own."""

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

    async def outcomes(self, candidate: Candidate) -> Mapping[str, bool]:
        live, base = self.live, self._base
        assert live.live is not None
        assert live.checkout is not None
        assert base is not None
        wanted = (*base.failing, *base.passing)
        outcomes = dict.fromkeys(wanted, False)
        async with await Workspaces(live.live).create(live.checkout, candidate.patch) as workspace:
            sandbox = await live.sandbox_on(workspace)
            try:
                like = live.workers[0]
                try:
                    session = await TestSession.start(
                        sandbox, python=like.python, command=like.command, preparation=like.preparation
                    )
                except (UnusableTests, HarnessFailed):
                    return outcomes  # with it, no test can be collected
                try:
                    limits = {test: base.generous_limit(test) for test in wanted if test in session.tests}
                    report = await session.run_fresh(limits)
                    outcomes |= {each.unit: each.passed for each in report.outcomes}
                finally:
                    await session.close()
            finally:
                await sandbox.close()
        return outcomes

    def runner(self, sandbox: Sandbox) -> TestRunner:
        if self.live.workers:
            session = self.live.workers[0]
            return PytestTests(sandbox, session.python, session.command, session.preparation)
        return PytestTests(sandbox, "python3", self.command)


@dataclass(slots=True)
class _Command:
    live: LiveRun
    command: str
    junit: str
    _counting: Sequence[str] = ()

    async def base(self) -> BaseRun:
        """What fails there runs again, in a fresh workspace: what then passes has no vote."""
        first, said = await self._run(b"")
        failed = {name for name, outcome in first.items() if outcome.broken}
        again = (await self._run(b""))[0] if failed else {}
        failing = tuple(name for name in first if name in failed and name in again and again[name].broken)
        passing = tuple(name for name, outcome in first.items() if outcome.passed)
        self._counting = (*failing, *passing)
        if said:
            self.live.journal.append("note", {"text": said})
        unstable = tuple(sorted(failed - set(failing)))
        return BaseRun(first, failing, passing, (), 0.0, unstable=unstable)

    async def outcomes(self, candidate: Candidate) -> Mapping[str, bool]:
        try:
            ran, _ = await self._run(candidate.patch)
        except UnusableTests:  # the candidate took away what the command starts
            ran = {}
        return {name: name in ran and ran[name].passed for name in self._counting}

    def runner(self, sandbox: Sandbox) -> TestRunner:
        return CommandTests(sandbox, self.command, self.junit)

    async def _run(self, patch: bytes) -> tuple[dict[str, Outcome], str]:
        """The command itself and the cases of its report, each with how it ended; and what is wrong with that report.
        Raises UnusableTests when there is nothing to run."""
        live = self.live
        assert live.live is not None
        assert live.checkout is not None
        async with await Workspaces(live.live).create(live.checkout, patch) as workspace:
            live.starting = max(1, live.starting)
            sandbox = await live.sandbox_on(workspace)
            try:
                result, cases, said = await CommandTests(sandbox, self.command, self.junit).run_cases("", COMMAND_S)
            finally:
                await sandbox.close()
        if result.exit_code in _NOT_RUN:
            why = " ".join(result.stdout.decode("utf-8", "replace").split())[-_SHOWN:]
            raise UnusableTests(
                f"{self.command!r} {_NOT_RUN[result.exit_code]} in the sandbox ({why}); name a command that is there, or an "
                "image that has it (--sandbox docker --image NAME)"
            )
        outcomes = {self.command: Outcome(unit=self.command[:8000], status="passed" if result.ok else "failed")}
        for case in cases:
            before = outcomes.get(case.name)
            if before is None or not before.broken:  # of cases with one name, one that fails speaks for all
                outcomes[case.name] = Outcome(unit=case.name[:8000], status=case.status)
        return outcomes, said
