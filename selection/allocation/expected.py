"""The default: buy what is expected to raise the chance of a correct winner by more than it costs.

What is expected comes from the model in urns.py: the winner is the class that is likeliest correct, and the value of going on
is the chance that the winner of then is correct, averaged over what may be drawn, less the price of every sample until it
is better to stop (optimal stopping by backward induction; Bather 2000, "Decision Theory"). One step ahead is too short: after
one sample the next can only agree with it or not, and neither changes the choice. So it looks as many steps ahead as a bounded
number of states allows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from selection.allocation.step import Decision, Offer, Progress
from selection.allocation.urns import Belief, Prior

# What `benchmarks/allocation.py --train` finds.
TRAJECTORIES = Prior(hopeless=0.15, a=1.0, b=1.0, scatter_right=1.0, scatter_wrong=6.727, unusable=0.129)
STATES = 250  # that one decision may look at
STEPS = 8  # ahead, at most
ROUNDING = 1e-9  # no gain is smaller
GRAIN = 0.25  # nats: evidence is rounded to this, so that like classes are looked at once


@dataclass(frozen=True, slots=True)
class ExpectedGain:
    """prior: of the present source."""

    prior: Prior
    name: str = "expected gain"

    def decide(self, progress: Progress) -> Decision:
        classes = sorted((each.size, GRAIN * round(each.evidence / GRAIN)) for each in progress.classes)
        now = Belief(self.prior, tuple(reversed(classes)), progress.dropped)
        net, ahead, offer = max(
            ((ahead.worth, ahead, offer) for offer, ahead in ((each, _look(now, each)) for each in progress.offers)),
            key=lambda each: each[0],
        )  # the first of equals
        numbers = {
            "correct_now": now.best,
            "correct_any": now.any,
            "correct_later": ahead.correct,
            "gain": ahead.correct - now.best,
            "samples_later": ahead.samples,
            "price": offer.price / offer.yields,
        }
        said = f"the winner is correct with {now.best:.1%}"
        if net - now.best <= ROUNDING:
            return Decision("stop", f"{said}, and no offer gains more than it costs", numbers=numbers)
        why = (
            f"{said}; about {ahead.samples:.1f} more samples are expected to make that {ahead.correct:.1%}, "
            f"at a price of {offer.price / offer.yields * ahead.samples:.1%}"
        )
        wanted = math.ceil(ahead.samples / offer.yields)
        samples = min(offer.most, max(ahead.least, min(offer.at_once, wanted)))
        return Decision(offer.buys, why, samples, offer.what, numbers)


@dataclass(frozen=True, slots=True)
class Ahead:
    """The best way on from a state. worth: chance of a correct winner less what is paid. correct: that chance alone.
    samples: expected number; least: so many are drawn whatever they bring."""

    worth: float
    correct: float
    samples: float
    least: int


def _look(now: Belief, offer: Offer) -> Ahead:
    """The value of at least one sample of the offer, then of stopping at the best moment."""
    steps, kinds = 1, len(set(now.classes)) + 1
    while steps < min(STEPS, offer.most) and math.comb(kinds + steps + 1, steps + 1) <= STATES:
        steps += 1
    return _going_on(now, offer.price / offer.yields, min(steps, offer.most))


@lru_cache(maxsize=1 << 15)
def _going_on(now: Belief, price: float, steps: int) -> Ahead:
    worth, correct, samples, least = -price, 0.0, 1.0, STEPS
    for chance, after in now.next():
        then = _best_from(after, price, steps - 1)
        worth += chance * then.worth
        correct += chance * then.correct
        samples += chance * then.samples
        least = min(least, then.least)
    return Ahead(worth, correct, samples, 1 + least)


def _best_from(now: Belief, price: float, steps: int) -> Ahead:
    stop = Ahead(now.best, now.best, 0.0, 0)
    if steps == 0:
        return stop
    on = _going_on(now, price, steps)
    return on if on.worth > stop.worth else stop
