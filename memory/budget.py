"""What a Run may spend: `Budget` (the limits) and `Amounts` (one spend)."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass, fields
from typing import Self

from memory.errors import BudgetSyntaxError

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?", re.ASCII)
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)([kM]?)", re.ASCII)
_EXAMPLE = 'for example "wall=10m,candidates=200"'


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
        return Amounts(**{key: getattr(self, key) + getattr(other, key) for key in self.as_dict()})

    def __sub__(self, other: Amounts) -> Amounts:
        return Amounts(**{key: getattr(self, key) - getattr(other, key) for key in self.as_dict()})

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


KINDS = tuple(field.name for field in fields(Amounts))


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

    def as_dict(self) -> dict[str, float]:
        """Only the kinds that have a limit."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def _seconds(name: str, text: str) -> float:
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise BudgetSyntaxError(f"budget: {name}={text!r} is not a duration; write 90s, 10m or 1h30m")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return _positive(name, text, hours * 3600 + minutes * 60 + seconds)


def _count(name: str, text: str) -> int:
    number = _amount(name, text)
    if number != int(number):
        raise BudgetSyntaxError(f"budget: {name}={text!r} is not a whole number")
    return int(number)


def _amount(name: str, text: str) -> float:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise BudgetSyntaxError(f"budget: {name}={text!r} is not a number; write 200, 50k or 2M")
    return _positive(name, text, float(match[1]) * {"": 1, "k": 1e3, "M": 1e6}[match[2]])


def _positive(name: str, text: str, value: float) -> float:
    if not (0 < value < 1e15):
        raise BudgetSyntaxError(f"budget: {name}={text!r} must be more than nothing and less than 1e15")
    return value


_READERS = {"wall_s": _seconds, "sandbox_s": _seconds, "candidates": _count, "tokens": _count, "usd": _amount}
