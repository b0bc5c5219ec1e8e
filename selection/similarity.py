"""How much candidates agree with each other: independent systems seldom make the same mistake at the same place.

Near-identical sources do, so they count once: a family's say is shared by its members.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence, Set

from selection.edits import Edit


def shares(families: Sequence[str]) -> tuple[float, ...]:
    """What each candidate's voice weighs, so that every family has one voice together."""
    sizes = Counter(families)
    return tuple(1 / sizes[family] for family in families)


def alike(one: Edit, other: Edit) -> float:
    """How like two changes are, from 0 to 1: the mean of how much of the changed tokens they have in common, of the lines of base
    that they touch, and of the definitions around these. 1 - alike is a metric, as is each part."""
    if one.change == other.change:
        return 1.0
    parts = overlap(one.tokens, other.tokens), _shared(one.lines, other.lines), _shared(one.scopes, other.scopes)
    return sum(parts) / len(parts)


def overlap(one: Counter[tuple[str, str]], other: Counter[tuple[str, str]]) -> float:
    """Common members as a share of all, each as often as it occurs; 0 where both are empty."""
    common = sum(min(count, other[member]) for member, count in one.items() if member in other)
    total = one.total() + other.total() - common
    return common / total if total else 0.0


def _shared(one: Set[Hashable], other: Set[Hashable]) -> float:
    """Common members as a share of all; 1 where both are empty."""
    return len(one & other) / len(one | other) if one or other else 1.0
