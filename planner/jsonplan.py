"""A plan as JSON, for servers that hold an answer to a schema (`planner.describe.plan_schema`) -> the same Plan."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from planner.compiler import Compiler
from planner.errors import CompileError
from planner.parse import read_reference
from planner.parsed import HALF, Parsed, Place, Spot, holds_half
from planner.plan import Plan, Reference, deeper
from planner.statements import DEEPEST
from planner.tools import ToolSpec


def compile_json(text: str | bytes, tools: Iterable[ToolSpec]) -> Plan:
    """Compile `{"calls": [{"name", "tool", "arguments"}]}`. Raises CompileErrors, in which `line` is the number of the call."""
    compiler = Compiler(tools)
    for number, call in enumerate(_calls(compiler, text), start=1):
        place = Place(number, 0, "")
        if not isinstance(call, dict) or not isinstance(call.get("arguments", {}), dict):
            compiler.errors.append(place.fault("not-a-call", "this is no call", _EXPECTED))
            continue
        name, tool = call.get("name"), call.get("tool")
        if not isinstance(tool, str) or not isinstance(name, str) or not name.isidentifier() or name.startswith("_"):
            compiler.errors.append(
                place.fault("not-a-call", "the call has no tool, or no name that is a word", _EXPECTED)
            )
            continue
        if deeper(call.get("arguments"), DEEPEST):
            compiler.errors.append(place.fault("too-deep", "the arguments are nested too deeply", "make them flatter"))
            continue
        if holds_half(call.get("arguments")):
            compiler.errors.append(place.fault(*HALF))
            continue
        uses: list[tuple[Reference, Spot]] = []
        try:
            arguments = {key: _value(value, uses, place) for key, value in call.get("arguments", {}).items()}
        except (ValueError, RecursionError) as error:
            compiler.errors.append(place.fault("not-a-reference", str(error), 'write {"ref": "name[0].field"}'))
            continue
        end = tool in ("finish", "replan")
        places = dict.fromkeys(arguments, place)
        compiler.add(Parsed(None if end else name, tool, arguments, number, place, place, places, uses))
    return compiler.plan()


_EXPECTED = 'write {"name": …, "tool": …, "arguments": {…}}'


def _calls(compiler: Compiler, text: str | bytes) -> list[Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        compiler.errors.append(CompileError("syntax", 1, 0, f"the plan is not JSON: {error}", _EXPECTED))
        return []
    calls = value.get("calls") if isinstance(value, dict) else None
    if not isinstance(calls, list):
        compiler.errors.append(CompileError("syntax", 1, 0, "the plan has no list of calls", _EXPECTED))
        return []
    return calls


def _value(value: Any, uses: list[tuple[Reference, Spot]], place: Place) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"ref"} and isinstance(value["ref"], str):
            reference = read_reference(value["ref"])
            uses.append((reference, place))
            return reference
        return {key: _value(each, uses, place) for key, each in value.items()}
    if isinstance(value, list):
        return [_value(each, uses, place) for each in value]
    return value
