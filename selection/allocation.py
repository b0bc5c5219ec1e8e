"""What to spend next: between two waves, stop or sample more.

The rule weighs what another wave may change. Without a plausible candidate every try may bring the first. With one, a
wave can only bring a rival that the documented examples or the policy's own order prefer, and the order puts likely
candidates first: so the search goes on for about as long as it took to find the first, then stops. Where several
plausible candidates behave alike, rivals that behave otherwise are rare, and it stops sooner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known between waves. tried: candidates so far. first_at: tries until the first plausible one.

    elapsed_s, first_at_s: the same in seconds of the search. exhausted: nothing is left to propose.
    budget_over: the budget's word, when a limit is reached.
    """

    tried: int
    plausible_classes: int
    first_at: int | None
    elapsed_s: float
    first_at_s: float | None
    exhausted: bool
    alike: bool = False  # two classes at least, and all of them gave equal results on generated inputs
    budget_over: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The next step and, with its numbers, why."""

    action: Literal["sample", "stop"]
    why: str


ENOUGH_CLASSES = 12
PATIENCE_TRIES = 300  # at least this many tries after the first plausible candidate, unless they take too long
PATIENCE_ALIKE = 140  # the same where all plausible candidates behave alike
PATIENCE_S = 15.0  # at least this long after it


def next_step(progress: Progress) -> Decision:
    """Decide between waves. Pure: equal progress gives an equal decision."""
    if progress.budget_over:
        return Decision("stop", progress.budget_over)
    if progress.exhausted:
        return Decision("stop", f"every proposal was tried ({progress.tried})")
    if progress.first_at is None or progress.first_at_s is None:
        return Decision("sample", f"no plausible candidate in {progress.tried} tries")
    if progress.plausible_classes >= ENOUGH_CLASSES:
        return Decision("stop", f"{progress.plausible_classes} different plausible candidates are enough")
    since, since_s = progress.tried - progress.first_at, progress.elapsed_s - progress.first_at_s
    tries = PATIENCE_ALIKE if progress.alike else PATIENCE_TRIES
    patience, patience_s = max(tries, progress.first_at), max(PATIENCE_S, progress.first_at_s)
    if since >= patience or since_s >= patience_s:
        return Decision("stop", f"{since} tries ({since_s:.0f} s) after the first plausible candidate")
    return Decision("sample", f"{since} of {patience} tries after the first plausible candidate")
