"""Lazy counting: which class to test next, and on what, until the winner is certain.

    plan = Lazy(classes, probes, weights=weights)
    while (ask := plan.next()) is not None:
        for ballot in whoever_runs(ask):       # in this order; it may stop early
            plan.tell(ballot)
    counted = plan.count()

The winner is that of the full matrix counted with the same weights, and this is exact, for the weights are fixed before:
a class's score is a sum over its ballots, so what it has and what it may still get give bounds. The class with the best
upper bound is tested next, as in best-first search: one that cannot be above the winner in the end is never run, and one
failure of a required regression test ends a class. Within a class, probes go by what they are expected to take from its
bound for their cost. The end has come when one class is certain to pass what is required and its lower bound is above the
upper bounds of all others that may still pass; or when none may.

What does not depend on a class's own ballots is bounded too: a target counts only if some class passes it, another probe
only if it separates classes, and agreement grows with classes that turn out to behave alike.

With a price, counting also stops, once a class is certain to pass what is required, when what the next execution is
expected to add to the probability of choosing right is worth less than it costs. Then the winner is that of the full matrix
only with high probability.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from selection.ballots import Ballot, Probe
from selection.bounds import Bounds
from selection.box import Box
from selection.classes import EquivalenceClass
from selection.count import Count, count
from selection.weights import Weight

GATE = 32.0  # nats, for the order only: what the failure of a required probe is taken to cost


@dataclass(frozen=True, slots=True)
class Ask:
    """Run these probes for one class, in this order. ends: those of which a failure ends the class, so that what comes
    after it is not worth running. cost: of all of them."""

    class_id: str
    probes: tuple[str, ...]
    ends: frozenset[str]
    cost: float


class Lazy:
    """One count that is under way. Tell the ballots of an Ask, one at least, before asking for the next."""

    def __init__(
        self,
        classes: Iterable[EquivalenceClass],
        probes: Iterable[Probe],
        ballots: Iterable[Ballot] = (),
        *,
        weights: Mapping[str, Weight] | None = None,
        costs: Mapping[str, float] | None = None,
        risks: Mapping[str, Mapping[str, float]] | None = None,
        price: float = 0.0,
    ) -> None:
        """ballots: those that are known. weights: fixed from here on; by default those before any ballot. costs: of one
        execution of each probe, in any unit, 1 by default. risks: class -> probe -> how likely it fails it before any
        ballot, in shares of what the probe's kind says, at most 1, the default; for the order alone. price: the
        probability of choosing right that one unit of cost is worth. Raises AmbiguousId, StrangeBallot."""
        self._bounds = Bounds(Box.of(classes, probes, ()), weights)
        self._costs = {name: (costs or {}).get(name, 1.0) for name in self._bounds.probes}
        self._risks = risks or {}
        self._price = price
        for ballot in ballots:
            self.tell(ballot)

    def tell(self, ballot: Ballot) -> None:
        """Raises StrangeBallot for one that was not in question, or against an earlier one."""
        self._bounds.tell(ballot)

    def count(self) -> Count:
        """How the classes stand with the ballots so far. Once nothing is left to ask, its winner is the full matrix's."""
        bounds = self._bounds
        ballots = [ballot for row in bounds.rows.values() for ballot in row.values()]
        return count(bounds.classes.values(), bounds.probes.values(), ballots, weights=bounds.weights)

    @property
    def executions(self) -> int:
        """Ballots so far, the known ones included."""
        return sum(map(len, self._bounds.rows.values()))

    @property
    def full(self) -> int:
        """Those of the full matrix."""
        return len(self._bounds.classes) * len(self._bounds.probes)

    @property
    def certain(self) -> bool:
        """Whether no ballot can change the winner any more."""
        return not self._rivals()[1]

    def next(self, *, most: int = 1, left: float = math.inf) -> Ask | None:
        """What to run next: `most` probes at most, for `left` of cost at most. None when the winner is certain, when going
        on is not worth its price, or when nothing fits into what is left."""
        leader, rivals = self._rivals()
        if not rivals:
            return None
        for name in self._order(leader):
            if ask := self._ask(name, most, left):
                worth = leader is None or self._gain(leader, rivals) >= self._price * self._costs[ask.probes[0]]
                return ask if worth else None
        return None

    def _rivals(self) -> tuple[str | None, list[str]]:
        """The best class that is certain to pass what is required, and the classes that may still win against it."""
        bounds = self._bounds
        alive = [name for name in bounds.classes if bounds.passes(name) is not False]
        certain = [name for name in alive if bounds.passes(name)]
        leader = min(certain, key=bounds.worst, default=None)
        return leader, [
            name for name in alive if name != leader and (leader is None or bounds.best(name) < bounds.worst(leader))
        ]

    def _order(self, leader: str | None) -> Iterable[str]:
        """Classes to ask about: the best upper bound first; then those that have lost, for what they say of others."""
        bounds = self._bounds
        return sorted(bounds.classes, key=lambda name: (bounds.passes(name) is False, bounds.best(name)))

    def _ask(self, name: str, most: int, left: float) -> Ask | None:
        """The probes that are expected to take the most from a class's upper bound for their cost; of a class that waits
        for others, those that these have to run."""
        bounds = self._bounds
        untold = [probe for probe in bounds.probes if probe not in bounds.rows[name] and self._costs[probe] <= left]
        if not untold:
            return self._ask_others(name, left)
        value = {probe: self._expected(name, probe) / max(self._costs[probe], 1e-9) for probe in untold}
        untold.sort(key=lambda probe: (-value[probe], probe))
        chosen: list[str] = []
        cost = 0.0
        for probe in untold[:most]:
            if cost + self._costs[probe] <= left:
                chosen.append(probe)
                cost += self._costs[probe]
        return self._asking(name, chosen)

    def _asking(self, name: str, probes: Sequence[str]) -> Ask:
        ends = frozenset(probe for probe in probes if self._bounds.ends(probe))
        return Ask(name, tuple(probes), ends, math.fsum(self._costs[probe] for probe in probes))

    def _ask_others(self, name: str, left: float) -> Ask | None:
        """Whether a test that a class fails counts depends on whether another passes it."""
        bounds = self._bounds
        for probe in sorted(bounds.waits(name)):
            for other in self._order(None):
                if probe not in bounds.rows[other] and self._costs[probe] <= left:
                    return self._asking(other, [probe])
        return None

    def _expected(self, name: str, probe: str) -> float:
        """Nats that a probe is expected to take from a class's upper bound."""
        swing = GATE if self._bounds.probes[probe].required else self._bounds.weights[probe].swing
        return (1 - self._likely(name, probe)) * swing

    def _likely(self, name: str, probe: str) -> float:
        """How likely a class passes a probe."""
        return self._bounds.likely(probe, self._risks.get(name, {}).get(probe, 1.0))

    def _gain(self, leader: str, rivals: Sequence[str]) -> float:
        """What knowing all is expected to add to the probability of choosing right: for each rival, how likely it ends
        above the leader (its open ballots taken as independent and their sum as normal), by how much more probable the
        one is then than the other, at best."""
        bounds, gain = self._bounds, 0.0
        for name in rivals:
            likely, mean, variance = 1.0, bounds.high(name), 0.0
            for probe in bounds.probes.keys() - bounds.rows[name].keys():
                passing = self._likely(name, probe)
                if bounds.probes[probe].required:
                    likely *= passing
                else:
                    mean -= (1 - passing) * bounds.weights[probe].swing
                    variance += passing * (1 - passing) * bounds.weights[probe].swing ** 2
            short = bounds.low(leader) - mean
            likely *= math.erfc(short / math.sqrt(2 * variance)) / 2 if variance else float(short <= 0)
            gain += likely * math.tanh(max(0.0, bounds.high(name) - bounds.low(leader)) / 2)
        return gain
