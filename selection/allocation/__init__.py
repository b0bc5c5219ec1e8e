"""What to spend next: between two waves, stop, sample more, go deeper, or use another model.

    decision = next_step(policy, progress)

A Progress says what is known and what is on offer, a policy weighs it, a Decision says what to buy, why, and the numbers.

    ExpectedGain(prior)        the default for samples of a model: expected gain against price (the model: urns.py)
    Reservation(chances)       stops at a winner that is good enough for its price (reservation.py)
    Patience()                 for an ordered search: as long again as the first find took
    BestOfN(n), Revision(), SelfConsistency()      what they are measured against
"""

from selection.allocation.baselines import BestOfN, Revision, SelfConsistency
from selection.allocation.expected import TRAJECTORIES, ExpectedGain
from selection.allocation.patience import Patience
from selection.allocation.reservation import Reservation, reservation_value, said
from selection.allocation.step import AllocationPolicy, Decision, Offer, Progress, Seen, next_step, share_price
from selection.allocation.urns import Belief, Prior

__all__ = [
    "TRAJECTORIES",
    "AllocationPolicy",
    "Belief",
    "BestOfN",
    "Decision",
    "ExpectedGain",
    "Offer",
    "Patience",
    "Prior",
    "Progress",
    "Reservation",
    "Revision",
    "Seen",
    "SelfConsistency",
    "next_step",
    "reservation_value",
    "said",
    "share_price",
]
