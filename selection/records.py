"""Track records: how often a source was right on other issues."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """right: how many of a source's candidates were right, of: how many were checked; of other issues than the one that
    is decided, or the record knows the answer."""

    right: int
    of: int

    def __post_init__(self) -> None:
        if not 0 <= self.right <= self.of:
            raise ValueError(f"a record of {self.right} right of {self.of} cannot be; 0 <= right <= of")

    def rate(self, prior: float, strength: float = 20.0) -> float:
        """The source's rate, drawn to `prior` as if that had been seen in `strength` more cases."""
        return (self.right + prior * strength) / (self.of + strength)
