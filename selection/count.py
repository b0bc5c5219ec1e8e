"""The count: how each class stands after all ballots.

Two tiers. First what is required: a stable regression test that a class fails is a veto, and so is a target, a stable test
that fails on base, where some class passes it. What was not seen to pass did not pass. Among those that pass, the score
decides: the weighed ballots of all other probes (`weights`) and the agreement of independent voters (`agreement`), in
nats, summed exactly. What remains tied is ordered by the class's own voters and then by the policy's own order, which has no
vote.

With given weights a class's score is a sum over its own ballots, so that bounds on it are known before they are cast; that
is what lazy counting (`lazy`) lives from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from selection.agreement import Voter, agreement, groups, voters, votes
from selection.ballots import Ballot, Probe
from selection.box import Box
from selection.classes import EquivalenceClass
from selection.weights import Weight, weigh

Rank = tuple[int, int, int, float, float, float, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """One class and the ballots for and against it.

    broken: required regression probes that it fails. unmet: targets that it fails or that were not run for it. unseen:
    regression probes that were run for others only. examples_met, examples_missed: documented examples.
    score: nats of evidence, for the order. belief: nats for the posterior: the score without probes that say the same of
    all, less the vetoes, as finite evidence; to pass a required test that a bad rival fails is no merit.
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
    votes_of = {name: weighed[name] for name, probe in box.probes.items() if not probe.required and box.speaks(name)}
    passes = {name: weight.passed for name, weight in votes_of.items()}
    fails = {name: weight.failed for name, weight in votes_of.items()}
    separating = {name for name in box.probes if box.separates(name)}
    vetoes = {name: weighed[name].swing for name in separating - votes_of.keys()}

    def standing(of: EquivalenceClass) -> Standing:
        passed, failed = box.passed[of.id], box.failed[of.id]
        less = {name: weighed[name].passed - weighed[name].own for name in box.own[of.id] & passed}
        agreed = agreement(members[group[of.id]])
        return Standing(
            of=of,
            broken=tuple(sorted(regressions & failed)),
            unmet=tuple(sorted(targets - passed)),
            unseen=tuple(sorted(regressions - passed - failed)),
            examples_met=len(examples & passed),
            examples_missed=len(examples & failed),
            score=agreed + _sum(passes, passed) + _sum(fails, failed) - _sum(less, votes_of.keys()),
            belief=agreed
            + _sum(passes, passed & separating)
            + _sum(fails, failed & separating)
            - _sum(less, votes_of.keys() & separating)
            - _sum(vetoes, failed),
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
