"""What was read of one statement, and where each part of it stands."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, cast

from planner.errors import CompileError, around
from planner.plan import Reference, Template
from planner.statements import Statement

ENDS = ("finish", "replan")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands, for faults that are found later."""

    line: int = 1
    column: int = 0
    source: str = ""

    def fault(self, code: str, message: str, hint: str = "") -> CompileError:
        return CompileError(code, self.line, self.column, message, hint, around(self.source, self.column))


class TextPlace(NamedTuple):
    """The same, as a number of characters from a statement's beginning; worked out only when there is a fault."""

    statement: Statement
    offset: int

    def fault(self, code: str, message: str, hint: str = "") -> CompileError:
        before = self.statement.text[: self.offset]
        line = before.count("\n")
        source = self.statement.text.split("\n")[line]
        place = Place(self.statement.line + line, self.offset - (before.rfind("\n") + 1), source)
        return place.fault(code, message, hint)


class NodePlace(NamedTuple):
    """The same, as a node of Python's syntax tree."""

    statement: Statement
    node: ast.AST

    def fault(self, code: str, message: str, hint: str = "") -> CompileError:
        lines = self.statement.text.split("\n")
        line = min(getattr(self.node, "lineno", 1), len(lines))  # Python 3.11 misplaces what stands in an f-string
        source = lines[line - 1]
        shift = indent(source) if line == 1 else 0
        column: int = getattr(self.node, "col_offset", 0)
        if not source.isascii():  # col_offset counts bytes
            column = len(source[shift:].encode("utf-8", "replace")[:column].decode("utf-8", "ignore"))
        return Place(self.statement.line + line - 1, column + shift, source).fault(code, message, hint)


Spot = Place | TextPlace | NodePlace


@dataclass(slots=True)
class Parsed:
    """`name = tool(argument=value, …)`; name is None for `finish(…)` and `replan(…)`.

    places: of each argument's value; uses: each reference with its place.
    """

    name: str | None
    tool: str
    arguments: dict[str, Any]
    line: int
    place: Spot
    tool_place: Spot
    places: Mapping[str, Spot] = field(default_factory=dict)
    uses: Sequence[tuple[Reference, Spot]] = ()

    @property
    def end(self) -> Literal["finish", "replan"]:
        """Which end it is, of a statement without a name."""
        return cast("Literal['finish', 'replan']", self.tool)


HALF = ("not-a-value", "the text holds half of a surrogate pair", "write whole characters")


def holds_half(value: Any) -> bool:
    """Whether a text somewhere in a JSON value holds half of a surrogate pair."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def indent(text: str) -> int:
    """How far a statement is indented."""
    return len(text) - len(text.lstrip(" \t\f"))


def joined(parts: Sequence[str | Reference]) -> str | Template:
    """An f-string's value."""
    if all(isinstance(part, str) for part in parts):
        return "".join(cast("list[str]", parts))
    return Template(tuple(parts))
