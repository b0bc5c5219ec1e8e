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
        self._trying = False

    def wait_s(self) -> float:
        """Seconds until a call may be made; 0 when it may now. Infinite while the one trial call is under way."""
        if self._failures >= self._threshold and self._trying:
            return float("inf")
        return max(0.0, self._closed_until - self._clock())

    def begin(self) -> bool:
        """A call is made; whether it is the trial."""
        self._trying = self._failures >= self._threshold
        return self._trying

    def answers(self) -> None:
        """An answer begins: when it is that of the trial, others may call, who would wait for its end in vain."""
        if self._trying:
            self._failures, self._trying = self._threshold - 1, False

    def succeeded(self) -> None:
        self._failures, self._closed_until, self._trying = 0, 0.0, False

    def failed(self) -> None:
        """The endpoint was at fault."""
        self._failures += 1
        self._trying = False
        over = self._failures - self._threshold
        if over >= 0:
            self.hold(min(LONGEST_S, FIRST_S * 2 ** min(over, 10)))

    def abandoned(self, trial: bool) -> None:
        """A call, the trial or not, ended in a way that says nothing of the endpoint (it was cancelled, or its request was
        wrong)."""
        self._trying = self._trying and not trial

    def hold(self, seconds: float) -> None:
        """Make no call for so long (the endpoint asked for it)."""
        self._closed_until = max(self._closed_until, self._clock() + seconds)
