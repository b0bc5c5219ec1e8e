"""What a model and its server are told of the tools, all of it made from one list of ToolSpecs: the prompt's text, OpenAI's
`tools`, and for servers with structured output a JSON schema of a plan. (The grammar of the plan language: `planner/grammar.py`.)
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from planner.parsed import ENDS
from planner.tools import ToolSpec

_LANGUAGE = """\
Write a plan: one tool call on each line, as `name = tool(argument=value)`. A value is a literal, an f-string, or a part of
an earlier result, as in `hits[0].path`. Every name is assigned once. Calls that do not depend on each other run at once, so
write down all that you can without waiting for a result; the order of the text holds wherever files are read and written.
No other Python is allowed. End with `finish(…)` when nothing is left to do, or with `replan(why=…)`, or just stop to see
the results.
"""


def prompt_text(tools: Iterable[ToolSpec]) -> str:
    """The plan language and the tools, for a prompt. The same list gives the same bytes."""
    lines = [_LANGUAGE, "Tools:"]
    for tool in tools:
        lines.append(f"- {tool.name}({_signature(tool)}): {tool.doc}")
        schema = tool.arguments.model_json_schema()
        for name, field in schema.get("properties", {}).items():
            if field.get("description"):
                lines.append(f"    {name}: {field['description']}")
    return "\n".join(lines) + "\n"


def openai_tools(tools: Iterable[ToolSpec]) -> list[dict[str, Any]]:
    """The `tools` of a chat completion."""
    return [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.doc, "parameters": _parameters(tool)},
        }
        for tool in tools
    ]


def plan_schema(tools: Iterable[ToolSpec], *, most_calls: int = 16) -> dict[str, Any]:
    """A JSON schema of a plan, which `compile_json` compiles: `{"thought": …, "calls": [{"name", "tool", "arguments"}]}`.

    An argument is a value, or `{"ref": "hits[0].path"}` for a part of an earlier result.
    """
    tools = callable_tools(tools)
    parts = "".join(rf"|\.{field}" for field in result_fields(tools))
    ref = _object(
        {"ref": {"type": "string", "pattern": rf"^{_NAME}(\[-?(0|[1-9][0-9]{{0,3}})\]{parts}){{0,4}}$"}}, ["ref"]
    )
    calls = []
    definitions: dict[str, Any] = {}
    for tool in tools:
        parameters = _parameters(tool)
        definitions.update(parameters.pop("$defs", {}))
        properties = {name: {"anyOf": [field, ref]} for name, field in parameters["properties"].items()}
        calls.append(
            _object(
                {
                    "name": {"type": "string", "pattern": f"^{_NAME}$"},
                    "tool": {"const": tool.name},
                    "arguments": {**parameters, "properties": properties},
                },
                ["name", "tool", "arguments"],
            )
        )
    plan = _object(
        {
            "thought": {"type": "string", "maxLength": 2000},
            "calls": {"type": "array", "minItems": 1, "maxItems": most_calls, "items": {"anyOf": calls}},
        },
        ["thought", "calls"],
    )
    return {**plan, "$defs": definitions} if definitions else plan


_NAME = "[a-z][a-z_]{0,16}[0-9]{1,3}"


def callable_tools(tools: Iterable[ToolSpec]) -> list[ToolSpec]:
    """Without those that end a plan and give no result."""
    return [tool for tool in tools if tool.name not in ENDS]


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def result_fields(tools: Iterable[ToolSpec]) -> list[str]:
    """The names of all fields that results promise, at any depth."""
    found: set[str] = set()
    for tool in tools:
        schema = tool.result.json_schema() if tool.result is not None else {}
        for each in (schema, schema.get("items", {}), *schema.get("$defs", {}).values()):
            found.update(each.get("properties", {}))
    return sorted(found)


def _parameters(tool: ToolSpec) -> dict[str, Any]:
    schema = tool.arguments.model_json_schema()
    schema.pop("title", None)
    schema.pop("description", None)
    for field in schema.get("properties", {}).values():
        field.pop("title", None)
    schema.setdefault("properties", {})
    return {**schema, "additionalProperties": False}


def _signature(tool: ToolSpec) -> str:
    schema = tool.arguments.model_json_schema()
    required = schema.get("required", [])
    said = []
    for name, field in schema.get("properties", {}).items():
        default = "" if name in required else f" = {written(field['default']) if 'default' in field else '…'}"
        said.append(f"{name}: {_type(field)}{default}")
    return ", ".join(said)


def _type(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        return " | ".join(_type(each) for each in field["anyOf"])
    if "enum" in field:
        return " | ".join(written(each) for each in field["enum"])
    if "const" in field:
        return written(field["const"])
    if field.get("type") == "array":
        return f"list[{_type(field.get('items', {}))}]"
    names = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None", "object": "dict"}
    return names.get(str(field.get("type")), str(field.get("$ref", "Any")).rpartition("/")[2])


def written(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
