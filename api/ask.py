"""A person at a terminal who may know which of several results is right."""

from __future__ import annotations

import asyncio
import os
import sys

from rich.console import Console
from rich.text import Text

from api.plain import plain
from api.progress import ProgressView
from selection import NEITHER, Question

_LINE_BYTES = 4096


class AskOnTerminal:
    """Asks on standard error and reads the answer from standard input, which may be a pipe."""

    def __init__(self, console: Console, view: ProgressView) -> None:
        self._console = console
        self._view = view

    async def __call__(self, question: Question, /) -> int | None:
        places = range(1, len(question.answers) + 1)
        with self._view.paused():
            self._show(f"The candidates that are left differ: {question.text}")
            for place, answer in zip(places, question.answers, strict=True):
                self._show(f"  {place}  {answer.result}")
            self._show("  n  none of these")
            while True:
                self._show("The number of the right one, n, or nothing if you do not know:")
                line = await _line()
                said = line.strip().lower()
                if not said:
                    return None
                if said in ("n", "none"):
                    return NEITHER
                if said.isascii() and said.isdigit() and int(said) in places:
                    return int(said) - 1
                self._show(f"{said[:40]!r} is none of them.")

    def _show(self, text: str) -> None:
        self._console.print(Text(plain(text)))


async def _line() -> str:
    """The next line of standard input, "" at its end. A thread that waits for it could not be ended by Ctrl-C."""
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    descriptor = sys.stdin.fileno()
    try:
        loop.add_reader(descriptor, readable.set)
    except PermissionError:  # a plain file, which never lets anyone wait
        return sys.stdin.readline()
    try:
        found = bytearray()
        while not found.endswith(b"\n") and len(found) < _LINE_BYTES:
            await readable.wait()
            readable.clear()
            letter = os.read(descriptor, 1)
            if not letter:
                break
            found += letter
        return found.decode("utf-8", "replace")
    finally:
        loop.remove_reader(descriptor)
