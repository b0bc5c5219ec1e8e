"""A compiled plan: Calls, what each waits for and why, and the references between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

from planner.tools import PURE, Effects, ToolSpec

Why = Literal["uses", "reads after", "writes after read", "writes after", "alone", "all of"]


@dataclass(frozen=True, slots=True, repr=False)
class Reference:
    """The result of an earlier Call, or a part of it. path: ("field", name) and ("index", number or key)."""

    name: str
    path: tuple[tuple[str, str | int], ...] = ()

    def __str__(self) -> str:
        return self.name + "".join([f".{part}" if kind == "field" else f"[{part!r}]" for kind, part in self.path])

    def __repr__(self) -> str:
        return f"<{self}>"


@dataclass(frozen=True, slots=True)
class Template:
    """An f-string: text and References, joined at run time."""

    parts: tuple[str | Reference, ...]

    def __str__(self) -> str:
        """As the plan language writes it. The quotes around it are none that its references hold."""
        inner = "".join([str(part) for part in self.parts if isinstance(part, Reference)])
        quotes = next((each for each in ("'", '"', "'''") if each not in inner), '"""')
        parts = [_escaped(part, quotes[0]) if isinstance(part, str) else f"{{{part}}}" for part in self.parts]
        return f"f{quotes}{''.join(parts)}{quotes}"


def _escaped(text: str, quote: str) -> str:
    """Text of an f-string."""
    body = repr('"' + text)[2:-1]  # that quote makes Python write the others as \'
    if quote == '"':
        body = body.replace("\\'", "'").replace('"', '\\"')
    return body.replace("{", "{{").replace("}", "}}")


@dataclass(frozen=True, slots=True)
class Call:
    """One statement: `name = tool(argument=…)`.

    arguments: plain values, in which a Reference or a Template may stand at any depth of lists and dicts. checked: the
    same as the tool's argument model, when nothing in it waits for a result. needs: the Calls that must have ended
    before, each with the reason ("uses": its result is read; the others only order). tool is None for a join: it does
    nothing, and stands for all Calls that it needs (so that n Calls which wait for m others need n + m edges, not n *
    m).
    """

    name: str
    tool: ToolSpec | None
    arguments: Mapping[str, Any]
    line: int = 0
    effects: Effects = PURE
    needs: Mapping[str, Why] = field(default_factory=dict)
    checked: BaseModel | None = None

    @property
    def cost_s(self) -> float:
        return self.tool.cost_s if self.tool else 0.0


@dataclass(frozen=True, slots=True)
class End:
    """A last `finish(…)` or `replan(…)`: what the plan shows, or why it must be continued."""

    kind: Literal["finish", "replan"]
    arguments: Mapping[str, Any]
    line: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Calls in the order of the text (joins among them); each needs only earlier ones.

    ranks: of each Call, seconds from its start to the end of the longest chain of Calls that begins with it. merged:
    name -> the earlier, equal Call whose result it shares. pruned: the names of Calls that were left out, since they
    change nothing and nobody reads their results.
    """

    calls: tuple[Call, ...]
    ranks: Mapping[str, float] = field(default_factory=dict)
    end: End | None = None
    merged: Mapping[str, str] = field(default_factory=dict)
    pruned: tuple[str, ...] = ()


def references(value: object) -> Iterator[Reference]:
    """Every Reference in a value, at any depth."""
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, Template):
        yield from (part for part in value.parts if isinstance(part, Reference))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from references(each)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from references(each)


def waits(value: object) -> bool:
    """Whether there is a Reference in a value: it is not known before the plan runs."""
    if isinstance(value, list | tuple):
        return any(waits(each) for each in value)
    if isinstance(value, Mapping):
        return any(waits(each) for each in value.values())
    return isinstance(value, Reference | Template)


def deeper(value: object, most: int) -> bool:
    """Whether more than `most` lists and mappings stand in each other."""
    inner = [value]
    for _ in range(most + 1):
        lists = [each for each in inner if isinstance(each, list | tuple)]
        lists += [list(each.values()) for each in inner if isinstance(each, Mapping)]
        if not lists:
            return False
        inner = [each for part in lists for each in part]
    return True


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """The value with its References pointed at other names."""
    if isinstance(value, Reference):
        return Reference(names.get(value.name, value.name), value.path)
    if isinstance(value, Template):
        return Template(tuple(renamed(part, names) for part in value.parts))
    if isinstance(value, list):
        return [renamed(each, names) for each in value]
    if isinstance(value, Mapping):
        return {key: renamed(each, names) for key, each in value.items()}
    return value


def shown(value: Any) -> str:
    """A value as the plan language writes it."""
    if isinstance(value, Reference | Template):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(shown(each) for each in value)}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{shown(key)}: {shown(each)}' for key, each in value.items())}}}"
    return repr(value).replace("inf", "1e999") if isinstance(value, float) else repr(value)


def statement_text(call: Call) -> str:
    """A Call as the plan language writes it."""
    tool = call.tool.name if call.tool else "join"
    return f"{call.name} = {tool}({', '.join(f'{name}={shown(value)}' for name, value in call.arguments.items())})"
