"""Watching how much a workspace grows, where it is no file system of its own that could say no by itself."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from pathlib import Path

from workspaces.programs import in_thread
from workspaces.walk import TooManyNames, walk

_LOOK_S = 0.2  # between two looks at how much is free; a command can write beyond the limit meanwhile
_SHARE = 50  # a look at the whole workspace may take one part in so many of the time


def limits_itself(workspace: Path) -> bool:
    """Whether the workspace is mounted with a limit of its own."""
    return os.path.ismount(workspace)


def how_limited() -> str:
    """How a workspace of this user's is kept small, for people."""
    if os.geteuid() == 0:
        return "disk: limited by the kernel"
    return "disk: watched, so that a command may go beyond its limit for a moment"


async def until_too_large(workspace: Path, disk_bytes: int) -> str:
    """Return, with the reason, once the workspace has grown by more than it may, in bytes or in files of 4 KiB.

    Counting is slow, asking how much is free is not: so it is counted when much less is free than before, and now and then.
    A file that was deleted but is still open is not seen; each one is bounded by RLIMIT_FSIZE.
    """
    most = max(disk_bytes >> 12, 1024)
    bytes_before, names_before = await in_thread(_used, workspace, 1 << 40)
    try:
        while True:
            free, looked = _free(workspace), time.monotonic()
            used, _ = await in_thread(_used, workspace, names_before + most)
            if used - bytes_before > disk_bytes:
                return f"its workspace has grown by {used - bytes_before} bytes, more than {disk_bytes}"
            next_look = time.monotonic() + max(10.0, _SHARE * (time.monotonic() - looked))
            while time.monotonic() < next_look and free - _free(workspace) < disk_bytes // 4:  # noqa: ASYNC110  (no event tells)
                await asyncio.sleep(_LOOK_S)
    except TooManyNames:
        return f"its workspace has more than {most} new files and directories"
    except OSError as error:
        return f"its workspace cannot be looked at any more ({error.strerror})"


def _free(workspace: Path) -> int:
    state = os.statvfs(workspace)
    return state.f_bavail * state.f_frsize


def _used(workspace: Path, most: int) -> tuple[int, int]:
    """Bytes on the disk and names."""
    used = names = 0
    linked: set[int] = set()
    for _, state, _ in walk(workspace, {}, most):
        names += 1
        if state.st_nlink > 1 and not stat.S_ISDIR(state.st_mode):
            if state.st_ino in linked:
                continue
            linked.add(state.st_ino)
        used += state.st_blocks << 9
    return used, names
