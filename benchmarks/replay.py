"""Recorded candidates of an issue that arrive one by one: what is drawn, what would be picked, and what a policy sees.

Labels are in a Sample for the score, and for what is learnt from other folds.
"""

from __future__ import annotations

import math
import random
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from benchmarks.selection_data import Labels
from benchmarks.train_selection import FOLDS, KINDS, PEERS, Lineup, Read, fold, train
from selection import Candidate
from selection.allocation import Seen
from selection.edits import Edit
from selection.features import features, likeness
from selection.scorer import Model

ALIKE = 0.5  # of the words of two changes: the same class


@dataclass(frozen=True, slots=True)
class Sample:
    """One recorded candidate. does: None when it was dropped. right: whether it resolved the issue."""

    candidate: Candidate
    does: Edit | None
    right: bool


@dataclass(frozen=True)
class Case:
    """One issue and its recorded candidates, in the order of their names. A sample is called by its place."""

    instance: str
    samples: tuple[Sample, ...]

    @property
    def fold(self) -> int:
        return fold(self.instance)

    @cached_property
    def alike(self) -> Mapping[int, Mapping[int, float]]:
        """How like each other's the changed words are, of all that stand."""
        standing = {place: each.does for place, each in enumerate(self.samples) if each.does}
        rows = likeness(list(standing.values()))
        return {place: dict(zip(standing, row, strict=True)) for place, row in zip(standing, rows, strict=True)}

    @cached_property
    def programs(self) -> Sequence[str | None]:
        return [each.does.key if each.does else None for each in self.samples]


def cases(known: Read, members: frozenset[str], instances: frozenset[str], truth: Labels) -> list[Case]:
    found = []
    for instance in sorted(instances & known.keys()):
        given = [Sample(each, does, truth[instance, each.id]) for _, each, does, _ in known[instance]]
        samples = sorted((each for each in given if each.candidate.id in members), key=lambda each: each.candidate.id)
        if samples:
            found.append(Case(instance, tuple(samples)))
    return found


# -- pick rules -------------------------------------------------------------------------------------------------------

# What speaks for each of some places, which stand and are in order. The first of the best is picked.
Scores = Callable[[Case, Sequence[int]], Sequence[float]]


def static(models: Sequence[Model], case: Case, places: Sequence[int]) -> list[float]:
    """The log-odds of `rank_static` among these candidates alone, by the weights of the case's fold."""
    samples = [case.samples[place] for place in places]
    alike = [[case.alike[one][other] for other in places] for one in places]
    rows = features([each.candidate for each in samples], [each.does for each in samples if each.does], alike)
    return [models[case.fold].logit(row) for row in rows]


def learnt(of: Mapping[str, Sequence[Lineup]]) -> list[Model]:
    """For each fold, the weights of `rank_static` that the other folds give. of: the ensembles to learn from, by name."""
    return [train("alone", of, partial(_elsewhere, out)) for out in range(FOLDS)]


TAUGHT_BY = (*KINDS, *PEERS)


def _elsewhere(out: int, instance: str) -> bool:
    return fold(instance) != out


def medoid(case: Case, places: Sequence[int]) -> list[float]:
    """Likeness to the others, from 0 to 1, summed over families; within a family, its mean."""
    return [math.fsum(map(statistics.fmean, _by_family(case, places, of).values())) for of in places]


def _by_family(case: Case, places: Sequence[int], of: int) -> Mapping[str | None, list[float]]:
    found: dict[str | None, list[float]] = defaultdict(list)
    for other in places:
        if other != of:
            found[case.samples[other].candidate.provenance.family].append(case.alike[of][other])
    return found


def majority(case: Case, places: Sequence[int]) -> list[float]:
    """How many are the very same program."""
    sizes = Counter(case.programs[place] for place in places)
    return [float(sizes[case.programs[place]]) for place in places]


# -- replay -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """After some draws. right: whether the pick is. classes: as sizes and simulated tests show them. looked: the same
    with the static log-odds of each class's best as evidence."""

    right: bool = False
    classes: tuple[Seen, ...] = ()
    looked: tuple[Seen, ...] = ()


@dataclass(frozen=True, slots=True)
class Trail:
    """One issue's samples in one order, and what is known after 0, 1, 2, … of them."""

    instance: str
    fold: int
    steps: tuple[Step, ...]

    @property
    def most(self) -> int:
        return len(self.steps) - 1


def trails(issues: Sequence[Case], scores: Scores, look: Scores, orders: int, noise: float | None) -> list[Trail]:
    """scores: the pick rule. look: static. noise: how often a simulated test of each program errs; None where there is none."""
    found = []
    for case in issues:
        for order in range(orders):
            coin = random.Random(f"{case.instance} {order}")
            drawn = list(range(len(case.samples)))
            coin.shuffle(drawn)
            passes: dict[str | None, bool] = {}
            if noise is not None:
                for place in drawn:
                    if case.programs[place] not in passes:
                        passes[case.programs[place]] = case.samples[place].right ^ (coin.random() < noise)
            steps = [_step(case, drawn[:n], scores, look, passes, noise) for n in range(len(drawn) + 1)]
            found.append(Trail(case.instance, case.fold, tuple(steps)))
    return found


def _step(
    case: Case,
    drawn: Sequence[int],
    scores: Scores,
    look: Scores,
    passes: Mapping[str | None, bool],
    noise: float | None,
) -> Step:
    places = sorted(place for place in drawn if case.samples[place].does)
    if not places:
        return Step()
    # what fails its simulated test is out, unless everything is
    voters = [place for place in places if passes.get(case.programs[place], True)] or places
    worth = scores(case, voters)
    picked = max(range(len(voters)), key=lambda at: (worth[at], -at))
    odds = dict(zip(places, look(case, places), strict=True))
    nats = 0.0 if noise is None else math.log((1 - noise) / noise)
    classes, looked = [], []
    for group in groups(case, places, passes):
        evidence = nats if passes.get(case.programs[group[0]], True) else -nats
        classes.append(Seen(len(group), evidence))
        looked.append(Seen(len(group), evidence + max(map(odds.__getitem__, group))))
    return Step(case.samples[voters[picked]].right, tuple(classes), tuple(looked))


def groups(case: Case, places: Sequence[int], passes: Mapping[str | None, bool]) -> list[list[int]]:
    """Classes: those that are alike, directly or through others; with a simulated test, only those of equal outcome."""
    found: list[list[int]] = []
    for place in places:
        outcome = passes.get(case.programs[place])
        near = [
            group
            for group in found
            if passes.get(case.programs[group[0]]) == outcome
            and any(
                case.alike[place][other] >= ALIKE or case.programs[place] == case.programs[other] for other in group
            )
        ]
        found = [group for group in found if group not in near] + [[place, *(each for group in near for each in group)]]
    return found
