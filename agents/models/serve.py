"""A vLLM server of one's own: start it, wait until it is healthy, and end it with all its processes."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from time import monotonic

from agents.errors import ModelError, ServerNotStarted
from agents.models.endpoint import Endpoint
from agents.models.flags import ENVIRONMENT, with_defaults
from agents.models.processes import descendants, end_with_parent, inherit_orphans, kill_all

_SCRATCH = "runoff-vllm-"
_LOOK_S = 0.5
_GRACE_S = 20.0
_TAIL = 15

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Serving:
    """What to serve, and how. program: the words that start vLLM (see `find_vllm`). flags: more flags for it.

    log: where everything that it prints goes. ready_s: how long it may take to get healthy; a large model takes long.
    """

    model: str
    program: Sequence[str]
    log: Path
    host: str = "127.0.0.1"
    port: int = 8000
    flags: Sequence[str] = ()
    ready_s: float = 3600.0

    @property
    def command(self) -> list[str]:
        """The whole command line."""
        where = ["--host", self.host, "--port", str(self.port)]
        return [*self.program, "serve", self.model, *where, *with_defaults(self.model, self.flags)]

    @property
    def base_url(self) -> str:
        """Where it is reached from this machine."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 (compared, not bound)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/v1"


class Server:
    """A server that runs. `ended` is set when its process ends by itself."""

    def __init__(self, serving: Serving, process: asyncio.subprocess.Process) -> None:
        self.serving = serving
        self.pid = process.pid
        self._process = process

    async def ended(self) -> int:
        """Wait until the process ends by itself; returns its exit status, negative for a signal."""
        return await self._process.wait()

    def log_tail(self) -> str:
        """The last lines that it printed."""
        return _tail(self.serving.log, _TAIL)


@asynccontextmanager
async def serve(serving: Serving, on_progress: Progress | None = None) -> AsyncIterator[Server]:
    """A healthy server while the block runs; when it is left, however, no process of it is left behind.

    Raises ServerNotStarted. on_progress: gets the seconds so far and the last line of the log, twice a second.
    For a process of its own: whatever else this process starts while the block runs is ended with the server.
    """
    _must_be_free(serving)
    inherit_orphans()
    before = descendants(os.getpid())
    _clear_up()
    with TemporaryDirectory(prefix=f"{_SCRATCH}{os.getpid()}-") as scratch:  # its sockets, which it leaves when killed
        process = await _start(serving, scratch)
        server = Server(serving, process)
        try:
            await _healthy(server, process, on_progress)
            yield server
        finally:
            await asyncio.shield(asyncio.ensure_future(_stop(process, before)))


def _clear_up() -> None:
    """Remove the scratch folders of this user's servers whose process was killed."""
    for place in Path(gettempdir()).glob(f"{_SCRATCH}*"):
        pid = place.name.removeprefix(_SCRATCH).partition("-")[0]
        if place.lstat().st_uid == os.getuid() and not place.is_symlink() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(place, ignore_errors=True)


def find_vllm(given: Path | None = None) -> list[str]:
    """The words that start vLLM: the given program or environment, `vllm` on PATH, or this interpreter's own package.

    Raises ServerNotStarted, which says how to install it.
    """
    if given is not None:
        program = given / "bin" / "vllm" if given.is_dir() else given
        if not os.access(program, os.X_OK):
            raise ServerNotStarted(f"{program} is no program; name vLLM's, or the environment that it is installed in")
        return [str(program.absolute())]  # a bare name would be looked for on PATH
    if found := shutil.which("vllm"):
        return [found]
    if importlib.util.find_spec("vllm") is not None:
        return [sys.executable, "-m", "vllm.entrypoints.cli.main"]
    raise ServerNotStarted(
        "vLLM is not found; install it in an environment of its own (python3 -m venv ~/vllm && ~/vllm/bin/pip install "
        "vllm), and name it: --vllm ~/vllm"
    )


async def _start(serving: Serving, scratch: str) -> asyncio.subprocess.Process:
    try:
        serving.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(serving.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    except OSError as error:
        raise ServerNotStarted(f"the log {serving.log} cannot be written: {error.strerror}; name another") from error
    try:
        return await asyncio.create_subprocess_exec(
            *serving.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            env={**ENVIRONMENT, **os.environ, "TMPDIR": scratch},
            start_new_session=True,  # Ctrl-C is for Runoff, which ends the server in order
            preexec_fn=end_with_parent,
        )
    except OSError as error:
        raise ServerNotStarted(f"{serving.command[0]} cannot be started: {error.strerror}") from error
    finally:
        os.close(handle)


async def _healthy(server: Server, process: asyncio.subprocess.Process, on_progress: Progress | None) -> None:
    """Wait until /health says yes."""
    serving, started = server.serving, monotonic()
    endpoint = Endpoint(serving.base_url, serving.model)
    try:
        while not await _answers(endpoint):
            seconds = monotonic() - started
            with contextlib.suppress(TimeoutError):
                status = await asyncio.wait_for(process.wait(), _LOOK_S)
                raise ServerNotStarted(f"vLLM ended with status {status} before it was ready: {_why(server)}")
            if seconds > serving.ready_s:
                raise ServerNotStarted(f"vLLM is not ready after {seconds:.0f} s; its log is {serving.log}")
            if on_progress is not None:
                on_progress(seconds, _tail(serving.log, 1))
    finally:
        await endpoint.close()


async def _answers(endpoint: Endpoint) -> bool:
    try:
        async with asyncio.timeout(5):
            await endpoint.get(f"{endpoint.root}/health")
    except (ModelError, TimeoutError):
        return False
    return True


async def _stop(process: asyncio.subprocess.Process, before: set[int]) -> None:
    """Ask the server to end, then end whatever is left of it."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _GRACE_S)
    if process.returncode is None:
        process.kill()
        await process.wait()
    while left := descendants(os.getpid()) - before:  # what is killed may leave orphans, which then are ours
        await asyncio.to_thread(kill_all, left)


def _must_be_free(serving: Serving) -> None:
    family = socket.AF_INET6 if ":" in serving.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((serving.host, serving.port))
        except OSError as error:
            where = f"{serving.host}:{serving.port}"
            raise ServerNotStarted(f"{where} cannot be used ({error.strerror}); choose another with --port") from error


def _why(server: Server) -> str:
    """The line of the log that says why it ended, if one does, and where the rest is."""
    lines = _tail(server.serving.log, 200).splitlines()
    errors = [line.strip() for line in lines if "Error" in line or "error:" in line]
    said = (errors or lines or ["it said nothing"])[-1]
    return f"{said[:500]} (the whole log: {server.serving.log})"


def _tail(path: Path, lines: int) -> str:
    """The last lines of a file that is being written."""
    with contextlib.suppress(OSError), path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - 500 * lines))
        text = stream.read().decode("utf-8", "replace")
        return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])
    return ""
