"""What a Run may spend: `Budget` (the limits) and `Amounts` (one spend).

Accounts are kept in whole numbers (nano-dollars, microseconds), so that a sum is the same in whatever order it is made,
by whichever store, and again from the Journal.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from typing import Self

from memory.errors import BudgetSyntaxError

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?", re.ASCII)
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)([kM]?)", re.ASCII)
_EXAMPLE = 'for example "wall=10m,candidates=200"'

Units = tuple[int, ...]  # whole numbers, one for each of KINDS


@dataclass(frozen=True, slots=True)
class Amounts:
    """What one step costs or may cost.

    tokens: of prompts and answers. usd: dollars. sandbox_s: seconds that a sandbox was held, all of them added up.
    candidates: patches tried.
    """

    tokens: int = 0
    usd: float = 0.0
    sandbox_s: float = 0.0
    candidates: int = 0

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts.of_units([one + two for one, two in zip(self.units(), other.units(), strict=True)])

    def units(self) -> Units:
        """The same in the units that accounts are kept in. ValueError for what is negative, or more than any account holds."""
        units = tuple(round(getattr(self, kind) * _UNITS.get(kind, 1)) for kind in KINDS)
        if not all(0 <= each <= MOST_UNITS for each in units):
            raise ValueError(f"{self} cannot be put on an account")
        return units

    @classmethod
    def of_units(cls, units: Sequence[int]) -> Amounts:
        """The reverse of `units`, exactly."""
        named = zip(KINDS, units, strict=True)
        return cls(**{kind: each / _UNITS[kind] if kind in _UNITS else each for kind, each in named})  # type: ignore[arg-type]

    def as_dict(self) -> dict[str, float]:
        return {kind: getattr(self, kind) for kind in KINDS}


KINDS = tuple(field.name for field in fields(Amounts))
_UNITS = {"usd": 10**9, "sandbox_s": 10**6}  # in one dollar, in one second; what is not named is counted
MOST_UNITS = (
    10**15
)  # of one kind: up to here a number and its quotient by a unit are one float each, and give each other
NO_LIMIT = 2**53  # more than a Budget may allow; a whole number, so that every store compares with it


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of a Run; None means no limit of that kind. wall_s: seconds from the Run's start."""

    wall_s: float | None = None
    tokens: int | None = None
    usd: float | None = None
    sandbox_s: float | None = None
    candidates: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "wall=10m,candidates=200,tokens=2M,usd=1.50,sandbox=1h". Raises BudgetSyntaxError."""
        values: dict[str, float] = {}
        for part in filter(None, (piece.strip() for piece in text.split(","))):
            name, equals, value = (piece.strip() for piece in part.partition("="))
            field = {"wall": "wall_s", "sandbox": "sandbox_s"}.get(name, name)
            if not equals or field not in _READERS:
                known = "wall, candidates, tokens, usd, sandbox"
                raise BudgetSyntaxError(f"budget: {part!r} is not NAME=VALUE with a NAME of {known}; {_EXAMPLE}")
            if field in values:
                raise BudgetSyntaxError(f"budget: {name} is given twice; give it once")
            values[field] = _READERS[field](name, value)
        if not values:
            raise BudgetSyntaxError(f"budget: it is empty; give at least one limit, {_EXAMPLE}")
        return cls(**values)  # type: ignore[arg-type]

    def limit(self, kind: str) -> float:
        """The limit of one kind, infinite when there is none."""
        value = getattr(self, kind)
        return math.inf if value is None else float(value)

    def caps(self, percent: Mapping[str, int]) -> Units:
        """For each of KINDS the units that may be spent, of some kinds only so many in a hundred; NO_LIMIT without one."""
        limits = [(kind, getattr(self, kind)) for kind in KINDS]
        return tuple(
            NO_LIMIT if limit is None else int(Decimal(str(limit)) * _UNITS.get(kind, 1) * percent.get(kind, 100) / 100)
            for kind, limit in limits
        )

    def as_dict(self) -> dict[str, float]:
        """Only the kinds that have a limit."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def _seconds(name: str, text: str) -> float:
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise BudgetSyntaxError(f"budget: {name}={text!r} is not a duration; write 90s, 10m or 1h30m")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return _within(name, text, hours * 3600 + minutes * 60 + seconds, unit="sandbox_s")


def _count(name: str, text: str) -> int:
    number = _within(name, text, _number(name, text))
    if number != int(number):
        raise BudgetSyntaxError(f"budget: {name}={text!r} is not a whole number")
    return int(number)


def _dollars(name: str, text: str) -> float:
    return _within(name, text, _number(name, text), unit="usd")


def _number(name: str, text: str) -> float:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise BudgetSyntaxError(f"budget: {name}={text!r} is not a number; write 200, 50k or 2M")
    return float(match[1]) * {"": 1, "k": 1e3, "M": 1e6}[match[2]]


def _within(name: str, text: str, value: float, unit: str = "") -> float:
    most = MOST_UNITS / _UNITS.get(unit, 1)
    if not (1 / _UNITS.get(unit, 1) <= value < most):
        raise BudgetSyntaxError(f"budget: {name}={text!r} must be more than nothing and less than {most:g}")
    return value


_READERS = {"wall_s": _seconds, "sandbox_s": _seconds, "candidates": _count, "tokens": _count, "usd": _dollars}
