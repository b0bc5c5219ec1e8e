"""What a ballot weighs, in nats of evidence that the program is right.

A probe is seen as a noisy labeller (Dawid and Skene 1979, with two rates, one for right programs and one for wrong ones):
a pass weighs log(P(pass | right) / P(pass | wrong)), a failure log(P(fail | right) / P(fail | wrong)). The repository's
tests and documented examples have fixed rates: somebody wrote them who knew. Of tests that trajectories wrote and of
judges, nobody knows how good they are, so their rates are estimated jointly with the classes' quality, by
expectation-maximisation over all ballots. The prior is worth two dozen ballots, for among ten programs, most of them wrong,
some agree by chance, and a weaker one would believe them. A probe that separates right from wrong classes gains weight; one
that agrees with nothing loses it, and never counts against what it says: its weight ends at 0.

- A flaky probe's outcome is turned around in a share of cases, which brings its two rates together.
- A test says little of the trajectory that wrote it, which went on until it passed: such a pass has a fifth of the weight.
- Class sizes play no part here, so that a copy of a candidate changes no weight.

Weights are multiples of 2**-10: sums of them are exact, whatever their order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from selection.ballots import FAILED, Outcome, Probe, ProbeKind
from selection.box import Box


@dataclass(frozen=True, slots=True)
class Rates:
    """P(pass | right), P(pass | wrong), and how many ballots that is worth; None: it is not estimated."""

    right: float
    wrong: float
    worth: float | None = None


# Judgement, not measurement: how often a right and a wrong program pass. Tests that models write are often wrong in what they
# claim, so they start weak, and have to earn more.
PRIORS: Mapping[ProbeKind, Rates] = {
    "regression": Rates(0.99, 0.70),
    "target": Rates(0.97, 0.25),
    "example": Rates(0.97, 0.50),
    "reproduction": Rates(0.85, 0.45, worth=24),
    "judge": Rates(0.75, 0.40, worth=24),
    "differential": Rates(0.5, 0.5),  # nobody knows the right answer: it counts by agreement alone
}
OWN = 0.2  # of the weight, for a pass of a test by the trajectory that wrote it
RIGHT = 0.3  # of the classes, before any ballot
ROUNDS = 25
SETTLED = 1e-4  # change of a class's quality below which the estimate has settled
_START = math.log(RIGHT / (1 - RIGHT))


@dataclass(frozen=True, slots=True)
class Weight:
    """Nats for a class that passes (0 or more), that passes and wrote the probe (0 or more), that fails (0 or less).

    rates: those from which they follow.
    """

    passed: float
    own: float
    failed: float
    rates: Rates

    @property
    def swing(self) -> float:
        """What its outcome may change."""
        return self.passed - self.failed

    def of(self, outcome: Outcome, *, own: bool) -> float:
        if outcome == "passed":
            return self.own if own else self.passed
        return self.failed if outcome in FAILED else 0.0


def weight_of(kind: ProbeKind) -> Weight:
    """What a ballot of a stable probe of this kind weighs, before any ballot."""
    return _weight(PRIORS[kind])


def prior_weights(probes: Mapping[str, Probe]) -> dict[str, Weight]:
    """Weights before any ballot."""
    return {name: _weight(_prior(probe)) for name, probe in probes.items()}


def weigh(box: Box) -> dict[str, Weight]:
    """Weights estimated from all ballots."""
    rates = {name: _prior(probe) for name, probe in box.probes.items()}
    learned = [name for name in box.probes if rates[name].worth is not None and box.separates(name)]
    if learned:
        rates |= _estimate(box, rates, learned)
    return {name: _weight(each) for name, each in rates.items()}


def _estimate(box: Box, prior: Mapping[str, Rates], learned: list[str]) -> dict[str, Rates]:
    """Expectation: how likely each class is right, given the rates. Maximisation: the rates of `learned`, given that.

    Only probes that separate classes take part. A class has no part in what is estimated of its own author's tests.
    """
    separating = [name for name in box.probes if box.separates(name)]
    place = {name: number for number, name in enumerate(separating)}
    passes, fails = [], []  # for each class, the places of probes
    passers: list[list[int]] = [[] for _ in place]  # for each probe, the places of classes
    failers: list[list[int]] = [[] for _ in place]
    for number, name in enumerate(box.classes):
        passes.append(sorted(place[probe] for probe in box.passed[name] - box.own[name] if probe in place))
        fails.append(sorted(place[probe] for probe in box.failed[name] - box.own[name] if probe in place))
        for probe in passes[-1]:
            passers[probe].append(number)
        for probe in fails[-1]:
            failers[probe].append(number)
    rates = {name: prior[name] for name in separating}
    quality = [0.0] * len(passes)
    for _ in range(ROUNDS):
        plus = [math.log(each.right / each.wrong) for each in rates.values()]
        minus = [math.log((1 - each.right) / (1 - each.wrong)) for each in rates.values()]
        before = quality
        quality = [
            _logistic(_START + sum(map(plus.__getitem__, yes)) + sum(map(minus.__getitem__, no)))
            for yes, no in zip(passes, fails, strict=True)
        ]
        if max(abs(new - old) for new, old in zip(quality, before, strict=True)) < SETTLED:
            break
        for name in learned:
            rates[name] = _rates(prior[name], passers[place[name]], failers[place[name]], quality)
    return {name: rates[name] for name in learned}


def _rates(prior: Rates, passers: Sequence[int], failers: Sequence[int], quality: Sequence[float]) -> Rates:
    """The rates of one probe, from who passed it and how good they are; the prior counts as so many ballots."""
    assert prior.worth is not None
    right_passing, right_failing = sum(map(quality.__getitem__, passers)), sum(map(quality.__getitem__, failers))
    wrong_passing, wrong_failing = len(passers) - right_passing, len(failers) - right_failing
    right = (prior.worth * prior.right + right_passing) / (prior.worth + right_passing + right_failing)
    wrong = (prior.worth * prior.wrong + wrong_passing) / (prior.worth + wrong_passing + wrong_failing)
    if right < wrong:  # it agrees with nothing
        right = wrong = (right + wrong) / 2
    return Rates(right, wrong, prior.worth)


def _prior(probe: Probe) -> Rates:
    """The rates before any ballot, brought together by as much as the probe is flaky."""
    rates, noise = PRIORS[probe.kind], probe.flakiness
    right, wrong = (rate * (1 - noise) + (1 - rate) * noise for rate in (rates.right, rates.wrong))
    return Rates(right, wrong, rates.worth)


def _weight(rates: Rates) -> Weight:
    plus = math.log(rates.right / rates.wrong)
    minus = math.log((1 - rates.right) / (1 - rates.wrong))
    return Weight(exact(plus), exact(OWN * plus), exact(minus), rates)


def exact(nats: float) -> float:
    """The nearest multiple of 2**-10."""
    return round(nats * 1024) / 1024


def _logistic(nats: float) -> float:
    return 1 / (1 + math.exp(-nats)) if nats > -700 else 0.0
