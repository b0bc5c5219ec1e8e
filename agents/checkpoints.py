"""Where LangGraph keeps checkpoints: one SQLite file.

A checkpoint is written where it is asked for, on the event loop, as the Journal is: handing it to a thread, as the library's
own saver for event loops does, costs ten times the write. As there (`memory/store.py`), a checkpoint that was written survives
any crash of the process; after a power cut the last few may be missing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)
from langgraph.checkpoint.sqlite import SqliteSaver

from memory import StoreUnusable

_WAIT_S = 30  # for another process that writes


class Checkpoints(SqliteSaver):
    """The library's saver, for graphs that run on an event loop."""

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return self.get_tuple(config)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        return self.put(config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        self.put_writes(config, writes, task_id, task_path)

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        return self.get_delta_channel_history(config=config, channels=channels)


@contextmanager
def checkpoints(state_dir: Path) -> Iterator[Checkpoints]:
    """The checkpoints of a state directory. An error of SQLite within the block is raised as StoreUnusable."""
    try:
        with closing(sqlite3.connect(state_dir / "checkpoints.db", timeout=_WAIT_S)) as connection:
            connection.execute("PRAGMA synchronous=NORMAL")
            saver = Checkpoints(connection)
            saver.setup()
            yield saver
    except sqlite3.Error as error:
        raise StoreUnusable.because(state_dir, "written", error) from error
