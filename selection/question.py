"""The one question: where classes that passed everything still differ, which input tells most of them apart?

Whoever knows the right result for one such input decides between them. A question is worth what it is expected to tell:
the entropy of the classes' weights over the results that they give (Lindley 1956; active diagnosis asks by the same
measure). Of questions that tell the same, the smallest input is the easiest to answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOST = 3  # questions of a Run
NEITHER = -1  # the reply that no class gives the right result
_EQUAL_BITS = 0.05  # what is told differs by less than this: then the smaller input is asked


@dataclass(frozen=True, slots=True)
class Answer:
    """A result, as a person reads it, and the ids of the classes that give it."""

    result: str
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """Which result of a call is right? answers: every distinct result, that of the heaviest classes first."""

    call: str
    answers: tuple[Answer, ...]

    @property
    def text(self) -> str:
        """For a reader who sees the answers beside it."""
        return f"which is right for {self.call}?"

    @property
    def classes(self) -> frozenset[str]:
        return frozenset(each for answer in self.answers for each in answer.classes)


def ask(call: str, results: Mapping[str, str], weights: Mapping[str, float]) -> Question | None:
    """The question about one call, from each class's result. None when all give the same: it would tell nothing."""
    groups: dict[str, list[str]] = {}
    for each in sorted(results):
        groups.setdefault(results[each], []).append(each)
    if len(groups) < 2:
        return None
    heaviest = sorted(groups, key=lambda result: (-sum(weights[each] for each in groups[result]), result))
    return Question(call, tuple(Answer(result, tuple(groups[result])) for result in heaviest))


def bits(results: Mapping[str, str], weights: Mapping[str, float]) -> float:
    """What the right result is expected to tell: the entropy of the weights over the results, in bits."""
    groups: dict[str, float] = {}
    for each, result in results.items():
        groups[result] = groups.get(result, 0.0) + weights[each]
    total = math.fsum(groups.values())
    shares = [weight / total for weight in sorted(groups.values()) if weight > 0]
    return -math.fsum(share * math.log2(share) for share in shares) if total > 0 else 0.0


def rank_inputs(
    results: Sequence[Mapping[str, str]], sizes: Sequence[int], weights: Mapping[str, float]
) -> tuple[int, ...]:
    """The places of the inputs that are worth a question, the best first.

    results: for each input what each class gives for it (any text that is equal for equal results); sizes: of the
    inputs, in any unit.
    """
    told = [bits(each, weights) for each in results]
    useful = [place for place, each in enumerate(told) if each > 0]
    return tuple(sorted(useful, key=lambda place: (-round(told[place] / _EQUAL_BITS), sizes[place], place)))
