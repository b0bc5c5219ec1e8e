"""Between the supervisor and one command: enters the sandbox, starts the command, ends it, reports."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import select
import signal
import time
from typing import Any, NoReturn

from .command import run_command
from .system import (
    CHUNK,
    PR_SET_CHILD_SUBREAPER,
    PR_SET_DUMPABLE,
    PR_SET_PDEATHSIG,
    checked,
    close_all_but,
    collect,
    kill_descendants,
    libc,
)

NS_GET_USERNS = 0xB701  # ioctl_ns(2)


def become_reaper(request: dict[str, Any], stdin: int, stdout: int, stderr: int, control: int, status: int) -> NoReturn:
    """Never returns. Enter the sandbox, start the command, wait for it or for the order to kill, report."""
    try:
        os.setsid()
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        close_all_but(stdin, stdout, stderr, control, status)
        enter(request.get("enter"))
        reap(request, stdin, stdout, stderr, control, status)
    except BaseException as error:
        os.write(stderr, (f"the command could not be started: {error}\n").encode())
        os.write(status, json.dumps({"exit_code": 126, "failed": str(error)}).encode())
    finally:
        os._exit(0)


def enter(place: dict[str, Any] | None) -> None:
    """Join a sandbox from outside: its cgroups, then its namespaces; the process id changes with a second fork."""
    if place is None:
        return
    for path in place["cgroups"]:
        with open(path, "w") as file:
            file.write("0")
    spaces = [os.open(f"/proc/{place['pid']}/ns/{name}", os.O_RDONLY) for name in place["namespaces"]]
    if place["owned"]:
        # Without root bwrap makes two user namespaces, one within the other: the outer one owns the other namespaces
        # and must be entered first; the inner one, in which commands run, last.
        inner = os.open(f"/proc/{place['pid']}/ns/user", os.O_RDONLY)
        spaces = [fcntl.ioctl(spaces[0], NS_GET_USERNS), *spaces, inner]
    for fd in spaces:
        checked(libc.setns(fd, 0))
        os.close(fd)
    if os.fork():
        os._exit(0)


def reap(request: dict[str, Any], stdin: int, stdout: int, stderr: int, control: int, status: int) -> None:
    """Start the command, wait, report its end. All that it leaves in the background stays, unless it was killed."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # what runs under the same user must not read or steer this process
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write)
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        run_command(request, stdin, stdout, stderr)
    for fd in (stdin, stdout, stderr):
        os.close(fd)
    deadline = began + request["timeout_s"] if request.get("timeout_s") else None
    code: int | None = None
    timed_out = False
    while code is None:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready = select.select([control, wake_read], [], [], left)[0]
        if wake_read in ready:
            os.read(wake_read, CHUNK)
        code = collect(child)
        if code is None and (control in ready or not ready):
            timed_out = not ready
            kill_descendants()
            code = 137
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = {
        "exit_code": code,
        "timed_out": timed_out,
        "wall_s": time.monotonic() - began,
        "cpu_s": usage.ru_utime + usage.ru_stime,
    }
    os.write(status, json.dumps(report).encode())
