"""The event loop: one link to the owner, any number of executions."""

from __future__ import annotations

import json
import os
import selectors
import signal
import struct
from typing import Any

from .bwrap import Container
from .execution import Execution, kill_request
from .mounts import Mounts
from .reaper import become_reaper
from .system import CHUNK, PR_SET_CHILD_SUBREAPER, collect, leave, libc

HEADER = struct.Struct("!IBI")
HIGH_WATER = 1 << 20  # bytes queued for the host before commands' pipes are left to fill


class Supervisor:
    """The event loop: one link to the owner, any number of executions."""

    def __init__(self, read_fd: int, write_fd: int, mounts: Mounts | None) -> None:
        self.mounts = mounts
        self.read_fd, self.write_fd = read_fd, write_fd
        self.selector = selectors.DefaultSelector()
        self.executions: dict[int, Execution] = {}
        self.sandboxes: dict[int, Container] = {}
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.choked = False
        os.set_blocking(read_fd, False)
        os.set_blocking(write_fd, False)
        self.selector.register(read_fd, selectors.EVENT_READ, self.hear)
        # Reapers come back here when the process that forked them leaves.
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.wake_read, wake_write = os.pipe()
        os.set_blocking(self.wake_read, False)
        os.set_blocking(wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write)
        self.selector.register(self.wake_read, selectors.EVENT_READ, self.reap_strays)

    def run(self) -> None:
        self.say("r", 0, b"")
        while True:
            for key, _ in self.selector.select():
                current = self.selector.get_map().get(key.fd)
                if current is not None and current.data is key.data:  # else an event before it took it off the list
                    key.data()

    def reap_strays(self) -> None:
        """Reap reapers, bwraps, and as process 1 whatever the commands abandoned."""
        os.read(self.wake_read, CHUNK)
        collect(0)

    # -- the link to the owner ------------------------------------------------------------------------------------

    def say(self, kind: str, number: int, payload: bytes) -> None:
        self.outgoing += HEADER.pack(len(payload) + 5, ord(kind), number) + payload
        self.flush()

    def flush(self) -> None:
        while self.outgoing:
            try:
                written = os.write(self.write_fd, self.outgoing[:CHUNK])
            except BlockingIOError:
                break
            except OSError:
                leave()
            del self.outgoing[:written]
        self.listen_for_room()

    def listen_for_room(self) -> None:
        """Wait for room on the link while something is queued; leave the commands' pipes alone while it is much."""
        wants = bool(self.outgoing)
        registered = self.write_fd in self.selector.get_map() and self.write_fd != self.read_fd
        if self.write_fd == self.read_fd:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if wants else 0)
            self.selector.modify(self.read_fd, events, self.both)
        elif wants and not registered:
            self.selector.register(self.write_fd, selectors.EVENT_WRITE, self.flush)
        elif registered and not wants:
            self.selector.unregister(self.write_fd)
        choked = len(self.outgoing) > HIGH_WATER
        if choked != self.choked:
            self.choked = choked
            for execution in self.executions.values():
                for fd in execution.pipes:
                    if choked:
                        self.selector.unregister(fd)
                    else:
                        self.watch(execution, fd)

    def both(self) -> None:
        self.flush()
        self.hear()

    def hear(self) -> None:
        try:
            data = os.read(self.read_fd, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            leave()
        if not data:
            leave()
        self.incoming += data
        while len(self.incoming) >= HEADER.size:
            length, kind, number = HEADER.unpack_from(self.incoming)
            if len(self.incoming) < length + 4:
                break
            payload = bytes(self.incoming[HEADER.size : length + 4])
            del self.incoming[: length + 4]
            self.obey(chr(kind), number, payload)

    def obey(self, kind: str, number: int, payload: bytes) -> None:
        if kind == "X":
            self.start(number, json.loads(payload.decode("utf-8")))
        elif kind == "S":
            self.sandboxes[number] = Container(self, number, **json.loads(payload.decode("utf-8")))
        elif kind == "Z" and number in self.sandboxes:
            self.sandboxes[number].kill()
        elif kind == "L":
            leave()
        execution = self.executions.get(number)
        if execution is None:
            return
        if kind == "I":
            execution.input += payload
            self.feed(execution)
        elif kind == "E":
            execution.input_ended = True
            self.feed(execution)
        elif kind == "K":
            kill_request(execution)

    # -- one execution --------------------------------------------------------------------------------------------

    def start(self, number: int, request: dict[str, Any]) -> None:
        execution = Execution(number, request)
        stdin, execution.stdin = os.pipe()
        out_read, stdout = os.pipe()
        error_read, stderr = os.pipe()
        control, execution.control = os.pipe()
        execution.status, status = os.pipe()
        pid = os.fork()
        if pid == 0:
            for fd in (execution.stdin, out_read, error_read, execution.control, execution.status):
                os.close(fd)
            become_reaper(request, stdin, stdout, stderr, control, status)
        for fd in (stdin, stdout, stderr, control, status):
            os.close(fd)
        execution.pipes = {out_read: "o", error_read: "e"}
        for fd in (execution.stdin, execution.status, *execution.pipes):
            os.set_blocking(fd, False)
        self.executions[number] = execution
        for fd in execution.pipes:
            self.watch(execution, fd)
        self.selector.register(execution.status, selectors.EVENT_READ, lambda: self.ended(execution))

    def watch(self, execution: Execution, fd: int) -> None:
        if not self.choked:
            self.selector.register(fd, selectors.EVENT_READ, lambda: self.forward(execution, fd))

    def forward(self, execution: Execution, fd: int) -> bool:
        """Pass one chunk on; returns whether there may be more."""
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return False
        kind = execution.pipes[fd]
        if not data:
            self.forget(execution, fd)
            return False
        if not (kind == "o" and execution.unlimited):
            room = execution.left[kind.encode()]
            execution.truncated = execution.truncated or len(data) > room
            data = data[:room]
            execution.left[kind.encode()] = room - len(data)
        if data:
            self.say(kind, execution.number, data)
        return True

    def forget(self, execution: Execution, fd: int) -> None:
        if fd in self.selector.get_map():
            self.selector.unregister(fd)
        del execution.pipes[fd]
        os.close(fd)

    def feed(self, execution: Execution) -> None:
        """Give the command what it can take of its input, and the owner credit for it."""
        if execution.stdin < 0:
            return
        taken = 0
        try:
            while execution.input:
                written = os.write(execution.stdin, execution.input[:CHUNK])
                execution.input = execution.input[written:]
                taken += written
        except BlockingIOError:
            pass
        except OSError:  # it reads no more: the rest is dropped, with credit, so that nobody waits for ever
            taken += len(execution.input)
            execution.input = b""
            execution.input_ended = True
        if taken:
            self.say("c", execution.number, struct.pack("!I", taken))
        watched = execution.stdin in self.selector.get_map()
        if execution.input and not watched:
            self.selector.register(execution.stdin, selectors.EVENT_WRITE, lambda: self.feed(execution))
        elif not execution.input and watched:
            self.selector.unregister(execution.stdin)
        if execution.input_ended and not execution.input:
            os.close(execution.stdin)
            execution.stdin = -1

    def ended(self, execution: Execution) -> None:
        """The reaper reported: pass on what is left in the pipes, not what a process in the background may still write."""
        report = os.read(execution.status, CHUNK)
        self.selector.unregister(execution.status)
        for fd in list(execution.pipes):
            for _ in range(64):  # a pipe holds 64 KiB, at most 1 MiB where a command enlarged it
                if not self.forward(execution, fd):
                    break
            if fd in execution.pipes:
                self.forget(execution, fd)
        if execution.stdin >= 0:
            if execution.stdin in self.selector.get_map():
                self.selector.unregister(execution.stdin)
            os.close(execution.stdin)
        os.close(execution.status)
        os.close(execution.control)
        del self.executions[execution.number]
        # No report: the reaper itself was killed, which only its own sandbox can have done.
        result = json.loads(report.decode()) if report else {"exit_code": 137, "lost": True}
        result["truncated"] = execution.truncated
        self.say("x", execution.number, json.dumps(result).encode())
