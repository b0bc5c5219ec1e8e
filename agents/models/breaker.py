"""A circuit breaker: an endpoint that keeps failing is left alone for a while, then tried with a single call.

closed -(`threshold` failures in a row)-> open -(its time is over)-> half open
half open -(an answer begins)-> closed, but the next failure opens it | (an answer)-> closed | (failure)-> open, longer

Source: M. Nygard, Release It!, "Circuit Breaker".
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

FIRST_S = 1.0
LONGEST_S = 30.0


class Breaker:
    """One endpoint's breaker. clock: seconds, never going back."""

    def __init__(self, threshold: int = 3, clock: Callable[[], float] = monotonic) -> None:
        self._threshold = threshold
        self._clock = clock
        self._failures = 0
        self._closed_until = 0.0  # no call before then
        self._trial = 0  # the number of the one that is under way
        self._trials = 0

    def wait_s(self) -> float:
        """Seconds until a call may be made; 0 when it may now. Infinite while the one trial call is under way."""
        if self._failures >= self._threshold and self._trial:
            return float("inf")
        return max(0.0, self._closed_until - self._clock())

    def begin(self) -> int:
        """A call is made; the number of the trial that it is, or 0."""
        trial = self._failures >= self._threshold
        self._trials += trial
        self._trial = self._trials if trial else 0
        return self._trial

    def answers(self) -> None:
        """An answer begins: when it is that of the trial, others may call, who would wait for its end in vain."""
        if self._trial:
            self._failures, self._trial = self._threshold - 1, 0

    def succeeded(self) -> None:
        self._failures, self._closed_until, self._trial = 0, 0.0, 0

    def failed(self) -> None:
        """The endpoint was at fault."""
        self._failures += 1
        self._trial = 0
        over = self._failures - self._threshold
        if over >= 0:
            self.hold(min(LONGEST_S, FIRST_S * 2 ** min(over, 10)))

    def abandoned(self, trial: int) -> None:
        """A call, of which `begin` said so, ended in a way that says nothing of the endpoint (it was cancelled, or its request
        was wrong)."""
        if trial == self._trial:
            self._trial = 0

    def hold(self, seconds: float) -> None:
        """Make no call for so long (the endpoint asked for it)."""
        self._closed_until = max(self._closed_until, self._clock() + seconds)
