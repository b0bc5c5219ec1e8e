"""The plan language with some tools as a grammar, for servers that hold an answer to one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from planner.describe import callable_tools, result_fields, written
from planner.tools import ToolSpec

NAMES = "r"  # results are named r1, r2, … in the order of the text
_LONGEST = 300  # a limit on characters that is spelt out; a longer one is left to the compiler
_MOST = 15  # items of a list


def grammar(tools: Iterable[ToolSpec], *, most_calls: int = 8, longest_text: int | None = None) -> str:
    """The EBNF that llama.cpp and xgrammar read (vLLM: `structured_outputs.grammar`).

    Every sentence of it compiles, but for a part of a result that this one has not. Results are named in order, so that a
    reference is always to an earlier one. A text ends at the latest after `longest_text` characters, if there is such a limit
    (a server checks every token against it: in xgrammar 0.2 that is quick up to about 100, and takes 0.1 s a token for
    thousands), a plan after `most_calls` calls.
    """
    tools = callable_tools(tools)
    fields = "".join(f'".{field}" | ' for field in result_fields(tools))
    statements = ""
    for place in range(most_calls, 0, -1):
        statements = f" (s{place}{statements})?" if place > 1 else f"s1{statements}"
    rules = [
        f"root ::= comment? {statements} end?",
        'comment ::= "# " [^\\n]{1,100} "\\n"',
        f'end ::= ("finish(answer=" | "replan(why=") {_text(longest_text)} ")\\n"',
        f'part ::= {fields}"[" "-"? ("0" | [1-9] [0-9]{{0,3}}) "]"',
        'char ::= [^"\\\\\\n] | "\\\\" ["\\\\nt]',
        'wide ::= [^"\\\\] | "\\\\" ["\\\\nt]',
    ]
    for place in range(1, most_calls + 1):
        rules += _Statement(place, longest_text).rules(tools)
    return "\n".join(rules) + "\n"


class _Statement:
    """The rules of one statement: what it may refer to is what stands before it."""

    def __init__(self, place: int, longest: int | None) -> None:
        self._place = place
        self._longest = longest

    def rules(self, tools: Iterable[ToolSpec]) -> list[str]:
        calls = {f"{_rule(tool)}-{self._place}": self._call(tool) for tool in tools}
        earlier = " | ".join(f'"{NAMES}{place}"' for place in range(1, self._place))
        return [
            f's{self._place} ::= "{NAMES}{self._place} = " ({" | ".join(calls)}) "\\n"',
            *(f"{name} ::= {call}" for name, call in calls.items()),
            *([f"ref-{self._place} ::= ({earlier}) part{{0,4}}"] if earlier else []),
            f"any-{self._place} ::= {self._any()}",
        ]

    def _or_ref(self, value: str) -> str:
        return f"{value} | ref-{self._place}" if self._place > 1 else value

    def _any(self) -> str:
        text = _text(self._longest)
        string = f"{text} | {_long(self._longest)}"
        number = '"-"? ("0" | [1-9] [0-9]{0,8}) ("." [0-9]{1,6})?'
        pair = f'{text} ": " ({string})'
        values = [string, number, '"True"', '"False"', '"None"', _list(f"({string})")]
        values.append(f'"{{" ({pair} (", " {pair}){{0,{_MOST}}})? "}}"')
        return self._or_ref(" | ".join(values))

    def _call(self, tool: ToolSpec) -> str:
        """`"read(" "path=" … (", first=" …)? ")"`, the required arguments first."""
        schema = tool.arguments.model_json_schema()
        required = schema.get("required", [])
        properties: dict[str, Any] = schema.get("properties", {})
        values = {name: f"({self._or_ref(self._value(each))})" for name, each in properties.items()}
        parts = [f'"{tool.name}("']
        parts += [f'"{", " if place else ""}{name}=" {values[name]}' for place, name in enumerate(required)]
        optional = [name for name in properties if name not in required]
        if required:
            parts += [f'(", {name}=" {values[name]})?' for name in optional]
        elif optional:  # any one of them may be the first
            starts = []
            for place, name in enumerate(optional):
                rest = " ".join(f'(", {each}=" {values[each]})?' for each in optional[place + 1 :])
                starts.append(f'"{name}=" {values[name]} {rest}'.rstrip())
            parts.append(f"({' | '.join(starts)})?")
        return " ".join([*parts, '")"'])

    def _value(self, field: Mapping[str, Any]) -> str:
        """A literal that the field's schema allows."""
        if "enum" in field:
            return " | ".join(json.dumps(written(each)) for each in field["enum"])
        match field.get("type"):
            case "string":
                return self._string(field)
            case "integer":
                return _number(field)
            case "number":
                return f'{_number(field)} ("." [0-9]{{1,6}})?'
            case "boolean":
                return '"True" | "False"'
            case "array" if "type" in field.get("items", {}):
                return _list(f"({self._or_ref(self._value(field['items']))})")
            case "null":
                return '"None"'
        if "anyOf" in field:
            return " | ".join(dict.fromkeys(self._value(each) for each in field["anyOf"]))
        return f"any-{self._place}"

    def _string(self, field: Mapping[str, Any]) -> str:
        least, most = field.get("minLength", 0), field.get("maxLength")
        if most is not None and most <= _LONGEST:  # a word, and not a text of several lines
            return _text(min(most, self._longest or most), least)
        return f"{_text(self._longest, least)} | {_long(self._longest, least)}"


def _text(longest: int | None, least: int = 0) -> str:
    return f'"\\"" char{_times(longest, least)} "\\""'


def _long(longest: int | None, least: int = 0) -> str:
    return f'"\\"\\"\\"" wide{_times(longest, least)} "\\"\\"\\""'


def _times(most: int | None, least: int) -> str:
    if most is None:
        return "+" if least else "*"
    return f"{{{min(least, most)},{most}}}"


def _list(item: str) -> str:
    return f'"[" ({item} (", " {item}){{0,{_MOST}}})? "]"'


def _number(field: Mapping[str, Any]) -> str:
    """A whole number that the schema allows; not each of them: of as many digits as the greatest has, those that begin lower."""
    most = int(field.get("maximum", field.get("exclusiveMaximum", 10**9)))
    least = field.get("minimum", field.get("exclusiveMinimum"))
    first, more = int(str(most)[0]), len(str(most)) - 1
    numbers = [f"[1-9] [0-9]{{0,{more - 1}}}" if more > 1 else "[1-9]"] if more else [f"[1-{first}]"]
    if more and first > 1:
        numbers.append(f"[1-{first - 1}] [0-9]{{{more}}}")
    zero = least is None or (least <= 0 and "exclusiveMinimum" not in field)
    whole = "(" + " | ".join(['"0"', *numbers] if zero else numbers) + ")"
    return f'"-"? {whole}' if least is None else whole


def _rule(tool: ToolSpec) -> str:
    """A rule's name: letters and dashes."""
    return "call-" + re.sub(r"[^a-z0-9]", "-", tool.name.lower())
