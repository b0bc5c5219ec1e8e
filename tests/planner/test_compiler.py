"""Plan text becomes a checked DAG, or a list of faults that say what to write instead."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from planner import CompileErrors, Reference, Template, ToolSpec, compile_plan, references
from planner.plan import shown
from tests.planner.tools import TOOLS, Nothing


def faults(text: str) -> list[tuple[str, int]]:
    with pytest.raises(CompileErrors) as caught:
        compile_plan(text, TOOLS)
    return [(error.code, error.line) for error in caught.value.errors]


def test_values_are_literals_references_and_f_strings_at_any_depth() -> None:
    plan = compile_plan(
        "a = grep(pattern='x' \"y\")\n"
        "b = read(path=a[-1].path, lines=[1, a[0].line])\n"
        "c = think(of={'k': [None, True, -1.5, (1, 2)], 'r': b.lines[0], 't': f'{a[0].path}:{{{b.text}}}'})\n",
        TOOLS,
    )
    a, b, c = plan.calls
    assert a.arguments == {"pattern": "xy"}
    assert b.arguments["path"] == Reference("a", (("index", -1), ("field", "path")))
    assert b.arguments["lines"] == [1, Reference("a", (("index", 0), ("field", "line")))]
    assert c.arguments["of"]["k"] == [None, True, -1.5, [1, 2]]
    assert c.arguments["of"]["t"] == Template(
        (Reference("a", (("index", 0), ("field", "path"))), ":{", Reference("b", (("field", "text"),)), "}")
    )
    assert dict(c.needs) == {"b": "uses", "a": "uses"}


def test_what_is_known_is_checked_once_and_kept() -> None:
    plan = compile_plan('a = grep(pattern="x")\nb = read(path=a[0].path)', TOOLS)
    assert plan.calls[0].checked is not None
    assert plan.calls[0].checked.model_dump() == {"pattern": "x", "path": "."}
    assert plan.calls[1].checked is None


def test_every_fault_of_a_plan_is_told_at_once_and_what_follows_from_one_is_not() -> None:
    text = """
a = grop(pattern="x")
b = read(path=a.path)
c = grep(patern="x")
c = grep(pattern="y")
d = read("x")
e = read(path=later)
f = read(path=open("x"))
g = read(path=b.__class__)
for x in b: pass
h = read(path=1)
i = read(path=[j for j in b])
k = lambda: 1
l = think(of=1 + 1)
m: str = think(of=1)
n += think(of=1)
think(of=1)
o = think(of=1).of
p = read(path="x", path="y")
q = read(**b)
_r = think(of=1)
s = think(of=f"{b!r}")
t = think(of=b"x")
import os
u = think(of=unclosed
v = think(of="open)
w = x = think(of=1)
finish(of=nothing)
y = think(of=1)
z = finish(of=1)
"""
    assert faults(text) == [
        ("unknown-tool", 2),
        ("unknown-argument", 4),
        ("missing-argument", 4),
        ("assigned-twice", 5),
        ("positional", 6),
        ("unknown-name", 7),
        ("not-a-value", 8),
        ("private", 9),
        ("not-a-call", 10),
        ("wrong-type", 11),
        ("not-a-value", 12),
        ("not-a-call", 13),
        ("not-a-value", 14),
        ("not-a-call", 15),
        ("not-a-call", 16),
        ("not-a-call", 17),
        ("after-call", 18),
        ("argument-twice", 19),
        ("unpacking", 20),
        ("private", 21),
        ("not-a-value", 22),
        ("not-a-value", 23),
        ("not-a-call", 24),
        ("unclosed", 25),
        ("unclosed", 26),
        ("not-a-call", 27),
        ("unknown-name", 28),
        ("not-a-call", 30),
    ]


def test_nothing_follows_an_end_and_an_end_gives_no_result() -> None:
    assert faults("finish(answer=1)\nb = ask()") == [("after-end", 2)]
    assert faults("a = finish(answer=1)") == [("not-a-call", 1)]


def test_a_fault_shows_its_place_and_what_to_write_instead() -> None:
    with pytest.raises(CompileErrors) as caught:
        compile_plan('é = grop(pattern="x")\nb = grep(patern="x")\nc = grep(pattern="ü", path=4)', TOOLS)
    told = str(caught.value).split("\n")
    assert told[:3] == [
        "line 1, column 5: there is no tool grop; did you mean grep? [unknown-tool]",
        '    é = grop(pattern="x")',
        "        ^",
    ]
    assert "line 2, column 17: grep has no argument patern; did you mean pattern? [unknown-argument]" in told
    assert "line 3, column 28: grep's path: Input should be a valid string; it is 4 [wrong-type]" in told


@pytest.mark.parametrize(
    ("use", "said"),
    [
        ("hits.path", "hits has no .path; it is list[tests.planner.tools.Hit]"),
        ("hits[0].pth", "hits[0] has no .pth; did you mean path?"),
        ("hits['x']", "hits has no ['x']; it is"),
        ("body.text[0].x", "body.text has no [0]; it is a str"),
        ("body.lines.append", "body.lines has no .append"),
    ],
)
def test_references_are_checked_against_what_tools_promise(use: str, said: str) -> None:
    with pytest.raises(CompileErrors) as caught:
        compile_plan(f'hits = grep(pattern="x")\nbody = read(path="y")\nz = think(of={use})', TOOLS)
    assert said in str(caught.value)


class Point(NamedTuple):
    x: list[int]


@pytest.mark.parametrize(
    ("use", "said"),
    [("p.x[0]", ""), ("p[0]", ""), ("p.y", "did you mean x|known: x"), ("p.x.y", "no .y"), ("p.count", "p has no")],
)
def test_a_named_tuple_has_its_fields_and_no_others(use: str, said: str) -> None:
    text = f"p = locate()\nz = think(of={use})"
    tools = [*TOOLS, ToolSpec("locate", "", Nothing, returns=Point)]
    if not said:
        assert len(compile_plan(text, tools).calls) == 2
    else:
        with pytest.raises(CompileErrors, match=said):
            compile_plan(text, tools)


def test_equal_pure_calls_are_merged_unless_something_that_they_read_is_written_between() -> None:
    plan = compile_plan(
        "a = read(path='x')\n"
        "b = read(path='x', lines=[])\n"
        "c = think(of=[a.text, b.text])\n"
        "d = think(of=[b.text, a.text])\n"
        "e = edit(path='x', search='1')\n"
        "f = read(path='x')\n"
        "g = edit(path='y', search='1')\n"
        "h = read(path='x')\n"
        "i = ask()\n"
        "j = ask()\n"
        "k = run()\n"
        "l = read(path='x')\n",
        TOOLS,
    )
    assert dict(plan.merged) == {"b": "a", "d": "c", "h": "f"}


def test_values_of_different_types_are_different() -> None:
    plan = compile_plan("a = think(of=1)\nb = think(of=True)\nc = think(of=1.0)\nd = think(of='1')", TOOLS)
    assert not plan.merged


def test_what_nobody_reads_and_changes_nothing_is_left_out_when_the_plan_says_what_it_shows() -> None:
    text = "a = read(path='x')\nb = read(path='y')\nc = edit(path='y')\nd = think(of=b.text)\n"
    assert compile_plan(text, TOOLS).pruned == ()
    plan = compile_plan(text + "finish(answer=a.text)", TOOLS)
    assert plan.pruned == ("b", "d")
    assert {call.name: dict(call.needs) for call in plan.calls} == {"a": {}, "c": {}}


def test_the_order_of_what_is_left_does_not_hang_on_what_is_left_out() -> None:
    one = "a = edit(path='x')\nb = read(path='x')\nc = edit(path='x')\nfinish(answer=1)"
    assert {call.name: dict(call.needs) for call in compile_plan(one, TOOLS).calls} == {
        "a": {},
        "c": {"a": "writes after"},
    }
    two = "a = edit(path='x')\nb = edit(path='y')\nc = grep(pattern='p')\nd = edit(path='z')\nfinish(answer=1)"
    plan = compile_plan(two, TOOLS)
    assert {call.name: set(call.needs) for call in plan.calls} == {
        "a": set(),
        "b": set(),
        "after c": {"a", "b"},
        "d": {"after c"},
    }


def test_ranks_follow_the_longest_chain() -> None:
    plan = compile_plan(
        "a = grep(pattern='x')\nb = read(path=a[0].path)\nc = run_tests()\nd = think(of=[b.text, c])", TOOLS
    )
    assert {name: pytest.approx(rank) for name, rank in plan.ranks.items()} == {"a": 3.1, "b": 1.1, "c": 10.1, "d": 0.1}


def test_many_waiting_for_many_need_few_edges() -> None:
    text = "".join(f"w{n} = edit(path='d/{n}')\nr{n} = read(path='d')\n" for n in range(300))
    text += "".join(f"x{n} = edit(path='e/{n}')\n" for n in range(300)) + "".join(
        f"y{n} = read(path='e', lines=[{n}])\n" for n in range(300)
    )
    plan = compile_plan(text + "".join(f"z{n} = edit(path='e/{n}')\n" for n in range(300)), TOOLS)
    assert sum(len(call.needs) for call in plan.calls) < 6 * len(plan.calls)


@pytest.mark.parametrize(
    "use", ["path={}", "path='a', lines=[{}]", "path='a', lines={{{}: 1}}", "path=a[{}]", "path=a[-{}]", "path=-{}"]
)
def test_a_number_that_python_cannot_write_down_is_a_fault(use: str) -> None:
    text = "a = grep(pattern='x')\nb = read(" + use.format("0x" + "f" * 5000) + ")"
    assert ("not-a-value", 2) in faults(text)


def test_many_faults_are_told_in_time_that_does_not_grow_with_their_square() -> None:
    for text in (f"x = grep({'a, ' * 20_000}a)", "".join(f"v{n} = read(path=nothing{n})\n" for n in range(3000))):
        with pytest.raises(CompileErrors) as refused:
            compile_plan(text, TOOLS)
        hints = [each.hint for each in refused.value.errors if each.code == "unknown-name"]
        assert len(refused.value.errors) <= 3000
        assert not any(hints[50:])


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (f"read({'a, ' * 8000}a)", "positional"),
        (f"think(of=[{', '.join(f'u{n}' for n in range(8000))}])", "unknown-name"),
        (f"read(path='x', lines={['q'] * 8000})", "wrong-type"),
        (f"read(path='x', {', '.join(f'q{n}=1' for n in range(8000))})", "unknown-argument"),
    ],
)
def test_of_many_faults_of_one_statement_the_first_are_told_with_what_stands_around_them(
    statement: str, code: str
) -> None:
    with pytest.raises(CompileErrors) as refused:
        compile_plan(f"x = {statement}", TOOLS)
    assert [each.code for each in refused.value.errors] == [code] * 20
    assert max(len(each.source) for each in refused.value.errors) == 120
    last = str(refused.value.errors[-1]).split("\n")
    assert last[1][last[2].index("^")] in "au[1"


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.text("ab'\"\\{}\n\0 ", max_size=8)
_PATHS = st.lists(
    st.tuples(st.just("field"), st.sampled_from("xyz"))
    | st.tuples(st.just("index"), st.integers(-9, 99) | st.text("ab'\"{}:!# ", max_size=3)),
    max_size=3,
)
_REFERENCES = st.builds(lambda path: Reference("a", tuple(path)), _PATHS)
_TEMPLATES = st.lists(st.tuples(_REFERENCES, _TEXTS.filter(bool)), min_size=1, max_size=4).map(
    lambda pairs: Template(tuple(part for pair in pairs for part in pair))
)
_LEAVES = (
    _TEXTS | st.integers(-99, 99) | st.floats(allow_nan=False) | st.booleans() | st.none() | _REFERENCES | _TEMPLATES
)
_VALUES = st.recursive(_LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3))


@given(_VALUES)
def test_a_value_that_is_shown_compiles_to_the_same_value(value: Any) -> None:
    keys = [part for each in references(value) for kind, part in each.path if kind == "index"]
    assume(not any({"'", '"'} <= set(str(key)) for key in keys))  # Python 3.11 has no backslash inside of an f-string
    (_, call) = compile_plan(f"a = run()\nb = think(of={shown(value)})", TOOLS).calls
    assert repr(call.arguments["of"]) == repr(value)


def test_a_faulty_line_is_shown_without_its_control_characters() -> None:
    with pytest.raises(CompileErrors) as refused:
        compile_plan('a = grep(pattern="\x1b[2J" + 1)', TOOLS)
    assert "\x1b" not in str(refused.value)
