"""What a person sees while a Run works: the Journal's events, as they are written, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from api.plain import plain
from memory import Event


def _started(data: Mapping[str, Any]) -> str:
    return f"run {data['run']}: {data['repo']}"


def _base(data: Mapping[str, Any]) -> str:
    failing = data["failing"]
    if not failing:
        return f"all {data['passing']} tests pass on base"
    shown = ", ".join(failing[:3]) + (", …" if len(failing) > 3 else "")
    return f"{len(failing)} of {len(failing) + data['passing']} tests fail: {shown}"


def _localised(data: Mapping[str, Any]) -> str:
    if "places" in data:  # files, for a model
        first = ", ".join(each["path"] for each in data["places"][:3])
        return f"{data['files']} files ranked" + (f", first {first}" if first else "")
    suspect = next(iter(data["suspects"]), None)
    where = f", first {suspect['path']}:{suspect['line']}" if suspect else ""
    return f"{data['statements']} suspicious statements{where}"


def _turn(data: Mapping[str, Any]) -> str:
    tests = ", ".join(f"{run['passed']} passed, {run['failed']} failed" for run in data["tested"])
    what = data["why"] or ("its plan has faults" if data["faults"] else "changed files" if data["patch"] else "looked")
    return f"trajectory {data['trajectory']}: {what}" + (f"; tests: {tests}" if tests else "")


def _answered(data: Mapping[str, Any]) -> str:
    choice = data["choice"]
    if choice is None:
        return f"nobody knows what is right for {data['call']}"
    return (
        f"{data['by']} says of {data['call']}: {data['answers'][choice]['result'] if choice >= 0 else 'none of them'}"
    )


def _interrupted(data: Mapping[str, Any]) -> str:
    return (
        f"not at its end: once what is wrong is mended, runoff resume {data['run']} goes on" if "error" in data else ""
    )


def _ballots(data: Mapping[str, Any]) -> str:
    failed = ", ".join(list(data["failed"])[:3])
    tests = f"{data['run']} test{'' if data['run'] == 1 else 's'}"
    return f"{tests} run with {data['candidate']}" + (f"; not passed: {failed}" if failed else "; all pass")


_ACTIONS = {
    "sample": "searching on",
    "deepen": "going on with what was cut short",
    "switch": "turning to {}",
    "stop": "stopping",
}
_LINES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "run.opened": _started,
    "repository": lambda data: f"base {data['commit'][:12]}, {data['files']} files",
    "sandbox": lambda data: f"sandbox: {data['detail']}",
    "base.ran": _base,
    "localised": _localised,
    "trajectory.turn": _turn,
    "candidate": lambda data: f"candidate {data['id']}: {data['step']}",
    "answer": _answered,
    "ballots": _ballots,
    "decision": lambda data: f"{_ACTIONS[data['action']].format(data['what'])}: {data['why']}",
    "run.interrupted": _interrupted,
    "note": lambda data: f"note: {data['text']}",
}
_STATUS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "call.started": lambda data: f"{data['name']} …",
    "progress": lambda data: f"{data['tried']} tried, {data['plausible']} plausible, {data['elapsed_s']:.0f} s",
}


class ProgressView:
    """Prints one line for each event worth one; on a terminal the last line shows what is going on right now."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = console.status("starting …") if console.is_terminal else None

    def __call__(self, event: Event) -> None:
        data = plain(dict(event.data))
        if event.kind in _LINES and (line := _LINES[event.kind](data)):
            self._console.print(escape(line), style="dim" if event.kind == "note" else None)
        elif self._status is not None and event.kind in _STATUS:
            self._status.update(escape(_STATUS[event.kind](data)))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the last line to somebody who asks."""
        if self._status is not None:
            self._status.stop()
        yield
        if self._status is not None:
            self._status.start()

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()
