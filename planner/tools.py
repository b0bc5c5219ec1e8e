"""What a plan may call, and what each call touches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter

Resource = Literal["sandbox", "model", "host"]
ALL = "**"  # every path of the workspace


@dataclass(frozen=True, slots=True)
class Effects:
    """What one Call touches.

    reads, writes: paths below the workspace. A path stands for itself and everything below it; in a segment `*`, `?` and
    `[…]` match as in a shell, and a segment `**` matches any number of segments. A path that leaves the workspace (absolute,
    or with `..`) counts as every path. Effects are of names: a tool that follows links must say where they end.
    exclusive: its effects cannot be told; it runs alone, in the order of the text.
    volatile: it does something that no path tells (it starts a process, asks a model, reads a clock): equal Calls are
    never merged, none is left out, remembered or run twice. It may run beside others.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    exclusive: bool = False
    volatile: bool = False

    @property
    def pure(self) -> bool:
        """Equal Calls give equal results as long as nothing that they read is written, and change nothing."""
        return not (self.writes or self.exclusive or self.volatile)


PURE = Effects()
EXCLUSIVE = Effects(exclusive=True)
VOLATILE = Effects(volatile=True)

Effect = Callable[[Mapping[str, Any]], Effects]


def always(effects: Effects) -> Effect:
    """The same effects, whatever the arguments."""
    return lambda _: effects


def touches(*, reads: tuple[str, ...] = (), writes: tuple[str, ...] = ()) -> Effect:
    """Effects on the paths that arguments name: each of `reads` and `writes` is the name of an argument that holds a path,
    a glob or a list of them. One that is only known at run time, or is not given, counts as every path."""

    def effects(arguments: Mapping[str, Any]) -> Effects:
        return Effects(
            tuple([path for name in reads for path in paths_of(arguments.get(name))]),
            tuple([path for name in writes for path in paths_of(arguments.get(name))]),
        )

    return effects


def paths_of(value: object) -> tuple[str, ...]:
    """The paths that an argument names; every path when it is none, or not known before the Call runs."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple):
        return tuple(path for each in value for path in paths_of(each))
    return (ALL,)


@dataclass(frozen=True)
class ToolSpec:
    """A tool as the compiler knows it.

    arguments: a pydantic model; its required fields first. effects: what a Call touches, from its arguments (in which a value
    that is only known at run time is a Reference or a Template); a tool that says nothing runs alone. resource: what its
    Calls hold while they run. cost_s: seconds, an estimate that orders ready Calls. returns: the type of its result, when
    it promises one: references into it are checked at compile time, the result when it comes, and only such
    results can be remembered on disk. timeout_s: seconds that a Call may take; None for the scheduler's default.
    """

    name: str
    doc: str
    arguments: type[BaseModel]
    resource: Resource = "host"
    cost_s: float = 1.0
    effects: Effect = field(default=always(EXCLUSIVE))
    returns: Any = None
    timeout_s: float | None = None

    @cached_property
    def fields(self) -> Mapping[str, TypeAdapter[Any]]:
        """For each argument, what checks a value of it alone."""
        return {name: TypeAdapter(info.rebuild_annotation()) for name, info in self.arguments.model_fields.items()}

    @cached_property
    def required(self) -> tuple[str, ...]:
        return tuple(name for name, info in self.arguments.model_fields.items() if info.is_required())

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """What stands for an argument that is not given; without those that a factory makes."""
        fields = self.arguments.model_fields.items()
        return {name: info.default for name, info in fields if not info.is_required() and info.default_factory is None}

    @cached_property
    def result(self) -> TypeAdapter[Any] | None:
        """What checks a result; None when nothing is promised."""
        return None if self.returns is None else TypeAdapter(self.returns)
