"""The count: how each class stands after all ballots."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

from selection.ballots import Ballot, Probe, ProbeKind
from selection.classes import EquivalenceClass

FAILED = ("failed", "error", "timeout")


@dataclass(frozen=True, slots=True)
class Standing:
    """One class and the ballots for and against it.

    broken: regression probes that it fails. unmet: target probes that it fails or that were not run for it.
    examples_met, examples_missed: documented examples.
    """

    of: EquivalenceClass
    broken: tuple[str, ...]
    unmet: tuple[str, ...]
    examples_met: int
    examples_missed: int

    @property
    def eligible(self) -> bool:
        """It breaks nothing that worked, and mends everything that it was asked to mend."""
        return not self.broken and not self.unmet

    @property
    def rank(self) -> tuple[int, int, int, float, str]:
        """Sort key, best first: regressions, unmet targets, missed examples, then the policy's own score."""
        return (len(self.broken), len(self.unmet), self.examples_missed, -self.of.score, self.of.id)


def count(
    classes: Iterable[EquivalenceClass], probes: Iterable[Probe], ballots: Iterable[Ballot]
) -> tuple[Standing, ...]:
    """Rank the classes, best first.

    A class that lacks a ballot of a target probe counts as failing it: what was not seen to work does not work. A probe
    on which no ballot was cast says nothing of anybody.
    """
    cast = {(ballot.probe, ballot.class_id): ballot.outcome for ballot in ballots}
    kinds: dict[str, list[str]] = {kind: [] for kind in get_args(ProbeKind)}
    for probe in probes:
        kinds[probe.kind].append(probe.id)
    voted = {probe for probe, _ in cast}

    def standing(each: EquivalenceClass) -> Standing:
        outcomes = {probe: cast.get((probe, each.id)) for probe in voted}
        examples = [outcomes.get(probe) for probe in kinds["example"]]
        return Standing(
            of=each,
            broken=tuple(probe for probe in kinds["regression"] if outcomes.get(probe) in FAILED),
            unmet=tuple(probe for probe in kinds["target"] if probe in voted and outcomes[probe] != "passed"),
            examples_met=examples.count("passed"),
            examples_missed=examples.count("failed"),
        )

    return tuple(sorted(map(standing, classes), key=lambda each: each.rank))
