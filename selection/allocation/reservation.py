"""Stop at the first winner that is good enough: whose chance to be right is at least what a sample's price asks for.

A sample may bring a winner of any chance that winners had on other issues (`chances`, equally likely), and the best so far is
kept. Then it is optimal to go on while the winner's chance is below the reservation value z of a sample, the one at which it
would gain just its price: E[max(0, chance - z)] = price; among several offers the one of highest z is taken (Weitzman 1979,
"Optimal search for the best alternative"). How many samples are left plays no part.

The chance is that of the evidence by which the winner is chosen: what is known of each class, in nats, and the logarithm of its
size, as in the count. Said chances are moved to what they turned out to be on other issues (`calibrate`).

Source: benchmarks/allocation.py, where `chances` and the calibration are those of the other folds' issues.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from selection.allocation.step import Decision, Offer, Progress, Seen
from selection.calibrate import Calibration


@dataclass(frozen=True, slots=True)
class Reservation:
    """chances: of winners of other issues, calibrated. A class's evidence holds its log-odds before any agreement."""

    chances: tuple[float, ...]
    calibration: Calibration = field(default_factory=Calibration)
    name: str = "reservation"

    def decide(self, progress: Progress) -> Decision:
        now = self.calibration(said(progress.classes)) if progress.classes else 0.0
        asked, offer = max(((self._asked(each), each) for each in progress.offers), key=lambda each: each[0])
        numbers = {"correct_now": now, "asked": asked, "price": offer.price / offer.yields}
        why = f"the winner is correct with {now:.1%}, and at this price {asked:.1%} is enough"
        if now >= asked:
            return Decision("stop", why, numbers=numbers)
        return Decision(offer.buys, why, min(offer.at_once, offer.most), offer.what, numbers)

    def _asked(self, offer: Offer) -> float:
        return reservation_value(self.chances, offer.price / offer.yields)


def said(classes: Sequence[Seen]) -> float:
    """The chance of the class for which most speaks, as it comes."""
    nats = max(each.evidence + math.log(each.size) for each in classes)
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, nats))))


def reservation_value(chances: Sequence[float], price: float) -> float:
    """z where the mean of max(0, chance - z) is the price; 0 where even the mean chance is not worth it."""
    above, z = 0.0, 0.0
    for count, chance in enumerate(sorted(chances, reverse=True), 1):
        if count > 1 and z >= chance:  # so many are above z
            break
        above += chance
        z = (above - len(chances) * price) / count
    return max(0.0, z)
