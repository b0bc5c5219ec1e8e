"""A pytest session in a sandbox, seen from the host: collect once, then run and try, as often as needed.

Two processes at most: a warm one that has collected everything and forks for each request, and a cold one, started when
it is first needed, that imports nothing of the repository before a request. A process that dies or gets stuck is
replaced; the request that it held fails with the reason. Where the whole sandbox dies, the request is sent once more, in a
fresh one.
"""

from __future__ import annotations

import base64
import contextlib
import json
import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from agents.errors import CollectionFailed, HarnessFailed, NoTests, PytestMissing
from agents.testrun.archive import archive
from agents.testrun.channel import Channel
from agents.testrun.command import TestCommand
from agents.testrun.protocol import MAX_TESTS, CollectionError, Outcome, Ready, Tests, Unusable
from workspaces.errors import ProtocolError, SandboxDied, WorkspaceError
from workspaces.sandbox.contract import WORKSPACE, Sandbox

ARCHIVE = "/tmp/runoff-harness.pyz"  # noqa: S108  (the sandbox's own /tmp)
ENV = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
REPLACEMENTS = 8  # sandboxes of one session that may die
Edits = Mapping[str, bytes]  # path below the workspace -> the file's new bytes


@dataclass(frozen=True, slots=True)
class Limit:
    """What one unit may take, in seconds."""

    cpu_s: float
    wall_s: float


@dataclass(frozen=True, slots=True)
class Example:
    """A documented example: `before` are statements, `source` an expression, `expected` the repr of its value. of_issue: it
    stands in the issue's text, which also tells what is wrong today."""

    file: str
    before: tuple[str, ...]
    source: str
    expected: str
    of_issue: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A function by where it stands: file below the workspace, dotted name in its module, first line of its code."""

    file: str
    name: str
    line: int


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a request gave. `requested`: the units that were asked for; with `stop`, not all have an outcome.
    `refused`: why nothing (more) could run; the outcomes are then incomplete.
    `harness_failed`: because the interpreter or the sandbox died, which says nothing of the tests."""

    requested: tuple[str, ...]
    outcomes: tuple[Outcome, ...] = ()
    cpu_s: float = 0.0
    refused: str | None = None
    harness_failed: bool = False
    how: Literal["warm", "cold"] = "warm"

    @property
    def passed(self) -> bool:
        """Whether every unit that was asked for ran and passed. Nothing asked for, nothing passed."""
        passed = {outcome.unit for outcome in self.outcomes if outcome.passed}
        return self.refused is None and bool(self.requested) and passed.issuperset(self.requested)

    @property
    def timed_out(self) -> bool:
        return any(outcome.timed_out for outcome in self.outcomes)


@dataclass(frozen=True, slots=True)
class Preparation:
    """Limits for what comes before the first unit of a request: collecting, in a cold process; and for memory."""

    cpu_s: float = 30.0
    wall_s: float = 120.0
    memory_bytes: int = 1 << 30


DEFAULT_COMMAND = TestCommand()
DEFAULT_PREPARATION = Preparation()


@dataclass(slots=True)
class TestSession:
    """Made by `start`. One request at a time.

    fresh: starts another sandbox, on a workspace that is as the first one was; without it a death is an error. All
    requests raise SandboxDied when sandboxes keep dying."""

    __test__ = False

    sandbox: Sandbox
    python: str
    command: TestCommand
    preparation: Preparation
    tests: tuple[str, ...] = ()
    version: str = ""
    collection_errors: tuple[str, ...] = ()
    fresh: Callable[[], Awaitable[Sandbox]] | None = None
    _replaced: int = 0
    _channels: dict[str, Channel] = field(default_factory=dict)

    @classmethod
    async def start(
        cls,
        sandbox: Sandbox,
        *,
        python: str = "python3",
        command: TestCommand = DEFAULT_COMMAND,
        preparation: Preparation = DEFAULT_PREPARATION,
        fresh: Callable[[], Awaitable[Sandbox]] | None = None,
    ) -> TestSession:
        """Start the warm process and collect. Raises UnusableTests (it says what to mend), HarnessFailed."""
        await sandbox.write_file(ARCHIVE, archive())
        session = cls(sandbox, python, command, preparation, fresh=fresh)
        try:
            await session._channel("warm")
        except BaseException:
            await session.close()
            raise
        return session

    async def run(
        self,
        tests: Mapping[str, Limit],
        *,
        edits: Edits | None = None,
        stop: bool = False,
        trace: bool = False,
        record: Function | None = None,
    ) -> RunReport:
        """Run tests in this order. `stop`: end at the first that does not pass. `edits` are tried in memory, in the warm
        interpreter where only function bodies change, else in a cold one. Never raises for what tests do."""
        fields = {"edits": _encoded(edits), "stop": stop, "trace": trace, "function": record and _plain(record)}
        return await self._try("tests", tests, fields)

    async def run_fresh(self, tests: Mapping[str, Limit], *, stop: bool = False) -> RunReport:
        """Run tests as the workspace's files are now, in an interpreter that has seen nothing of the repository."""
        return await self._surviving(tests, lambda: self._as_the_files_are(tests, stop))

    async def _as_the_files_are(self, tests: Mapping[str, Limit], stop: bool) -> RunReport:
        fields = {"edits": {}, "stop": stop, "trace": False, "function": None}
        return await self._request("cold", "tests", tests, fields)

    async def run_files(self, tests: Mapping[str, Limit], edits: Edits, *, stop: bool = True) -> RunReport:
        """`run_fresh` with edits written to the workspace's files, which are put back afterwards."""
        return await self._surviving(tests, lambda: self._with_files(tests, edits, stop))

    async def _with_files(self, tests: Mapping[str, Limit], edits: Edits, stop: bool) -> RunReport:
        before = {path: await self.sandbox.read_file(f"{WORKSPACE}/{path}") for path in edits}
        try:
            for path, source in edits.items():
                await self.sandbox.write_file(f"{WORKSPACE}/{path}", source)
            return await self._as_the_files_are(tests, stop)
        finally:
            for path, source in before.items():
                await self.sandbox.write_file(f"{WORKSPACE}/{path}", source)

    async def examples(self, examples: Sequence[Example], limit: Limit, edits: Edits | None = None) -> RunReport:
        """Evaluate documented examples in their modules; one outcome each, its `unit` the place in the sequence."""
        units = {str(place): limit for place in range(len(examples))}
        return await self._try("examples", units, _calls(edits, [_plain(each) for each in examples]))

    async def mutate(self, inputs: Sequence[str], count: int) -> tuple[str, ...]:
        """More inputs like those that `run(record=…)` kept: pickles that only the sandbox reads."""
        fields = _calls(None, [list(inputs)]) | {"count": count}
        units = {"0": Limit(5.0, 20.0)}
        report = await self._surviving(units, lambda: self._request("warm", "mutate", units, fields))
        return tuple(each for outcome in report.outcomes for each in outcome.inputs)

    async def calls(
        self, function: Function, inputs: Sequence[str], limit: Limit, edits: Edits | None = None
    ) -> RunReport:
        """Call a function with recorded inputs; each outcome's text is a digest of what came out and of what became of the
        arguments. "passed": it returned, "xfailed": it raised, "skipped": the state after it cannot be told."""
        units = {str(place): limit for place in range(len(inputs))}
        fields = _calls(edits, list(inputs)) | {"function": _plain(function)}
        return await self._try("calls", units, fields)

    async def show(
        self, function: Function, inputs: Sequence[str], limit: Limit, edits: Edits | None = None
    ) -> RunReport:
        """The same calls in words: each outcome's `call` and, as `text`, its result; "skipped" where they are too long."""
        units = {str(place): limit for place in range(len(inputs))}
        fields = _calls(edits, list(inputs)) | {"function": _plain(function)}
        return await self._try("show", units, fields)

    async def close(self) -> None:
        """End both processes. May be called twice."""
        for how in list(self._channels):
            await self._drop(how)

    async def _try(self, op: str, units: Mapping[str, Limit], fields: Mapping[str, Any]) -> RunReport:
        return await self._surviving(units, lambda: self._warm_or_cold(op, units, fields))

    async def _warm_or_cold(self, op: str, units: Mapping[str, Limit], fields: Mapping[str, Any]) -> RunReport:
        """In the warm interpreter where the edits allow it, else in a cold one."""
        report = await self._request("warm", op, units, fields)
        if report.refused is not None and report.refused.startswith("Unpatchable"):
            cold = await self._request("cold", op, units, fields)
            return replace(cold, cpu_s=report.cpu_s + cold.cpu_s)
        return report

    async def _surviving(self, units: Mapping[str, Limit], attempt: Callable[[], Awaitable[RunReport]]) -> RunReport:
        """What a request gives; where the sandbox dies of it twice, the report says so."""
        died: WorkspaceError | None = None
        for _ in range(2):
            try:
                return await attempt()
            except (SandboxDied, ProtocolError) as error:
                died = error
                await self._replace(error)
        return RunReport(tuple(units), refused=f"the sandbox died, twice: {died}", harness_failed=True)

    async def _replace(self, died: WorkspaceError) -> None:
        """Go on in a fresh sandbox. Raises what ended the old one when there were too many."""
        if self.fresh is None or self._replaced >= REPLACEMENTS:
            raise died
        self._replaced += 1
        await self.close()
        self.sandbox = await self.fresh()
        await self.sandbox.write_file(ARCHIVE, archive())

    async def _request(
        self, how: Literal["warm", "cold"], op: str, units: Mapping[str, Limit], fields: Mapping[str, Any]
    ) -> RunReport:
        outcomes: list[Outcome] = []
        requested = tuple(units)
        rows = [{"unit": unit, "cpu_s": limit.cpu_s, "wall_s": limit.wall_s} for unit, limit in units.items()]
        limits = {
            "prepare_cpu_s": self.preparation.cpu_s,
            "prepare_wall_s": self.preparation.wall_s,
            "memory_bytes": self.preparation.memory_bytes,
        }
        try:
            channel = await self._channel(how)
            async for message in channel.request(op, rows, **fields, **limits):
                if isinstance(message, Outcome):
                    outcomes.append(message)
                else:
                    return RunReport(requested, tuple(outcomes), message.cpu_s, message.refused, how=how)
            raise HarnessFailed("the test harness stopped answering")
        except HarnessFailed as error:
            await self._drop(how)
            await self.sandbox.exec(["true"], timeout_s=30)  # raises SandboxDied where that is the reason
            return RunReport(requested, tuple(outcomes), 0.0, str(error), harness_failed=True, how=how)
        except BaseException:  # cancelled in the middle: what the process says next would answer the wrong request
            await self._drop(how)
            raise

    async def _drop(self, how: str) -> None:
        channel = self._channels.pop(how, None)
        if channel is not None:
            with contextlib.suppress(SandboxDied, ProtocolError):  # then it is closed
                await channel.close()

    async def _channel(self, how: Literal["warm", "cold"]) -> Channel:
        if how not in self._channels:
            options = {"args": list(self.command.args), "root": WORKSPACE, "cwd_on_path": self.command.cwd_on_path}
            argv = [self.python, ARCHIVE, how, json.dumps(options)]
            self._channels[how] = await Channel.open(self.sandbox, argv, ENV)
            await self._greet(self._channels[how], how)
        return self._channels[how]

    async def _greet(self, channel: Channel, how: str) -> None:
        """Read what a process says before its first request: what it collected, or why it cannot serve."""
        tests: list[str] = []
        errors: list[str] = []
        while True:
            message = await channel.message(self.preparation.wall_s)
            if isinstance(message, Tests) and len(tests) < MAX_TESTS:
                tests += message.tests
            elif isinstance(message, CollectionError):
                errors.append(f"{message.unit}: {message.text}")
            elif isinstance(message, Unusable):
                raise _unusable(message, self.python, self.command)
            elif isinstance(message, Ready):
                break
            else:
                raise HarnessFailed("the test harness answered before it was asked")
        self.version = f"Python {message.python}, pytest {message.pytest}"
        if how == "warm":
            self.tests, self.collection_errors = tuple(tests), tuple(errors)
            if not tests and not errors:
                raise NoTests(f"pytest collects no test {_where(self.command)}; name tests with --test")


def _unusable(message: Unusable, python: str, command: TestCommand) -> Exception:
    if message.reason == "no-pytest":
        return PytestMissing(
            f"{python} in the sandbox has no pytest ({message.text}); install it there, or name another with --python"
        )
    if message.reason == "old-pytest":
        return PytestMissing(
            f"{python} in the sandbox has pytest {message.text}; 6 or newer is needed: upgrade it there"
        )
    again = shlex.join([*(["python", "-m"] if command.cwd_on_path else []), "pytest", *command.args])
    remedy = f"`{again}` in the repository shows all of it; mend it there, or name other tests with --test"
    return CollectionFailed(f"the tests cannot be collected: {message.text}; {remedy}")


def _where(command: TestCommand) -> str:
    return f"with the arguments {' '.join(command.args)!r}" if command.args else "in this repository"


def _encoded(edits: Edits | None) -> dict[str, str]:
    return {path: base64.b64encode(source).decode() for path, source in (edits or {}).items()}


def _plain(value: Example | Function) -> dict[str, Any]:
    return {name: getattr(value, name) for name in type(value).__slots__}


def _calls(edits: Edits | None, payloads: Sequence[Any]) -> dict[str, Any]:
    return {"edits": _encoded(edits), "stop": False, "trace": False, "function": None, "payloads": list(payloads)}
