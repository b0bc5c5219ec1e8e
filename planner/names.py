"""Name resolution: every name is assigned once and used only after, and a reference fits the type that its tool promises."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, Union

from pydantic import BaseModel

from planner.errors import MOST_FAULTS, CompileError, nearest
from planner.parsed import Parsed
from planner.plan import Reference

MOST_HINTS = 50  # of one plan: what was meant is searched for by likeness, which takes its time


class Names:
    """The pass: give it statements in the order of the text."""

    def __init__(self) -> None:
        self._types: dict[str, Any] = {}  # name -> what its tool returns; None for anything
        self._broken: set[str] = set()  # names whose statement has a fault of its own, told once
        self._hints = 0  # that were given
        self._fitting: set[tuple[int, Any]] = set()  # types, by their identity, and paths that fit them

    def check(self, parsed: Parsed) -> list[CompileError]:
        """The faults of a statement's names, the first of many."""
        errors = []
        if parsed.name is not None and (parsed.name in self._types or parsed.name in self._broken):
            hint = "give every result its own name"
            errors.append(parsed.place.fault("assigned-twice", f"{parsed.name} is assigned twice", hint))
        for reference, place in parsed.uses:
            if reference.name in self._types:
                what, hint = self._misfit(self._types[reference.name], reference)
                if what:
                    errors.append(place.fault("no-such-part", what, hint))
            elif reference.name not in self._broken:
                what = f"{reference.name} is not assigned above"
                errors.append(place.fault("unknown-name", what, self._hint(reference.name)))
            if errors and len(errors) >= MOST_FAULTS:
                break
        return errors

    def _hint(self, name: str) -> str:
        self._hints += 1
        return nearest(name, self._types) if self._hints <= MOST_HINTS else ""

    def _misfit(self, annotation: Any, reference: Reference) -> tuple[str, str]:
        known = id(annotation), reference.path
        if annotation is None or known in self._fitting:
            return "", ""
        what, hint = misfit(annotation, reference)
        if not what:
            self._fitting.add(known)
        return what, hint

    def define(self, name: str, returns: Any) -> None:
        """A statement without a fault."""
        self._types[name] = returns

    def define_broken(self, name: str) -> None:
        """A statement with one: what uses it is not told."""
        if name not in self._types:
            self._broken.add(name)


def misfit(annotation: Any, reference: Reference) -> tuple[str, str]:
    """Why a reference cannot fit a result of that type, and what to write instead; ("", "") when it may."""
    for place, (kind, key) in enumerate(reference.path):
        possible = [found for each in _members(annotation) if (found := _part(each, kind, key)) is not None]
        if not possible:
            whole = Reference(reference.name, reference.path[:place])
            names = [name for each in _members(annotation) for name in _field_names(each)]
            hint = nearest(str(key), names) if names and kind == "field" else f"it is {_said(annotation)}"
            part = f".{key}" if kind == "field" else f"[{key!r}]"
            return f"{whole} has no {part}", hint
        annotation = possible[0] if len(possible) == 1 else Union[tuple(possible)]  # noqa: UP007 (built at run time)
    return "", ""


def _members(annotation: Any) -> list[Any]:
    """The types that a union holds, without None."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return _members(typing.get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [each for part in typing.get_args(annotation) for each in _members(part) if each is not type(None)]
    return [annotation]


def _part(annotation: Any, kind: str, key: str | int) -> Any:
    """The type of a part; Any when it cannot be told; None when there is no such part."""
    origin, arguments = typing.get_origin(annotation) or annotation, typing.get_args(annotation)
    if annotation is None or annotation is Any or not isinstance(origin, type):
        return Any
    if issubclass(origin, BaseModel):
        info = origin.model_fields.get(str(key)) if kind == "field" else None
        return None if info is None else info.annotation or Any
    if is_dataclass(origin):
        hints = typing.get_type_hints(origin)
        return hints.get(str(key)) if kind == "field" and key in _field_names(origin) else None
    if issubclass(origin, str | bytes | bool | int | float):
        return None
    if issubclass(origin, Mapping):
        hints = typing.get_type_hints(origin) if typing.is_typeddict(origin) else {}
        if hints:
            return hints.get(str(key))
        return arguments[1] if len(arguments) == 2 else Any
    if issubclass(origin, Sequence):
        if kind == "field":
            return typing.get_type_hints(origin).get(str(key), Any) if key in _field_names(origin) else None
        if not isinstance(key, int):
            return None
        if issubclass(origin, tuple) and arguments and arguments[-1] is not Ellipsis:
            return arguments[key] if -len(arguments) <= key < len(arguments) else None
        return arguments[0] if arguments else Any
    return Any


def _field_names(annotation: Any) -> list[str]:
    origin = typing.get_origin(annotation) or annotation
    if isinstance(origin, type) and issubclass(origin, BaseModel):
        return list(origin.model_fields)
    if isinstance(origin, type) and is_dataclass(origin):
        return [each.name for each in fields(origin)]
    if isinstance(origin, type) and issubclass(origin, tuple):
        return list(getattr(origin, "_fields", ()))
    return list(typing.get_type_hints(origin)) if typing.is_typeddict(origin) else []


def _said(annotation: Any) -> str:
    return f"a {annotation.__name__}" if isinstance(annotation, type) else str(annotation).replace("typing.", "")
