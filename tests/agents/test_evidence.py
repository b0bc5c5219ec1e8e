"""What a verdict says of tests is what was seen of them."""

from __future__ import annotations

from agents.evidence import Evidence
from agents.testrun import BaseRun
from agents.testrun import Outcome as Ran
from memory import Bill
from selection import Ballot, Outcome, classify
from tests.selection.worlds import candidate

WRONG, GOOD = "test_wrong", "test_good"


def notes(*, cut: bool = False, **cast: dict[str, Outcome]) -> list[str]:
    """Of a verdict on some programs, of which these ballots are known."""
    outcomes = {WRONG: Ran(unit=WRONG, status="failed"), GOOD: Ran(unit=GOOD, status="passed")}
    evidence = Evidence(base=BaseRun(outcomes, (WRONG,), (GOOD,), (), 0.0), cut=cut)
    for number, (name, row) in enumerate(cast.items()):
        made = candidate(name, number + 1)
        (of,) = classify([made])
        evidence.candidates[name] = made
        evidence.cast[of.id] = {test: Ballot(test, of.id, outcome) for test, outcome in row.items()}
    return evidence.verdict(stopped="enough", bill=Bill({}, 1.0)).notes


MENDED_BY_NONE = f"no vote, since they fail on base and with every patch: {WRONG}"
NOT_RUN = f"they fail on base, and were not run with every patch: {WRONG}"


def test_that_a_test_fails_with_every_patch_is_said_only_where_it_ran_with_every_patch() -> None:
    assert notes(a={WRONG: "failed", GOOD: "passed"}, b={WRONG: "timeout", GOOD: "passed"}) == [MENDED_BY_NONE]
    assert notes(a={WRONG: "failed", GOOD: "passed"}, b={GOOD: "passed"}) == [NOT_RUN]
    assert notes(a={GOOD: "passed"}) == [NOT_RUN]
    assert notes(a={WRONG: "unknown", GOOD: "passed"}) == [NOT_RUN]
    assert notes(a={WRONG: "failed", GOOD: "passed"}, b={GOOD: "failed"}) == [MENDED_BY_NONE]  # b is out of it


def test_programs_that_the_budget_left_no_room_for_are_counted() -> None:
    said = "1 of 2 programs were not tested: the budget does not last for all, and those that look the likeliest come first"
    assert notes(cut=True, a={WRONG: "passed", GOOD: "passed"}, b={}) == [said]
    assert notes(cut=False, a={WRONG: "passed", GOOD: "passed"}, b={}) == []


def test_a_test_that_hangs_on_base_is_not_waited_for_as_long_as_one_that_ends() -> None:
    """What it takes when it is mended, the others tell."""

    def limits(seconds: float) -> tuple[float, float]:
        outcomes = {
            WRONG: Ran(unit=WRONG, status="failed", timed_out=True, wall_s=30.0),
            GOOD: Ran(unit=GOOD, status="passed", wall_s=seconds),
        }
        base = BaseRun(outcomes, (WRONG,), (GOOD,), (), 0.0)
        return base.generous_limit(WRONG).wall_s, base.generous_limit(GOOD).wall_s

    assert limits(0.5) == (30.0, 70.0)
    assert limits(5.0) == (60.0, 160.0)
