"""The count: how each class stands after all ballots.

Two tiers. First what is required: a stable regression test that a class fails is a veto, and so is a target, a stable test
that fails on base, where some class passes it. What was not seen to pass did not pass. Among those that pass, the score
decides: the agreement of independent voters (`agreement`), less what the ballots of all other probes take from it
(`weights`), in nats, summed exactly. Only probes that separate classes count. What remains tied is ordered by the class's
own voters and then by the policy's own order, which has no vote.

With given weights a class's score is a sum over its own ballots, so that bounds on it are known before they are cast; that
is what lazy counting (`lazy`) lives from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from selection.agreement import Voter, agreement, groups, looks, voters, votes
from selection.ballots import Ballot, Probe
from selection.box import Box
from selection.classes import EquivalenceClass
from selection.weights import Weight, weigh

Rank = tuple[int, int, int, float, float, float, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """One class and the ballots for and against it.

    broken: required regression probes that it fails. unmet: targets that it fails. unseen: probes of both kinds that count
    and were not run for it. examples_met, examples_missed: documented examples.
    score: nats of evidence, for the order; 0 where nothing is against it and nobody agrees. belief: nats for the
    posterior: the merit of what it passes and others fail, less the vetoes as finite evidence; to pass a required test that
    a bad rival fails is no merit.
    group: its behaviour group. votes, group_votes: independent ones, see `agreement`.
    """

    of: EquivalenceClass
    broken: tuple[str, ...]
    unmet: tuple[str, ...]
    unseen: tuple[str, ...]
    examples_met: int
    examples_missed: int
    score: float
    belief: float
    group: str
    votes: float
    group_votes: float

    @property
    def eligible(self) -> bool:
        """It was seen to break nothing that worked, and to mend everything that it was asked to mend."""
        return not self.broken and not self.unmet and not self.unseen

    @property
    def rank(self) -> Rank:
        """Sort key, best first."""
        return (
            len(self.broken),
            len(self.unmet),
            len(self.unseen),
            -self.score,
            -self.votes,
            -self.of.score,
            self.of.id,
        )


@dataclass(frozen=True, slots=True)
class Count:
    """standings: best first. weights: those of the probes that it was counted with."""

    box: Box
    weights: Mapping[str, Weight]
    standings: tuple[Standing, ...]

    @property
    def eligible(self) -> tuple[Standing, ...]:
        return tuple(standing for standing in self.standings if standing.eligible)

    @property
    def winner(self) -> Standing | None:
        return next((standing for standing in self.standings if standing.eligible), None)

    @property
    def tested(self) -> bool:
        """Whether anything that was run had a vote."""
        return any(self.box.speaks(name) for name, probe in self.box.probes.items() if probe.kind != "judge")

    @property
    def unrun(self) -> int:
        """How many required regression tests were run for nobody, since the count was ended before."""
        return sum(
            probe.required and probe.kind == "regression" and not self.box.speaks(name)
            for name, probe in self.box.probes.items()
        )

    @property
    def shown(self) -> bool:
        """Whether some test failed on base that some class passes."""
        return any(self.box.passing[name] for name, probe in self.box.probes.items() if probe.kind == "target")


def count(
    classes: Iterable[EquivalenceClass],
    probes: Iterable[Probe],
    ballots: Iterable[Ballot],
    *,
    weights: Mapping[str, Weight] | None = None,
) -> Count:
    """Rank the classes, best first; without `weights`, with those that the ballots themselves suggest.

    A probe on which no ballot was cast says nothing of anybody, and neither does a target that no class passes. Raises
    AmbiguousId, StrangeBallot.
    """
    box = Box.of(classes, probes, ballots)
    weighed = weigh(box) if weights is None else weights
    group = groups(box)
    members: dict[str, set[Voter]] = {}
    for name, of in box.classes.items():
        members.setdefault(group[name], set()).update(voters(of))
    regressions, targets = _required(box, "regression"), _required(box, "target")
    examples = {name for name, probe in box.probes.items() if probe.kind == "example"}
    separating = {name for name in box.probes if box.separates(name)}
    free = {name for name in separating if not box.probes[name].required}
    fails = {name: weighed[name].swing for name in separating}
    lacks = {name: weighed[name].passed for name in free}
    own = {name: weighed[name].passed - weighed[name].own for name in free}
    at_best = sum(lacks.values())

    def standing(of: EquivalenceClass) -> Standing:
        passed, failed = box.passed[of.id], box.failed[of.id]
        agreed = agreement(members[group[of.id]])
        less = _sum(fails, free & failed) + _sum(lacks, free - passed - failed) + _sum(own, box.own[of.id] & passed)
        return Standing(
            of=of,
            broken=tuple(sorted(regressions & failed)),
            unmet=tuple(sorted(targets & failed)),
            unseen=tuple(sorted((regressions | targets) - passed - failed)),
            examples_met=len(examples & passed),
            examples_missed=len(examples & failed),
            score=agreed + looks(of) - less,
            belief=agreed - less + at_best - _sum(fails, failed - free),
            group=group[of.id],
            votes=votes(voters(of)),
            group_votes=votes(members[group[of.id]]),
        )

    return Count(box, weighed, tuple(sorted(map(standing, box.classes.values()), key=lambda each: each.rank)))


def _required(box: Box, kind: str) -> set[str]:
    return {name for name, probe in box.probes.items() if probe.required and probe.kind == kind and box.speaks(name)}


def _sum(nats: Mapping[str, float], probes: Set[str]) -> float:
    """Exact in any order, for weights are multiples of 2**-10."""
    return sum(map(nats.__getitem__, nats.keys() & probes))
