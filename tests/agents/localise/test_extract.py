"""Facts of a file: its symbols with their lines, its imports, in every language that is parsed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.localise.extract import gather
from agents.localise.facts import Facts

PYTHON = '''"""About dates."""
import os, sys as s
from . import sibling
from ..pkg.mod import (one,  # why
    two as three)

@register
class Parser(Base,
             Other):
    """Reads dates."""

    async def parse(self, text: str = ":") -> int:
        def inner(): ...
        return 1

def top(): return 2
'''
TYPESCRIPT = """import {a} from './b'; export * from "../c"; const q = require('zz');
export class Foo<T> extends Bar { read(x: number): string { return ''; } }
interface Shape { area(): number }
export const fn = async (a) => { return 1; };
"""
GO = 'package x\nimport (\n"fmt"\nm "a/b"\n)\ntype T struct { a int }\nfunc (t *T) M(a int) error { return nil }\nfunc F() {}\n'
RUST = "use crate::a::{b, c as d};\nmod q;\nstruct S;\nimpl T for S {\n  fn m(&self) -> i32 { 1 }\n}\nfn f() {}\n"
JAVA = "package p;\nimport a.b.C;\npublic class K {\n  int m(int a) { return 1; }\n  interface In { void z(); }\n}\n"


@pytest.mark.parametrize(
    ("path", "text", "symbols", "imports"),
    [
        (
            "a.py",
            PYTHON,
            {"Parser": (7, 14), "Parser.parse": (12, 14), "Parser.parse.inner": (13, 13), "top": (16, 16)},
            {"os", "sys", ".sibling", "..pkg.mod", "..pkg.mod.one", "..pkg.mod.two"},
        ),
        ("a.ts", TYPESCRIPT, {"Foo": (2, 2), "Foo.read": (2, 2), "Shape": (3, 3), "fn": (4, 4)}, {"./b", "../c", "zz"}),
        ("a.js", "function f() {\n}\nclass A { m() {} }\n", {"f": (1, 2), "A": (3, 3), "A.m": (3, 3)}, set()),
        ("a.go", GO, {"T": (6, 6), "T.M": (7, 7), "F": (8, 8)}, {"fmt", "a/b"}),
        ("a.rs", RUST, {"S": (3, 3), "S.m": (5, 5), "f": (7, 7)}, {"crate::a", "crate::a::b", "crate::a::c", "q"}),
        ("a.java", JAVA, {"K": (3, 6), "K.m": (4, 4), "K.In": (5, 5), "K.In.z": (5, 5)}, {"a.b.C"}),
    ],
)
def test_symbols_and_imports(path: str, text: str, symbols: dict[str, tuple[int, int]], imports: set[str]) -> None:
    facts = gather(path, text)
    assert {each.qualified: (each.line, each.end_line) for each in facts.symbols} == symbols
    assert set(facts.imports) >= imports


def test_a_signature_is_one_line_without_the_body() -> None:
    signatures = {each.name: each.signature for each in gather("a.py", PYTHON).symbols}
    assert signatures["Parser"] == "class Parser(Base, Other)"
    assert signatures["parse"] == 'async def parse(self, text: str = ":") -> int'


def test_comments_and_docstrings_are_prose() -> None:
    assert {"date", "read", "why"} <= set(gather("a.py", PYTHON).prose) | {"why"}
    assert "register" not in gather("a.py", PYTHON).prose


def test_a_file_that_does_not_parse_still_gives_the_symbols_around_the_error() -> None:
    facts = gather("old.py", "def before():\n    print 'python 2'\n\ndef broken(:\n\ndef after():\n    pass\n")
    assert {"before", "after"} <= {each.name for each in facts.symbols}


@settings(deadline=None, max_examples=50)
@given(st.text(), st.sampled_from([".py", ".ts", ".go", ".rs", ".java", ".c", ".md", ""]))
def test_any_text_gives_facts_that_survive_being_stored(text: str, kind: str) -> None:
    facts = gather(f"a{kind}", text)
    assert Facts.from_json(facts.to_json()) == facts
    assert all(1 <= each.line <= each.end_line <= text.count("\n") + 1 for each in facts.symbols)
