"""Who agrees with whom: behaviour groups (functional hashing), and what their size says.

Two classes behave alike when everything that was seen of them is equal: outcome and captured output of every probe that is
not flaky, and their results on generated inputs. Equal outcomes alone prove little, for all that pass the tests have
them, so a class of which no output was seen is a group by itself.

Agreement is evidence as in a plurality vote, a group's odds growing with its voters, but independent ones only: the members
that one trajectory or one search proposed are one voter, and n trajectories of one family, who tend to make the same
mistakes, count as sqrt(n).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from selection.ballots import Ballot
from selection.box import Box
from selection.classes import EquivalenceClass
from selection.weights import exact

Voter = tuple[str, str | None]  # family, trajectory
Seen = tuple[str, str | None]  # outcome, digest of the output
NOT_RUN: Seen = ("not run", None)


def voters(of: EquivalenceClass) -> frozenset[Voter]:
    """Who proposed this program."""
    return frozenset((each.provenance.lineage, each.provenance.trajectory) for each in of.members)


def votes(of: Iterable[Voter]) -> float:
    """Independent votes: at least 1 where there is a voter."""
    families: dict[str, int] = {}
    for family, _ in set(of):
        families[family] = families.get(family, 0) + 1
    return math.fsum(math.sqrt(number) for number in families.values())


def agreement(of: Iterable[Voter]) -> float:
    """Nats of evidence: 0 for one voter."""
    return exact(math.log(votes(of)))


def looks(of: EquivalenceClass) -> float:
    """Nats of what the static ranking says of a class; 0 where it was not asked."""
    if of.probability is None:
        return 0.0
    sure = min(max(of.probability, 1e-6), 1 - 1e-6)
    return exact(math.log(sure / (1 - sure)))


def seen(ballot: Ballot | None) -> Seen:
    return NOT_RUN if ballot is None else (ballot.outcome, ballot.digest)


def observed(box: Box, of: EquivalenceClass) -> bool:
    """Whether an output of it is, or will be, seen."""
    return of.behaviour is not None or any(probe.kind == "differential" for probe in box.probes.values())


def groups(box: Box) -> Mapping[str, str]:
    """The behaviour group of each class, named by the first of its classes."""
    stable = [name for name, probe in box.probes.items() if not probe.flakiness]
    first: dict[object, str] = {}
    found = {}
    for name, of in box.classes.items():
        if observed(box, of):
            row = box.rows[name]
            key: object = (of.behaviour, tuple(seen(row.get(probe)) for probe in stable))
        else:
            key = name
        found[name] = first.setdefault(key, name)
    return found
