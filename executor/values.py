"""Results into arguments: References and Templates are replaced by what they point at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from itertools import islice
from typing import Any

from pydantic import BaseModel

from executor.errors import BadReference, worded
from planner import Reference, Template

Result = Callable[[str], Any]


def resolve(value: Any, result: Result) -> Any:
    """The value with results in it. Raises BadReference."""
    kind = type(value)
    if kind is Reference:
        return part(value, result(value.name)) if value.path else result(value.name)
    if kind is Template:
        return "".join(each if isinstance(each, str) else _text(each, resolve(each, result)) for each in value.parts)
    if kind is list:
        return [resolve(each, result) for each in value]
    if kind is dict:
        return {key: resolve(each, result) for key, each in value.items()}
    return value


def _text(reference: Reference, value: Any) -> str:
    try:
        return str(value)
    except Exception as error:  # whatever a result's own way of being shown raises
        raise BadReference(f"{reference} cannot be shown as text: {worded(error)}") from error


def part(reference: Reference, result: Any) -> Any:
    """The part of a result that a reference points at: declared fields, keys and indexes, never a method. Raises
    BadReference."""
    found = result
    for place, (kind, key) in enumerate(reference.path):
        try:
            found = _field(found, str(key)) if kind == "field" else found[key]
        except Exception as error:  # whatever a result's own way of giving its parts raises
            whole = Reference(reference.name, reference.path[:place])
            missing = f".{key}" if kind == "field" else f"[{key!r}]"
            why = "" if isinstance(error, LookupError | TypeError) else f" ({type(error).__name__}: {worded(error)})"
            raise BadReference(f"{reference}: {whole} has no {missing}; it is {_said(found)}{why}") from error
    return found


def _field(value: Any, name: str) -> Any:
    if isinstance(value, BaseModel):
        if name in type(value).model_fields:
            return getattr(value, name)
    elif isinstance(value, Mapping):
        return value[name]
    elif is_dataclass(value):
        if name in value.__dataclass_fields__:
            return getattr(value, name)
    elif isinstance(value, tuple) and name in getattr(value, "_fields", ()):
        return getattr(value, name)
    raise LookupError(name)


def _said(value: Any) -> str:
    """A few words about a value, for whoever must write another reference."""
    try:
        if isinstance(value, BaseModel):
            return f"a {type(value).__name__} with {', '.join(type(value).model_fields)}"
        if isinstance(value, Mapping):
            return f"a mapping with {', '.join(map(repr, islice(value, 8))) or 'nothing in it'}"
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            return f"a list of {len(value)}"
        return f"{type(value).__name__} {value[:80] if isinstance(value, str | bytes) else value!r}"[:80]
    except Exception:  # noqa: BLE001 (whatever a result's own way of being shown raises)
        return type(value).__name__
