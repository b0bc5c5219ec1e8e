"""Tool calls and JSON compile into the Plan that the text would give; what servers are told can be held to."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from agents.tools import SPECS
from planner import (
    CompileErrors,
    ToolSpec,
    compile_json,
    compile_plan,
    compile_tool_calls,
    grammar,
    names_of_ids,
    openai_tools,
    plan_schema,
    prompt_text,
)
from tests.planner.tools import TOOLS


def tool_call(id: str, name: str, arguments: object) -> dict[str, object]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": id, "type": "function", "function": {"name": name, "arguments": text}}


def test_parallel_tool_calls_get_hazards_merging_and_ranks() -> None:
    calls = [
        tool_call("call_1", "read", {"path": "x"}),
        tool_call("call-2", "read", {"path": "x"}),
        tool_call("chatcmpl-tool-3", "edit", {"path": "x"}),
        tool_call("", "run_tests", ""),
    ]
    plan = compile_tool_calls(calls, TOOLS)
    text = "call_1 = read(path='x')\ncall_2 = read(path='x')\nchatcmpl_tool_3 = edit(path='x')\ncall_4 = run_tests()"
    same = compile_plan(text, TOOLS)
    assert [(call.name, dict(call.needs), plan.ranks[call.name]) for call in plan.calls] == [
        (call.name, dict(call.needs), same.ranks[call.name]) for call in same.calls
    ]
    assert plan.merged == {"call_2": "call_1"}


def test_each_fault_names_its_call() -> None:
    calls = [
        tool_call("1", "read", '{"path": '),
        tool_call("2", "raed", {"path": "x"}),
        tool_call("3", "read", "[1]"),
        {"id": "4"},
        tool_call("5", "read", {"path": 5}),
        tool_call("6", "read", "[" * 100_000),
    ]
    with pytest.raises(CompileErrors) as caught:
        compile_tool_calls(calls, TOOLS)
    told = [(error.line, error.code) for error in caught.value.errors]
    assert told == [
        (1, "syntax"),
        (2, "unknown-tool"),
        (3, "syntax"),
        (4, "not-a-call"),
        (5, "wrong-type"),
        (6, "syntax"),
    ]


def test_ids_that_look_alike_stay_apart() -> None:
    plan = compile_tool_calls([tool_call(name, "ask", {}) for name in ("a-b", "a_b", "a.b", "é")], TOOLS)
    assert len({call.name for call in plan.calls}) == 4


def test_json_compiles_like_text() -> None:
    plan = compile_json(
        json.dumps(
            {
                "thought": "look",
                "calls": [
                    {"name": "a", "tool": "grep", "arguments": {"pattern": "x"}},
                    {
                        "name": "b",
                        "tool": "read",
                        "arguments": {"path": {"ref": "a[0].path"}, "lines": [{"ref": "a[0].line"}]},
                    },
                    {"name": "c", "tool": "finish", "arguments": {"answer": {"ref": "b.text"}}},
                ],
            }
        ),
        TOOLS,
    )
    same = compile_plan(
        "a = grep(pattern='x')\nb = read(path=a[0].path, lines=[a[0].line])\nfinish(answer=b.text)", TOOLS
    )
    assert [(call.name, call.arguments, call.needs) for call in plan.calls] == [
        (call.name, call.arguments, call.needs) for call in same.calls
    ]
    assert plan.end is not None
    assert same.end is not None
    assert plan.end.arguments == same.end.arguments


@given(st.binary(max_size=100) | st.text(max_size=100))
def test_any_json_ends_in_a_plan_or_in_faults(text: bytes | str) -> None:
    call = {"name": "a", "tool": "think", "arguments": {"of": {"ref": str(text)}}}
    for whole in (text, json.dumps({"calls": [call]})):
        with pytest.raises(CompileErrors):
            compile_json(whole, TOOLS)


def test_descriptions_are_the_same_bytes_each_time_and_hold_every_tool() -> None:
    text = prompt_text(TOOLS)
    assert text == prompt_text(TOOLS)
    assert '- grep(pattern: str, path: str = "."): Search.' in text
    assert [each["function"]["name"] for each in openai_tools(TOOLS)] == [tool.name for tool in TOOLS]
    assert "made: list[int] = …, " in prompt_text(LIMITED)
    assert openai_tools(TOOLS)[1]["function"]["parameters"]["required"] == ["path"]
    schema = plan_schema(TOOLS)
    names = [each["properties"]["tool"]["const"] for each in schema["properties"]["calls"]["items"]["anyOf"]]
    assert names == [tool.name for tool in TOOLS]


SYNTAX = {
    "syntax",
    "unclosed",
    "not-a-call",
    "not-a-value",
    "positional",
    "after-call",
    "unpacking",
    "unknown-tool",
    "too-deep",
}


class Limited(BaseModel):
    some: list[int] = Field(min_length=2)
    any: list[Any] = Field([], max_length=1)
    made: list[int] = Field(default_factory=list)
    word: str = Field("abc", min_length=3)
    only: Literal["this"] = "this"
    from_5: int = Field(5, ge=5, le=20)
    from_17: int = Field(17, ge=17, lt=123_456)
    below_0: int = Field(-5, le=-1)
    around_0: int = Field(0, gt=-300, le=7)
    share: float = Field(0.5, ge=0, le=1)
    inside: float = Field(0.5, gt=0.2, lt=0.8)
    above: float = Field(1, gt=0)
    under: float = Field(-1, lt=-0.5)


LIMITED = (ToolSpec("limited", "", Limited),)
GRAMMARS = [(tools, grammar(tools, longest_text=30)) for tools in (TOOLS, SPECS, LIMITED)]


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(GRAMMARS), st.integers(0, 1 << 32))
def test_every_sentence_of_a_grammar_is_a_plan_of_its_tools(of: tuple[Sequence[ToolSpec], str], seed: int) -> None:
    """But for parts that a result has not."""
    tools, text = of
    sentence = sampled(text, random.Random(seed))
    try:
        compile_plan(sentence, tools)
    except CompileErrors as errors:
        assert {error.code for error in errors.errors} == {"no-such-part"}, (sentence, str(errors))


# -- a sampler of the EBNF that llama.cpp and xgrammar read --

_TOKEN = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]|[a-z][a-z0-9-]*|\{\d+,?\d*\}|[()|?*+])""")
Sampler = Callable[[random.Random, int], str]


@cache
def _parsed(text: str) -> dict[str, tuple[str, object]]:
    rules = dict(line.split(" ::= ", 1) for line in text.strip().split("\n"))
    return {name: _alternatives(_TOKEN.findall(body), rules) for name, body in rules.items()}


def sampled(text: str, rng: random.Random) -> str:
    parsed = _parsed(text)

    def expand(node: object, depth: int) -> str:
        kind, value = node  # type: ignore[misc]
        if kind == "any":
            return expand(value[0] if depth > 12 else rng.choice(value), depth + 1)
        if kind == "all":
            return "".join(expand(each, depth) for each in value)
        if kind == "rule":
            return expand(parsed[value], depth + 1)
        if kind == "repeat":
            inner, least, most = value
            return "".join(
                expand(inner, depth) for _ in range(least if depth > 12 else rng.randint(least, min(most, least + 3)))
            )
        return value if kind == "text" else rng.choice(value)

    return expand(("rule", "root"), 0)


def _alternatives(tokens: list[str], rules: dict[str, str]) -> tuple[str, object]:
    options: list[tuple[str, object]] = []
    parts: list[tuple[str, object]] = []
    while tokens and tokens[0] != ")":
        token = tokens.pop(0)
        if token == "|":
            options.append(("all", parts))
            parts = []
        elif token == "(":
            parts.append(_alternatives(tokens, rules))
            assert tokens.pop(0) == ")"
        elif token[0] == '"':
            parts.append(("text", json.loads(token)))
        elif token[0] == "[":
            parts.append(("one", _members(token[1:-1])))
        elif token in "?*+" or token[0] == "{":
            bounds = {"?": (0, 1), "*": (0, 3), "+": (1, 3)}.get(token)
            if bounds is None:
                least, _, most = token[1:-1].partition(",")
                bounds = (int(least), int(most or least))
            parts.append(("repeat", (parts.pop(), *bounds)))
        else:
            assert token in rules, token
            parts.append(("rule", token))
    return ("any", [*options, ("all", parts)])


def _members(body: str) -> str:
    body = body.encode().decode("unicode_escape")
    if body.startswith("^"):
        return "".join(char for char in "ab 'é#{}()[]\n" if char not in body[1:])
    return re.sub(r"(.)-(.)", lambda m: "".join(map(chr, range(ord(m[1]), ord(m[2]) + 1))), body)


@pytest.mark.parametrize("call", [None, 7, "read", {}, {"function": None}, {"function": {"name": 1}}])
def test_what_is_no_tool_call_is_a_fault(call: Any) -> None:
    with pytest.raises(CompileErrors, match="no function with a name"):
        compile_tool_calls([call], TOOLS)


def test_arguments_that_are_nested_too_deeply_are_a_fault() -> None:
    arguments = '{"of": ' + "[" * 900 + "]" * 900 + "}"
    with pytest.raises(CompileErrors, match="nested too deeply"):
        compile_tool_calls([{"id": "a", "function": {"name": "think", "arguments": arguments}}], TOOLS)


def test_no_index_begins_with_a_zero() -> None:
    assert '"[" "-"? ("0" | [1-9] [0-9]{0,3}) "]"' in grammar(TOOLS)
    written = json.dumps(plan_schema(TOOLS)).replace("\\\\", "\\")
    pattern = max(re.findall(r"\^\[a-z\][^\"]*\$", written), key=len)  # a reference's, not a name's
    assert re.fullmatch(pattern, "hits1[0][-12]")
    assert not re.fullmatch(pattern, "hits1[0349]")


@pytest.mark.parametrize("of", [r'"\ud800"', r'{"k": ["\udc00"]}', r'{"\ud800": 1}'])
def test_half_of_a_surrogate_pair_is_a_fault_in_the_same_words_everywhere(of: str) -> None:
    arguments = f'{{"of": {of}}}'
    for refused in (
        lambda: compile_plan(f"a = think(of={of})", TOOLS),
        lambda: compile_json('{"calls": [{"name": "a", "tool": "think", "arguments": ' + arguments + "}]}", TOOLS),
        lambda: compile_tool_calls([tool_call("a", "think", arguments)], TOOLS),
    ):
        with pytest.raises(CompileErrors) as caught:
            refused()
        (error,) = caught.value.errors
        assert (error.code, error.message) == ("not-a-value", "the text holds half of a surrogate pair")
    paired = compile_tool_calls([tool_call("a", "think", r'{"of": "\ud83d\ude00"}')], TOOLS)
    assert paired.calls[0].arguments == {"of": "\U0001f600"}


@pytest.mark.parametrize("depth", [101, 400, 100_000])
def test_json_that_is_nested_too_deeply_is_a_fault(depth: int) -> None:
    value = "[" * depth + "1" + "]" * depth
    with pytest.raises(CompileErrors):
        compile_json('{"calls": [{"name": "a", "tool": "think", "arguments": {"of": ' + value + "}}]}", TOOLS)


def test_ids_that_are_alike_get_names_of_their_own_in_linear_time() -> None:
    ids = [f"call{chr(0x4E00 + n)}" for n in range(5000)] + ["", "", "call_2", f"call{chr(0x4E00)}"]
    names = names_of_ids(ids)
    assert names[0] == names[-1]
    assert len(set(names)) == len(ids) - 1
