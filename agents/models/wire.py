"""Bytes of a streamed answer -> the protocol's chunks, whatever the server does wrong.

Read here and not by the `openai` package, because a server that never ends a line must not fill the memory, and because
what is wrong with an answer has to be said in words. Source: the server-sent events of the HTML standard, of which the
OpenAI protocol uses `data:` lines and a last `data: [DONE]`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from agents.errors import AnswerGarbled

_SHOWN = 80


class TooLong(Exception):
    """More bytes came than the limit."""


class ChunkReader:
    """Feed it bytes as they come; it gives the chunks that are complete. It holds at most `limit` bytes in all."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._line = bytearray()
        self._data: list[str] = []
        self.done = False  # "[DONE]" was read

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """The chunks that `data` completes. Raises AnswerGarbled, and TooLong once the limit is passed."""
        self._left -= len(data)
        if self._left < 0:
            raise TooLong
        self._line += data
        *lines, rest = bytes(self._line).split(b"\n")
        self._line = bytearray(rest)
        for line in lines:
            yield from self._take(line.removesuffix(b"\r"))

    def _take(self, line: bytes) -> Iterator[dict[str, Any]]:
        """An empty line ends an event; of the others only `data:` matters (the rest are comments that keep alive)."""
        if line.startswith(b"data:"):
            self._data.append(_decoded(line[5:].strip()))
        elif not line and self._data:
            text, self._data = "\n".join(self._data), []
            if text == "[DONE]":
                self.done = True
            elif not self.done:
                yield _parsed(text)


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        near = data[max(0, error.start - 20) : error.start + 20]
        raise AnswerGarbled(f"the answer is not UTF-8: near {near!r}") from error


def _parsed(text: str) -> dict[str, Any]:
    try:
        chunk = json.loads(text)
    except (RecursionError, ValueError) as error:
        raise AnswerGarbled(f"the answer is not JSON: {text[:_SHOWN]!r}") from error
    if not isinstance(chunk, dict):
        raise AnswerGarbled(f"a chunk of the answer is no JSON object: {text[:_SHOWN]!r}")
    return chunk
