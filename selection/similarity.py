"""How much candidates agree with each other: independent systems seldom make the same mistake at the same place.

Near-identical sources do, so they count once: a family's say is shared by its members.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def shares(families: Sequence[str]) -> tuple[float, ...]:
    """What each candidate's voice weighs, so that every family has one voice together."""
    sizes = Counter(families)
    return tuple(1 / sizes[family] for family in families)


def overlap(one: Counter[tuple[str, str]], other: Counter[tuple[str, str]]) -> float:
    """Common members as a share of all, each as often as it occurs; 0 where both are empty."""
    common = sum(min(count, other[member]) for member, count in one.items() if member in other)
    total = one.total() + other.total() - common
    return common / total if total else 0.0
