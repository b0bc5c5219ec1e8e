"""A unit that is a test: run by pytest's own protocol, told in one record.

A record: {"unit": node id, "status": passed|failed|error|skipped|xfailed|xpassed, "text": what failed, "frames":
[[file, line], ...] of the repository, innermost first, "spawned": did it start a program, "lines": {file: [...]}}.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest

from . import calls
from .fork import Report
from .lines import Lines
from .patch import LiveFunctions, decoded, override
from .serve import TEXT_LIMIT, serve

FRAMES = 10
CHUNK = 200  # node ids in one record
_spawned: list[str] = []


class WarmTests:
    """A pytest plugin: when everything is collected, the loop over tests becomes the loop over requests."""

    def __init__(self, channel: Any, root: str, live: LiveFunctions) -> None:
        self.channel = channel
        self.root = root
        self.live = live
        self.items: dict[str, Any] = {}
        self.errors: list[list[str]] = []
        self.watch = Watch(root)

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.errors.append([report.nodeid, _gist(str(report.longrepr))])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> bool:
        self.live.index()
        session.config.pluginmanager.register(self.watch)
        for item in session.items:
            self.items.setdefault(item.nodeid, item)
        ids = list(self.items)
        for start in range(0, len(ids), CHUNK):
            self.channel.send({"event": "tests", "tests": ids[start : start + CHUNK]})
        for nodeid, text in self.errors[:20]:
            self.channel.send({"event": "collection-error", "unit": nodeid, "text": text})
        version = {"python": sys.version.split()[0], "pytest": pytest.__version__}
        self.channel.send(dict(version, event="ready"))
        serve(self.channel, self)
        os._exit(0)

    def body(self, request: dict[str, Any]) -> Callable[[Report, list[dict[str, Any]]], None]:
        def body(report: Report, units: list[dict[str, Any]]) -> None:
            edits = decoded(request["edits"])
            self.live.apply(edits)
            override(self.root, edits)
            if request["op"] == "tests":
                recorder = calls.Recorder(request["function"], self.root) if request["function"] else None
                run_tests(report, units, self.items, self.watch, request["trace"], recorder)
            else:
                calls.run(report, units, request, self.root)

        return body


class ColdTests:
    """Each request collects what it needs in a process that has imported nothing of the repository."""

    def __init__(self, arguments: list[str], root: str) -> None:
        self.arguments = arguments
        self.root = root

    def body(self, request: dict[str, Any]) -> Callable[[Report, list[dict[str, Any]]], None]:
        def body(report: Report, units: list[dict[str, Any]]) -> None:
            override(self.root, decoded(request["edits"]))
            loop = _ColdLoop(self.root, report, units, request)
            code = pytest.main(self.arguments, plugins=[loop])
            if not loop.reached:
                raise RuntimeError(f"pytest ended with exit code {int(code)} before the first test")

        return body


class _ColdLoop:
    def __init__(self, root: str, report: Report, units: list[dict[str, Any]], request: dict[str, Any]) -> None:
        self.root = root
        self.report = report
        self.units = units
        self.request = request
        self.reached = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: Any) -> None:
        """Collect only the files of the wanted tests; the user's own selection (-k, -m) goes on to hold."""
        if self.request["op"] != "tests":
            return
        root = str(session.config.rootdir)
        files = {unit["unit"].split("::", 1)[0] for unit in self.units}
        paths = sorted(os.path.join(root, file) for file in files)
        if all(os.path.exists(path) for path in paths):
            session.config.args[:] = paths

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> bool:
        self.reached = True
        if self.request["op"] != "tests":
            calls.run(self.report, self.units, self.request, self.root)
            return True
        watch = Watch(self.root)
        session.config.pluginmanager.register(watch)
        items: dict[str, Any] = {}
        for item in session.items:
            items.setdefault(item.nodeid, item)
        run_tests(self.report, self.units, items, watch, self.request["trace"])
        return True


class Watch:
    """Collects what pytest reports of the test that is running."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.record: dict[str, Any] = {}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Any:
        outcome = yield
        report = outcome.get_result()
        if report.failed and "text" not in self.record:
            self.record["text"] = describe(call.excinfo)
            self.record["frames"] = repository_frames(call.excinfo, self.root)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        expected = hasattr(report, "wasxfail")
        if report.skipped:
            self.record["status"] = "xfailed" if expected else "skipped"
        elif report.failed:
            self.record["status"] = "failed" if report.when == "call" else "error"
        elif report.when == "call":
            self.record["status"] = "xpassed" if expected else "passed"


def run_tests(
    report: Report,
    units: list[dict[str, Any]],
    items: dict[str, Any],
    watch: Watch,
    trace: bool,
    recorder: calls.Recorder | None = None,
) -> None:
    """Run units in order, in this (forked) process, telling `report` after each."""
    sys.addaudithook(_note_spawn)
    lines = Lines(watch.root) if trace else None
    report.ready()
    chosen = [items.get(unit["unit"]) for unit in units]
    for place, (unit, item) in enumerate(zip(list(units), chosen)):
        following = next((each for each in chosen[place + 1 :] if each is not None), None)
        watch.record = {}

        execute: Callable[[], dict[str, Any]] = functools.partial(_protocol, item, following, watch)
        if lines is not None:
            lines.begin(functools.partial(_give_up, report, unit, lines))
            execute = lines.around(execute)
        elif recorder is not None:
            execute = recorder.around(execute)
        if not report.run(unit, execute):
            break


def _protocol(item: Any, following: Any, watch: Watch) -> dict[str, Any]:
    if item is None:
        return {"status": "error", "text": "no such test is collected"}
    _spawned.clear()
    try:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
    except BaseException as error:  # noqa: BLE001  (the test broke pytest itself: closed its files, left it in the middle)
        watch.record.update(status="error", text=f"{type(error).__name__}: {error}"[:TEXT_LIMIT], spoiled=True)
    record = dict(watch.record, spawned=bool(_spawned))
    record.setdefault("status", "error")
    return record


def _give_up(report: Report, unit: dict[str, Any], lines: Lines) -> None:
    record = {"unit": unit["unit"], "status": "failed", "timed_out": True, "text": "no end within its limit"}
    report.leave(dict(record, lines=lines.seen(), cpu_s=unit["cpu_s"]))


def _gist(text: str) -> str:
    """What a report of an error says, without where: its lines that pytest marks with E, else the last one."""
    lines = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
    return (" ".join(lines) or text.strip().rsplit("\n", 1)[-1])[:TEXT_LIMIT]


def _note_spawn(event: str, arguments: Any) -> None:
    if event in ("subprocess.Popen", "os.posix_spawn", "os.exec", "os.system"):
        _spawned.append(event)


def describe(excinfo: Any) -> str:
    """Type and message of an exception, whatever its `__str__` does."""
    try:
        message = str(excinfo.value)[:TEXT_LIMIT]
    except Exception:  # noqa: BLE001  (the repository's code: anything may come)
        message = "(its message cannot be read)"
    return f"{excinfo.type.__name__}: {message}"


def repository_frames(excinfo: Any, root: str) -> list[list[Any]]:
    frames: list[list[Any]] = []
    step = excinfo.tb
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if file.startswith(root + os.sep):
            frames.append([os.path.relpath(file, root), step.tb_lineno])
        step = step.tb_next
    return frames[-1 : -1 - FRAMES : -1]
