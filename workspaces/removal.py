"""Removing what untrusted code made: any depth, any modes, links never followed."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PLACE = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_tree(path: Path) -> None:
    """Remove a directory; one that is not there is removed already. Raises the first OSError, after removing all else.

    Inner directories are moved to the top before they are emptied, so that neither their depth nor the length of their
    paths matters. Nobody may work in the tree meanwhile.
    """
    refused: list[OSError] = []
    try:
        top = _open(os.fspath(path), None)
    except FileNotFoundError:
        return
    try:
        numbers, prefix = itertools.count(), f".{secrets.token_hex(8)}"
        waiting = _unlink_files(top, refused)
        while waiting:
            name = waiting.pop()
            with _noted(refused):
                inner = _open(name, top)
                try:
                    for directory in _unlink_files(inner, refused):
                        with _noted(refused):
                            os.close(_open(directory, inner))  # its owner must be able to write to what is moved
                            moved = f"{prefix}-{next(numbers)}"
                            os.rename(directory, moved, src_dir_fd=inner, dst_dir_fd=top)
                            waiting.append(moved)
                finally:
                    os.close(inner)
                os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    if refused:
        raise refused[0]
    with contextlib.suppress(FileNotFoundError):
        path.rmdir()


def _open(name: str, parent: int | None) -> int:
    """A directory, once its owner may list and change it."""
    place = os.open(name, _PLACE, dir_fd=parent)
    try:
        if os.fstat(place).st_mode & 0o700 != 0o700:
            os.chmod(f"/proc/self/fd/{place}", 0o700)
        return os.open(f"/proc/self/fd/{place}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    finally:
        os.close(place)


def _unlink_files(fd: int, refused: list[OSError]) -> list[str]:
    """Remove what is no directory; the names of those that are."""
    directories = []
    for name in os.listdir(fd):
        with _noted(refused):
            try:
                os.unlink(name, dir_fd=fd)
            except IsADirectoryError:
                directories.append(name)
    return directories


@contextmanager
def _noted(refused: list[OSError]) -> Iterator[None]:
    """What cannot be removed is noted, and the rest goes on; what is gone already is fine."""
    try:
        yield
    except FileNotFoundError:
        pass
    except OSError as error:
        refused.append(error)
