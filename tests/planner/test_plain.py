"""What is read by patterns is what Python's parser reads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from planner import plain
from planner.parse import parse_fully
from planner.parsed import Parsed
from planner.plan import Reference, Template
from planner.statements import Statement

TOKENS = [
    *("a", "hits", "read", "path", "x_1", "_x", "if", "is", "None", "True", "finish", "replan", "match", "f", "rb"),
    *("0", "7", "-1", "- 1", "007", "1_0", "1.5", "1e3", "0x1f", "2j", "9" * 18, "9" * 19, "9" * 5000),
    *(
        '""',
        '"b c"',
        "'d'",
        '"é"',
        '"{"',
        '"\\n"',
        '"\0"',
        '"""t"""',
        "r'x'",
        'f"{a}"',
        "f'{a.b[0]} {{}}'",
        "f\"{a['k']}\"",
    ),
    *("f'{a!r}'", "f'{a:>3}'", "f'{ a }'", "f'{a.if}'", "f'}'", "f'{a._b}'", "f'{a}{a[-1]}'", '"a" "b"', '"a"\n"b"'),
    *(
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        ",",
        ".",
        "=",
        ":",
        "*",
        "**",
        "-",
        "+",
        "#",
        ";",
        " ",
        "\n",
        "\t",
        "\f",
        "\\\n",
        "if",
    ),
    *(
        "[0]",
        "[-0]",
        "[00]",
        "['k']",
        '["k"]',
        "[True]",
        "[1:2]",
        ".path",
        ".class",
        "[1]",
        "a=",
        "a = read(",
        ", path=",
    ),
]
VALUES = st.sampled_from(
    ['"b c"', "''", "7", "-12", "0", "True", "None", "a", "a.path", "a[0].path", "a['k'][-1]", "f'{a} {a[0].b}'", "f''"]
)


@st.composite
def good_statements(draw: st.DrawFn) -> str:
    space = st.sampled_from(["", " ", "  "])
    lists = st.lists(VALUES, max_size=3).map(lambda each: f"[{', '.join(each)}]")
    pairs = st.tuples(st.sampled_from("pqrst"), VALUES | lists)
    arguments = draw(st.lists(pairs, max_size=4, unique_by=lambda each: each[0]))
    inside = ",".join(
        f"{draw(space)}{name}{draw(space)}={draw(space)}{value}{draw(space)}" for name, value in arguments
    )
    comma = draw(st.sampled_from(["", ",\n"])) if arguments else ""
    head = draw(st.sampled_from(["x = read(", "  x=read(", "finish(", "x = finish(", "v_2 =\tgrep("]))
    return f"{head}{inside}{comma})"


def seen(parsed: Parsed) -> Any:
    """Everything that was read, places included (but Python 3.11 misplaces what stands in an f-string)."""
    exact = [spot for name, spot in parsed.places.items() if not _formatted(parsed.arguments[name])]
    exact += [parsed.place, parsed.tool_place]
    faults = [spot.fault("code", "message") for spot in exact]
    uses = [reference for reference, _ in parsed.uses]
    return parsed.name, parsed.tool, repr(parsed.arguments), parsed.line, uses, list(parsed.places), faults


def _formatted(value: Any) -> bool:
    return any(_formatted(each) for each in value) if isinstance(value, list) else isinstance(value, Template)


@given(good_statements())
def test_common_statements_are_read_alike(text: str) -> None:
    parsed, errors = parse_fully(Statement(text, 5))
    plainly = plain.read(Statement(text, 5))
    assert parsed is not None and not errors
    assert plainly is not None and seen(plainly) == seen(parsed)


@given(st.one_of(st.lists(st.sampled_from(TOKENS), max_size=9).map("".join), st.text(max_size=20)))
@example('"a" "b"')
@example("1 if a else 2")
@example("'''t'''")
@example("a, path=a")
@example("1), b = read(")
@example("[a, [1]]")
@example("[1, 2) ")
@example("")
def test_what_is_read_by_patterns_is_what_python_reads(inside: str) -> None:
    for text in (f"x = read(path={inside})", f"x = read({inside})", f"x = {inside}", inside):
        plainly = plain.read(Statement(text, 1))
        if plainly is not None:
            parsed, errors = parse_fully(Statement(text, 1))
            assert parsed is not None and not errors, (text, errors)
            assert seen(plainly) == seen(parsed), text


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("'a b'", "a b"),
        ("-3", -3),
        ("[1, a[0].b,]", [1, Reference("a", (("index", 0), ("field", "b")))]),
        ("f'<{a}>'", Template(("<", Reference("a"), ">"))),
        ("None", None),
    ],
)
def test_values(value: str, read: Any) -> None:
    plainly = plain.read(Statement(f"x = read(path={value})", 1))
    assert plainly is not None and plainly.arguments == {"path": read}


@pytest.mark.parametrize("value", ["'\\n'", "'é'", "1.5", "[[1]]", "{'a': 1}", "a.if", "f'{{'", "a + 1", "read(x=1)"])
def test_other_values_are_left_to_python(value: str) -> None:
    assert plain.read(Statement(f"x = read(path={value})", 1)) is None
