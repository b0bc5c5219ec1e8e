"""Values a little different from a value: what a careful person would also try."""

from __future__ import annotations

from typing import Any


def mutations(value: Any) -> list[Any]:
    """Neighbours of a plain value, of the same type. Empty for what is not plain."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [each for each in (value + 1, value - 1, 0, 1, 2, -value, value * 2, value // 2) if each != value]
    if isinstance(value, float):
        return [value + 1.0, value / 2, value * 10, 0.0, -value]
    if isinstance(value, (str, bytes)):
        return _of_sequence(value)
    if type(value) in (list, tuple):  # a named tuple is not made from one list
        return [type(value)(each) for each in _of_sequence(list(value)) + _of_elements(list(value))]
    if isinstance(value, (set, frozenset)):
        return [type(value)(each) for each in _of_sequence(sorted(value, key=repr))]
    if isinstance(value, dict):
        return _of_dict(value)
    return []


def _of_sequence(value: Any) -> list[Any]:
    if not value:
        return []
    middle = len(value) // 2
    found = [value[:0], value[:1], value[1:], value[:-1], value[::-1], value + value, value + value[:1], value[middle:]]
    if len(value) > 1:
        found += [value[1:2] + value[:1] + value[2:], value[:middle] + value[middle + 1 :]]
    return [each for each in found if each != value]


def _of_elements(value: list[Any]) -> list[Any]:
    found = []
    for place in range(min(len(value), 4)):
        found += [[*value[:place], other, *value[place + 1 :]] for other in mutations(value[place])[:3]]
    return found


def _of_dict(value: dict[Any, Any]) -> list[Any]:
    found: list[Any] = []
    for key in list(value)[:4]:
        found.append({each: value[each] for each in value if each != key})
        found += [{**value, key: other} for other in mutations(value[key])[:2]]
    return found
