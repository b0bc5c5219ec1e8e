"""What localisation hands on: files, best first, with the symbols in them that the issue points at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from agents.localise.facts import Symbol


@dataclass(frozen=True, slots=True)
class RankedSymbol:
    """score is in (0, 1]; 1 is the best symbol of all files."""

    symbol: Symbol
    score: float


@dataclass(frozen=True, slots=True)
class RankedFile:
    """score is in [0, 1]; 1 is the first file. symbols: best first, only for the best files, and only those that something
    points at. why: signal -> how much it adds to the score before that is scaled; for people and for tests."""

    path: str
    score: float
    symbols: tuple[RankedSymbol, ...] = ()
    why: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Every file that was read, the likeliest first; equal ones in the order of their paths."""

    files: tuple[RankedFile, ...]

    def __iter__(self) -> Iterator[RankedFile]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(each.path for each in self.files)

    def top(self, count: int) -> Ranking:
        return Ranking(self.files[:count])
