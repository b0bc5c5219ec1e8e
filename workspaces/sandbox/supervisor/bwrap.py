"""One running bwrap."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import signal
from typing import TYPE_CHECKING

from .system import CHUNK, PR_SET_PDEATHSIG, close_all_but, descendants, libc, send

if TYPE_CHECKING:
    from .loop import Supervisor

READY = b"ready\n"  # what a sandbox's first process prints once everything is mounted
LONGEST_INFO = 4096  # bytes of bwrap's description, which has about 300
# As process 1 it outlives a `kill -9 -1` from inside, which without root would be its own user's; it reaps what is orphaned.
# It lets go of its pipes before any command runs, because without root the commands may open /proc/1/fd.
# Where nobody hears it, the supervisor has ended while bwrap was still mounting, and had nothing yet to end it with.
WAIT = "echo ready || exit; exec >/dev/null 2>&1; while :; do sleep 2147483647; done"
MARK = "RUNOFF_SANDBOX"  # a variable of bwrap alone, by which one is found that nobody owns any more
COMMAND = ("--as-pid-1", "--info-fd", "3", "--", "sh", "-c", WAIT)


class Container:
    """One running bwrap: it describes its processes on descriptor 3, and its death ends them all."""

    def __init__(self, supervisor: Supervisor, number: int, name: str, arguments: list[str], workspace: str) -> None:
        if supervisor.mounts is not None:
            arguments = [supervisor.mounts.place if each == workspace else each for each in arguments]
        self.supervisor, self.number = supervisor, number
        self.info = self.errors = b""
        self.inner = 0
        info_read, info_write = os.pipe()
        error_read, error_write = os.pipe()
        arguments_read, arguments_write = os.pipe()  # not on the command line, which the sandbox can read
        os.write(arguments_write, b"".join(os.fsencode(argument) + b"\0" for argument in arguments))
        os.close(arguments_write)
        owner = os.getpid()
        self.outer = os.fork()
        if self.outer == 0:
            try:
                libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # bwrap asks for it late
                if os.getppid() != owner:
                    return
                info_write, error_write, arguments_read = (
                    fcntl.fcntl(fd, fcntl.F_DUPFD, 5) for fd in (info_write, error_write, arguments_read)
                )
                for target, fd in ((1, info_write), (2, error_write), (3, info_write), (4, arguments_read)):
                    os.dup2(fd, target)
                if supervisor.mounts is not None:
                    supervisor.mounts.bring(workspace)
                close_all_but(3, 4)
                os.execvpe("bwrap", ["bwrap", "--args", "4", *COMMAND], {**os.environ, MARK: name})
            except BaseException as error:
                os.write(2, str(error).encode())
            finally:
                os._exit(127)
        for fd in (info_write, error_write, arguments_read):
            os.close(fd)
        supervisor.selector.register(info_read, selectors.EVENT_READ, lambda: self.read_info(info_read))
        supervisor.selector.register(error_read, selectors.EVENT_READ, lambda: self.read_errors(error_read))

    def read_info(self, fd: int) -> None:
        """What bwrap says of its process, once: nothing that comes after READY is read, whoever may have written it."""
        data = os.read(fd, LONGEST_INFO)
        self.info += data
        described, ready, _ = self.info.partition(READY)
        if data and not ready and len(self.info) < LONGEST_INFO:
            return
        self.close(fd)
        if ready:
            try:
                self.inner = int(json.loads(described.decode())["child-pid"])
            except (ValueError, KeyError, TypeError):
                ready = b""
        if ready:
            self.supervisor.say("s", self.number, json.dumps({"child-pid": self.inner}).encode())
        elif data:  # else bwrap is about to end by itself, and says why
            self.errors = b"bwrap described its process unreadably"
            self.kill()

    def read_errors(self, fd: int) -> None:
        data = os.read(fd, CHUNK)
        self.errors = (self.errors + data)[-CHUNK:]
        if not data:  # bwrap and all that holds its standard error have ended
            self.close(fd)
            del self.supervisor.sandboxes[self.number]
            self.supervisor.say("d", self.number, self.errors)

    def close(self, fd: int) -> None:
        self.supervisor.selector.unregister(fd)
        os.close(fd)

    def kill(self) -> None:
        """End both processes. Until the inner one is known it is looked for: it would not notice the other's end."""
        inner = {self.inner}
        if not self.inner:
            send([self.outer], signal.SIGSTOP)  # once it stands still it forks no more
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, self.outer, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            inner = descendants(self.outer)
        send([*inner, self.outer], signal.SIGKILL)
