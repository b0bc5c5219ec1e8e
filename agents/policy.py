"""What the root graph asks for candidates: the repair policy, or trajectories of a language model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Protocol

from selection import Candidate, Offer


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
    """A candidate. proven: it was seen to pass every test of the repository, from its files."""

    tried: int
    candidate: Candidate
    executions: int
    cpu_s: float = 0.0
    proven: bool = False


@dataclass(frozen=True, slots=True)
class Ranked:
    """How likely each candidate that was found is right, by its id, now that more are known."""

    likely: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Wave:
    """What to try next. what: of which of the policy's sources; "" where it has but one. deepen: attempts that were cut
    short and go on, by their numbers; then no new one is begun."""

    executions: int
    what: str = ""
    deepen: tuple[int, ...] = ()


class Policy(Protocol):
    """A source of candidates. drawn: how many attempts were begun. deepened: those that went on after they were cut short. A
    policy that is made anew goes on after them."""

    @property
    def drawn(self) -> int: ...

    @property
    def deepened(self) -> tuple[int, ...]: ...

    @property
    def cut(self) -> tuple[int, ...]:
        """Attempts that were cut short and may go on."""

    def offers(self) -> tuple[Offer, ...]:
        """What it still has, without prices; none when it is exhausted."""

    @property
    def ended(self) -> str:
        """How its attempts ended, in words; "" where that goes without saying."""

    def wave(self, asked: Wave, *, wall_s: float) -> AsyncGenerator[Found | Tried | Ranked, None]:
        """Try until the executions are used up, no attempt may begin any more (after wall_s seconds), or none is left;
        what has begun is finished. Leaving the loop early, or cancelling it, ends what runs and cleans up."""
