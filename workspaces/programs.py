"""The host's own programs (git, cp) and the threads that wait for them: bounded, and ended when nobody waits any more.

A thread cannot be cancelled, but what it waits for can be: whoever is cancelled in `in_thread` makes a descriptor readable at
which every program of that thread looks, ends its whole process group, and unwinds the thread with `Stopped`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import selectors
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_ERRORS = 1 << 16  # bytes of standard error that are kept, the last ones
_stop: ContextVar[int | None] = ContextVar("stop", default=None)


class Stopped(BaseException):
    """Nobody waits for this thread any more. No Exception, so that nothing on its way takes it for a failure."""


class OutputTooLarge(Exception):
    """A program wrote more than it may; it was ended."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended. stderr: its last bytes."""

    code: int
    stdout: bytes
    stderr: bytes


async def in_thread(function: Callable[..., T], *arguments: Any, undo: Callable[[T], object] | None = None) -> T:
    """Call blocking code in a thread. Cancelling ends the programs that it runs, and returns when the thread has ended.

    undo: what to call, also in a thread, with a result that came too late for whoever was cancelled.
    """
    stop = os.eventfd(0, os.EFD_CLOEXEC)
    token = _stop.set(stop)
    try:
        working = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    finally:
        _stop.reset(token)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        os.eventfd_write(stop, 1)
        await _to_its_end(working)
        failed = working.cancelled() or working.exception() is not None  # looked at, so that nobody reports it as lost
        if undo is not None and not failed:
            await _to_its_end(asyncio.ensure_future(asyncio.to_thread(undo, working.result())))
        raise
    finally:
        os.close(stop)


async def _to_its_end(working: asyncio.Future[Any]) -> None:
    while not working.done():
        with contextlib.suppress(asyncio.CancelledError):  # whoever waits is cancelled already
            await asyncio.wait({working})


def pause(seconds: float) -> None:
    """Sleep in a thread. Raises Stopped."""
    stop = _stop.get()
    if select.select([stop] if stop is not None else [], [], [], seconds)[0]:
        raise Stopped


def run_program(
    argv: Sequence[str | bytes], *, at: Path, env: Mapping[str, str], stdin: bytes | Path, output_limit: int
) -> Ended:
    """Run a program to its end, in a process group of its own. stdin: the bytes, or the file that holds them.

    Raises Stopped, OutputTooLarge (both end the whole group), FileNotFoundError. Blocking: call it in a thread.
    """
    given = os.open(stdin, os.O_RDONLY | os.O_CLOEXEC) if isinstance(stdin, Path) else _in_memory(stdin)
    try:
        process = subprocess.Popen(
            argv, cwd=at, env=env, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0
        )
    finally:
        os.close(given)
    with process:
        try:
            output, errors = _listen(process, output_limit)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return Ended(process.returncode, bytes(output), bytes(errors))


def _in_memory(data: bytes) -> int:
    fd = os.memfd_create("stdin", os.MFD_CLOEXEC)
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _listen(process: subprocess.Popen[bytes], output_limit: int) -> tuple[bytearray, bytearray]:
    """Both streams, until the program and all that it started have closed them."""
    assert process.stdout is not None
    assert process.stderr is not None
    output, errors, stop = bytearray(), bytearray(), _stop.get()
    with selectors.DefaultSelector() as selector:
        streams = {process.stdout.fileno(): output, process.stderr.fileno(): errors}
        for fd in (*streams, *([] if stop is None else [stop])):
            selector.register(fd, selectors.EVENT_READ)
        while streams:
            for key, _ in selector.select():
                if key.fd == stop:
                    raise Stopped
                data = os.read(key.fd, 1 << 16)
                if not data:
                    selector.unregister(key.fd)
                    del streams[key.fd]
                    continue
                streams[key.fd].extend(data)
                if len(output) > output_limit:
                    raise OutputTooLarge
                del errors[:-_ERRORS]
    return output, errors
