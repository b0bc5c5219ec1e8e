"""Probes and their Ballots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["passed", "failed", "error", "timeout", "unknown"]
FAILED: tuple[Outcome, ...] = ("failed", "error", "timeout")
ProbeKind = Literal["regression", "target", "reproduction", "differential", "example", "judge"]


@dataclass(frozen=True, slots=True)
class Probe:
    """A test that may vote.

    regression: it passes on base, and must go on passing. target: a test of the repository that fails on base.
    reproduction: a test that a trajectory wrote, seen failing on base for the reason that it states. differential: an
    input on which candidates may disagree; nobody knows the right answer, so what counts is who gives the same one.
    example: a documented example (a docstring, the issue's text) with the result that it promises. judge: a judge's word.

    authors: the trajectories that wrote it (see Provenance), none where nobody here did. flakiness: the share of repetitions
    on one program that came out otherwise than most, 0 to 0.5 (see `flakiness`). A probe with any is flaky: it never
    vetoes, and counts the less the flakier it is. Raises ValueError for another share.
    """

    id: str
    kind: ProbeKind
    authors: frozenset[str] = frozenset()
    flakiness: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.flakiness <= 0.5:
            raise ValueError(f"probe {self.id}: a flakiness of {self.flakiness:g} is not between 0 and 0.5")

    @property
    def required(self) -> bool:
        """Whether who fails it cannot win."""
        return self.kind in ("regression", "target") and not self.flakiness


@dataclass(frozen=True, slots=True)
class Ballot:
    """What one Probe says of one equivalence class.

    error: it could not be run with the class's files. timeout: it was ended at its limit. Both count as failed; unknown
    (the sandbox died, say) counts as not run. digest: of what it printed or returned, where that was kept and is the same
    each time; for a differential probe this is the vote.
    """

    probe: str
    class_id: str
    outcome: Outcome
    detail: str = ""  # why it failed, in one line
    digest: str | None = None


def flakiness(passed: int, failed: int) -> float:
    """The flakiness of a probe that was repeated on one program."""
    return min(passed, failed) / (passed + failed) if passed and failed else 0.0
