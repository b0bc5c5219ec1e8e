"""What a Sandbox is: the one contract behind which docker and bubblewrap stand.

Two nouns split the problem. A `SandboxProvider` owns the machine's side: is it usable here, start one, reap what
a dead owner left. A `Sandbox` owns one running container: run commands in it, move files in and out, end it.

What every implementation guarantees (one suite, `tests/workspaces/test_sandbox_contract.py`, runs against each):

- The command sees `/workspace` (read-write, the trajectory's own), a private `/tmp`, and otherwise a read-only
  system. No network (not even the host's loopback), no capabilities, no variable of the host's environment, no
  path of the host beyond the system's own programs and the mounts asked for.
- `exec` ends at its time-out with every descendant of the command killed, however it daemonised, and keeps the
  output that came before. A process left in the background never makes `exec` wait.
- Output beyond the limit is read and dropped; the host never holds more than twice the limit.
- Several commands may run in one sandbox at once.
- When the owner process dies, the sandbox's processes die; what the kernel does not clean up, `reap` does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

WORKSPACE = "/workspace"  # where every sandbox sees its workspace


@dataclass(frozen=True, slots=True)
class Limits:
    """What one sandbox may use, all its commands together. Bytes, processes, cores."""

    memory_bytes: int = 2 << 30
    processes: int = 256
    # New or changed bytes in /workspace, a file system of its own; where that may not be mounted (without root) a sandbox
    # that goes beyond is ended a moment later. /tmp has `tmp_bytes` of its own.
    disk_bytes: int = 1 << 30
    tmp_bytes: int = 256 << 20
    cpus: float = 1.0


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """What to start: a workspace, the image (docker only), what else it may read, and its limits."""

    workspace: Path  # host directory, seen as /workspace
    image: str | None = None
    readonly: tuple[Path, ...] = ()  # host directories seen at the same path, read-only (an interpreter's prefix)
    env: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = Limits()
    label: str = ""  # the Run's id, for people who list containers


@dataclass(frozen=True, slots=True)
class ExecResult:
    """How one command ended. `exit_code` is 128+N for a command that signal N ended, as a shell reports it."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    timed_out: bool = False  # the time-out ended it; exit_code is then 137
    truncated: bool = False  # stdout or stderr went over the output limit; the first bytes are kept
    wall_s: float = 0.0
    cpu_s: float = 0.0

    @property
    def ok(self) -> bool:
        return self.exit_code == 0 and not self.timed_out


class Process(Protocol):
    """A command that is spoken to while it runs."""

    async def write(self, data: bytes) -> None:
        """Send to its standard input, waiting while its pipe is full. SandboxDied, BrokenPipeError if it has ended."""

    async def close_stdin(self) -> None:
        """Tell it that nothing more comes."""

    def lines(self) -> AsyncIterator[bytes]:
        """Lines of its standard output, without the newline, as they come; ends when the command does.

        A line longer than the output limit is a ProtocolError; SandboxDied when the sandbox goes away."""

    async def wait(self) -> ExecResult:
        """Its end; `stderr` holds the first bytes of standard error, `stdout` is empty (it went to `lines`)."""

    async def kill(self) -> None:
        """End it and all its descendants now; returns when they are gone. Harmless when it has already ended."""


class Sandbox(Protocol):
    """One running container."""

    @property
    def id(self) -> str: ...

    @property
    def provider(self) -> str: ...  # "docker" | "bubblewrap"

    @property
    def held_s(self) -> float: ...  # seconds from its start until it was closed, or until now

    async def exec(
        self,
        argv: Sequence[str],
        *,
        cwd: str = WORKSPACE,
        env: Mapping[str, str] | None = None,  # added to the spec's
        stdin: bytes = b"",
        timeout_s: float = 60.0,
        output_limit: int = 1 << 20,  # bytes, for stdout and stderr each
    ) -> ExecResult:
        """Run one command to its end. A program that does not exist gives exit code 127 and a line on stderr.

        Raises SandboxDied when the sandbox itself ends, ProtocolError when its supervisor answers nonsense.
        Cancelling the call kills the command and all its descendants.
        """

    def open(
        self,
        argv: Sequence[str],
        *,
        cwd: str = WORKSPACE,
        env: Mapping[str, str] | None = None,
        output_limit: int = 1 << 20,  # bytes of stderr kept, and the longest line of stdout
    ) -> AbstractAsyncContextManager[Process]:
        """Start a command and talk to it; leaving the block kills it and all its descendants."""

    async def read_file(self, path: str, *, limit: int = 8 << 20) -> bytes:
        """The content of a regular file, read as the sandbox's user. SandboxFileError: missing, not regular (a
        FIFO is never waited on), larger than `limit`."""

    async def write_file(self, path: str, data: bytes, *, executable: bool = False) -> None:
        """Replace or create a file, with the directories above it. SandboxFileError: not permitted, no space."""

    async def close(self) -> None:
        """End every process, release mounts, cgroups, containers. May be called twice; never leaves anything."""


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a provider can start sandboxes here; if not, why, and the command that mends it."""

    ok: bool
    detail: str  # "bubblewrap 0.8.0, as root: overlay workspaces, cgroup limits" | what is missing
    remedy: str = ""


class SandboxProvider(Protocol):
    """Starts sandboxes of one kind."""

    @property
    def name(self) -> str: ...

    async def available(self) -> Availability:
        """Try it for real (a sandbox that runs `true`), not only by looking for the program."""

    async def start(self, spec: SandboxSpec) -> Sandbox:
        """Raises SandboxUnavailable (with the remedy), DiskFull."""

    async def reap(self) -> list[str]:
        """Remove what owners that are no longer alive left behind; returns one line for each thing removed."""

    async def close(self) -> None:
        """Close every sandbox that it started, and its own helper process."""
