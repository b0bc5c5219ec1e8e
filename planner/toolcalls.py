"""The second front end: what a model that only speaks OpenAI's parallel tool calls wrote becomes the same Plan.

Each call of one assistant message is a statement, in the order of the message; its id becomes its name, so that the results find
their way back. Hazards, merging and ranks are those of a plan text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from planner.compiler import Compiler
from planner.parsed import HALF, Parsed, Place, holds_half
from planner.plan import Plan, deeper
from planner.statements import DEEPEST
from planner.tools import ToolSpec


def compile_tool_calls(tool_calls: Sequence[Mapping[str, Any]], tools: Iterable[ToolSpec]) -> Plan:
    """Compile the `tool_calls` of an assistant message (dicts, as in the API's JSON).

    Raises CompileErrors, in which `line` is the number of the call, from 1, and `column` a place in its arguments' text.
    """
    compiler = Compiler(tools)
    given = [call if isinstance(call, Mapping) else {} for call in tool_calls]
    names = names_of_ids([str(call.get("id") or "") for call in given])
    for number, (name, call) in enumerate(zip(names, given, strict=True), start=1):
        function = call.get("function")
        text = function.get("arguments") if isinstance(function, Mapping) else None
        tool = function.get("name") if isinstance(function, Mapping) else None
        place = Place(number, 0, text if isinstance(text, str) else "")
        if not isinstance(tool, str) or not isinstance(text, str | None):
            what = "a tool call has no function with a name and a text of arguments"
            compiler.errors.append(place.fault("not-a-call", what, "give both"))
            continue
        arguments = _arguments(compiler, place, tool, text or "{}")
        if arguments is not None:
            places = dict.fromkeys(arguments, place)
            compiler.add(
                Parsed(None if tool in ("finish", "replan") else name, tool, arguments, number, place, place, places)
            )
    return compiler.plan()


def names_of_ids(ids: Sequence[str]) -> list[str]:
    """For each id a name that a plan may hold; equal only if the ids are."""
    found: dict[str, str] = {}  # name -> its id
    named: dict[str, str] = {}  # id -> its name
    alike: dict[str, int] = {}  # word -> how many ids gave it
    names = []
    for place, each in enumerate(ids):
        word = re.sub(r"\W", "_", each, flags=re.ASCII).lstrip("_0123456789")
        name = named.get(each, word) or f"call_{place + 1}"
        while found.setdefault(name, each) != each:
            alike[word] = alike.get(word, 1) + 1
            name = f"{word or 'call'}_{alike[word]}"
        if word:
            named[each] = name
        names.append(name)
    return names


def _arguments(compiler: Compiler, place: Place, tool: str, text: str) -> dict[str, Any] | None:
    hint = 'write one object, as in {"path": "src"}'
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        at = Place(place.line, error.pos, text.split("\n")[0])
        compiler.errors.append(at.fault("syntax", f"the arguments of {tool} are not JSON: {error.msg}", hint))
    except (ValueError, RecursionError) as error:
        compiler.errors.append(place.fault("syntax", f"the arguments of {tool} cannot be read: {error}", hint))
    else:
        if deeper(value, DEEPEST):
            compiler.errors.append(place.fault("too-deep", f"the arguments of {tool} are nested too deeply", hint))
            return None
        if holds_half(value):
            compiler.errors.append(place.fault(*HALF))
            return None
        if isinstance(value, dict):
            return value
        compiler.errors.append(place.fault("syntax", f"the arguments of {tool} are not an object", hint))
    return None
