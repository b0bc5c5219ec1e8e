"""The tests as they are before any patch: which fail, which pass, how long each takes, what each executes.

A bug that loops for ever is the rule, a slow test is legitimate, and the two look alike for a while. So every test
first gets a short limit of CPU time; of those that reach it, one per test function gets a generous one. If that one
ends, the whole function is slow and runs again in peace; if not, its cases count as failing. Where the time for such
checks is used up, a test counts as `slow`: no try waits for it, only the final verification with its generous limits.

A test votes for a patch only if it fails because of the program: so those that fail run again, alone, in fresh children.
One that does not fail there depends on chance, or on what earlier tests left; any patch would seem to mend it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from agents.errors import CollectionFailed, HarnessFailed, NothingFails
from agents.testrun.protocol import Outcome
from agents.testrun.session import Limit, TestSession

SHORT = Limit(0.5, 30.0)
GENEROUS = Limit(10.0, 60.0)
MENDED_WALL_S = 20.0  # at least, for a test that hangs on base: it hangs with most patches too
CHECKS_CPU_S = 25.0  # for all checks of tests that reached the short limit
AGAIN = 3  # times that a failing test runs again, where that is cheap; once in any case
AGAIN_WALL_S = 5.0
TRACED_CPU_S = 30.0  # for all traced runs
MAX_FAILING_TRACED = 40
_TIMEOUT = re.compile(r"time(d)?[ _-]?out", re.IGNORECASE)
Coverage = Mapping[str, Mapping[str, frozenset[int]]]  # test -> file -> lines that it executed


@dataclass(frozen=True, slots=True)
class BaseRun:
    """What the tests say of base. failing, passing, slow and unstable are disjoint; skipped and xfailed tests are in
    none. unstable: failed once and did not fail again, so that they say nothing of a patch."""

    outcomes: Mapping[str, Outcome]
    failing: tuple[str, ...]
    passing: tuple[str, ...]
    slow: tuple[str, ...]
    cpu_s: float
    order_matters: bool = False  # tests that pass fail when the failing ones run before them
    unstable: tuple[str, ...] = ()

    @property
    def tests(self) -> tuple[str, ...]:
        """All that count, in the order in which pytest runs them."""
        counting = {*self.failing, *self.passing, *self.slow}
        return tuple(test for test in self.outcomes if test in counting)

    @property
    def spawns(self) -> bool:
        """Whether a failing test starts programs, which see the files and not what is tried in memory."""
        return any(self.outcomes[test].spawned for test in self.failing)

    def limit(self, test: str) -> Limit:
        """What a try may take for a test: tight, since most that exceed it never end."""
        typical = self.typical(test)
        return Limit(0.1 + 10 * typical.cpu_s, 5.0 + 10 * typical.wall_s)

    def generous_limit(self, test: str) -> Limit:
        """What the verification of a patch may take for a test."""
        typical = self.typical(test)
        wall_s = GENEROUS.wall_s + 20 * typical.wall_s
        if never_ends(self.outcomes[test]):  # once mended, it is hardly slower than all others
            slowest = max((self.outcomes[each].wall_s for each in self.passing), default=GENEROUS.wall_s)
            wall_s = min(wall_s, MENDED_WALL_S + 20 * slowest)
        return Limit(GENEROUS.cpu_s + 20 * typical.cpu_s, wall_s)

    def typical(self, test: str) -> Limit:
        """What a test takes; one that never ends on base, what the slowest other case of its function takes."""
        outcome = self.outcomes[test]
        if not never_ends(outcome):
            return Limit(outcome.cpu_s, outcome.wall_s)
        cases = [self.outcomes[each] for each in self.passing if _function(each) == _function(test)]
        return Limit(
            max((case.cpu_s for case in cases), default=0.0), max((case.wall_s for case in cases), default=0.0)
        )


async def base_run(session: TestSession) -> BaseRun:
    """The same, where something must fail. Raises NothingFails too."""
    base = await base_outcomes(session)
    if not base.failing:
        raise NothingFails(_nothing_fails(len(base.outcomes), len(base.slow), base.unstable))
    return replace(base, order_matters=await _order_matters(session, base))


async def base_outcomes(session: TestSession) -> BaseRun:
    """Run everything that was collected. Raises CollectionFailed, HarnessFailed."""
    if session.collection_errors:
        more = len(session.collection_errors) - 1
        raise CollectionFailed(
            f"the tests cannot be collected: {session.collection_errors[0]}"
            + (f" (and {more} more)" if more else "")
            + "; mend the import, or name the tests that matter with --test"
        )
    report = await session.run(dict.fromkeys(session.tests, SHORT))
    if report.refused is not None:
        raise HarnessFailed(f"the tests do not run: {report.refused}")
    outcomes = {outcome.unit: outcome for outcome in report.outcomes}  # in the order of the tests
    cpu_s, unchecked = report.cpu_s, set[str]()
    for cases in _by_function(test for test in session.tests if outcomes[test].timed_out):
        if cpu_s - report.cpu_s > CHECKS_CPU_S:
            unchecked.update(cases)
            continue
        spent = await _check(session, cases, outcomes)
        cpu_s += spent
    failed = [test for test in session.tests if outcomes[test].broken and test not in unchecked]
    unstable, spent = await _run_again(session, failed, outcomes)
    cpu_s += spent
    failing = [test for test in failed if test not in unstable]
    passing = tuple(test for test in session.tests if outcomes[test].passed)
    slow = tuple(test for test in session.tests if test in unchecked)
    return BaseRun(outcomes, tuple(failing), passing, slow, cpu_s, unstable=tuple(sorted(unstable)))


async def _order_matters(session: TestSession, base: BaseRun) -> bool:
    """Whether a quick test that passes fails once the failing ones ran before it."""
    before = [test for test in base.failing if not never_ends(base.outcomes[test])]
    quick = [test for test in base.passing if base.outcomes[test].cpu_s < SHORT.cpu_s]
    report = await session.run({test: base.limit(test) for test in (*before, *quick)})
    passing = set(quick)
    return any(not outcome.passed for outcome in report.outcomes if outcome.unit in passing)


async def _check(session: TestSession, cases: Sequence[str], outcomes: dict[str, Outcome]) -> float:
    """Give the first of the cases of one test function a generous limit, and the others too if it ends within it."""
    first = await session.run({cases[0]: GENEROUS})
    ended = [outcome for outcome in first.outcomes if not outcome.timed_out]
    outcomes.update((outcome.unit, outcome) for outcome in ended)
    if not ended or ended[0].broken or len(cases) == 1:
        return first.cpu_s
    rest = await session.run(dict.fromkeys(cases[1:], GENEROUS))
    outcomes.update((outcome.unit, outcome) for outcome in rest.outcomes)
    return first.cpu_s + rest.cpu_s


async def _run_again(
    session: TestSession, failed: Sequence[str], outcomes: dict[str, Outcome]
) -> tuple[set[str], float]:
    """Those of the failed tests that do not fail again, and the CPU seconds that it took to find out.

    They run as a try will run them, first in a fresh child. What they take there is kept in `outcomes` where it is more:
    what is imported late costs time. Tests that reached a limit twice (see `_check`) do not run again; of those that end
    themselves after a while, one per test function does."""
    waiting = [test for test in failed if never_ends(outcomes[test]) and not outcomes[test].timed_out]
    left_out = set(waiting) - {cases[0] for cases in _by_function(waiting)}
    stable = {test: GENEROUS for test in failed if not outcomes[test].timed_out and test not in left_out}
    unstable, cpu_s, end = set[str](), 0.0, time.monotonic() + AGAIN_WALL_S
    for _ in range(AGAIN):
        report = await session.run(stable)
        cpu_s += report.cpu_s
        for outcome in report.outcomes:
            if not outcome.broken:
                unstable.add(outcome.unit)
                del stable[outcome.unit]
            elif outcome.cpu_s > outcomes[outcome.unit].cpu_s and not outcome.timed_out:
                outcomes[outcome.unit] = outcome
        if not stable or time.monotonic() > end:
            break
    return unstable, cpu_s


async def coverage(session: TestSession, base: BaseRun) -> Coverage:
    """Lines of the repository's files that each test executes: the failing tests, then as many passing ones as the
    time allows, quick ones first. Tests that never end count with what they executed until their limit."""
    found: dict[str, dict[str, frozenset[int]]] = {}
    quick = sorted(base.passing, key=lambda test: base.outcomes[test].cpu_s)
    spent = 0.0
    for tests in (base.failing[:MAX_FAILING_TRACED], *_slices(quick, 50)):
        if spent > TRACED_CPU_S:
            break
        report = await session.run({test: _traced(base, test) for test in tests}, trace=True)
        spent += report.cpu_s
        for outcome in report.outcomes:
            if outcome.lines:
                found[outcome.unit] = {file: frozenset(lines) for file, lines in outcome.lines.items()}
    return found


def _traced(base: BaseRun, test: str) -> Limit:
    limit = base.limit(test)
    return Limit(0.3 + 3 * limit.cpu_s, 3 * limit.wall_s)


def _slices(tests: Sequence[str], size: int) -> list[Sequence[str]]:
    return [tests[start : start + size] for start in range(0, len(tests), size)]


def never_ends(outcome: Outcome) -> bool:
    """Whether a limit ended it: the session's, or one that the tests keep themselves (pytest-timeout, an alarm)."""
    return outcome.timed_out or (outcome.broken and _TIMEOUT.search(outcome.text[:200]) is not None)


def _function(test: str) -> str:
    """A parametrised test without its case."""
    return test.split("[", 1)[0]


def _by_function(tests: Iterable[str]) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for test in tests:
        groups.setdefault(_function(test), []).append(test)
    return list(groups.values())


def _nothing_fails(ran: int, unchecked: int, unstable: Sequence[str]) -> str:
    if unstable:
        return (
            f"only unstable tests fail: {', '.join(unstable[:3])}{', …' if len(unstable) > 3 else ''} failed once and did "
            "not fail again alone, so they say nothing of a patch; make them independent of chance and of other tests, "
            "or name a test that fails each time with --test"
        )
    late = f" ({unchecked} more take longer than can be waited for)" if unchecked else ""
    return (
        f"all {ran - unchecked} tests pass{late}, so nothing says when the issue is solved; "
        "add a test that fails because of it, or name one with --test"
    )
