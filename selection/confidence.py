"""How sure a Verdict is, as a probability that the winner is correct.

The rates are counts from resolved cases, with one success and one failure added (Laplace's rule of succession), so that
a small sample never gives certainty.
"""

from __future__ import annotations

from collections.abc import Sequence

from selection.classes import EquivalenceClass
from selection.count import Standing


def _rate(right: int, of: int) -> float:
    return (right + 1) / (of + 2)


# Right first choices among published one-bug Python programs (QuixBugs) and realistic ones, checked against held-out tests:
# an earlier search's 69 (46 of them alike) and this policy's 24 (benchmarks/repair.py).
ALIKE = _rate(45 + 9, 46 + 9)  # all plausible patches gave equal results on generated inputs
OPEN = _rate(5 + 5, 23 + 6)  # they did not
ALONE = _rate(9, 9)  # there was one
# No test of the repository failed before, so that only what a candidate's author says speaks for it: the share of single samples
# of a language model that resolve their issue (CodeMonkeys, 2025, SWE-bench Verified, one of ten at random: 45.8 %).
UNSHOWN = 0.458


def behave_alike(classes: Sequence[EquivalenceClass]) -> bool:
    """Whether there are several classes, and all were seen to give equal results."""
    behaviours = {each.representative.behaviour for each in classes}
    return len(classes) > 1 and len(behaviours) == 1 and None not in behaviours


def confidence(eligible: Sequence[Standing], *, shown: bool = True) -> tuple[float, str]:
    """The probability that the first of `eligible` (best first) is correct, and the reason in words. shown: some test
    failed on base and passes with it."""
    if not eligible:
        return 0.0, "no candidate passed every test"
    if not shown:
        return UNSHOWN, "no test of the repository failed before, so none shows that the issue is solved"
    if len(eligible) == 1:
        return ALONE, "one program passed every test; nothing to compare it with"
    if behave_alike([standing.of for standing in eligible]):
        return ALIKE, f"all {len(eligible)} programs that passed every test behave alike on generated inputs"
    best, second = eligible[0], eligible[1]
    if best.examples_missed < second.examples_missed:
        return ALONE, "documented examples, or an answered question, tell the best from the second best"
    return OPEN, f"{len(eligible)} programs passed every test and do not all behave alike"
