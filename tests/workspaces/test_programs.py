"""No program of the host goes on when nobody waits for it, and none fills the memory."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from workspaces.programs import Ended, OutputTooLarge, in_thread, run_program

MARK = f"{86400 + os.getpid()}.75"  # seconds that no other process on this machine sleeps


def shell(script: str, stdin: bytes = b"") -> Ended:
    return run_program(
        ["sh", "-c", script], at=Path("/"), env={"PATH": "/bin:/usr/bin"}, stdin=stdin, output_limit=1 << 20
    )


def sleepers() -> list[Path]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if MARK.encode() in path.read_bytes().split(b"\0"):
                found.append(path)
        except OSError:
            continue
    return found


@contextmanager
def ends_within(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def test_input_output_and_exit_code() -> None:
    ended = shell("cat; echo err >&2; exit 3", bytes(3 << 18))
    assert (ended.code, ended.stdout, ended.stderr) == (3, bytes(3 << 18), b"err\n")


async def test_cancelling_ends_a_program_with_all_that_it_started() -> None:
    waiting = asyncio.create_task(in_thread(shell, f"(trap '' TERM INT; sleep {MARK}) & sleep {MARK}"))
    while len(sleepers()) < 2:
        await asyncio.sleep(0.02)
    with ends_within(10):
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        while sleepers():
            await asyncio.sleep(0.02)


def test_endless_output_ends_the_program() -> None:
    with ends_within(30), pytest.raises(OutputTooLarge):
        shell("yes")


async def test_what_was_made_too_late_is_undone() -> None:
    undone = []

    def make() -> str:
        time.sleep(0.3)
        return "made"

    waiting = asyncio.create_task(in_thread(make, undo=undone.append))
    await asyncio.sleep(0.1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert undone == ["made"]
