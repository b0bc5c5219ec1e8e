"""The file of the checkpoints is opened and closed whole, and its failures are the state's."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from agents.checkpoints import checkpoints
from memory import StoreUnusable


@pytest.mark.parametrize("steps", range(8))
def test_who_is_cancelled_at_any_moment_leaves_no_thread_behind(tmp_path: Path, steps: int) -> None:
    before = set(threading.enumerate())

    async def use() -> None:
        async with checkpoints(tmp_path) as saver:
            await saver.setup()

    async def cancel() -> None:
        using = asyncio.create_task(use())
        for _ in range(steps):
            await asyncio.sleep(0)
        using.cancel()
        with pytest.raises(asyncio.CancelledError):
            await using

    asyncio.run(cancel())
    left = [thread for thread in set(threading.enumerate()) - before if "connection" in thread.name]
    for thread in left:  # it was told to end, and may be at it
        thread.join(0.5)
    assert not any(thread.is_alive() for thread in left)


async def test_a_file_that_cannot_be_opened_is_told_with_its_place_and_a_remedy(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    (tmp_path / "checkpoints.db").mkdir()
    with pytest.raises(StoreUnusable, match=f"{tmp_path} cannot be written: unable to open .* RUNOFF_STATE_DIR"):
        async with checkpoints(tmp_path) as saver:
            await saver.setup()
    assert not [thread for thread in set(threading.enumerate()) - before if "connection" in thread.name]
