"""Whatever a child started ends with it, also what it put into a session of its own.

As a subreaper this process becomes the parent of what its children leave behind, wherever that hid; so all of its
children that were not there before the requests began are leftovers. See prctl(2), PR_SET_CHILD_SUBREAPER.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time

PR_SET_CHILD_SUBREAPER = 36
PATIENCE_S = 2.0


class Orphans:
    """Made before the first request: what runs then was started while the tests were collected, and stays."""

    def __init__(self) -> None:
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._kept = _children()

    def end(self) -> None:
        """Kill all leftovers, their own children too, and reap them."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            left = _children() - self._kept
            if not left:
                return
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            for pid in left:  # only then their own children are ours
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)


def _children() -> set[int]:
    found: set[int] = set()
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/children") as file:
                found.update(map(int, file.read().split()))
        except FileNotFoundError:  # the thread has ended, or the kernel keeps no such lists
            if not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
                return _children_by_parent()
    return found


def _children_by_parent() -> set[int]:
    me, found = os.getpid(), set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError), open(f"/proc/{name}/stat") as file:
                if int(file.read().rpartition(")")[2].split()[1]) == me:
                    found.add(int(name))
    return found
