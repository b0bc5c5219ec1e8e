"""What is certain of each class while ballots are missing: whether it passes what is required, and bounds on its score."""

from __future__ import annotations

from collections.abc import Mapping

from selection.agreement import agreement, looks, observed, seen, voters, votes
from selection.ballots import FAILED, Ballot
from selection.box import Box, agree
from selection.errors import StrangeBallot
from selection.weights import PRIORS, RIGHT, Weight, prior_weights

Key = tuple[float, float, float, str]  # sorts the better class first, as Standing.rank does among those that pass
_PRIOR_WORTH = 2.0  # ballots


class Bounds:
    """classes, probes: by id. rows: class -> probe -> ballot. weights: fixed."""

    def __init__(self, box: Box, weights: Mapping[str, Weight] | None) -> None:
        self.classes, self.probes = box.classes, box.probes
        self.weights = prior_weights(box.probes) if weights is None else weights
        self._own = box.own
        self.rows: dict[str, dict[str, Ballot]] = {name: {} for name in box.classes}
        self._passed = dict.fromkeys(box.probes, 0)
        self._failed = dict.fromkeys(box.probes, 0)
        self._told = dict.fromkeys(box.probes, 0)
        required = sum(probe.required for probe in box.probes.values())
        self._open = dict.fromkeys(box.classes, required)  # required probes without a ballot
        self._broken: set[str] = set()
        self._not_passed: dict[str, set[str]] = {name: set() for name in box.classes}  # required probes, vote unsure
        self._less: dict[str, dict[str, float]] = {name: {} for name in box.classes}  # nats that other probes take
        everything = sum(self.weights[name].swing for name, probe in box.probes.items() if not probe.required)
        self._untold = dict.fromkeys(box.classes, everything)  # nats that probes without a ballot may take
        self._voters = {name: voters(of) for name, of in box.classes.items()}
        self._looks = {name: looks(of) for name, of in box.classes.items()}
        self._votes = {name: votes(each) for name, each in self._voters.items()}
        self._alike = self._may_be_alike(box)

    @staticmethod
    def _may_be_alike(box: Box) -> dict[str, set[str]]:
        """For each class those that may turn out to behave like it, itself among them."""
        by_behaviour: dict[str | None, set[str]] = {}
        looked_at = {name for name, of in box.classes.items() if observed(box, of)}
        for name in looked_at:
            by_behaviour.setdefault(box.classes[name].behaviour, set()).add(name)
        return {
            name: set(by_behaviour[of.behaviour]) if name in looked_at else {name} for name, of in box.classes.items()
        }

    def tell(self, ballot: Ballot) -> None:
        """Raises StrangeBallot."""
        name, probe = ballot.class_id, ballot.probe
        if name not in self.classes or probe not in self.probes:
            raise StrangeBallot(f"a ballot of {probe} on {name}: it is not in this count")
        if probe in self.rows[name]:
            agree(self.rows[name][probe], ballot)
            return
        self.rows[name][probe] = ballot
        self._told[probe] += 1
        self._passed[probe] += ballot.outcome == "passed"
        self._failed[probe] += ballot.outcome in FAILED
        if self.probes[probe].required:
            self._tell_required(name, ballot)
        else:
            weight = self.weights[probe]
            less = weight.passed - weight.of(ballot.outcome, own=probe in self._own[name])
            self._untold[name] -= weight.swing
            if less:
                self._less[name][probe] = less
        if not self.probes[probe].flakiness:
            for other in list(self._alike[name]):
                if other != name and probe in self.rows[other] and seen(self.rows[other][probe]) != seen(ballot):
                    self._alike[name].discard(other)
                    self._alike[other].discard(name)

    def _tell_required(self, name: str, ballot: Ballot) -> None:
        self._open[name] -= 1
        if ballot.outcome == "passed":
            return
        if self.probes[ballot.probe].kind == "regression" and ballot.outcome in FAILED:
            self._broken.add(name)
        else:
            self._not_passed[name].add(ballot.probe)

    def passes(self, name: str) -> bool | None:
        """Whether a class passes all that is required; None while that is open."""
        if name in self._broken:
            return False
        missed = [self._speaks(probe) for probe in self._not_passed[name]]
        if True in missed:
            return False
        return None if self._open[name] or None in missed else True

    def waits(self, name: str) -> set[str]:
        """Probes with a ballot on a class, of which it depends on others whether they count."""
        required = {probe for probe in self._not_passed[name] if self._speaks(probe) is None}
        return required | {probe for probe in self._less[name] if self._separates(probe) is None}

    def _speaks(self, probe: str) -> bool | None:
        """Whether a probe has a vote (see Box.speaks); None while that is open."""
        if self._passed[probe] or (self._failed[probe] and self.probes[probe].kind == "regression"):
            return True
        return None if self._told[probe] < len(self.classes) else False

    def _separates(self, probe: str) -> bool | None:
        """Whether a probe tells classes apart; None while that is open."""
        if self._passed[probe] and self._failed[probe]:
            return True
        return None if self._told[probe] < len(self.classes) else False

    def ends(self, probe: str) -> bool:
        """Whether a class that fails it now can no longer win."""
        return self.probes[probe].required and (self.probes[probe].kind == "regression" or bool(self._passed[probe]))

    def low(self, name: str) -> float:
        """The least score with which a class can end."""
        sure = {name}
        if self._complete(name):
            sure |= {other for other in self._alike[name] if self._complete(other)}
        less = sum(nats for probe, nats in self._less[name].items() if self._separates(probe) is not False)
        agreed = agreement(voter for other in sure for voter in self._voters[other])
        return agreed + self._looks[name] - less - self._untold[name]

    def high(self, name: str) -> float:
        """The greatest score with which a class can end."""
        less = sum(nats for probe, nats in self._less[name].items() if self._separates(probe))
        agreed = agreement(voter for other in self._alike[name] for voter in self._voters[other])
        return agreed + self._looks[name] - less

    def best(self, name: str) -> Key:
        """Where a class stands with its greatest score."""
        return (-self.high(name), -self._votes[name], -self.classes[name].score, name)

    def worst(self, name: str) -> Key:
        """Where a class stands with its least score."""
        return (-self.low(name), -self._votes[name], -self.classes[name].score, name)

    def likely(self, probe: str, risk: float = 1.0) -> float:
        """How likely a class passes a probe, from what others did. risk: that it fails, in shares of what such a probe's
        kind says."""
        rates = PRIORS[self.probes[probe].kind]
        prior = 1 - risk * (1 - RIGHT * rates.right - (1 - RIGHT) * rates.wrong)
        passed, failed = self._passed[probe], self._failed[probe]
        return (passed + _PRIOR_WORTH * prior) / (passed + failed + _PRIOR_WORTH)

    def _complete(self, name: str) -> bool:
        return len(self.rows[name]) == len(self.probes)
