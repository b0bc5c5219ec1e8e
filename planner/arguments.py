"""Argument checking: against the tool's pydantic model, as far as the values are known before the plan runs."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from planner.errors import MOST_FAULTS, CompileError, nearest
from planner.parsed import Parsed
from planner.plan import waits
from planner.tools import ToolSpec


def check_arguments(parsed: Parsed, tool: ToolSpec) -> tuple[BaseModel | None, list[CompileError]]:
    """The arguments as the tool takes them, when all of them are known now; and the faults, the first of many."""
    fields = tool.fields
    unknown = [name for name in parsed.arguments if name not in fields]
    errors = [_unknown(parsed, tool, name) for name in unknown[:MOST_FAULTS]] if unknown else []
    missing = [name for name in tool.required if name not in parsed.arguments]
    if missing:
        what = f"{tool.name} needs {', '.join(missing)}"
        errors.append(parsed.tool_place.fault("missing-argument", what, f"add {missing[0]}=…"))
    if errors or parsed.uses:
        return None, errors + _check_known(parsed, tool)
    try:
        return tool.arguments.model_validate(parsed.arguments), []
    except ValidationError as error:
        told = error.errors(include_url=False)[:MOST_FAULTS]
        return None, [_wrong(parsed, tool, each["msg"], each["loc"], each["input"]) for each in told]


def _unknown(parsed: Parsed, tool: ToolSpec, name: str) -> CompileError:
    what = f"{tool.name} has no argument {name}"
    return parsed.places[name].fault("unknown-argument", what, nearest(name, tool.fields))


def _check_known(parsed: Parsed, tool: ToolSpec) -> list[CompileError]:
    """Each argument for itself; what holds a reference is checked when its Call starts."""
    errors = []
    for name, value in parsed.arguments.items():
        if name in tool.fields and not waits(value):
            try:
                tool.fields[name].validate_python(value)
            except ValidationError as error:
                told = error.errors(include_url=False)[0]
                errors.append(_wrong(parsed, tool, told["msg"], (name, *told["loc"]), told["input"]))
    return errors


def _wrong(parsed: Parsed, tool: ToolSpec, what: str, where: tuple[int | str, ...], value: object) -> CompileError:
    place = parsed.places.get(str(where[0]), parsed.tool_place) if where else parsed.tool_place
    name = ".".join(map(str, where))
    shown = repr(value)
    hint = f"it is {shown if len(shown) <= 60 else shown[:60] + '…'}"
    return place.fault("wrong-type", f"{tool.name}'s {name}: {what}", hint)
