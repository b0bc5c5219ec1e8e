"""Everything that can be wrong with a plan.

CompileErrors          all faults of one plan, at least one (also a ValueError)
└─ .errors             CompileError: code, line, column, what is wrong, what to write instead
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

MOST_FAULTS = 20  # of one statement that are told
_SHOWN = 120  # characters of the faulty line in a message
_NAMED = 12  # names in a hint


@dataclass(frozen=True, slots=True)
class CompileError:
    """One fault. line from 1, column from 0 (characters); `code` is stable, for programs; `source`: the
    faulty line, of a long one what `around` shows."""

    code: str
    line: int
    column: int
    message: str
    hint: str = ""
    source: str = ""

    def __str__(self) -> str:
        """One line, its column from 1 as editors count, then the faulty line with a caret below the fault."""
        hint = f"; {self.hint}" if self.hint else ""
        said = f"line {self.line}, column {self.column + 1}: {self.message}{hint} [{self.code}]"
        if not self.source:
            return said
        shown = "".join(char if char.isprintable() else " " for char in self.source)
        return f"{said}\n    {shown}\n    {' ' * (self.column - _start(self.column))}^"


def around(line: str, column: int) -> str:
    """The part of a line that is shown when something is wrong at a column."""
    return line[_start(column) : _start(column) + _SHOWN]


def _start(column: int) -> int:
    return max(0, column - _SHOWN // 2)


class CompileErrors(ValueError):
    """A text that is not a plan, with every fault found in it, in the order of the text."""

    def __init__(self, errors: tuple[CompileError, ...]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = errors


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that names what was probably meant."""
    names = list(known)
    close = difflib.get_close_matches(name[:80], names[-500:], n=1)
    if close:
        return f"did you mean {close[0]}?"
    more = ", …" if len(names) > _NAMED else ""
    return f"known: {', '.join(sorted(names)[:_NAMED])}{more}" if names else ""
