"""How sure a Verdict is, as a probability that the winner is correct.

The rates are counts from resolved cases, with one success and one failure added (Laplace's rule of succession), so that
a small sample never gives certainty.
"""

from __future__ import annotations

from collections.abc import Sequence

from selection.count import Standing


def _rate(right: int, of: int) -> float:
    return (right + 1) / (of + 2)


# One-bug Python programs whose plausible patches were checked against held-out tests: right first choices among cases
# in which all plausible patches gave equal results on generated inputs, and among those in which they did not.
ALIKE = _rate(45, 46)
OPEN = _rate(10, 23)
ALONE = _rate(20, 26)


def confidence(eligible: Sequence[Standing]) -> tuple[float, str]:
    """The probability that the first of `eligible` (best first) is correct, and the reason in words."""
    if not eligible:
        return 0.0, "no candidate passed every test"
    if len(eligible) == 1:
        return ALONE, "one program passed every test; nothing to compare it with"
    behaviours = {standing.of.representative.behaviour for standing in eligible}
    if len(behaviours) == 1 and None not in behaviours:
        return ALIKE, f"all {len(eligible)} programs that passed every test behave alike on generated inputs"
    best, second = eligible[0], eligible[1]
    if best.examples_missed < second.examples_missed:
        return ALONE, "the documented examples tell the best from the second best"
    return OPEN, f"{len(eligible)} programs passed every test and do not all behave alike"
