"""When an ordered search has found enough.

The repair search proposes likely candidates first and runs the tests on each, so its tries are no independent samples:
without a plausible candidate every try may bring the first; with one, a wave can only bring a rival that the documented
examples or the order prefer, and the order makes that less likely with every try. So the search goes on for about as long
as it took to find the first, then stops. Where several plausible candidates behave alike, rivals that behave otherwise are
rare, and it stops sooner.
"""

from __future__ import annotations

from dataclasses import dataclass

from selection.allocation.step import Decision, Progress


@dataclass(frozen=True, slots=True)
class Patience:
    """enough: plausible classes that end the search. tries, alike_tries (where all behave alike), seconds: how long it goes
    on after the first, at least; as long as the first took, where that is longer."""

    enough: int = 12
    tries: int = 300
    alike_tries: int = 140
    seconds: float = 15.0
    name: str = "patience"

    def decide(self, progress: Progress) -> Decision:
        offer = progress.offer("sample")
        if offer is None:
            return Decision("stop", f"every proposal was tried ({progress.tried})")
        if progress.first_at is None or progress.first_at_s is None:
            numbers = {"tried": float(progress.tried)}
            return Decision(
                "sample", f"no plausible candidate in {progress.tried} tries", offer.most, offer.what, numbers
            )
        since, since_s = progress.tried - progress.first_at, progress.elapsed_s - progress.first_at_s
        patience = max(self.alike_tries if progress.alike else self.tries, progress.first_at)
        patience_s = max(self.seconds, progress.first_at_s)
        numbers = {
            "plausible_classes": float(progress.plausible_classes),
            "since": float(since),
            "patience": float(patience),
            "since_s": since_s,
            "patience_s": patience_s,
        }
        if progress.plausible_classes >= self.enough:
            why = f"{progress.plausible_classes} different plausible candidates are enough"
        elif since >= patience or since_s >= patience_s:
            why = f"{since} tries ({since_s:.0f} s) after the first plausible candidate"
        else:
            why = f"{since} of {patience} tries after the first plausible candidate"
            return Decision("sample", why, offer.most, offer.what, numbers)
        return Decision("stop", why, numbers=numbers)
