"""Merging of equal pure Calls with no write between.

Two Calls are equal when their tools and arguments are, defaults included, and when they wait for the same: a write in
between of something that they read would show in what the second one waits for. (Value numbering, as compilers do it; the
hazards stand for the state of the memory.)
"""

from __future__ import annotations

from planner.plan import Call


class Dedupe:
    """The pass: give it Calls whose hazards are known, in the order of the text."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str, frozenset[str]], str] = {}

    def find(self, call: Call) -> str | None:
        """The name of the earlier Call that is equal to this one."""
        if call.tool is None or not call.effects.pure:
            return None
        arguments = sorted({**call.tool.defaults, **call.arguments}.items())
        key = (call.tool.name, repr(arguments), frozenset(call.needs))
        found = self._first.setdefault(key, call.name)
        return None if found == call.name else found
