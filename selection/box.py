"""The ballot box: who may vote, on whom, and what was cast. What does not fit is refused before anything is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import TypeVar

from selection.ballots import FAILED, Ballot, Probe
from selection.classes import EquivalenceClass
from selection.errors import AmbiguousId, StrangeBallot


@dataclass(frozen=True, slots=True)
class Box:
    """Classes and probes by id, in the order of their ids, and rows: class -> probe -> ballot.

    passed, failed: the probes that each class passes and fails. own: those by the trajectory that alone proposed it.
    passing, failing: how many classes each probe passed and failed.
    """

    classes: Mapping[str, EquivalenceClass]
    probes: Mapping[str, Probe]
    rows: Mapping[str, Mapping[str, Ballot]]
    passed: Mapping[str, Set[str]]
    failed: Mapping[str, Set[str]]
    own: Mapping[str, Set[str]]
    passing: Mapping[str, int]
    failing: Mapping[str, int]

    @classmethod
    def of(cls, classes: Iterable[EquivalenceClass], probes: Iterable[Probe], ballots: Iterable[Ballot]) -> Box:
        """Raises AmbiguousId, StrangeBallot."""
        known, asked = _by_id("classes", classes), _by_id("probes", probes)
        rows: dict[str, dict[str, Ballot]] = {name: {} for name in known}
        for ballot in ballots:
            row = rows.get(ballot.class_id)
            if row is None or ballot.probe not in asked:
                what = f"class {ballot.class_id}" if row is None else f"probe {ballot.probe}"
                raise StrangeBallot(f"a ballot of {ballot.probe} on {ballot.class_id}: {what} is not in this count")
            agree(row.setdefault(ballot.probe, ballot), ballot)
        passed = {
            name: {ballot.probe for ballot in row.values() if ballot.outcome == "passed"} for name, row in rows.items()
        }
        failed = {
            name: {ballot.probe for ballot in row.values() if ballot.outcome in FAILED} for name, row in rows.items()
        }
        own = _own(known, asked)
        return cls(known, asked, rows, passed, failed, own, _times(passed), _times(failed))

    def separates(self, probe: str) -> bool:
        """Whether it passed some class and failed another; one that does not says nothing of which class is better."""
        return bool(self.passing[probe] and self.failing[probe])

    def speaks(self, probe: str) -> bool:
        """Whether it has a vote: a regression test that was run; any other test that some class passes, since what
        nothing mends is not what the issue is about."""
        return bool(self.passing[probe] or (self.failing[probe] and self.probes[probe].kind == "regression"))


def agree(before: Ballot, ballot: Ballot) -> None:
    """Raises StrangeBallot when two ballots of one probe on one class do not say the same."""
    if before is not ballot and (before.outcome, before.digest) != (ballot.outcome, ballot.digest):
        raise StrangeBallot(
            f"{ballot.probe} says both {before.outcome} and {ballot.outcome} of class {ballot.class_id}, or of its output; "
            "cast one ballot, and give the probe its flakiness"
        )


def _own(classes: Mapping[str, EquivalenceClass], probes: Mapping[str, Probe]) -> dict[str, Set[str]]:
    """For each class, the probes by the one trajectory that proposed it."""
    by_author: dict[str, set[str]] = {}
    for name, probe in probes.items():
        for writer in probe.authors:
            by_author.setdefault(writer, set()).add(name)
    found: dict[str, Set[str]] = {}
    for name, of in classes.items():
        authors = {each.provenance.author for each in of.members}
        (author, *more) = authors
        found[name] = frozenset() if more or author is None else frozenset(by_author.get(author, ()))
    return found


def _times(sets: Mapping[str, Set[str]]) -> Mapping[str, int]:
    counter: Counter[str] = Counter()
    for each in sets.values():
        counter.update(each)
    return counter


_Named = TypeVar("_Named", EquivalenceClass, Probe)


def _by_id(what: str, things: Iterable[_Named]) -> dict[str, _Named]:
    found: dict[str, _Named] = {}
    for thing in things:
        if found.setdefault(thing.id, thing) != thing:
            raise AmbiguousId(f"there are two different {what} with the id {thing.id}; give each its own")
    return {name: found[name] for name in sorted(found)}
