"""The model: is a correct candidate among those we have, and would we pick it?

Samples are drawn from two urns. A sample is correct with probability p, which differs from issue to issue: a share of issues
is `hopeless` (p = 0, nothing that this source proposes is correct), in the others p has a Beta(a, b) distribution. Correct
samples come from one urn and wrong ones from another, and each urn is a Chinese-restaurant process: the next sample of an
urn repeats one of its programs in proportion to how often that was drawn, or is a new one in proportion to the urn's
`scatter`. Correct programs agree with each other, so their urn scatters little; there are many ways to be wrong. A class
(programs that mean the same) is therefore correct or wrong as a whole, nobody says which, and the sum over all labellings
tells for each class how likely it is the right one. A wrong sample is unusable (it does not apply, does not parse, …) with
probability `unusable`, and then says only that it is wrong.

Chinese-restaurant process and the probability of a partition: Ewens 1972; Antoniak 1974, "Mixtures of Dirichlet processes".
That correct programs agree and wrong ones scatter: AlphaCode (Li et al. 2022), CodeT (Chen et al. 2022).

The sum has one term for each number of correct samples, because a labelling's probability depends on nothing else but a
factor for each class: with K classes and n samples it takes K * n steps, not 2 ** K.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

Class = tuple[int, float]  # samples in it; nats of other evidence that it is correct


@dataclass(frozen=True, slots=True)
class Prior:
    """What one source of candidates is like. a, b: of the Beta distribution of p."""

    hopeless: float
    a: float
    b: float
    scatter_right: float
    scatter_wrong: float
    unusable: float


@dataclass(frozen=True)
class Belief:
    """What is believed of one issue. classes: in any order. dropped: samples that were unusable."""

    prior: Prior
    classes: tuple[Class, ...] = ()
    dropped: int = 0

    @cached_property
    def correct(self) -> tuple[float, ...]:
        """P(this class is correct), for each of `classes`. The sum may exceed 1: several may be."""
        found = {}
        for place, each in enumerate(self.classes):
            if each not in found:
                others = _ways(self.prior, self.classes[:place] + self.classes[place + 1 :])
                size, odds = each[0], _odds(self.prior, each)
                found[each] = math.fsum(odds * ways * self._chances[size + right] for right, ways in enumerate(others))
        return tuple(min(1.0, found[each] / self.evidence) for each in self.classes)

    @cached_property
    def best(self) -> float:
        """P(the class that we would pick is correct); 0 without a class."""
        return max(self.correct, default=0.0)

    @cached_property
    def any(self) -> float:
        """P(a correct candidate is among those we have)."""
        return 1 - self._chances[0] / self.evidence

    @cached_property
    def evidence(self) -> float:
        """The probability of what was seen, times the factorial of the usable samples: a float holds no smaller number than
        that of 170 of them."""
        return math.fsum(map(float.__mul__, _ways(self.prior, self.classes), self._chances))

    @cached_property
    def _chances(self) -> tuple[float, ...]:
        return _chances(self.prior, sum(size for size, _ in self.classes), self.dropped)

    def next(self) -> tuple[tuple[float, Belief], ...]:
        """What the next sample may bring: probabilities, which sum to 1, and the belief after it."""
        return _next(self)


@lru_cache(maxsize=1 << 14)
def _next(now: Belief) -> tuple[tuple[float, Belief], ...]:
    found = []
    usable = 1 + sum(size for size, _ in now.classes)  # if the next one is
    for each in sorted(set(now.classes)):
        others = list(now.classes)
        others.remove(each)
        after = Belief(now.prior, _ordered([*others, (each[0] + 1, each[1])]), now.dropped)
        found.append((now.classes.count(each) * each[0] * after.evidence / usable, after))
    after = Belief(now.prior, _ordered([*now.classes, (1, 0.0)]), now.dropped)
    found.append((now.prior.scatter_wrong * after.evidence / usable, after))
    after = Belief(now.prior, now.classes, now.dropped + 1)
    found.append((now.prior.unusable * after.evidence, after))
    total = math.fsum(chance for chance, _ in found)
    return tuple((chance / total, belief) for chance, belief in found)


def _ordered(classes: Sequence[Class]) -> tuple[Class, ...]:
    return tuple(sorted(classes, reverse=True))


def _odds(prior: Prior, each: Class) -> float:
    """A class's factor when it is correct, relative to when it is wrong."""
    return prior.scatter_right / prior.scatter_wrong * math.exp(each[1])


def _ways(prior: Prior, classes: Sequence[Class]) -> list[float]:
    """For each number of correct samples, the sum of the labellings' factors: a product of polynomials."""
    ways = [1.0]
    for each in classes:
        size, odds = each[0], _odds(prior, each)
        longer = ways + [0.0] * size
        for right, way in enumerate(ways):
            longer[right + size] += odds * way
        ways = longer
    return ways


@lru_cache(maxsize=4096)
def _chances(prior: Prior, usable: int, dropped: int) -> tuple[float, ...]:
    """For each number of correct ones among the usable samples: the probability of so many, times that of both urns', times
    the factorial of the usable ones."""
    found = []
    for right in range(usable + 1):
        wrong = usable - right
        so_many = _log_beta(prior.a + right, prior.b + wrong + dropped) - _log_beta(prior.a, prior.b)
        urns = _log_urn(prior.scatter_right, right) + _log_urn(prior.scatter_wrong, wrong) + math.lgamma(usable + 1)
        chance = (1 - prior.hopeless) * math.exp(so_many + urns)
        if right == 0:
            chance += prior.hopeless * math.exp(urns)
        found.append(chance * (1 - prior.unusable) ** wrong)
    return tuple(found)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _log_urn(scatter: float, drawn: int) -> float:
    return math.lgamma(scatter) - math.lgamma(scatter + drawn)
