"""Everything that can be wrong with a plan.

CompileErrors          all faults of one plan, at least one (also a ValueError)
└─ .errors             CompileError: code, line, column, what is wrong, what to write instead
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CompileError:
    """One fault. line from 1, column from 0 (characters); code is stable, for programs."""

    code: str
    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}" + (f"; {self.hint}" if self.hint else "")


class CompileErrors(ValueError):
    """A text that is not a plan, with every fault found in it, in the order of the text."""

    def __init__(self, errors: tuple[CompileError, ...]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = errors
