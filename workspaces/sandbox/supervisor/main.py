"""Start: keep the link for this program alone, and end when the owner ends."""

from __future__ import annotations

import os
import signal
import sys

from .loop import Supervisor
from .mounts import Mounts, are_possible
from .system import PR_SET_DUMPABLE, PR_SET_PDEATHSIG, libc


def main() -> None:
    """The argument, for bubblewrap: the owner's directory, below which the workspaces are."""
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    if os.getpid() != 1:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    read_fd, write_fd = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1):
        os.dup2(null, fd)
    mounts = Mounts(sys.argv[1]) if len(sys.argv) > 1 and are_possible() else None
    Supervisor(read_fd, write_fd, mounts).run()
