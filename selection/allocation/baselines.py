"""What the default is measured against: a fixed number, revision of one attempt, and agreement of the majority."""

from __future__ import annotations

import math
from dataclasses import dataclass

from selection.allocation.step import Decision, Progress


@dataclass(frozen=True, slots=True)
class BestOfN:
    """A fixed number of samples, whatever they are."""

    n: int

    @property
    def name(self) -> str:
        return f"best of {self.n}"

    def decide(self, progress: Progress) -> Decision:
        offer, wanted = progress.offer("sample"), self.n - progress.tried
        if offer is None or wanted <= 0:
            return Decision("stop", f"{progress.tried} of {self.n} samples were drawn")
        samples = min(wanted, offer.most)
        return Decision("sample", f"{progress.tried} of {self.n} samples were drawn", samples, offer.what)


@dataclass(frozen=True, slots=True)
class Revision:
    """One attempt, which goes on until something passes every test."""

    name: str = "sequential revision"

    def decide(self, progress: Progress) -> Decision:
        if progress.plausible_classes:
            return Decision("stop", "it passes every test")
        if progress.tried == 0 and (offer := progress.offer("sample")):
            return Decision("sample", "the attempt begins", 1, offer.what)
        if offer := progress.offer("deepen"):
            return Decision("deepen", "it does not pass every test yet", 1, offer.what)
        return Decision("stop", "the attempt cannot go on")


@dataclass(frozen=True, slots=True)
class SelfConsistency:
    """Sample until the majority is decided: until the leading class is more frequent than the second with probability
    `sure`, by the Beta posterior of the two (adaptive consistency, Aggarwal et al. 2023), or cannot be overtaken."""

    sure: float = 0.95
    name: str = "self-consistency"

    def decide(self, progress: Progress) -> Decision:
        offer = progress.offer("sample")
        first, second, *_ = (*sorted((each.size for each in progress.classes), reverse=True), 0, 0)
        leads = leads_with(first, second)
        numbers = {"first": float(first), "second": float(second), "leads": leads}
        said = f"the largest class leads by {first} to {second}: it is the majority with {leads:.0%}"
        if offer is None or leads >= self.sure or first - second > offer.most:
            return Decision("stop", said, numbers=numbers)
        return Decision("sample", said, 1, offer.what, numbers)


def leads_with(first: int, second: int) -> float:
    """P(X > 1/2) for X ~ Beta(first + 1, second + 1)."""
    flips = first + second + 1
    return float(sum(math.comb(flips, heads) for heads in range(first + 1)) / 2**flips)
