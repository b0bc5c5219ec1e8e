"""Long output: cut in the middle for the reader, kept whole in the file store, read on with `more`."""

from __future__ import annotations

import asyncio

from agents.errors import NothingFound
from memory.files import FileStore

LONGEST = 12_000  # characters of one result in an observation
ID_LENGTH = 16  # hexadecimal digits of an output's digest that name it
_HEAD_SHARE = 0.6
_LINE_SEARCH = 240  # characters around a cut in which a line's end is looked for


def cut_middle(text: str, limit: int = LONGEST, more: str = "") -> str:
    """At most about `limit` characters: the beginning, a line that says what is missing and how to read it, the end.

    A text that is not longer than `limit` stays as it is. The cuts are at ends of lines where some are near.
    """
    if len(text) <= limit:
        return text
    head = int(limit * _HEAD_SHARE)
    tail = len(text) - (limit - head)
    end = text.rfind("\n", max(0, head - _LINE_SEARCH), head) + 1 or head
    start = text.find("\n", tail, min(tail + _LINE_SEARCH, len(text) - 1)) + 1 or tail
    how = f'; more(id="{more}", start={end}) reads on' if more else ""
    newline = "" if text[end - 1 : end] == "\n" else "\n"
    return f"{text[:end]}{newline}[… {start - end} of {len(text)} characters left out{how} …]\n{text[start:]}"


class Outputs:
    """Whole outputs in a file store. An id is the beginning of a digest: it means the same in every process."""

    def __init__(self, store: FileStore) -> None:
        self._store = store

    async def keep(self, text: str) -> str:
        """Keep a text; returns its id."""
        digest = await asyncio.to_thread(self._store.put, text.encode("utf-8", "replace"))
        return digest[:ID_LENGTH]

    async def read(self, identity: str) -> str:
        """The text of an id. Raises NothingFound."""
        try:
            data = await asyncio.to_thread(self._store.find, identity.strip().lower())
        except ValueError:
            data = None
        if data is None:
            raise NothingFound(
                f"there is no output {identity[:80]!r}; give the id that a cut output shows, as in "
                'more(id="0123456789abcdef", start=7000), or its result: more(id=result.more)'
            )
        return data.decode("utf-8", "replace")
