"""Leaving out of Calls that change nothing and whose results nobody reads.

What is read: what a last `finish(…)` or `replan(…)` refers to, what Calls that do something use, and what these use in
turn. A plan without such an end shows all its results, so that nothing is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from planner.plan import Call, End, Why, references


def prune(calls: Sequence[Call], end: End | None) -> tuple[list[Call], tuple[str, ...]]:
    """The Calls that are left, and the names of the others. Where the order of what is left hangs on a Call that is left out, and
    that waits for several, a join takes its place."""
    if end is None:
        return list(calls), ()
    read = {each.name for each in references(end.arguments)}
    for call in reversed(calls):
        if call.name in read or not call.effects.pure:
            read.update(name for name, why in call.needs.items() if why == "uses")
    unread = {call.name for call in calls if call.tool is not None and call.effects.pure and call.name not in read}
    if not unread:
        return list(calls), ()
    kept: list[Call] = []
    waited: set[str] = set()
    for call in reversed(calls):
        if call.name in unread:
            call = replace(call, tool=None, arguments={}, checked=None)
        if call.tool is None and call.name not in waited:
            continue
        waited.update(call.needs)
        kept.append(call)
    return _renamed(_needed(kept[::-1]), unread), tuple(call.name for call in calls if call.name in unread)


def _needed(calls: Sequence[Call]) -> list[Call]:
    """Without joins that wait for nothing, or for one Call, which is then waited for itself."""
    stands_for: dict[str, Mapping[str, Why]] = {}
    kept: list[Call] = []
    for call in calls:
        needs: dict[str, Why] = {}
        for name, why in call.needs.items():
            if name not in stands_for:
                needs.setdefault(name, why)
            for each, before in stands_for.get(name, {}).items():
                needs.setdefault(each, "writes after" if before == "reads after" else why)
        if call.tool is None and len(needs) < 2:
            stands_for[call.name] = needs
        else:
            kept.append(call if needs == call.needs else replace(call, needs=needs))
    return kept


def _renamed(calls: Sequence[Call], unread: set[str]) -> list[Call]:
    """A join has no name that a plan could use."""
    names: Mapping[str, str] = {call.name: f"after {call.name}" for call in calls if call.name in unread}
    return [
        replace(
            call,
            name=names.get(call.name, call.name),
            needs={names.get(name, name): why for name, why in call.needs.items()},
        )
        for call in calls
    ]
