"""How a plan went: a report for each Call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from planner import End, Timing

Status = Literal["ok", "failed", "skipped", "pruned", "cancelled"]


class CallReport(NamedTuple):
    """How one Call ended.

    skipped: a Call whose result it uses failed or was skipped; `cause` names the one that failed (or says that the
    plan's time was over). pruned: it was left out, since nobody reads its result. cancelled: its plan was, while it ran;
    that is in no Execution, but the listener is told. Seconds since the plan's start; 0 for what never happened.
    ready_s: its last dependency had ended; what lies between that and started_s is the wait for a slot.
    """

    status: Status
    result: Any = None
    error: Exception | None = None
    cause: str = ""
    ready_s: float = 0.0
    started_s: float = 0.0
    ended_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Execution:
    """The reports of all Calls, by name (joins left out, merged ones with the report of the one that stands for them, but
    where the plan's text broke off).

    stream_error: why the plan's text broke off, when it was executed while it was written; what had come before was
    executed. Otherwise, why there is no answer although all Calls that it refers to are ok: a reference in `end` does
    not fit. end: the plan's `finish` or `replan`; its arguments, with the results in them, are in `answer` when all of
    them are there.
    """

    calls: Mapping[str, CallReport]
    wall_s: float
    end: End | None = None
    answer: Mapping[str, Any] | None = None
    stream_error: Exception | None = None

    @property
    def ok(self) -> bool:
        """Nothing failed."""
        return self.stream_error is None and all(each.status in ("ok", "pruned") for each in self.calls.values())

    def result(self, name: str) -> Any:
        """A Call's result. Raises its error, or the one for which it was skipped."""
        report = self.calls[name]
        if report.status == "skipped" and report.cause in self.calls:
            return self.result(report.cause)
        if report.error is not None:
            raise report.error
        return report.result

    def timings(self) -> dict[str, Timing]:
        """For `planner.explain`."""
        return {
            name: Timing(status=each.status, ready_s=each.ready_s, started_s=each.started_s, ended_s=each.ended_s)
            for name, each in self.calls.items()
        }
