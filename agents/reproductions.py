"""Tests that trajectories wrote: each runs on base, and with every candidate, whoever wrote it.

Such a test votes only if it was seen failing on base for what it asserts (not because it cannot be collected or set up),
and passes with some candidate. Equal tests of several authors are one. They run in a fresh sandbox, beside the
repository's own files; nothing of a candidate's own tests is there but what its patch adds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.errors import HarnessFailed, UnusableTests
from agents.testrun import Limit, TestCommand, TestSession
from agents.testrun import Outcome as RanTest
from selection import Ballot, Candidate, EquivalenceClass, Outcome, Probe, is_test
from workspaces import WORKSPACE, SandboxFileError, Workspaces

if TYPE_CHECKING:
    from agents.live import LiveRun

LIMIT = Limit(20.0, 60.0)
MOST_FILES = 20
MOST_TESTS = 100
_MOST_BYTES = 200_000  # of one file


@dataclass(frozen=True, slots=True)
class TestFile:
    """A new test file. author: the trajectory, or "judge"."""

    __test__ = False

    path: str
    content: bytes
    author: str | None

    @property
    def key(self) -> str:
        """Equal for files that are the same but for white space at the ends of lines."""
        lines = (line.rstrip() for line in self.content.splitlines())
        return hashlib.sha256(b"\n".join(lines).strip()).hexdigest()[:8]


@dataclass(slots=True)
class Reproductions:
    """What such tests say. One file at a time, one class at a time; nothing runs twice."""

    _files: dict[str, TestFile] = field(default_factory=dict)
    _on_base: dict[str, dict[str, Outcome]] = field(default_factory=dict)  # file's key -> test -> outcome
    _with: dict[tuple[str, str], dict[str, Outcome]] = field(default_factory=dict)  # (file's key, class) -> the same

    async def add(self, live: LiveRun, files: Sequence[TestFile], classes: Sequence[EquivalenceClass]) -> None:
        """Take new files in, and run with every class what was seen failing on base. Raises SandboxDied."""
        for file in files:
            if file.key not in self._files and len(self._files) < MOST_FILES:
                self._files[file.key] = file
                self._on_base[file.key] = await run_test_file(live, file, None)
        for key, file in self._files.items():
            if "failed" not in self._on_base[key].values():
                continue
            for each in classes:
                if (key, each.id) not in self._with:
                    self._with[key, each.id] = await run_test_file(live, file, each.representative)

    def votes(self, classes: Sequence[EquivalenceClass]) -> tuple[list[Probe], list[Ballot]]:
        """The tests that may vote, and what each says of these classes."""
        probes: list[Probe] = []
        ballots: list[Ballot] = []
        for key, file in self._files.items():
            found = {each.id: self._with[key, each.id] for each in classes if (key, each.id) in self._with}
            for test, on_base in list(self._on_base[key].items())[:MOST_TESTS]:
                outcomes = {name: ran.get(test, "error") for name, ran in found.items()}
                if on_base != "failed" or "passed" not in outcomes.values():
                    continue
                probe = Probe(f"{file.author}'s {test} ({key})", "reproduction", file.author)
                probes.append(probe)
                ballots += [Ballot(probe.id, name, outcome) for name, outcome in outcomes.items()]
        return probes, ballots


def _outcome(ran: RanTest) -> Outcome:
    if ran.timed_out:
        return "timeout"
    return "passed" if ran.passed else "failed" if ran.status == "failed" else "error"


def tests_of(candidate: Candidate) -> list[TestFile]:
    """The Python test files that a candidate's patch adds."""
    return [
        TestFile(change.path, change.after, candidate.provenance.trajectory)
        for change in candidate.changes
        if change.before is None
        and change.after is not None
        and change.path.endswith(".py")
        and is_test(change.path)
        and not change.path.endswith("conftest.py")
        and len(change.after) <= _MOST_BYTES
    ]


async def run_test_file(live: LiveRun, file: TestFile, candidate: Candidate | None) -> dict[str, Outcome]:
    """Run one test file on base or with a candidate: test -> outcome. Empty when nothing in it can be collected.

    Raises SandboxDied, DiskFull."""
    assert live.live is not None
    assert live.checkout is not None
    like = live.workers[0]
    patch = candidate.patch if candidate else b""
    command = TestCommand((file.path,), cwd_on_path=like.command.cwd_on_path)
    async with await Workspaces(live.live).create(live.checkout, patch) as workspace:
        sandbox = await live.sandbox_on(workspace)
        try:
            try:
                await sandbox.write_file(f"{WORKSPACE}/{file.path}", file.content)
                session = await TestSession.start(
                    sandbox, python=like.python, command=command, preparation=like.preparation
                )
            except (UnusableTests, HarnessFailed, SandboxFileError):
                return {}
            try:
                report = await session.run(dict.fromkeys(session.tests[:MOST_TESTS], LIMIT))
                return {each.unit: _outcome(each) for each in report.outcomes if each.passed or each.broken}
            finally:
                await session.close()
        finally:
            await sandbox.close()
