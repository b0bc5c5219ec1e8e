"""A value in words that are equal for equal states: what two versions of a function are compared by.

Not `repr`, which hides state on purpose or shows an address instead: containers by their elements, and objects by what
pickle would keep of them. Where no such state can be had the value is `Unknown`, never alike another.
"""

from __future__ import annotations

import enum
import re
import types
from typing import Any

PARTS = 100_000  # of one description
DEPTH = 60
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
PLAIN = (type(None), bool, int, float, complex, str, bytes, bytearray, type(...), type(NotImplemented), range)
NAMED = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)


class Unknown(Exception):
    """The state of a value cannot be told."""


def describe(*values: Any) -> str:
    """The states of some values, without addresses. Raises Unknown; what the values' own code raises, too."""
    parts: list[str] = []
    for value in values:
        _add(value, parts, [])
    return ADDRESS.sub("", " ".join(parts))


def _add(value: Any, parts: list[str], outer: list[int]) -> None:
    if len(parts) > PARTS or len(outer) > DEPTH:
        raise Unknown("it is too large")
    kind = type(value)
    if kind in PLAIN:
        parts.append(repr(value))
    elif isinstance(value, NAMED):
        parts.append(_name(value))
    elif id(value) in outer:
        parts.append(f"the {len(outer) - outer.index(id(value))}th around it")
    else:
        outer.append(id(value))
        parts.append(f"{kind.__module__}.{kind.__qualname__}(")
        if kind in (list, tuple):
            _add_all(value, parts, outer)
        elif kind is dict:
            for key, each in value.items():
                _add_all((key, each), parts, outer)
        elif kind in (set, frozenset):
            parts += sorted(_alone(each, outer) for each in value)
        elif isinstance(value, enum.Enum):
            parts.append(value.name)
        elif kind is types.MethodType:
            _add_all((value.__func__, value.__self__), parts, outer)
        else:
            _add_state(value, parts, outer)
        parts.append(")")
        outer.pop()


def _add_all(values: Any, parts: list[str], outer: list[int]) -> None:
    for each in values:
        _add(each, parts, outer)


def _alone(value: Any, outer: list[int]) -> str:
    parts: list[str] = []
    _add(value, parts, outer)
    return " ".join(parts)


def _name(value: Any) -> str:
    name = getattr(value, "__qualname__", value.__name__)
    if "<" in name:
        raise Unknown(f"{name} is not known by its name")
    return f"{getattr(value, '__module__', '')}.{name}"


def _add_state(value: Any, parts: list[str], outer: list[int]) -> None:
    """What pickle would keep: how to make it, its attributes, its elements."""
    try:
        reduced = value.__reduce_ex__(4)
    except Exception:  # noqa: BLE001  (the repository's code, or a type that cannot be pickled)
        shown = repr(value)
        if ADDRESS.search(shown):
            raise Unknown(f"{type(value).__name__} cannot be pickled") from None
        parts.append(shown)
        return
    if isinstance(reduced, str):
        parts.append(reduced)
        return
    make, arguments, state, elements, items = (*reduced, None, None, None)[:5]
    _add_all((make, arguments, state, list(elements or ()), list(items or ())), parts, outer)
