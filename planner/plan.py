"""A compiled plan: Calls, what each needs, and the references between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from planner.tools import ToolSpec


@dataclass(frozen=True, slots=True)
class Reference:
    """The result of an earlier Call, or a part of it. path: fields (str) and indexes (int, or the key of a mapping)."""

    name: str
    path: tuple[tuple[str, str | int], ...] = ()  # ("field", "rows"), ("index", 0)

    def __str__(self) -> str:
        return self.name + "".join(f".{part}" if kind == "field" else f"[{part!r}]" for kind, part in self.path)


@dataclass(frozen=True, slots=True)
class Call:
    """One statement. arguments: plain values, in which a Reference may stand at any depth of lists and dicts.

    needs: the names of the Calls that must have ended before. rank: seconds from its start to the end of the longest
    chain of Calls that begins with it.
    """

    name: str
    tool: ToolSpec
    arguments: Mapping[str, Any]
    needs: tuple[str, ...]
    line: int
    rank: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Calls in the order of the text; each needs only earlier ones."""

    calls: tuple[Call, ...]


def references(value: object) -> Iterator[Reference]:
    """Every Reference in a value, at any depth."""
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from references(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from references(each)
