"""One forked child after another, under limits, until every unit of a request has its record.

A unit is a test, an expression, or a call: `{"unit": id, "cpu_s": seconds, "wall_s": seconds}`. The child reports each
as it ends. The kernel ends a child that uses more CPU time than its unit may (ITIMER_PROF with its default action, so that
neither `except:` nor C code can hold it up); the parent ends one that takes too much wall time. What remains of the
request then goes to a new child. CPU time, because a loaded machine stretches wall time, and a sleep is no crime.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import time
import warnings
from collections.abc import Callable
from typing import Any

from .orphans import Orphans

POLL_S = 0.02  # how late the end of a child is seen whose own children hold its pipe open
PASSED = ("passed", "xpassed")


class Report:
    """The child's side: tells the parent what it did, and arms and disarms the limits of a unit."""

    def __init__(self, pipe: int, stop: bool) -> None:
        self._pipe = pipe
        self.stop = stop

    def send(self, record: dict[str, Any]) -> None:
        data = json.dumps(record).encode() + b"\n"
        while data:
            data = data[os.write(self._pipe, data) :]

    def ready(self) -> None:
        """What comes before the first unit (collecting, patching) is done."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        self.send({"ready": True})

    def leave(self, record: dict[str, Any]) -> None:
        """Report a unit that is to be given up, and end this process; what remains goes to the next one."""
        self.send(record)
        self.send({"end": True} if self.stop else {"again": True})
        os._exit(0)

    def run(self, unit: dict[str, Any], execute: Callable[[], dict[str, Any]]) -> bool:
        """Run one unit under its CPU limit; False when the request is to stop here. A unit that says that it spoiled this
        process is its last one: what remains goes to the next."""
        arm(unit["cpu_s"])
        wall, cpu = time.perf_counter(), time.process_time()
        record = execute()
        record.update(unit=unit["unit"], wall_s=time.perf_counter() - wall, cpu_s=time.process_time() - cpu)
        signal.setitimer(signal.ITIMER_PROF, 0)
        spoiled = record.pop("spoiled", False)
        self.send(record)
        if self.stop and record["status"] not in PASSED:
            return False
        if spoiled:
            self.send({"again": True})
            os._exit(0)
        return True


def arm(cpu_s: float) -> None:
    """From now on the process may use this much CPU time; the kernel ends it when it has."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, max(cpu_s, 0.001))


class Family:
    """The parent's side of one request."""

    def __init__(self, channel: Any, request: dict[str, Any], orphans: Orphans) -> None:
        self.channel = channel
        self.orphans = orphans
        self.request = request
        self.remaining: list[dict[str, Any]] = list(request["units"])
        self.refused: str | None = None

    def run(self, body: Callable[[Report, list[dict[str, Any]]], None]) -> None:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        while self.remaining and self._child(body):
            pass
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.channel.send({"id": self.request["id"], "event": "end", "cpu_s": cpu, "refused": self.refused})

    def _child(self, body: Callable[[Report, list[dict[str, Any]]], None]) -> bool:
        """Fork once; True when units remain for another child."""
        source, target = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the repository may have threads; the child never waits for them
            pid = os.fork()
        if pid == 0:
            os.close(source)
            self._live(Report(target, self.request["stop"]), body)
        os.close(target)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)  # both sides do it, whichever comes first
        try:
            return self._follow(pid, source)
        finally:
            os.close(source)

    def _live(self, report: Report, body: Callable[[Report, list[dict[str, Any]]], None]) -> None:
        """The child's whole life. Never returns."""
        code = 70
        try:
            with contextlib.suppress(OSError):
                os.setpgid(0, 0)
            self.channel.close_in_child()
            resource.setrlimit(resource.RLIMIT_DATA, (self.request["memory_bytes"],) * 2)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            arm(self.request["prepare_cpu_s"])
            body(report, self.remaining)
            report.send({"end": True})
            code = 0
        except BaseException as error:  # noqa: BLE001  (the child must end here, and say why)
            with contextlib.suppress(BaseException):
                report.send({"refused": f"{type(error).__name__}: {str(error)[:300]}"})
        finally:
            os._exit(code)

    def _follow(self, pid: int, source: int) -> bool:
        """Relay the child's records until it ends or is late; then kill all that it started. True: units remain."""
        buffer, ready, ended, again, late = b"", False, False, False, False
        deadline = time.monotonic() + self.request["prepare_wall_s"]
        while self.remaining and not (ended or again):
            if not select.select([source], [], [], POLL_S)[0]:
                late = time.monotonic() > deadline
                if late or (
                    _has_exited(pid) and not select.select([source], [], [], 0)[0]
                ):  # its last words may just be there
                    break
                continue
            chunk = os.read(source, 1 << 16)
            if not chunk:
                late = not _exits_before(pid, deadline)
                break
            *lines, buffer = (buffer + chunk).split(b"\n")
            for record in map(json.loads, lines):
                if "unit" in record:
                    self._relay(record)
                self.refused = record.get("refused")
                ready = ready or "ready" in record
                ended = ended or "end" in record or "refused" in record
                again = again or "again" in record
            if lines and self.remaining:
                deadline = time.monotonic() + self.remaining[0]["wall_s"]
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        self.orphans.end()
        if ended or not self.remaining:
            return False
        return again or self._account(ready, late, status)

    def _relay(self, record: dict[str, Any]) -> None:
        self.remaining.pop(0)
        self.channel.send(dict(record, event="unit", id=self.request["id"]))

    def _account(self, ready: bool, late: bool, status: int) -> bool:
        """The child is gone without an `end`: say which unit it was, and go on with the rest unless told to stop."""
        signalled = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        timed_out = late or signalled == -signal.SIGPROF
        if not ready:
            self.refused = "it did not get as far as the first test within its limit" if timed_out else _death(status)
            return False
        unit = self.remaining[0]
        spent = {"wall_s": unit["wall_s"], "cpu_s": 0.0} if late else {"wall_s": 0.0, "cpu_s": unit["cpu_s"]}
        text = "no end within its limit" if timed_out else _death(status)
        verdict = "failed" if timed_out else "error"
        self._relay(dict(spent, unit=unit["unit"], status=verdict, timed_out=timed_out, text=text))
        if timed_out:
            self._shorten(unit)
        return not self.request["stop"]

    def _shorten(self, endless: dict[str, Any]) -> None:
        """Where one case of a test never ends, its other cases rarely do: they get a fifth of the time."""
        function = endless["unit"].split("[", 1)[0]
        for unit in self.remaining:
            if unit["unit"].split("[", 1)[0] == function:
                unit["cpu_s"] = min(unit["cpu_s"], max(0.1, endless["cpu_s"] / 5))


def _has_exited(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _exits_before(pid: int, deadline: float) -> bool:
    while not _has_exited(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def _death(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"the interpreter was ended by signal {os.WTERMSIG(status)}"
    return f"the interpreter exited with code {os.WEXITSTATUS(status)} in the middle of a test"
