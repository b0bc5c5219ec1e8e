"""Tests that trajectories wrote: each runs on base, and with every candidate, whoever wrote it.

Such a test votes only if it was seen failing on base for what it asserts (not because it cannot be collected or set up),
and passes with some candidate. Equal tests of several authors are one. They run in a fresh sandbox, beside the
repository's own files; nothing of a candidate's own tests is there but what its patch adds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from agents.errors import HarnessFailed, UnusableTests
from agents.judged import sandbox_with
from agents.testrun import Limit, TestCommand, TestSession
from agents.testrun import Outcome as RanTest
from selection import Ballot, Candidate, EquivalenceClass, Outcome, Probe, is_test
from workspaces import WORKSPACE, SandboxFileError

if TYPE_CHECKING:
    from agents.live import LiveRun

LIMIT = Limit(20.0, 60.0)
MOST_FILES = 20
MOST_TESTS = 200
_MOST_BYTES = 200_000  # of one file
Outcomes = dict[str, Outcome]  # by the test's name in its file


@dataclass(frozen=True, slots=True)
class TestFile:
    """A new test file. authors: the trajectories, or "judge"."""

    __test__ = False

    path: str
    content: bytes
    authors: frozenset[str]

    @property
    def by(self) -> str:
        return f"{' and '.join(sorted(self.authors))}'s {self.path}"

    @property
    def key(self) -> str:
        """Equal for files that are the same but for white space at the ends of lines."""
        lines = (line.rstrip() for line in self.content.splitlines())
        return hashlib.sha256(b"\n".join(lines).strip()).hexdigest()[:8]

    @property
    def place(self) -> str:
        """Where it is run: beside where it belongs, under a name that no other file has."""
        path = PurePosixPath(self.path)
        return str(path.with_name(f"{path.stem}_{self.key}.py"))


@dataclass(slots=True)
class Reproductions:
    """What such tests say. Nothing runs twice; what is to run with one program runs in one sandbox."""

    _files: dict[str, TestFile] = field(default_factory=dict)
    _on_base: dict[str, Outcomes] = field(default_factory=dict)  # file's key -> what its tests say
    _with: dict[str, dict[str, Outcomes]] = field(default_factory=dict)  # class -> the same

    @property
    def files(self) -> tuple[TestFile, ...]:
        return tuple(self._files.values())

    async def add(self, live: LiveRun, files: Sequence[TestFile], classes: Sequence[EquivalenceClass]) -> None:
        """Take new files in, and run with every class what was seen failing on base. Raises SandboxDied."""
        self.take(files)
        self._on_base |= await self._missing(live, self._files, self._on_base, None)
        failing = {key: self._files[key] for key, found in self._on_base.items() if "failed" in found.values()}
        for each in classes:
            known = self._with.setdefault(each.id, {})
            known |= await self._missing(live, failing, known, each.representative)

    def take(self, files: Sequence[TestFile]) -> None:
        """As many as there is room for; equal ones are one, of several authors."""
        for file in sorted(files, key=lambda file: (file.path, file.content)):
            if known := self._files.get(file.key):
                self._files[file.key] = replace(known, authors=known.authors | file.authors)
            elif len(self._files) < MOST_FILES:
                self._files[file.key] = file

    async def _missing(
        self, live: LiveRun, files: Mapping[str, TestFile], known: Mapping[str, Outcomes], candidate: Candidate | None
    ) -> dict[str, Outcomes]:
        missing = [file for key, file in files.items() if key not in known]
        if not missing:
            return {}
        try:
            return await run_test_files(live, missing, candidate)
        except (UnusableTests, HarnessFailed, SandboxFileError):  # one may have ended pytest for all
            return {each.key: await self._alone(live, each, candidate) for each in missing}

    async def _alone(self, live: LiveRun, file: TestFile, candidate: Candidate | None) -> Outcomes:
        try:
            return (await run_test_files(live, [file], candidate))[file.key]
        except (UnusableTests, HarnessFailed, SandboxFileError) as error:
            if candidate is None:
                why = " ".join(str(error).split())[:200]
                live.journal.append("note", {"text": f"{file.by} has no vote: {why}"})
            return {}

    def votes(self, classes: Sequence[EquivalenceClass]) -> tuple[list[Probe], list[Ballot]]:
        """The tests that may vote, and what each says of these classes."""
        probes: list[Probe] = []
        ballots: list[Ballot] = []
        for key, file in self._files.items():
            found = {each.id: self._with[each.id][key] for each in classes if key in self._with.get(each.id, {})}
            for test, on_base in self._on_base.get(key, {}).items():
                outcomes = {name: ran.get(test, "error") for name, ran in found.items()}
                if on_base != "failed" or "passed" not in outcomes.values():
                    continue
                probe = Probe(f"{file.by}::{test} ({key})", "reproduction", file.authors)
                probes.append(probe)
                ballots += [Ballot(probe.id, name, outcome) for name, outcome in outcomes.items()]
        return probes, ballots


def tests_of(candidate: Candidate) -> list[TestFile]:
    """The Python test files that a candidate's patch adds."""
    author = candidate.provenance.author
    return [
        TestFile(change.path, change.after, frozenset({author} if author else ()))
        for change in candidate.changes
        if change.before is None
        and change.after is not None
        and change.path.endswith(".py")
        and is_test(change.path)
        and not change.path.endswith("conftest.py")
        and len(change.after) <= _MOST_BYTES
    ]


async def run_test_files(live: LiveRun, files: Sequence[TestFile], candidate: Candidate | None) -> dict[str, Outcomes]:
    """Run test files on base or with a candidate: for each file's key, its tests' outcomes; none of a file that cannot be
    imported. Raises UnusableTests, HarnessFailed, SandboxFileError when none can run; SandboxDied."""
    like = live.workers[0]
    found: dict[str, Outcomes] = {file.key: {} for file in files}
    command = TestCommand(tuple(f"./{file.place}" for file in files), cwd_on_path=like.command.cwd_on_path)
    async with sandbox_with(live, candidate) as sandbox:
        for file in files:
            await sandbox.write_file(f"{WORKSPACE}/{file.place}", file.content)
        session = await TestSession.start(sandbox, python=like.python, command=command, preparation=like.preparation)
        try:
            report = await session.run(dict.fromkeys(session.tests[:MOST_TESTS], LIMIT))
        finally:
            await session.close()
    keys = {PurePosixPath(file.place).name: file.key for file in files}  # a test's path begins where its settings are
    for each in report.outcomes:
        place, _, test = each.unit.partition("::")
        key = keys.get(PurePosixPath(place).name)
        if key and (each.passed or each.broken):
            found[key][test] = _outcome(each)
    return found


def _outcome(ran: RanTest) -> Outcome:
    if ran.timed_out:
        return "timeout"
    return "passed" if ran.passed else "failed" if ran.status == "failed" else "error"
