"""Ranks: the longest remaining path. Source: the upward rank of Topcuoglu, Hariri and Wu, "Performance-effective and
low-complexity task scheduling" (HEFT), 2002."""

from __future__ import annotations

from collections.abc import Sequence

from planner.plan import Call


def rank(calls: Sequence[Call]) -> dict[str, float]:
    """For each Call, in seconds, its cost and that of the most expensive chain of Calls that waits for it."""
    ranks = {call.name: 0.0 for call in calls}
    for call in reversed(calls):
        ranks[call.name] = seconds = call.cost_s + ranks[call.name]
        for name in call.needs:
            if ranks[name] < seconds:
                ranks[name] = seconds
    return ranks
