"""A plan's text is cut into statements while it is being written: at their closing brackets, whatever stands around them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner import CompileErrors, Compiler, Plan, compile_plan, statements
from tests.planner.tools import TOOLS

PLAN = '''I will look first. For example:

```python
hits = grep(pattern="x(", path="src")   # a comment with "quotes" and (brackets
body = read(
    path=hits[0].path,
    lines=[1, 2],
)
e1 = edit(path="a.md", search="""
```
def f(x):  # text, not a comment
    return "a" 'b'
""", replace='\\\\\\'')
t = run_tests(); u = ask()
w = edit(path='ü', search="", replace="""a""b""")
```
That is all, see f(x) above.
```json
{"a = b(": 1}
```
'''


def result(text: str | bytes, cuts: list[int]) -> Plan | tuple[object, ...]:
    compiler = Compiler(TOOLS)
    calls = []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        calls += compiler.feed(text[start:end])
    try:
        plan = compiler.finish()
    except CompileErrors as errors:
        return errors.errors
    assert [call.name for call in plan.calls if call.name in {each.name for each in calls}] == [
        call.name for call in calls
    ]
    return plan


def test_prose_fences_comments_and_strings_do_not_confuse_it() -> None:
    plan = compile_plan(PLAN, TOOLS)
    assert [call.name for call in plan.calls] == ["hits", "body", "e1", "t", "u", "w"]
    assert [call.line for call in plan.calls] == [4, 5, 9, 14, 14, 15]
    assert plan.calls[2].arguments["search"] == "\n```\ndef f(x):  # text, not a comment\n    return \"a\" 'b'\n"
    assert plan.calls[2].arguments["replace"] == "\\'"
    assert plan.calls[5].arguments["replace"] == 'a""b'


def test_byte_by_byte_gives_the_same_plan_as_at_once() -> None:
    text = PLAN.encode()
    assert result(text, list(range(1, len(text)))) == compile_plan(text, TOOLS)
    crlf = PLAN.replace("\n", "\r\n").encode()
    assert result(crlf, list(range(1, len(crlf)))) == compile_plan(PLAN, TOOLS)


LINES = st.sampled_from(
    [
        'a = grep(pattern="x")\n',
        'b = read(path="é", lines=[1,\n 2])\n',
        'c = edit(path="x", search="""\n(\'""", replace=\'"\')\n',
        "d = run_tests()",
        "; e = ask()\n",
        "prose (with brackets\n",
        "```python\n",
        "```\n",
        "# comment '\n",
        "f = read(path=a[0].path)\n",
        "g = read(path='open\n",
        "h = read(path=(\n",
        "for x in y: pass\n",
        "i = think(of=f'{a} {{}} {b.text}')\r\n",
        "finish(x=a)\n",
        "j = \\\n run()\n",
        "k = f'''\n",
        'my-hits = grep(pattern="x", of="""\n',
        "- hits = grep(\n",
        'run(all=["x",\n',
        "Now x = grep(pattern='`')\n",
        "`y = grep()`\n",
        "```text\n",
        "```bash\n",
    ]
)


@given(st.lists(LINES | st.text(max_size=8), max_size=12).map("".join), st.data())
def test_however_it_is_cut_the_result_is_the_same(text: str, data: st.DataObject) -> None:
    raw = text.encode("utf-8", "replace")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=20)))
    assert result(raw, cuts) == result(raw, [])


@pytest.mark.parametrize(
    "inside", ['"""{}\na = grop()\n"""', "[{}\n1,\n\n2]", '"{}"', '"{}', '"""{}', "{}\n`", "{}\nb = c("]
)
def test_a_statement_that_is_too_long_is_one_fault_however_it_is_cut(
    inside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "LONGEST", 300)
    text = f"x = think(of={inside.format('1, ' * 200)})\ny = grup()\n"
    whole = result(text, [])
    assert isinstance(whole, tuple)
    assert whole[0].code == "too-long" and whole[0].line == 1
    for size in (1, 7, 301, 500):
        assert result(text, list(range(size, len(text), size))) == whole


@given(st.binary(max_size=300) | st.lists(LINES, max_size=8).map("".join).map(str.encode))
def test_any_bytes_end_in_a_plan_or_in_faults(raw: bytes) -> None:
    try:
        compile_plan(raw, TOOLS)
    except CompileErrors as errors:
        assert errors.errors
        assert str(errors)


@given(st.text(st.characters(), max_size=200))
def test_any_text_with_surrogates_and_all_does_too(text: str) -> None:
    try:
        compile_plan(text, TOOLS)
    except CompileErrors as errors:
        assert errors.errors


def test_a_call_comes_out_with_its_closing_bracket() -> None:
    compiler = Compiler(TOOLS)
    assert compiler.feed('a = grep(pattern="x"') == []
    assert [call.name for call in compiler.feed(")")] == ["a"]
    assert [call.name for call in compiler.feed('\nb = edit(path="x", search="' + "long " * 1000)] == []
    assert [call.name for call in compiler.feed('")')] == ["b"]


def test_after_the_first_fault_no_call_comes_out_but_all_faults_are_told() -> None:
    compiler = Compiler(TOOLS)
    assert compiler.feed('a = grep(pattern="x")\nb = grop()\n')[0].name == "a"
    assert compiler.feed('c = grep(pattern="x")\nd = grup()\n') == []
    with pytest.raises(CompileErrors) as caught:
        compiler.finish()
    assert [error.line for error in caught.value.errors] == [2, 4]


MONSTERS = {
    "brackets": "a = read(path=" + "(" * (1 << 20),
    "closing brackets": "a = read(path=" + ")" * (1 << 20),
    "calls": "a = " + "read(path=" * 10_000 + "1" + ")" * 10_000,
    "signs": "a = read(path=" + "-" * 50_000 + "1)",
    "parts": "a = read(path=b" + ".c" * 50_000 + ")",
    "nul": "a = read(path='\0')\n\0\0\0",
    "surrogate": "a = read(path='\ud800')",
    "escaped surrogate": "a = read(path='\\ud800')",
    "long number": "a = read(path=" + "9" * 5000 + ")",
    "word": "x" * (1 << 20),
    "quotes": "a = read(path=" + "'" * (1 << 20),
    "backslashes": "a = read(path='" + "\\" * (1 << 20),
    "unclosed lines": "a = read(\n" * 20_000,
    "empty": "",
    "backticks": "a = `b`\n" * 1000,
}


@pytest.mark.parametrize("name", MONSTERS)
def test_a_monstrous_text_is_refused_like_any_other(name: str) -> None:
    with pytest.raises(CompileErrors) as caught:
        compile_plan(MONSTERS[name], TOOLS)
    assert len(str(caught.value.errors[0])) < 1000


def test_a_byte_order_mark_hides_no_statement() -> None:
    text = b"\xef\xbb\xbfa = read(path='x')\nb = read(path='y')\n"
    assert [call.name for call in compile_plan(text, TOOLS).calls] == ["a", "b"]
    compiler = Compiler(TOOLS)
    assert [call.name for place in range(len(text)) for call in compiler.feed(text[place : place + 1])] == ["a", "b"]


@pytest.mark.parametrize("start", ["a" * 500, " " * 500 + "a"])
def test_a_very_long_beginning_is_read_the_same_however_it_is_cut(start: str) -> None:
    text = f'{start} = read(\n path="a")\n'
    with pytest.raises(CompileErrors) as at_once:
        compile_plan(text, TOOLS)
    compiler = Compiler(TOOLS)
    for char in text:
        compiler.feed(char)
    with pytest.raises(CompileErrors) as cut:
        compiler.finish()
    assert at_once.value.errors == cut.value.errors


MEANT = [
    'my-hits = grep(pattern="x")',
    "2x = grep(",
    '- hits = grep(pattern="x")',
    '3. hits = grep(pattern="x")',
    '**hits = grep(pattern="x")**',
    'First, hits = grep(pattern="x")',
    'Now hits = grep(pattern="x") to find it',
    '`hits = grep(pattern="x")`',
    'grep(pattern="x")',
    'grep(pattern="x"',
    'grep(pattern="x").text',
    f'edit(path="x", replace="{"word " * 1000}")',
    'edit(path="x", replace="""\nfor x in y: pass\nmy-x = grep(pattern="x")\n""")',
]


@pytest.mark.parametrize("line", MEANT)
@pytest.mark.parametrize("fence", ["", "```text\n", "```python\n"])
def test_a_line_that_was_meant_as_a_statement_is_no_prose(line: str, fence: str) -> None:
    with pytest.raises(CompileErrors, match="name = tool") as caught:
        compile_plan(f"{fence}{line}\nlast = ask()\n", TOOLS)
    assert [error.line for error in caught.value.errors] == [1 + bool(fence)]


@pytest.mark.parametrize(
    "line",
    [
        "I'll use grep(...) to look",
        'I\'ll use grep(pattern="x") to look, then hits = all(of=it).',
        'We could write `x = grep(pattern="y")` for this',
        "Use name = grep(...) for that, or name = grep(…)",
        'grep(pattern="x") finds the place (line 3)',
        'read(path="x"): see above',
        "grep (global regular expression print)",
        "see f(path=read(path='x'))",
        'the text "x = grep(pattern=1)" is odd',
        "Step (1)",
        "x == grep(pattern)? No.",
        "my-hits = search(pattern='x')",
        "# my-hits = grep(pattern='x')",
    ],
)
def test_prose_that_speaks_of_a_tool_is_prose(line: str) -> None:
    assert [call.name for call in compile_plan(f"{line}\nlast = ask()\n", TOOLS).calls] == ["last"]


def test_a_text_fence_holds_a_plan_among_other_things() -> None:
    plan = compile_plan("```text\nFAILED test_x.py (1)\na = ask()\n```\n```plan\nb = run()\n```\n", TOOLS)
    assert [call.name for call in plan.calls] == ["a", "b"]


def test_a_plan_in_a_fence_of_another_language_is_told_once() -> None:
    with pytest.raises(CompileErrors, match=r"```bash fence; write it in a ```plan fence") as caught:
        compile_plan('```bash\na = grep(pattern="x")\nb = ask()\n```\nc = read(path=a[0].path)\n', TOOLS)
    assert [(error.code, error.line) for error in caught.value.errors] == [("other-fence", 2)]
    foreign = '```ruby\nx = read(path)\n```\n```diff\n-a = grep(pattern="x")\n```\nlast = ask()\n'
    assert len(compile_plan(foreign, TOOLS).calls) == 1


def test_a_text_without_a_statement_names_the_fence_that_was_passed_over() -> None:
    with pytest.raises(CompileErrors, match=r"```json fence of line 2 is passed over; .*in a ```plan fence"):
        compile_plan('Here:\n```json\n{"calls": []}\n```\n', TOOLS)
