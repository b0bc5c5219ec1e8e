"""Tools written down in TOML, so that plans for any tools can be compiled and explained:

[read]
doc = "Read a file."
arguments = { path = "str", lines = "list[int] = []" }
reads = ["path"]        # names of arguments that hold paths, or globs if they hold a `/`, `*` or `.`
writes = []             # the same; `exclusive = true` or `volatile = true` instead for what no path tells; without any of these
                        # the tool runs alone, with `reads = []` it touches nothing
resource = "sandbox"    # sandbox, model or host
cost_s = 0.1            # seconds
"""

from __future__ import annotations

import ast
import json
import keyword
import tomllib
import unicodedata
import warnings
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model

from planner.parsed import ENDS
from planner.tools import EXCLUSIVE, VOLATILE, Effect, Effects, Resource, ToolSpec, always, paths_of

_TYPES = {"str": str, "int": int, "float": float, "bool": bool, "any": Any, "Any": Any, "dict": dict[str, Any]}


_EFFECTS = ("reads", "writes", "exclusive", "volatile")


class ToolFileError(ValueError):
    """A tools file that cannot be used: which tool, what is wrong, and what to write."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    doc: str = ""
    arguments: dict[str, str] = {}
    reads: list[str] = []
    writes: list[str] = []
    exclusive: bool = False
    volatile: bool = False
    resource: Resource = "host"
    cost_s: float = Field(1.0, ge=0, allow_inf_nan=False)


def read_tools(text: str) -> tuple[ToolSpec, ...]:
    """The tools of a TOML text, in its order. Raises ToolFileError."""
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also of a number that Python does not read
        raise ToolFileError(f"the tools file is not TOML: {error}") from error
    if not tables:
        raise ToolFileError(
            'the tools file is empty; write a table for each tool, as in [read] with arguments = { path = "str" }'
        )
    return tuple(_tool(name, table) for name, table in tables.items())


def _tool(name: str, table: object) -> ToolSpec:
    if not _is_word(name) or not isinstance(table, dict):
        what = f"{name!r} is not a table of a tool whose name is a word that a plan can write"
        raise ToolFileError(f"{what}; write {'[read]' if isinstance(table, dict) else f'[{name}]'}")
    if name in ENDS:
        raise ToolFileError(f"tool {name}: every plan has {name}(…) as its end; call the tool something else")
    try:
        entry = _Entry.model_validate(table)
    except ValidationError as error:
        told = error.errors(include_url=False)[0]
        raise ToolFileError(f"tool {name}: {'.'.join(map(str, told['loc']))}: {told['msg']}") from error
    fields: dict[str, Any] = {each: _field(name, each, text) for each, text in entry.arguments.items()}
    for path in (*entry.reads, *entry.writes):
        if path not in fields and not set("/*.") & set(path):
            instead = (
                f"write one of {', '.join(fields)}" if fields else f'give it arguments = {{ {path or "path"} = "str" }}'
            )
            raise ToolFileError(
                f"tool {name}: {path!r} is none of its arguments, and no path: {instead}, or a path, as in {path or 'src'}/"
            )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pydantic, about names of methods that it no longer has (copy, schema)
        config = ConfigDict(extra="forbid", protected_namespaces=())
        model: type[BaseModel] = create_model(name, __config__=config, **fields)
    return ToolSpec(name, entry.doc, model, entry.resource, entry.cost_s, _effects(entry))


def _effects(entry: _Entry) -> Effect:
    if entry.exclusive or entry.model_fields_set.isdisjoint(_EFFECTS):
        return always(EXCLUSIVE)
    if entry.volatile:
        return always(VOLATILE)

    def effects(arguments: Mapping[str, Any]) -> Effects:
        return Effects(_paths(entry.reads, arguments, entry), _paths(entry.writes, arguments, entry))

    return effects


def _paths(names: list[str], arguments: Mapping[str, Any], entry: _Entry) -> tuple[str, ...]:
    found: list[str] = []
    for name in names:
        found += paths_of(arguments.get(name)) if name in entry.arguments else (name,)
    return tuple(found)


def _is_word(name: str) -> bool:
    """Whether a plan can write it: Python reads names in their normal form."""
    plain = name.isidentifier() and unicodedata.normalize("NFKC", name) == name
    return plain and not keyword.iskeyword(name) and not name.startswith("_")


def _field(tool: str, name: str, text: str) -> Any:
    """`list[int] = []` -> what pydantic takes as a field."""
    if not _is_word(name):
        what = f"tool {tool}: argument {name!r} cannot be written in a plan"
        raise ToolFileError(f"{what}; take a word that is no keyword of Python and begins with a letter")
    if name.startswith("model_") and hasattr(BaseModel, name):
        raise ToolFileError(
            f"tool {tool}: argument {name} has a name that pydantic keeps for itself; call it {name[6:]}"
        )
    try:
        (parsed,) = ast.parse(f"field: {text}").body
        assert isinstance(parsed, ast.AnnAssign)
        kind, default = _type(parsed.annotation), ... if parsed.value is None else ast.literal_eval(parsed.value)
    except (SyntaxError, ValueError, LookupError, TypeError, AssertionError, RecursionError, MemoryError) as error:
        known = ", ".join(_TYPES)
        what = f'tool {tool}: argument {name} = {text!r} is not a type; write one of {known}, list[…], "…" | "…" or … | None'
        raise ToolFileError(what) from error
    if default is not ...:
        try:
            TypeAdapter(kind).validate_python(default)
            json.dumps(default, allow_nan=False)
        except (ValueError, TypeError, RecursionError) as error:
            what = f"tool {tool}: argument {name} = {text!r} has a default that is not of its type"
            raise ToolFileError(f"{what}; give another one, or allow None with `… | None = None`") from error
    return kind, default


def _type(node: ast.expr) -> Any:
    match node:
        case ast.Name(id=name):
            return _TYPES[name]
        case ast.Constant(value=None):
            return None
        case ast.Constant(value=str() as text):
            return Literal[text]
        case ast.Subscript(value=ast.Name(id="list"), slice=inner):
            return list[_type(inner)]  # type: ignore[misc]
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _type(left) | _type(right)
    raise ValueError(ast.dump(node))
