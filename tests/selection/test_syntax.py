"""Which sources are the same program."""

import ast
import keyword
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tree_sitter import Node, Parser

from selection.grammars import grammar
from selection.syntax import Unknown, Unparsable, normalised, python

BASE = """
def mean(values, *, start=0):
    total = start
    for value in values:
        total += value
    return [total / n for n in (len(values),)]
"""
NAMES = st.from_regex(r"[a-z]{1,6}", fullmatch=True).filter(lambda name: not keyword.iskeyword(name))
LOCALS = ("total", "value", "n")
TAKEN = {"values", "start", "len", "mean", "locals", "vars", "eval", "exec", "dir"}


def same(one: str, other: str, path: str = "m.py") -> bool:
    return normalised(path, one.encode()) == normalised(path, other.encode())


def renamed(source: str, names: dict[str, str]) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
    return ast.unparse(tree)


@given(st.lists(NAMES.filter(lambda name: name not in TAKEN), min_size=3, max_size=3, unique=True))
def test_local_names_do_not_matter(names: list[str]) -> None:
    assert same(BASE, renamed(BASE, dict(zip(LOCALS, names, strict=True))))


@given(st.sampled_from(["total", "value"]), st.sampled_from(["values", "start", "len"]))
def test_a_local_is_not_another_name(one: str, other: str) -> None:
    assert not same(BASE, renamed(BASE, {one: other}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(a): return a", "def f(b): return b"),  # callers may write f(a=1)
        ("x = 1", "y = 1"),
        ("class A:\n    x = 1", "class A:\n    y = 1"),
        ("def f():\n    global x\n    x = 1", "def f():\n    global y\n    y = 1"),
        ("def f():\n    x = 1\n    return locals()", "def f():\n    y = 1\n    return locals()"),
        ("def f():\n    x = 1\n    return f'{x=}'", "def f():\n    y = 1\n    return f'{y=}'"),
        ("def f():\n    def g(): return 1\n    return g", "def f():\n    def h(): return 1\n    return h"),
        ("def f():\n    import os\n    return os", "def f():\n    import sys\n    return sys"),
        ("def f():\n    a = b = 0\n    return a", "def f():\n    a = b = 0\n    return b"),
        ("def f():\n    return [x for y in z]", "def f():\n    return [y for y in z]"),
        ("def f(b):\n    def g(): b = 1\n    return b", "def f(b):\n    def g(): nonlocal b; b = 1\n    return b"),
        ("@a\nclass C: x = 1", "class C(a): x = 1"),
        ("class C(a): pass", "class C(metaclass=a): pass"),
        ("@a\ndef f(): pass", "def f() -> a: pass"),
        ("def f(a, b=1): pass", "def f(a, *, b=1): pass"),
        ("def f():\n    class A:\n        x = 1\n        y = 1", "def f():\n    class A:\n        x = 1\n    y = 1"),
        ("def f():\n    def g():\n        a()\n        b()", "def f():\n    def g():\n        a()\n    b()"),
        ("if x:\n    a()\n    b()", "if x:\n    a()\nb()"),
        ("[x for x in a if b if c]", "[x for x in a if (b, c)]"),
        ("x = 1", "x = True"),
        ("x = 0", "x = 0.0"),
        ("x = 'a'", "x = b'a'"),
        ("class A:\n    def f(self): pass\nx = 1", "class A:\n    def f(self): pass\n    x = 1"),
        ("def f():\n    x = 1\n    class A: x = x\n    return A", "def f():\n    y = 1\n    class A: x = y\n    return A"),
        ("class C:\n  def f(s):\n    _C__x = 1\n    return __x", "class C:\n  def f(s):\n    y = 1\n    return __x"),
        ("def f(t):\n    x = 1\n    return t.query('a > @x')", "def f(t):\n    y = 1\n    return t.query('a > @x')"),
        ('def f():\n    """>>> f()\n    1"""\n    return 1', 'def f():\n    """>>> f()\n    2"""\n    return 1'),
        ('"""Use: a"""\nprint(__doc__)', '"""Use: b"""\nprint(__doc__)'),
        ("class A:\n  def f(self):\n    'a'\nA.f.__doc__", "class A:\n  def f(self):\n    'b'\nA.f.__doc__"),
        ("#!/usr/bin/python2\nx = 1", "#!/usr/bin/python3\nx = 1"),
    ],
)  # fmt: skip
def test_different_programs_differ(one: str, other: str) -> None:
    assert not same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f():\n    a = 1\n    return lambda: a", "def f():\n    b = 1\n    return lambda: b"),
        ("def f(*a, **k): return a, k", "def f(*b, **m): return b, m"),
        ("def f(a, /): return a", "def f(b, /): return b"),
        ("def f():\n    try: g()\n    except E as e: raise e", "def f():\n    try: g()\n    except E as x: raise x"),
        ("def f(v):\n  match v:\n    case [a, *b]: return a, b", "def f(v):\n  match v:\n    case [c, *d]: return c, d"),
        ("def f(v): return [(y := x) for x in v], y", "def f(v): return [(b := a) for a in v], b"),
        ('def f():\n    """Doc."""\n    return 1', "def f():  # one\n    return (1)"),
        ("x = 1\r\nif x:\r\n    x = '''a\r\nb'''\r\n", "x = 1\nif x:\n    x = '''a\nb'''\n"),
        ("\ufeffx = 1", "x = 1"),
    ],
)  # fmt: skip
def test_the_same_program_in_another_form(one: str, other: str) -> None:
    assert same(one, other)


PARTS = st.sampled_from(
    [
        "a = 1",
        "b = a",
        "def a(): pass",
        "class a: b = 1",
        "return b",
        "global b",
        "for a in b: b",
        "lambda a: b",
        "[a for a in b]",
    ]
)


@given(st.lists(PARTS, min_size=1, max_size=4), st.lists(PARTS, min_size=1, max_size=4))
def test_equal_forms_are_equal_trees_but_for_the_names(one: list[str], other: list[str]) -> None:
    """Forms that are equal have trees that are equal when every name is struck out."""
    sources = ["def f():\n" + "".join(f"    {part}\n" for part in parts) for parts in (one, other)]
    if same(*sources):
        shapes = []
        for source in sources:
            tree = ast.parse(source)
            for node in ast.walk(tree):
                if isinstance(node, ast.Name):
                    node.id = "_"
            shapes.append(ast.dump(tree))
        assert shapes[0] == shapes[1]


def test_undefined_names_are_those_that_nothing_in_the_file_defines() -> None:
    source = "import os\ndef f(a):\n    b = a\n    return os, b, missing, len, G\nclass A:\n    G = 1\n"
    assert python(source.encode()).undefined == {"missing"}
    assert python(b"from m import *\nx = missing\n").undefined == frozenset()


def test_what_is_no_python_says_so() -> None:
    with pytest.raises(Unparsable):
        python(b"x = = 1")
    with pytest.raises(Unparsable):
        python(b"x = 1\0")
    with pytest.raises(Unparsable):
        python(b"# coding: hex\nx = 1")  # a codec, but none of texts


def test_a_long_program_is_read_and_one_too_deep_for_the_parser_is_not_called_wrong() -> None:
    chain = "x = " + " + ".join(["1"] * 900)
    assert same(chain, chain + "  # more")
    with pytest.raises(Unknown):
        python(b"x = " + b"-" * 200_000 + b"1")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("function f(a, b) { return a + b }", "function f(x, y) { return x + y }"),
        ("function f(a) { let b = a; { const c = b; g(c) } }", "function f(b) { let c = b; { const a = c; g(a) } }"),
        ("const f = a => b => a + b", "const f = x => y => x + y"),
        ("class A { m(a) { for (const k of a) g(k) } }", "class A { m(k) { for (const a of k) g(a) } }"),
        ("function f() { var a = 1; return () => a }", "function f() { var b = 1; return () => b }"),
        ("function f(a) { switch (a) { case 1: let b = a; g(b) } }", "function f(x) { switch (x) { case 1: let y = x; g(y) } }"),
        ("function f(a: T, b?: U): asserts a is T { g(b) }", "function f(x: T, y?: U): asserts x is T { g(y) }"),
    ],
)  # fmt: skip
def test_local_names_of_scripts_do_not_matter(one: str, other: str) -> None:
    assert same(one, other, "m.ts")
    assert same(one, other, "m.js") or ":" in one


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("function f(a, b) { return a + b }", "function f(a, b) { return b + a }"),
        ("function f(a) { return a + b }", "function f(b) { return b + b }"),
        ("function f(a) { return {a} }", "function f(b) { return {b} }"),
        ("function f({a}) { return a }", "function f({b}) { return b }"),
        ("function f(a, b) { return `${a}` }", "function f(b, a) { return `${a}` }"),
        ("function f() { const a = () => 1; return a }", "function f() { const b = () => 1; return b }"),
        ("function f() { let a; a = (function () {}); return a }", "function f() { let b; b = (function () {}); return b }"),
        ("function f(a) { return eval('a') }", "function f(b) { return eval('a') }"),
        ("function f(a) { with (o) { return a } }", "function f(b) { with (o) { return b } }"),
        ("function f(a) { return <a/> }", "function f(b) { return <b/> }"),
        ("function f(A) { return <A/> }", "function f(a) { return <a/> }"),
        ("function f() { { let a = 1 } return a }", "function f() { { let b = 1 } return a }"),
        ("function f(a) { { let a = 1; g(a) } return a }", "function f(a) { { let b = 1; g(a) } return a }"),
        ("function f(a = x) { var x; return a }", "function f(a = y) { var x; return a }"),
        ("function f(a) { return function () { g(arguments, a) } }",
         "function f(arguments) { return function () { g(arguments, arguments) } }"),
        ("function f() { function a() {} return a }", "function f() { function b() {} return b }"),
        ("let a = 1", "let b = 1"),
        ("const o = { [a](a) { return a } }", "const o = { [a](b) { return b } }" .replace("[a]", "[b]")),
        ("class A { constructor(a) { this.a = a } }", "class A { constructor(b) { this.b = b } }"),
    ],
)  # fmt: skip
def test_other_names_of_scripts_stay(one: str, other: str) -> None:
    assert not same(one, other, "m.jsx")


def test_a_parameter_that_is_a_property_too_keeps_its_name() -> None:
    assert not same("class A { constructor(private a: T) {} }", "class A { constructor(private b: T) {} }", "m.ts")


WORDS = st.sampled_from("abcd")
STATEMENTS = st.recursive(
    st.one_of(
        st.builds("g({}, {});".format, WORDS, WORDS),
        st.builds("let {} = {};".format, WORDS, WORDS),
        st.builds("var {} = {};".format, WORDS, WORDS),
        st.builds("{} = {};".format, WORDS, WORDS),
    ),
    lambda inner: st.one_of(
        st.builds("{{ {} {} }}".format, inner, inner),
        st.builds("h(({}) => {{ {} {} }});".format, WORDS, inner, inner),
        st.builds("for (const {} of {}) {{ {} }}".format, WORDS, WORDS, inner),
    ),
    max_leaves=5,
)


@given(STATEMENTS, STATEMENTS, WORDS, WORDS, st.permutations("abcd"))
def test_equal_scripts_resolve_their_names_alike(
    one: str, other: str, param: str, second: str, names: list[str]
) -> None:
    """What is renamed stands for the same declaration: a name that nothing in a function binds is never taken for one that is
    bound, nor the other way."""
    swapped = one.translate(str.maketrans("abcd", "".join(names)))
    left = f"function f({param}) {{ {one} }}"
    for right in (f"function f({second}) {{ {other} }}", f"function f({param}) {{ {swapped} }}"):
        if same(left, right, "m.js"):
            assert resolved(left) == resolved(right)


def resolved(source: str) -> list[object]:
    """The names of a script, each as the place of its declaration among the names, or as it is where it has none."""
    root = Parser(grammar("javascript")).parse(source.encode()).root_node
    found: list[object] = []
    scopes: dict[tuple[int, int], dict[str, int]] = {}
    names = [node for node in preorder(root) if node.type == "identifier"]
    for place, node in enumerate(names):
        scope = declared_in(node)
        if scope is not None:
            scopes.setdefault((scope.start_byte, scope.end_byte), {}).setdefault(str(node.text), place)
    for node in names:
        at: Node | None = node
        while at is not None and str(node.text) not in scopes.get((at.start_byte, at.end_byte), {}):
            at = at.parent
        found.append(node.text if at is None else scopes[at.start_byte, at.end_byte][str(node.text)])
    return found


def preorder(node: Node) -> Iterator[Node]:
    yield node
    for each in node.children:
        yield from preorder(each)


def declared_in(node: Node) -> Node | None:
    """The node in which a name is bound by what stands there, as ECMAScript has it; for what STATEMENTS holds."""
    parent = node.parent
    assert parent is not None
    if parent.type == "formal_parameters":
        return parent.parent
    if parent.type == "for_in_statement" and node == parent.child_by_field_name("left"):
        return parent
    if parent.type == "variable_declarator" and node == parent.child_by_field_name("name"):
        assert parent.parent is not None
        kind, scope = parent.parent.type, parent.parent.parent
        while kind == "variable_declaration" and scope and scope.type not in ("function_declaration", "arrow_function"):
            scope = scope.parent
        return scope
    return None


@pytest.mark.parametrize(
    ("path", "one", "form", "other"),
    [
        ("m.js", "let a = f(1) // one", "let a=f( 1 )", "let a = f(2)"),
        ("m.ts", "let a: T = 'x y'", "let a : T='x y' /* t */", "let a: T = 'x  y'"),
        ("m.go", "package m\nvar a = 1 // one", "package m\n\nvar a  = 1", "package m\nvar b = 1"),
        ("m.rs", "fn f() -> i32 { 1 }", "fn f() -> i32 {\n  1 /* one */\n}", "fn f() -> i32 { 2 }"),
        ("M.java", "class A { int x = 1; }", "class A {\r\n  int x = 1; // one\r\n}", "class A { int y = 1; }"),
    ],
)
def test_other_languages_are_compared_by_their_grammars(path: str, one: str, form: str, other: str) -> None:
    assert same(one, form, path)
    assert not same(one, other, path)


@pytest.mark.parametrize(
    ("path", "one", "other"),
    [
        ("m.go", "//go:embed a.sql\nvar a string", "//go:embed b.sql\nvar a string"),
        ("m.go", "//go:build windows\n\npackage m", "//go:build linux\n\npackage m"),
        ("m.go", '// int a = 1;\nimport "C"', '// int a = 2;\nimport "C"'),
        ("m.rs", "/// ```\n/// f(1)\n/// ```\nfn f() {}", "/// ```\n/// f(2)\n/// ```\nfn f() {}"),
        ("m.ts", '/// <reference path="a.d.ts" />\nlet a = 1', '/// <reference path="b.d.ts" />\nlet a = 1'),
        ("run", "#!/bin/sh\nls\n", "#!/bin/sh\r\nls\r\n"),
        ("m.c", "x = 1; \\\ny", "x = 1; \\ \ny"),
    ],
)
def test_comments_and_blanks_that_mean_something_stay(path: str, one: str, other: str) -> None:
    assert not same(one, other, path)


@pytest.mark.parametrize(
    "source",
    ["x = 'can't'", "x = 'don't and can't'", "f'{}'", "f'a}'", "f'{a!z}'", "f'{a b}'", "type of thing", "type x"],
)
def test_what_no_python_reads_is_wrong(source: str) -> None:
    with pytest.raises(Unparsable) as caught:
        python(source.encode())
    assert not isinstance(caught.value, Unknown)


@pytest.mark.parametrize(
    "source",
    ["type X = int", "def f[T](x): ...", "class A[T]: ...", "f'{x['a']}'", "try: x\nexcept A, B: y", "print(t'{x}')"],
)
def test_what_a_later_python_may_read_is_not_called_wrong(source: str) -> None:
    try:
        python(source.encode())
    except Unparsable as error:
        assert isinstance(error, Unknown)
