"""Tools written down in TOML."""

from __future__ import annotations

import pytest

from planner import CompileErrors, ToolFileError, compile_plan, read_tools

FILE = """
[find]
doc = "Find."
reads = ["where"]
resource = "sandbox"
cost_s = 0.5
[find.arguments]
pattern = "str"
where = "str = 'src'"
kinds = "list[str] = []"
depth = "int | None = None"
how = "'a' | 'b' = 'a'"

[fix]
arguments = { path = "str" }
writes = ["path", "log/*.txt"]

[look]
reads = ["log/a.txt"]

[ask]
volatile = true
resource = "model"

[run]
exclusive = true

[deploy]
cost_s = 3

[think]
reads = []
"""


def test_a_file_of_tools_compiles_plans() -> None:
    tools = read_tools(FILE)
    plan = compile_plan(
        "a = find(pattern='x', kinds=['y'], how='b')\nb = fix(path='src/x')\nc = look()\nd = ask()\ne = run()\n"
        "f = think()\ng = deploy()",
        tools,
    )
    assert {call.name: dict(call.needs) for call in plan.calls} == {
        "a": {},
        "b": {"a": "writes after read"},
        "c": {"b": "reads after"},
        "d": {},
        "e": {"c": "alone", "d": "alone"},
        "f": {"e": "alone"},
        "g": {"f": "alone"},
    }
    assert compile_plan("a = deploy()\nb = think()\nfinish()", tools).pruned == ("b",)
    with pytest.raises(CompileErrors, match="how"):
        compile_plan("a = find(pattern='x', how='c')", tools)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("x = [", "is not TOML"),
        ("x = 1", "'x' is not a table"),
        ('["a b"]', "'a b' is not a table"),
        ("[a]\nargs = {}", "tool a: args"),
        ('[a]\narguments = { x = "set" }', "argument x = 'set' is not a type"),
        ('[a]\narguments = { x = "str = f()" }', "argument x"),
        ('[a]\narguments = { x = "str" }\nreads = ["y"]', "'y' is none of its arguments"),
        ("[a]\ncost_s = -1", "cost_s"),
        ('[a]\nresource = "gpu"', "resource"),
        ('[a]\narguments = { _a = "str" }', "tool a: argument '_a' cannot be written in a plan; take a word"),
        ('[a]\narguments = { class = "str" }', "tool a: argument 'class' cannot be written"),
        ('[a]\narguments = { "x y" = "str" }', "tool a: argument 'x y' cannot be written"),
        ('[a]\narguments = { "ﬁ" = "str" }', "cannot be written"),
        ('[a]\narguments = { model_config = "str" }', "tool a: argument model_config .*; call it config"),
        ('[a]\narguments = { model_dump = "str" }', "tool a: argument model_dump .*; call it dump"),
        ('[a]\narguments = { x = "str", x = "int" }', "Duplicate inline table key 'x'"),
        ("[a]\n[a]", "not TOML"),
        ("[class]", "'class' is not a table"),
        ("[_a]", "'_a' is not a table"),
        ("[finish]", r"tool finish: every plan has finish\(…\)"),
        ('[a]\nreads = ["x"]', "tool a: 'x' is none .* give it arguments = { x = \"str\" }, or a path, as in x/$"),
        ('[a]\nwrites = [""]', "give it arguments = { path"),
        ("[a]\narguments = { x = \"int = 'y'\" }", "has a default that is not of its type"),
        ('[a]\narguments = { x = "str = None" }', "allow None with"),
        ('[a]\narguments = { x = "float = 1e400" }', "default"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(text: str, said: str) -> None:
    with pytest.raises(ToolFileError, match=said):
        read_tools(text)


def test_names_that_pydantic_once_had_for_methods_are_names_like_others(recwarn: pytest.WarningsRecorder) -> None:
    tools = read_tools('[a]\narguments = { schema = "str", copy = "str = \'\'", self = "int = 1", model_name = "str" }')
    (call,) = compile_plan("x = a(schema='s', self=2, model_name='m')", tools).calls
    assert call.checked is not None
    assert call.checked.model_dump() == {"schema": "s", "copy": "", "self": 2, "model_name": "m"}
    assert not recwarn.list


@pytest.mark.parametrize(
    "text",
    [
        '[f]\narguments = { a = "None | None" }',
        '[f]\narguments = { a = "dict = {[]: 1}" }',
        f'[f]\narguments = {{ a = "int = {"-" * 100_000}1" }}',
        f"a = {'[' * 5000}",
        "[f]\ncost_s = inf",
        f"[f]\ncost_s = {'1' * 5000}",
    ],
)
def test_hostile_files_are_refused_in_words(text: str) -> None:
    with pytest.raises(ToolFileError):
        read_tools(text)
