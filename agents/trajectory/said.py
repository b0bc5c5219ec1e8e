"""What a turn said and did, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TestRun:
    """One `run_tests` of a turn: what was asked for, and what came out."""

    __test__ = False

    selector: str
    ok: bool
    failures: tuple[str, ...] = ()
    passes: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """text: the answer as it was. plan_text: the plan of it, "" when it is none. results: for each call, in order, its
    text and what came of it. faults: why it is no plan. end: "finish", "replan" or "". ok: nothing failed. stop: why
    the trajectory must end. full: the server found that the history does not fit the model's context."""

    text: str = ""
    plan_text: str = ""
    tool_calls: tuple[Mapping[str, str], ...] = ()
    results: tuple[tuple[str, str, str], ...] = ()  # name, call, outcome
    faults: str = ""
    end: str = ""
    answer: str = ""
    ok: bool = True
    tests: tuple[TestRun, ...] = ()
    prompt_tokens: int = 0
    stop: str = ""
    failed: bool = False
    full: bool = False

    @property
    def compiled(self) -> bool:
        return not self.faults

    @property
    def tested(self) -> bool:
        return bool(self.tests)

    @property
    def tests_ok(self) -> bool:
        return self.tested and all(each.ok for each in self.tests)
