"""One running bwrap."""

from __future__ import annotations

import fcntl
import json
import os
import selectors
import signal
from typing import TYPE_CHECKING

from .system import CHUNK, close_all_but, send

if TYPE_CHECKING:
    from .loop import Supervisor

READY = b"ready\n"  # what a sandbox's first process prints once everything is mounted
# As process 1 it outlives a `kill -9 -1` from inside, which without root would be its own user's; it reaps what is orphaned.
COMMAND = ("--as-pid-1", "--info-fd", "3", "--", "sh", "-c", "echo ready; while :; do sleep 2147483647; done")


class Container:
    """One running bwrap: it describes its processes on descriptor 3, and its death ends them all."""

    def __init__(self, supervisor: Supervisor, number: int, arguments: list[str], workspace: str) -> None:
        if supervisor.mounts is not None:
            arguments = [supervisor.mounts.place if each == workspace else each for each in arguments]
        self.supervisor, self.number = supervisor, number
        self.text = {"info": b"", "errors": b""}
        self.inner = 0
        info_read, info_write = os.pipe()
        error_read, error_write = os.pipe()
        arguments_read, arguments_write = os.pipe()  # not on the command line, which the sandbox can read
        os.write(arguments_write, b"".join(os.fsencode(argument) + b"\0" for argument in arguments))
        os.close(arguments_write)
        self.outer = os.fork()
        if self.outer == 0:
            try:
                info_write, error_write, arguments_read = (
                    fcntl.fcntl(fd, fcntl.F_DUPFD, 5) for fd in (info_write, error_write, arguments_read)
                )
                for target, fd in ((1, info_write), (2, error_write), (3, info_write), (4, arguments_read)):
                    os.dup2(fd, target)
                if supervisor.mounts is not None:
                    supervisor.mounts.bring(workspace)
                close_all_but(3, 4)
                os.execvp("bwrap", ["bwrap", "--args", "4", *COMMAND])
            except BaseException as error:
                os.write(2, str(error).encode())
            finally:
                os._exit(127)
        for fd in (info_write, error_write, arguments_read):
            os.close(fd)
        for fd, name in ((info_read, "info"), (error_read, "errors")):
            supervisor.selector.register(fd, selectors.EVENT_READ, lambda fd=fd, name=name: self.read(fd, name))

    def read(self, fd: int, name: str) -> None:
        data = os.read(fd, CHUNK)
        self.text[name] = (self.text[name] + data)[-CHUNK:]
        if name == "info" and self.text["info"].endswith(READY):
            described = self.text["info"][: -len(READY)]
            self.inner = json.loads(described.decode())["child-pid"]
            self.supervisor.say("s", self.number, described)
        if data:
            return
        self.supervisor.selector.unregister(fd)
        os.close(fd)
        if name == "errors":  # bwrap and all that holds its standard error have ended
            del self.supervisor.sandboxes[self.number]
            self.supervisor.say("d", self.number, self.text["errors"])

    def kill(self) -> None:
        send([pid for pid in (self.inner, self.outer) if pid], signal.SIGKILL)
