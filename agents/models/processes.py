"""Processes of a server that must not outlive it, whoever of them dies first and however.

vLLM's engine survives when its API server is killed (vllm-project/vllm issue 55510), keeps the GPU, and gets another
parent. So this process declares itself the one who inherits orphans (prctl(2), PR_SET_CHILD_SUBREAPER), and ends whatever
descends from it; and the server gets SIGTERM when this process dies (PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LIBC = ctypes.CDLL(None, use_errno=True)


def inherit_orphans() -> None:
    """From now on, descendants whose parent dies become children of this process."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_with_parent() -> None:
    """Called in a new process: it gets SIGTERM when the thread that started it ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def descendants(pid: int) -> set[int]:
    """The processes below one; those that have ended and were not waited for count too.

    Source: proc(5), field 4 of /proc/PID/stat.
    """
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found: set[int] = set()
    below = {pid}
    while below:
        below = {child for child, parent in parents.items() if parent in below} - found
        found |= below
    return found


def kill_all(pids: set[int]) -> None:
    """SIGKILL, and take the exit status of those that are children of this process."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)  # the children of others fail here, and may be ours the next time
