"""Equivalence classes: candidates that are the same program are tested once and counted together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from selection.candidates import LINK, Candidate, Change
from selection.errors import AmbiguousId
from selection.syntax import Unparsable, normalised


@dataclass(frozen=True, slots=True)
class EquivalenceClass:
    """Candidates with one meaning. The first member stands for all; `id` depends on the meaning alone."""

    id: str
    members: tuple[Candidate, ...]

    @property
    def representative(self) -> Candidate:
        return self.members[0]

    @property
    def score(self) -> float:
        return max(member.score for member in self.members)

    @property
    def probability(self) -> float | None:
        """That of the likeliest member, as far as it can be told without running it."""
        known = [member.probability for member in self.members if member.probability is not None]
        return max(known, default=None)

    @property
    def behaviour(self) -> str | None:
        """That of its members: they are one program."""
        return next((member.behaviour for member in self.members if member.behaviour is not None), None)


def classify(candidates: Iterable[Candidate]) -> tuple[EquivalenceClass, ...]:
    """Group candidates by the normalised syntax of the files that they change (see `syntax.normalised`), and their new modes.

    Members are ordered by score, then by id, so that the result does not depend on the order of `candidates`. A candidate
    that is named twice is there once. Raises AmbiguousId.
    """
    groups: dict[str, list[Candidate]] = {}
    for candidate in unambiguous(candidates):
        groups.setdefault(_key(candidate), []).append(candidate)
    classes = (
        EquivalenceClass(key, tuple(sorted(members, key=lambda member: (-member.score, member.id))))
        for key, members in groups.items()
    )
    return tuple(sorted(classes, key=lambda each: (-each.score, each.id)))


def unambiguous(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Each once. Raises AmbiguousId where two different ones share an id."""
    found: dict[str, Candidate] = {}
    for candidate in candidates:
        if found.setdefault(candidate.id, candidate) != candidate:
            raise AmbiguousId(f"two different candidates have the id {candidate.id}; give each its own")
    return tuple(found.values())


def _key(candidate: Candidate) -> str:
    digest = hashlib.sha256()
    for change in sorted(candidate.changes, key=lambda change: change.path):
        digest.update(change.path.encode("utf-8", "surrogateescape") + b"\0" + meaning(change) + b"\0")
    return digest.hexdigest()[:12]


def meaning(change: Change) -> bytes:
    """A file with a patch, in a form that is equal for programs that differ in form alone."""
    if change.after is None:
        return b"\0deleted"
    mode = b"" if change.new_mode is None else b"mode %s\0" % change.new_mode.encode()
    if change.mode_after == LINK:
        return mode + change.after
    try:
        return mode + normalised(change.path, change.after)
    except Unparsable:
        return mode + change.after
