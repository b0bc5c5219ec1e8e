"""What is known between two waves, what can be bought, and the one function that decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

Buys = Literal["sample", "deepen", "switch"]


@dataclass(frozen=True, slots=True)
class Seen:
    """One equivalence class. size: independent samples in it. evidence: what else speaks for its being correct, ballots
    above all, in nats of likelihood ratio; 0 says nothing."""

    size: int
    evidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be bought next.

    sample: new candidates of the present source. deepen: more iterations of trajectories that were cut short. switch: new
    candidates of another model or policy. what: which one. most: how many the budget allows and the source has.
    at_once: how many take no longer than one. price: of one, in probability: what the chance of a correct winner must gain
    to be worth it (see `share_price`). yields: how many samples of the present source one is worth: more for a stronger model,
    less for a trajectory that may end without a patch again.
    """

    buys: Buys = "sample"
    what: str = ""
    most: int = 1
    price: float = 0.0
    yields: float = 1.0
    at_once: int = 1


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known between waves.

    tried: samples so far. classes: what they are, in any order. dropped: how many of them cannot be right. offers: what may
    be bought next; none when nothing is left. budget_over: the budget's word, when a limit is reached.

    plausible_classes: classes that pass every test. first_at: tries until the first of them. elapsed_s, first_at_s: the
    same in seconds of the search. alike: there are several, and all gave equal results on generated inputs.
    """

    tried: int
    classes: tuple[Seen, ...] = ()
    dropped: int = 0
    offers: tuple[Offer, ...] = ()
    budget_over: str | None = None
    plausible_classes: int = 0
    first_at: int | None = None
    elapsed_s: float = 0.0
    first_at_s: float | None = None
    alike: bool = False

    def offer(self, buys: Buys) -> Offer | None:
        """The first offer of a kind."""
        return next((each for each in self.offers if each.buys == buys), None)


@dataclass(frozen=True, slots=True)
class Decision:
    """The next step, why, and the numbers that it follows from. samples: how many; what: of which offer."""

    action: Buys | Literal["stop"]
    why: str
    samples: int = 0
    what: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)


class AllocationPolicy(Protocol):
    """Decides between waves. Pure: equal progress gives an equal decision."""

    @property
    def name(self) -> str: ...

    def decide(self, progress: Progress) -> Decision:
        """The next step, given that at least one offer is there."""


def next_step(policy: AllocationPolicy, progress: Progress) -> Decision:
    """Decide between waves: stop, sample more, go deeper or use another source, and never more than is on offer."""
    offers = tuple(each for each in progress.offers if each.most > 0)
    if progress.budget_over:
        return Decision("stop", progress.budget_over)
    if not offers:
        return Decision("stop", f"every proposal was tried ({progress.tried})")
    return policy.decide(replace(progress, offers=offers))


def share_price(cost: Mapping[str, float], limits: Mapping[str, float], worth: float) -> float:
    """The price of a sample that costs `cost` within `limits` (of tokens, dollars, seconds, …; a kind without a limit is
    free): its share of the scarcest of them, times `worth`, the gain in probability for which a whole budget is well spent."""
    return worth * max((cost.get(kind, 0.0) / limit for kind, limit in limits.items() if limit > 0), default=0.0)
