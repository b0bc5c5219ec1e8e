"""What every sandbox behind a supervisor has in common: commands and files, over its link."""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from workspaces.errors import SandboxDied, SandboxFileError, WorkspaceError
from workspaces.sandbox.contract import WORKSPACE, ExecResult, Limits, Process, SandboxSpec
from workspaces.sandbox.disk import limits_itself, until_too_large
from workspaces.sandbox.link import Execution

SANDBOX_UID = 64_321  # the user of commands when the owner is root: nobody's on any system that we know of
ENV = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/tmp/home",  # noqa: S108  (the sandbox's own)
    "LANG": "C.UTF-8",
    "TMPDIR": "/tmp",  # noqa: S108
}
SUPERVISOR = Path(__file__).with_name("supervisor")


def supervisor_command(interpreter: str, place: str) -> list[str]:
    """How to run the supervisor's package when it lies in the directory `place`."""
    return [
        interpreter,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.insert(0, {place!r}); from supervisor.main import main; main()",
    ]


class SupervisedSandbox(ABC):
    """Commands and files. A subclass says where a command goes (`_start`), and ends the sandbox."""

    def __init__(self, identity: str, spec: SandboxSpec) -> None:
        self.id = identity
        self._spec = spec
        self._why = ""  # it ended although nobody closed it
        self._watching: asyncio.Task[None] | None = None
        self._closed = False
        self._began = time.monotonic()
        self._ended: float | None = None

    @property
    def held_s(self) -> float:
        return (self._ended or time.monotonic()) - self._began

    def watch(self) -> None:
        """Begin to end the sandbox as soon as its workspace is too large, where the workspace does not limit itself."""
        if not limits_itself(self._spec.workspace):
            self._watching = asyncio.create_task(self._watch(), name=f"disk of {self.id}")

    async def _watch(self) -> None:
        self._why = await until_too_large(self._spec.workspace, self._spec.limits.disk_bytes)
        await self._end()

    async def _unwatch(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    @abstractmethod
    async def _end(self) -> None:
        """Kill all that runs in it."""

    @abstractmethod
    async def _start(self, request: dict[str, Any], *, stream: bool = False) -> Execution:
        """Start what a request asks for. Raises SandboxDied."""

    @abstractmethod
    async def _has_ended(self) -> bool:
        """Whether the sandbox is gone, asked when a command was lost."""

    async def exec(
        self,
        argv: Sequence[str],
        *,
        cwd: str = WORKSPACE,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
        output_limit: int = 1 << 20,
    ) -> ExecResult:
        request = {"argv": list(argv), "cwd": cwd, "env": self._environment(env), "timeout_s": timeout_s}
        return await self._complete({**request, "output_limit": output_limit}, stdin)

    @asynccontextmanager
    async def open(
        self,
        argv: Sequence[str],
        *,
        cwd: str = WORKSPACE,
        env: Mapping[str, str] | None = None,
        output_limit: int = 1 << 20,
    ) -> AsyncIterator[Process]:
        request = {"argv": list(argv), "cwd": cwd, "env": self._environment(env), "output_limit": output_limit}
        execution = await self._start(request, stream=True)
        try:
            yield execution
        finally:
            await execution.kill()

    async def read_file(self, path: str, *, limit: int = 8 << 20) -> bytes:
        result = await self._complete(
            {"read": path, "limit": limit, "output_limit": max(limit, 1 << 16), "timeout_s": 60.0}
        )
        if not result.ok:
            raise SandboxFileError(f"{path} cannot be read in the sandbox: {_said(result)}")
        return result.stdout

    async def write_file(self, path: str, data: bytes, *, executable: bool = False) -> None:
        request = {"write": path, "executable": executable, "output_limit": 1 << 16, "timeout_s": 60.0}
        result = await self._complete(request, data)
        if not result.ok:
            raise SandboxFileError(f"{path} cannot be written in the sandbox: {_said(result)}")

    async def _complete(self, request: dict[str, Any], stdin: bytes = b"") -> ExecResult:
        """Run to the end. A command that is cancelled, or whose caller is, is killed with all its descendants."""
        execution = await self._start(request)
        try:
            if stdin:
                with contextlib.suppress(BrokenPipeError):  # it did not want to read all of it
                    await execution.write(stdin)
            await execution.close_stdin()
            result = await execution.wait()
            if execution.lost and await self._has_ended():
                raise SandboxDied("it was killed")
            return result
        except SandboxDied as error:
            raise SandboxDied(f"sandbox {self.id} ended while it ran a command: {self._why or error}") from error
        finally:
            await execution.kill()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            await self._close()
        finally:
            self._ended = time.monotonic()

    @abstractmethod
    async def _close(self) -> None:
        """End every process, and release all that it holds. Called once."""

    def _environment(self, env: Mapping[str, str] | None) -> dict[str, str]:
        return {**ENV, **self._spec.env, **(env or {})}


async def close_all(sandboxes: Iterable[SupervisedSandbox]) -> None:
    """Close all of them, also when one cannot be. Raises the first error."""
    refused: list[Exception] = []
    for sandbox in list(sandboxes):
        try:
            await sandbox.close()
        except (WorkspaceError, OSError) as error:
            refused.append(error)
    if refused:
        raise refused[0]


def rlimits(limits: Limits, *, limited_by_group: bool) -> dict[str, int]:
    """Limits of each process; those that a control group keeps for all of them together are left out."""
    chosen = {"RLIMIT_CORE": 0, "RLIMIT_NOFILE": 4096, "RLIMIT_FSIZE": limits.disk_bytes}
    if not limited_by_group:
        chosen |= {"RLIMIT_NPROC": limits.processes, "RLIMIT_AS": limits.memory_bytes}
    return chosen


def _said(result: ExecResult) -> str:
    return result.stderr.decode("utf-8", "replace").strip() or f"exit code {result.exit_code}"
