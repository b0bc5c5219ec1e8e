"""System calls and processes."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Iterable
from typing import NoReturn

CHUNK = 1 << 16
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 36, 38
libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int) -> None:
    """Raise what errno says of a C function's result."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def leave() -> NoReturn:
    """The owner is gone or done. As process 1 this ends everything in the container; else the kernel and the owner's
    sandboxes' own ties do."""
    os._exit(0)


def close_all_but(*kept: int) -> None:
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        if fd > 2 and fd not in kept:
            with contextlib.suppress(OSError):  # the listing's own descriptor
                os.close(fd)


def collect(child: int) -> int | None:
    """Reap what has ended; the exit code of `child` once it has."""
    code: int | None = None
    try:
        while True:
            pid, state = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return code
            if pid == child:
                code = 128 + os.WTERMSIG(state) if os.WIFSIGNALED(state) else os.WEXITSTATUS(state)
    except ChildProcessError:
        return code


def descendants(of: int | None = None) -> set[int]:
    """All processes below one, by default this one."""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:
                    parents[int(name)] = int(file.read().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue  # it ended meanwhile
    found: set[int] = set()
    level = {os.getpid() if of is None else of}
    while level:
        level = {pid for pid, parent in parents.items() if parent in level} - found
        found |= level
    return found


def send(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def kill_descendants() -> None:
    """Stop all, until no new one appears; then kill all; then reap, until nobody is left."""
    stopped: set[int] = set()
    while True:
        new = descendants() - stopped
        if not new:
            break
        send(new, signal.SIGSTOP)
        stopped |= new
    send(stopped, signal.SIGKILL)
    deadline = time.monotonic() + 2.0
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                send(descendants(), signal.SIGKILL)
                time.sleep(0.001)
        except ChildProcessError:
            return
