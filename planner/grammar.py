"""The plan language with some tools as a grammar, for servers that hold an answer to one."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from planner.describe import callable_tools, result_fields, written
from planner.tools import ToolSpec

NAMES = "r"  # results are named r1, r2, … in the order of the text
_LONGEST = 300  # a limit on characters that is spelt out; a longer one is left to the compiler
_MOST = 16  # items of a list
_GREATEST = 10**9 - 1  # of the numbers that have no limit


def grammar(tools: Iterable[ToolSpec], *, most_calls: int = 8, longest_text: int | None = None) -> str:
    """The EBNF that llama.cpp and xgrammar read (vLLM: `structured_outputs.grammar`).

    Every sentence of it compiles, but for a part of a result that this one has not, and where more is asked of a value than
    its type, the limits of a number, and the length of a text or a list (the fields of an object, a pattern). Results are
    named in order, so that a reference is always to an earlier one. A text ends at the latest after `longest_text`
    characters, if there is such a limit (a server checks every token against it: in xgrammar 0.2 that is quick up to about
    100, and takes 0.1 s a token for thousands), a plan after `most_calls` calls.
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
        values.append(f'"{{" ({pair} (", " {pair}){{0,{_MOST - 1}}})? "}}"')
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
        if "enum" in field or "const" in field:
            return " | ".join(json.dumps(written(each)) for each in field.get("enum", [field.get("const")]))
        match field.get("type"):
            case "string":
                return self._string(field)
            case "integer" | "number":
                return _number(field)
            case "boolean":
                return '"True" | "False"'
            case "array":
                least, most = field.get("minItems", 0), field.get("maxItems", _MOST)
                return _list(f"({self._or_ref(self._value(field.get('items', {})))})", least, most)
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
        return f"{{{least},}}" if least > 1 else "+" if least else "*"
    return f"{{{min(least, most)},{most}}}"


def _list(item: str, least: int = 0, most: int = _MOST) -> str:
    if most < 1:
        return '"[]"'
    some = f'{item} (", " {item}){{{max(0, least - 1)},{min(most, max(least, _MOST)) - 1}}}'
    return f'"[" {some} "]"' if least else f'"[" ({some})? "]"'


def _number(field: Mapping[str, Any]) -> str:
    """Numbers that the schema allows; not each of them."""
    least = max(
        math.ceil(field.get("minimum", -_GREATEST)), math.floor(field.get("exclusiveMinimum", -_GREATEST - 1)) + 1
    )
    most = min(math.floor(field.get("maximum", _GREATEST)), math.ceil(field.get("exclusiveMaximum", _GREATEST + 1)) - 1)
    numbers = [*_digits(max(0, least), most), *(f'"-" {each}' for each in _digits(max(1, -most), -least))]
    if field["type"] == "number":  # between two whole ones that are allowed
        positive, negative = _digits(max(0, least), most - 1), _digits(max(0, -most), -least - 1)
        numbers += [f'{each} "." [0-9]{{1,6}}' for each in [*positive, *(f'"-" {each}' for each in negative)]]
    return " | ".join(numbers) or json.dumps(written(_middle(field)))


def _middle(field: Mapping[str, Any]) -> float:
    """A number between limits between which lies no whole one."""
    least = field.get("minimum", field.get("exclusiveMinimum", 0))
    return float(least + field.get("maximum", field.get("exclusiveMaximum", least))) / 2


def _digits(least: int, most: int) -> list[str]:
    """Whole numbers from least (not below 0) to most; few are spelt out, of many not each."""
    if most - least < _MOST:
        return [f'"{number}"' for number in range(least, most + 1)]
    found = ['"0"'] if least == 0 else []
    least = max(1, least)
    full = []  # numbers of digits that all numbers of so many may have
    for size in range(len(str(least)), len(str(most)) + 1):
        unit = 10 ** (size - 1)
        first, last = max(1, -(-least // unit)), min(9, (most + 1) // unit - 1)
        if (first, last) == (1, 9):
            full.append(size - 1)
        elif first <= last:
            found.append(f"[{first}-{last}]" + (f" [0-9]{{{size - 1}}}" if size > 1 else ""))
    if full:
        found.append(f"[1-9] [0-9]{{{full[0]},{full[-1]}}}")
    return found or [f'"{least}"', f'"{most}"']


def _rule(tool: ToolSpec) -> str:
    """A rule's name: letters and dashes."""
    return "call-" + re.sub(r"[^a-z0-9]", "-", tool.name.lower())
