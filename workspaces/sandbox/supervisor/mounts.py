"""A mount table of one's own: starting a sandbox copies the whole table, and every workspace on the host lengthens it.

With 64 workspaces mounted a start costs four times as much. So the supervisor keeps a table without them, and fetches the one
workspace that a sandbox needs as a detached mount from the owner's. Needs root and Linux 5.2 (open_tree, move_mount).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re

from .system import checked, libc

CLONE_NEWNS, MS_REC, MS_PRIVATE, MNT_DETACH = 0x20000, 1 << 14, 1 << 18, 2
OPEN_TREE, MOVE_MOUNT = 428, 429  # system calls, the same number on every architecture
OPEN_TREE_CLONE, MOVE_MOUNT_F_EMPTY_PATH, AT_FDCWD = 1, 4, -100


class Mounts:
    """The supervisor's own table. `live`: the owner's directory, below which the workspaces are mounted."""

    def __init__(self, live: str) -> None:
        self.place = live + "/workspace"
        with contextlib.suppress(FileExistsError):  # and never `live` itself, which is gone where the owner is
            os.mkdir(self.place, 0o755)
        self.outside = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        checked(libc.unshare(CLONE_NEWNS))
        checked(libc.mount(b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None))
        self.inside = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        with open("/proc/self/mounts", "rb") as file:
            mounted = [_plain(line.split()[1]) for line in file]
        for path in reversed(mounted):
            if path.startswith(os.fsencode(live) + b"/"):
                libc.umount2(path, MNT_DETACH)

    def bring(self, workspace: str) -> None:
        """In a forked child that is about to become bwrap: put the workspace at `place`, where only this process sees it."""
        checked(libc.setns(self.outside, CLONE_NEWNS))
        tree = libc.syscall(OPEN_TREE, AT_FDCWD, os.fsencode(workspace), OPEN_TREE_CLONE)
        checked(min(tree, 0))
        checked(libc.setns(self.inside, CLONE_NEWNS))
        checked(libc.unshare(CLONE_NEWNS))
        checked(libc.syscall(MOVE_MOUNT, tree, b"", AT_FDCWD, os.fsencode(self.place), MOVE_MOUNT_F_EMPTY_PATH))
        os.close(tree)


def are_possible() -> bool:
    """Whether this process may do all that: the kernel knows the calls and nothing forbids them."""
    if os.geteuid() != 0:
        return False
    tree: int = libc.syscall(OPEN_TREE, AT_FDCWD, b"/", OPEN_TREE_CLONE)
    if tree >= 0:
        os.close(tree)
    return tree >= 0


def _plain(path: bytes) -> bytes:
    """A path as /proc/mounts writes it: spaces and the like are octal numbers there."""
    return re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), path)
