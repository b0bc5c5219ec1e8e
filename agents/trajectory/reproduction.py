"""The reproduction: a test of the trajectory's own that shows the Issue. It counts only once it was seen failing on
base.

What was tested while nothing but tests was changed was tested on base: a new test that fails then reproduces the Issue;
one that passes does not, and the trajectory is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from agents.trajectory.said import Said
from selection import is_test


@dataclass(frozen=True, slots=True)
class Reproduction:
    """failed_on_base: the trajectory's own tests that failed while the product's files were as on base. passed_since:
    those of them that pass with its change. told: what to say of it, this once."""

    failed_on_base: tuple[str, ...] = ()
    passed_since: tuple[str, ...] = ()
    told: str = ""

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Reproduction:
        return cls(tuple(data.get("failed_on_base", ())), tuple(data.get("passed_since", ())))

    def as_data(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}


def look_at_tests(before: Reproduction, said: Said, touched: Mapping[str, bool]) -> Reproduction:
    """touched: the paths that the diff touches, and whether each is new."""
    own = {path for path, new in touched.items() if is_test(path)}
    on_base = is_on_base(touched)
    failed, passed = set(before.failed_on_base), set(before.passed_since)
    told = ""
    for run in said.tests:
        failures = {name for name in run.failures if name.split("::")[0] in own}
        passes = {name for name in run.passes if name.split("::")[0] in own}
        if on_base and own:
            failed |= failures
            if failures:
                told = f"{len(failures)} of your tests fail without a fix, so they show the issue: {_some(failures)}"
            elif passes:
                told = f"your tests pass without a fix, so they do not show the issue: {_some(passes)}; make one that fails"
        else:
            passed |= passes & failed
    return replace(before, failed_on_base=tuple(sorted(failed)), passed_since=tuple(sorted(passed)), told=told)


def is_on_base(touched: Mapping[str, bool]) -> bool:
    """Whether the product's files are as on base; such a diff mends nothing."""
    return all(is_test(path) for path in touched)


def adds_only_tests(touched: Mapping[str, bool]) -> bool:
    """Whether it is nothing but tests of the trajectory's own."""
    return all(new and is_test(path) for path, new in touched.items())


def _some(names: set[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:3]) + (", …" if len(shown) > 3 else "")
