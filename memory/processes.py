"""Who works on a Run: processes by a name that is never used again."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path


def process_started(pid: int) -> str:
    """When a process started, in clock ticks since boot, with the boot's id; "" when there is none, or it has ended and
    only its parent has not looked.

    A pid alone is reused; the pair is not. Source: proc(5), fields 3 and 22 of /proc/PID/stat.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in "ZX" else f"{boot}:{fields[18]}"


def this_process() -> str:
    """The name of this process among those of all hosts: HOST/PID@BOOT:TICKS, without a blank."""
    pid = os.getpid()
    return f"{_host()}/{pid}@{process_started(pid)}"


def lives(name: str) -> bool | None:
    """Whether the process of that name lives; None when it is of another host, where nobody here can see it."""
    host, _, process = name.rpartition("/")
    pid, _, started = process.partition("@")
    return process_started(int(pid)) == started if host == _host() else None


@cache
def _host() -> str:
    """The machine, its boot and its process namespace: in each of them a pid means another process."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    namespace = str(Path("/proc/self/ns/pid").readlink())
    return "/".join(part.replace(" ", "_") for part in (socket.gethostname(), boot, namespace))
