"""Where LangGraph keeps checkpoints: one SQLite file, opened and closed whole, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from memory import StoreUnusable


@asynccontextmanager
async def checkpoints(state_dir: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """The checkpoints of a state directory. An error of SQLite within the block is raised as StoreUnusable.

    Who is cancelled while the file is being opened or closed waits for the end of that: the library's thread would speak
    to an event loop that is no longer there.
    """
    path = state_dir / "checkpoints.db"
    try:
        await asyncio.to_thread(_try_to_open, path)
        file = AsyncSqliteSaver.from_conn_string(str(path))
        opening = asyncio.ensure_future(file.__aenter__())
        try:
            yield await asyncio.shield(opening)
        finally:
            await _to_its_end(opening)
            if opening.exception() is None:
                closing = asyncio.ensure_future(file.__aexit__(None, None, None))
                await _to_its_end(closing)
                closing.result()
    except sqlite3.Error as error:
        raise StoreUnusable.because(state_dir, "written", error) from error


def _try_to_open(path: Path) -> None:
    """Raises what SQLite says, before the library begins a thread for it that it would not wait for."""
    sqlite3.connect(path).close()


async def _to_its_end(work: asyncio.Future[Any]) -> None:
    while not work.done():
        with contextlib.suppress(asyncio.CancelledError):  # it is passed on by whoever was cancelled first
            await asyncio.wait({work})
