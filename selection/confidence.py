"""How sure a Verdict is, as a probability that the winner is correct.

The rates are counts from resolved cases, with one success and one failure added (Laplace's rule of succession), so that
a small sample never gives certainty.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from selection.agreement import observed
from selection.classes import EquivalenceClass
from selection.count import Count, Standing


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
# Agreement of so few patches says nothing: what a patch's probability was learnt from are issues with at least four.
FEW = 4
# No test could be run, or none tells anything: the share of issues that the majority's patch resolves when nothing is run
# (Agentless, 2025, table 4, SWE-bench Lite, before any test: 77 of 300).
UNTESTED = 0.257
# Where one program is right, the share of the others that are right too, though not the same by syntax: published patches of
# SWE-bench issues, 295 issues with a right one and another (`together` in benchmarks/selection.py, all patches).
TOGETHER = 0.443


def behave_alike(classes: Sequence[EquivalenceClass]) -> bool:
    """Whether there are several classes, and all were seen to give equal results."""
    behaviours = {each.behaviour for each in classes}
    return len(classes) > 1 and len(behaviours) == 1 and None not in behaviours


def posterior(counted: Count) -> Mapping[str, float]:
    """For each class, how likely it is that what it does is the right behaviour; classes of one behaviour group share theirs.

    There is one right behaviour at most, though more than one group may have it (see `_right`). The odds of each are its belief,
    those of none such that a program which stands alone is right as often as ALONE or UNSHOWN says. The policy's own order
    plays no part.
    """
    best: dict[str, float] = {}
    for standing in counted.standings:
        best[standing.group] = max(best.get(standing.group, -math.inf), standing.belief)
    alone = ALONE if counted.shown and not counted.unrun else UNSHOWN
    none = math.log((1 - alone) / alone)
    top = max([none, *best.values()])
    odds = {group: math.exp(belief - top) for group, belief in best.items()}
    whole = math.fsum(odds.values()) + math.exp(none - top)
    return {standing.of.id: odds[standing.group] / whole for standing in counted.standings}


def _right(counted: Count, winner: Standing) -> float:
    """How likely the winner is right: alone, or together with another group that passed every test and whose outputs were not
    compared with its own. That tests which models wrote part them is no proof: such tests often want more than was asked."""
    believed = posterior(counted)
    compared = observed(counted.box, winner.of)
    others = {
        each.group: believed[each.of.id]
        for each in counted.eligible
        if each.group != winner.group and not (compared and observed(counted.box, each.of))
    }
    return believed[winner.of.id] + TOGETHER * math.fsum(others.values())


def confidence(counted: Count) -> tuple[float, str]:
    """The probability that the winner is correct, and the reason in words.

    The posterior, except where a measured rate knows more: when all behave alike, and when nothing but the policy's own
    order tells the first from the second.
    """
    eligible = counted.eligible
    if not eligible:
        return 0.0, "no candidate passed every test"
    best = eligible[0]
    sure = _right(counted, best)
    agree = f"{best.group_votes:.1f} independent votes are for it" if best.group_votes > 1 else ""
    given = sum(len(each.of.members) for each in counted.standings)
    if not counted.tested and best.of.probability is not None and given >= FEW:
        return best.of.probability, "no test had a vote; patches that agree with others so much are right so often"
    if not counted.tested:
        return UNTESTED, "no test had a vote, so only its author's word speaks for it"
    if counted.unrun:
        why = f"{counted.unrun} tests that pass on base were not run with any candidate"
    elif not counted.shown:
        why = "no test that failed before passes with it, so none shows that the issue is solved"
    elif len(eligible) == 1:
        # of rivals that were not tested, less is known than of those that passed too, and they are no likelier
        left = sum(not each.broken and not each.unmet for each in counted.standings) - 1
        rivals = f"{left} more were not tested to the end" if left else "" if agree else "nothing to compare it with"
        why = "; ".join(filter(None, ("one program passed every test", rivals)))
        sure = max(sure, OPEN)
    elif behave_alike([standing.of for standing in eligible]):
        sure = max(sure, ALIKE)
        why = f"all {len(eligible)} programs that passed every test behave alike on generated inputs"
    elif best.score > eligible[1].score:
        why = f"the other ballots tell the best of {len(eligible)} programs that passed every test from the second best"
    else:
        return OPEN, f"{len(eligible)} programs passed every test and do not all behave alike"
    return sure, "; ".join(filter(None, (why, agree)))
