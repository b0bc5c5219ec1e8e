"""Ranks: the longest remaining path. Source: the upward rank of Topcuoglu, Hariri and Wu, "Performance-effective and
low-complexity task scheduling" (HEFT), 2002."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from planner.plan import Call


def rank(calls: Sequence[Call]) -> list[Call]:
    """The Calls with their ranks, in seconds: the cost of each and of the most expensive chain of Calls that waits for it."""
    longest: dict[str, float] = {}
    ranked = []
    for call in reversed(calls):
        seconds = call.cost_s + longest.get(call.name, 0.0)
        for name in call.needs:
            if longest.get(name, 0.0) < seconds:
                longest[name] = seconds
        ranked.append(replace(call, rank=seconds))
    ranked.reverse()
    return ranked
