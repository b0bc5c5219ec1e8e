"""Looking through a directory that untrusted code wrote: no link followed, bounded in depth and in names."""

from __future__ import annotations

import errno
import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from workspaces.programs import pause

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 100  # directories within each other; each costs a descriptor while it is walked


class TooManyNames(Exception):
    """The directory holds more than whoever looks wants to see."""


def walk(top: Path, unseen: dict[str, str], most: int) -> Iterator[tuple[str, os.stat_result, int | None]]:
    """Everything below a directory, as (path, state, descriptor of a directory), in the order of names.

    unseen: gets the paths that cannot be looked at, and why. Raises TooManyNames, Stopped.
    """
    left = most
    stack: list[tuple[str, int, list[str]]] = []
    try:
        root = os.open(top, DIRECTORY)
        stack.append(("", root, []))
        stack[-1][2].extend(_names(root, left))
        while stack:
            prefix, fd, names = stack[-1]
            if not names:
                os.close(stack.pop()[1])
                continue
            name = names.pop()
            path = prefix + name
            left -= 1
            try:
                state = os.stat(name, dir_fd=fd, follow_symlinks=False)
                if not stat.S_ISDIR(state.st_mode):
                    yield path, state, None
                    continue
                if len(stack) == _DEEPEST:
                    raise OSError(errno.ENAMETOOLONG, f"more than {_DEEPEST} directories within each other")
                inner = os.open(name, DIRECTORY, dir_fd=fd)
            except FileNotFoundError:  # gone since it was listed: somebody in the sandbox still works
                continue
            except OSError as error:
                unseen[path] = error.strerror or str(error)
                continue
            stack.append((path + "/", inner, []))
            stack[-1][2].extend(_names(inner, left))
            yield path, state, inner
    finally:
        for _, fd, _ in stack:
            os.close(fd)


def _names(fd: int, most: int) -> list[str]:
    """A directory's names, the last first."""
    pause(0)
    with os.scandir(fd) as entries:
        names = [entry.name for entry in itertools.islice(entries, most + 1)]
    if len(names) > most:
        raise TooManyNames
    return sorted(names, reverse=True)
