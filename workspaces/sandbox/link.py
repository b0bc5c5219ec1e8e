"""The owner's end of a supervisor's link: requests out, frames in, one Execution object for each command."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Protocol, Self, TypeVar

from workspaces.errors import ProtocolError, SandboxDied
from workspaces.sandbox.contract import ExecResult

_HEADER = struct.Struct("!IBI")
_LARGEST = 1 << 20  # bytes of one frame
_WINDOW = 1 << 20  # bytes of input on their way to one command
_Hears = Callable[[str, int, bytes], None]
_News = TypeVar("_News")
_BACKLOG = 64 << 20  # bytes of a conversation that nobody has read yet


class Execution:
    """One command, as far as its frames have come."""

    def __init__(self, link: Link, number: int, *, stream: bool, output_limit: int) -> None:
        self._link = link
        self.number = number
        self._stream = stream
        self._line_limit = output_limit
        self.stdout = bytearray()
        self.stderr = bytearray()
        self._news = asyncio.Event()
        self._on_way = 0
        self.lost = False  # the process that stood between it and the supervisor was killed
        # What whoever waits gets: the report of its end, or why there will be none. A failed command may still run.
        self._ended: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._ended.add_done_callback(lambda _: self._news.set())
        self._gone = asyncio.Event()  # the supervisor has reported its end, or has itself ended

    def receive(self, kind: str, payload: bytes) -> None:
        if kind == "x":
            self._gone.set()
            if not self.ended:
                self._ended.set_result(json.loads(payload))
        elif self.ended:
            return  # nobody reads a command that failed
        elif kind == "o":
            self.stdout += payload
            if self._stream and len(self.stdout) > _BACKLOG:
                self.fail(ProtocolError(f"a command wrote more than {_BACKLOG} bytes that nobody read"))
            self._news.set()
        elif kind == "e":
            self.stderr += payload
        elif kind == "c":
            self._on_way -= struct.unpack("!I", payload)[0]
            self._news.set()

    def fail(self, error: Exception) -> None:
        if not self._ended.done():
            self._ended.set_exception(error)
            self._ended.exception()  # seen: whoever waits gets it, and nobody has to

    def lose(self, error: Exception) -> None:
        """The supervisor has ended, and the command with it."""
        self.fail(error)
        self._gone.set()

    @property
    def ended(self) -> bool:
        return self._ended.done()

    @property
    def gone(self) -> bool:
        return self._gone.is_set()

    async def write(self, data: bytes) -> None:
        for start in range(0, len(data), 1 << 16):
            while self._on_way >= _WINDOW and not self.ended:
                await self._next()
            if self.ended:
                self._ended.result()  # raises SandboxDied
                raise BrokenPipeError("the command has ended")
            chunk = data[start : start + (1 << 16)]
            self._on_way += len(chunk)
            await self._link.send("I", self.number, chunk)

    async def close_stdin(self) -> None:
        if not self.ended:
            await self._link.send("E", self.number)

    async def lines(self) -> AsyncIterator[bytes]:
        while True:
            while (end := self.stdout.find(b"\n")) >= 0:
                line = bytes(self.stdout[:end])
                del self.stdout[: end + 1]
                yield line
            if len(self.stdout) > self._line_limit:
                raise ProtocolError(f"a command wrote a line of more than {self._line_limit} bytes")
            if self.ended:
                self._ended.result()
                if self.stdout:
                    yield bytes(self.stdout)
                    self.stdout.clear()
                return
            await self._next()

    async def wait(self) -> ExecResult:
        report = await asyncio.shield(self._ended)
        self.lost = bool(report.get("lost"))
        if self.lost:
            self.stderr += b"[the sandbox killed the command and its supervisor]\n"
        return ExecResult(
            exit_code=int(report["exit_code"]),
            stdout=b"" if self._stream else bytes(self.stdout),
            stderr=bytes(self.stderr),
            timed_out=bool(report.get("timed_out")),
            truncated=bool(report.get("truncated")),
            wall_s=float(report.get("wall_s", 0.0)),
            cpu_s=float(report.get("cpu_s", 0.0)),
        )

    async def kill(self) -> None:
        """End the command and its descendants; returns when the supervisor says that they are gone."""
        if not self.gone:
            with contextlib.suppress(SandboxDied, ProtocolError):
                await self._link.send("K", self.number)
                await self._gone.wait()

    async def _next(self) -> None:
        self._news.clear()
        await self._news.wait()


class Channel(Protocol):
    """What a Link speaks over: a supervisor's two streams, and its life."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def said(self) -> str:
        """What the supervisor wrote to standard error, once it has ended."""

    async def close(self) -> None:
        """End the supervisor, and with it all that it runs. May be called twice."""


class ProcessChannel:
    """A supervisor that is a process of this machine."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.reader, self.writer = process.stdout, process.stdin
        self._process = process

    @classmethod
    async def start(cls, argv: list[str]) -> Self:
        pipe = asyncio.subprocess.PIPE
        # A session of its own: Ctrl-C in a terminal is for the owner, who then ends it in order.
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
        )
        return cls(process)

    async def said(self) -> str:
        assert self._process.stderr is not None
        return (await self._process.stderr.read(4096)).decode("utf-8", "replace").strip()

    async def close(self) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()


class Link:
    """A supervisor and what it runs. Made by `open`; `on_event` hears the frames that belong to no command. numbers: that
    nothing else has."""

    def __init__(self, channel: Channel, on_event: _Hears | None, numbers: Iterator[int]) -> None:
        self._channel = channel
        self._writer = channel.writer
        self._on_event = on_event
        self._numbers = numbers
        self._executions: dict[int, Execution] = {}
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._error: Exception | None = None
        self._reader = asyncio.create_task(self._read(), name="sandbox link")

    @classmethod
    async def open(cls, channel: Channel, on_event: _Hears | None = None, numbers: Iterator[int] | None = None) -> Link:
        """Wait until the supervisor is ready. Raises SandboxDied with what it said."""
        link = cls(channel, on_event, numbers or itertools.count(1))
        try:
            await asyncio.shield(link._ready)
        except BaseException:
            await link.close()
            raise
        return link

    @property
    def ended(self) -> bool:
        return self._error is not None

    def number(self) -> int:
        return next(self._numbers)

    async def start(self, request: Mapping[str, Any], *, stream: bool = False) -> Execution:
        """Start a command. Raises SandboxDied."""
        execution = Execution(self, self.number(), stream=stream, output_limit=request["output_limit"])
        self._executions[execution.number] = execution
        try:
            await self.send("X", execution.number, json.dumps({**request, "stream": stream}).encode())
        except asyncio.CancelledError:
            await execution.kill()  # the request is on its way all the same
            raise
        except BaseException:
            del self._executions[execution.number]
            raise
        return execution

    async def send(self, kind: str, number: int, payload: bytes = b"") -> None:
        if self._error is not None:
            raise self._error
        self._writer.write(_HEADER.pack(len(payload) + 5, ord(kind), number) + payload)
        try:
            await self._writer.drain()
        except (ConnectionError, BrokenPipeError) as error:
            self._error = self._error or SandboxDied("the sandbox's supervisor has ended")
            raise self._error from error

    async def expect(self, news: asyncio.Future[_News]) -> _News:
        """What an event brings. Raises SandboxDied when the supervisor ends before it."""
        either: list[asyncio.Future[Any]] = [news, self._reader]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not news.done() and self._error is not None:
            raise self._error
        return await news

    async def close(self) -> None:
        """End the supervisor, and with it all that it runs."""
        await self._channel.close()
        await asyncio.gather(self._reader, return_exceptions=True)
        self._writer.close()

    async def _read(self) -> None:
        stream = self._channel.reader
        error: Exception = SandboxDied("the sandbox's supervisor has ended")
        try:
            while True:
                length, kind, number = _HEADER.unpack(await stream.readexactly(_HEADER.size))
                if not 5 <= length <= _LARGEST + 5:
                    raise ProtocolError(f"the sandbox's supervisor announced a frame of {length} bytes")
                self._dispatch(chr(kind), number, await stream.readexactly(length - 5))
        except asyncio.IncompleteReadError:
            said = await self._channel.said()
            if said:
                error = SandboxDied(f"the sandbox's supervisor has ended: {said}")
        except (ProtocolError, ValueError, KeyError, struct.error) as nonsense:
            error = ProtocolError(f"the sandbox's supervisor sent nonsense: {nonsense}")
        finally:
            self._error = error
            if not self._ready.done():
                self._ready.set_exception(error)
                self._ready.exception()
            for execution in self._executions.values():
                execution.lose(error)

    def _dispatch(self, kind: str, number: int, payload: bytes) -> None:
        if kind == "r":
            self._ready.set_result(None)
        elif kind in "sd":
            if self._on_event is not None:
                self._on_event(kind, number, payload)
        elif (execution := self._executions.get(number)) is not None:
            execution.receive(kind, payload)
            if execution.gone:
                del self._executions[number]
