"""Before a winner is named, the tests that speak for it run again: luck must not win.

Those are the tests that it mends, and the closely related ones that it does not break. One that passed and then fails with
nothing changed was no proof: the candidate is flaky, and has failed it. Where the test does not pass each time on base
either, it is the test that is flaky, or leans on others: then it says nothing here.
"""

from __future__ import annotations

from agents.evidence import UNSTEADY
from agents.live import LiveRun
from agents.related import CLOSE
from agents.suite import REPEATED, TIMES, journal_ballots, passing_each_time, risks_of, suite_on
from agents.testrun import BaseRun, Outcome
from agents.verification import Suite
from selection import Ballot, EquivalenceClass

ROOM = 0.25  # of what selection has left
_SHOWN = 160


async def repeat_winner(live: LiveRun, room_s: float) -> bool:
    """Run again what speaks for the class that stands best, once for each class. Whether it fell: then there may be another
    to test. room_s: seconds of which ROOM may be used. Raises SandboxDied, and what ends a Run."""
    evidence = live.evidence
    best = next(iter(evidence.eligible()), None)
    if evidence.base is None or best is None or best.id in evidence.repeated or evidence.is_proven(best):
        return False
    tests = _for_it(live, best, evidence.base, ROOM * room_s)
    fallen = await _fallen(live, best, evidence.base, tests) if tests else []
    evidence.cast.setdefault(best.id, {}).update({each.probe: each for each in fallen})
    if fallen:
        journal_ballots(live, best, fallen, {})
    evidence.repeated.add(best.id)
    live.journal.append(REPEATED, {"class": best.id, "tests": len(tests), "failed": [each.probe for each in fallen]})
    return bool(fallen)


def _for_it(live: LiveRun, of: EquivalenceClass, base: BaseRun, room_s: float) -> list[str]:
    """The tests that run again, in their order: as many as there is room for, the most telling first."""
    risks, cast = risks_of(live, of, base), live.evidence.cast.get(of.id, {})
    passed = [test for test in base.tests if test in cast and cast[test].outcome == "passed"]
    telling = [test for test in passed if test in base.failing or risks[test] >= CLOSE]
    if not live.workers:  # a command always runs whole; which of the cases that pass on base are flaky, nobody knows
        telling = [test for test in telling if test in base.failing]
    telling.sort(key=lambda test: (test not in base.failing, -risks[test]))
    chosen, left_s = set[str](), room_s / TIMES
    for test in telling:
        left_s -= base.typical(test).wall_s
        if left_s < 0:
            break
        chosen.add(test)
    return [test for test in passed if test in chosen]


async def _fallen(live: LiveRun, of: EquivalenceClass, base: BaseRun, tests: list[str]) -> list[Ballot]:
    """The ballots of those that fail when they run again."""
    async with suite_on(live, of) as suite:
        if isinstance(suite, str):
            return []  # what passed before cannot be run now: that says nothing of the candidate
        failed = await _failed(suite, base, tests)
    kept = await passing_each_time(live, frozenset(failed.keys() & set(base.passing)))
    said = {test: " ".join(outcome.text.split())[:_SHOWN] or outcome.status for test, outcome in failed.items()}
    return [
        Ballot(test, of.id, "timeout" if outcome.timed_out else "failed", f"{UNSTEADY}: {said[test]}")
        for test, outcome in failed.items()
        if test in base.failing or test in kept
    ]


async def _failed(suite: Suite, base: BaseRun, tests: list[str]) -> dict[str, Outcome]:
    """How those of the tests ended that do not pass each time."""
    limits = {test: base.generous_limit(test) for test in tests if test in set(suite.tests)}
    failed: dict[str, Outcome] = {}
    for _ in range(TIMES if limits else 0):
        report = await suite.run(limits, again=True)
        failed = {each.unit: each for each in report.outcomes if each.unit in limits and not each.passed}
        if failed:
            break
    return failed
