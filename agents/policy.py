"""What the root graph asks for candidates: the repair policy, or trajectories of a language model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from selection import Candidate


@dataclass(frozen=True, slots=True)
class Tried:
    """Something was tried and gave no candidate. tried: since the policy began; executions: candidates that it counts
    as."""

    tried: int
    what: str
    verdict: str
    executions: int
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Found:
    """A candidate. outcomes: for each test of the repository whether it passes with it; empty when all were seen to
    pass."""

    tried: int
    candidate: Candidate
    executions: int
    cpu_s: float = 0.0
    outcomes: Mapping[str, bool] = field(default_factory=dict)


class Policy(Protocol):
    """A source of candidates. `drawn`: how many attempts were begun; a policy that is made anew goes on after them."""

    @property
    def drawn(self) -> int: ...

    @property
    def exhausted(self) -> bool: ...

    @property
    def ended(self) -> str:
        """How its attempts ended, in words; "" where that goes without saying."""

    def wave(self, *, executions: int, wall_s: float) -> AsyncGenerator[Found | Tried, None]:
        """Try until the executions are used up, no attempt may begin any more (after wall_s seconds), or none is left;
        what has begun is finished. Leaving the loop early, or cancelling it, ends what runs and cleans up."""
