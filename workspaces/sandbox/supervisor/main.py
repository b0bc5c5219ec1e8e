"""Start: keep the link for this program alone, and end when the owner ends."""

from __future__ import annotations

import os
import signal

from .loop import Supervisor
from .system import PR_SET_DUMPABLE, PR_SET_PDEATHSIG, libc


def main() -> None:
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    if os.getpid() != 1:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    read_fd, write_fd = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1):
        os.dup2(null, fd)
    Supervisor(read_fd, write_fd).run()
