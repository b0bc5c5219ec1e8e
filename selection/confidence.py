"""How sure a Verdict is, as a probability that the winner is correct.

The rates are counts from resolved cases, with one success and one failure added (Laplace's rule of succession), so that
a small sample never gives certainty.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from selection.agreement import looks, observed
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
TOGETHER = 0.445
# Odds of a program with which tests that failed before fail still, as they do with every other: they may be of other faults.
# A judgement, no measurement.
UNMENDED = 0.1
LEAST = 0.1  # of a probability, below which such a program does not win: a judgement, too


def behave_alike(classes: Sequence[EquivalenceClass]) -> bool:
    """Whether there are several classes, and all were seen to give equal results."""
    behaviours = {each.behaviour for each in classes}
    return len(classes) > 1 and len(behaviours) == 1 and None not in behaviours


def posterior(counted: Count) -> Mapping[str, float]:
    """For each class, how likely it is that what it does is the right behaviour; classes of one behaviour group share theirs.

    There is one right behaviour at most, though more than one group may have it (see `_right`). The odds of each are its belief,
    those of none such that a program which stands alone is right as often as ALONE or UNSHOWN says, and higher by what speaks
    against all of them. The policy's own order plays no part.
    """
    best: dict[str, float] = {}
    for standing in counted.standings:
        best[standing.group] = max(best.get(standing.group, -math.inf), standing.belief)
    alone = ALONE if counted.shown and not counted.unrun else UNSHOWN
    none = math.log((1 - alone) / alone) - _against_all(counted)
    top = max([none, *best.values()])
    odds = {group: math.exp(belief - top) for group, belief in best.items()}
    whole = math.fsum(odds.values()) + math.exp(none - top)
    return {standing.of.id: odds[standing.group] / whole for standing in counted.standings}


def likely(counted: Count) -> Mapping[str, float]:
    """What is told of each class: as `posterior`; where nothing was run, what the static ranking says of each on its own."""
    alone = {each.of.id: each.of.probability for each in counted.standings if each.of.probability is not None}
    return alone if _by_looks(counted) and len(alone) == len(counted.standings) else posterior(counted)


def _by_looks(counted: Count) -> bool:
    """Whether agreement between the patches is all that is known of them, and there are enough of them for that."""
    return not counted.tested and sum(len(each.of.members) for each in counted.standings) >= FEW


def unmended(counted: Count) -> tuple[str, ...]:
    """Tests that failed before and were seen to fail with every program that they were run with; none where one was mended."""
    box = counted.box
    return tuple(
        name
        for name, probe in box.probes.items()
        if not counted.shown and probe.kind == "target" and box.failing[name] and not box.passing[name]
    )


def _against_all(counted: Count) -> float:
    """Nats, 0 or less, of what tells no class from another, but tells that none may be right: regression tests and documented
    examples that none passes, and tests that failed before and are mended by none."""
    box = counted.box
    failed = math.fsum(
        counted.weights[name].failed
        for name, probe in box.probes.items()
        if probe.kind in ("regression", "example") and box.failing[name] and not box.passing[name]
    )
    return failed + (math.log(UNMENDED) if unmended(counted) else 0.0)


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
    """The probability that the winner is correct, and the reason in words; 0 where none may win.

    A program that leaves unmended what failed before, as all others do, wins only if much else speaks for it: for it alone,
    since rivals that mend as little are no reason."""
    sure, why = _sure(counted)
    if counted.eligible and (tests := unmended(counted)):
        alone = min(sure, posterior(counted)[counted.eligible[0].of.id]) if counted.tested else sure
        if alone < LEAST:
            return 0.0, f"no candidate mends {tests[0]}, and the best would be right with {alone:.0%}"
    return sure, why


def _sure(counted: Count) -> tuple[float, str]:
    """How sure the best one is: the posterior, except where a measured rate knows more, when all behave alike, and when nothing
    but the policy's own order tells the first from the second."""
    eligible = counted.eligible
    if not eligible:
        return 0.0, "no candidate passed every test"
    best = eligible[0]
    sure = _right(counted, best)
    agree = f"{best.group_votes:.1f} independent votes are for it" if best.group_votes > 1 else ""
    if not counted.tested and best.of.probability is not None and _by_looks(counted):
        why = "no test had a vote; patches that agree with others so much are right so often"
        return _moved(best.of.probability, _against_all(counted)), why
    if not counted.tested:
        why = "no test had a vote, so only its author's word speaks for it"
        return _moved(UNTESTED, _against_all(counted)), why
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
        told = "the other ballots tell" if _told_by_ballots(best, eligible[1]) else "how much patches agree tells"
        why = f"{told} the best of {len(eligible)} programs that passed every test from the second best"
    else:
        compared = all(each.of.behaviour is not None for each in eligible)
        but = "do not all behave alike" if compared else "were not all compared with each other"
        return OPEN, f"{len(eligible)} programs passed every test and {but}"
    return sure, "; ".join(filter(None, (why, agree)))


def _told_by_ballots(best: Standing, second: Standing) -> bool:
    """Whether more than the static ranking puts one before the other."""
    return best.score - looks(best.of) > second.score - looks(second.of)


def _moved(chance: float, nats: float) -> float:
    odds = chance / max(1 - chance, 1e-9) * math.exp(nats)
    return odds / (1 + odds)
