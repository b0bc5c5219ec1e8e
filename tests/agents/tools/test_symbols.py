"""Outlines, definitions and references of small samples in every language."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from agents.tools.languages import LANGUAGES, syntax_of
from agents.tools.symbols import LONGEST_S, Definitions, TooHard, definitions, faults, references

SAMPLES: dict[str, tuple[str, str, list[tuple[int, str, str]]]] = {
    "a.py": (
        '''LIMIT = 1

@cached
class Parser(Base):
    depth: int = 2

    def parse(self, text):
        def inner(): return f"{parse} parse"
        return self.parse(inner())  # parse

def parse(): return Parser().parse(1)
''',
        "variable LIMIT 1-1, class Parser 3-9, variable Parser.depth 5-5, method Parser.parse 7-9, "
        "function Parser.parse.inner 8-8, function parse 11-11",
        [(8, "use", "Parser.parse.inner"), (9, "call", "Parser.parse"), (11, "call", "parse")],
    ),
    "a.js": (
        '''import { parse } from "./parse";
const limit = 1;
export const go = (a) => {
  return parse(a); // parse
};
class Parser { #hide() {} parse(a) { return `${this.parse(a)} parse`; } }
module.exports.late = function () {};
''',
        "variable limit 2-2, function go 3-5, class Parser 6-6, method Parser.#hide 6-6, "
        "method Parser.parse 6-6, function late 7-7",
        [(1, "import", ""), (4, "call", "go"), (6, "call", "Parser.parse")],
    ),
    "a.ts": (
        '''export interface Reader { parse(text: string): void }
export abstract class Parser<T> implements Reader {
  parse(text: string) { return other(text); }
  private late = () => 2;
  abstract soon(): void;
}
type Name = string; enum Color { Red }
namespace Inner { export function deep(p: Parser<string>) { p.parse(""); } }
''',
        "interface Reader 1-1, method Reader.parse 1-1, class Parser 2-6, method Parser.parse 3-3, "
        "method Parser.late 4-4, method Parser.soon 5-5, type Name 7-7, enum Color 7-7, module Inner 8-8, "
        "function Inner.deep 8-8",
        [(8, "call", "Inner.deep")],
    ),
    "a.tsx": (
        "export const App = () => <a onClick={() => parse()}>parse</a>;\n",
        "function App 1-1",
        [(1, "call", "App")],
    ),
    "a.go": (
        '''package p
const ( A = 1; B = 2 )
type Stack[T any] struct { items int }
type Reader interface { Read(n int) error }
func (s *Stack[T]) parse(n int) error {
	return parse(n) // parse
}
func parse(n int) error { s.parse(1); return "parse" }
''',
        "constant A 2-2, constant B 2-2, type Stack 3-3, type Reader 4-4, method Reader.Read 4-4, "
        "method Stack.parse 5-7, function parse 8-8",
        [(6, "call", "Stack.parse"), (8, "call", "parse")],
    ),
    "a.rs": (
        '''use text::parse;
pub struct Parser<T> { inner: T }
impl<T> Parser<T> {
    pub fn new(inner: T) -> Self { parse(inner); Parser::new(inner) }
}
trait Read { fn read(&self); }
impl Read for Parser<i32> { fn read(&self) { println!("parse") } }
mod deep { pub enum Color { Red } }
macro_rules! twice { () => {} }
''',
        "struct Parser 2-2, impl Parser 3-5, method Parser.new 4-4, trait Read 6-6, method Read.read 6-6, "
        "impl Parser 7-7, method Parser.read 7-7, module deep 8-8, enum deep.Color 8-8, macro twice 9-9",
        [(1, "import", ""), (4, "call", "Parser.new")],
    ),
    "a.java": (
        '''package p;
public class Parser<T> extends Base {
  private int depth = 1;
  Parser(int depth) { this.depth = depth; }
  @Override public <U> U parse(T text) {
    return new Parser(1).parse(text); // parse
  }
  enum Color { RED }
  interface Reader { void read(); }
}
''',
        "class Parser 2-10, field Parser.depth 3-3, constructor Parser.Parser 4-4, "
        "method Parser.parse 5-7, enum Parser.Color 8-8, constant Parser.Color.RED 8-8, "
        "interface Parser.Reader 9-9, method Parser.Reader.read 9-9",
        [(6, "call", "Parser.parse")],
    ),
}  # fmt: skip


def test_every_language_has_a_sample() -> None:
    assert {syntax_of(path) for path in SAMPLES} == set(LANGUAGES)


@pytest.mark.parametrize("path", SAMPLES)
def test_an_outline_names_what_a_file_defines_with_its_lines(path: str) -> None:
    source, expected, _ = SAMPLES[path]
    syntax = syntax_of(path)
    assert syntax is not None
    found = definitions(syntax, source.encode())
    assert ", ".join(f"{each.kind} {each.name} {each.line}-{each.end_line}" for each in found) == expected
    assert faults(syntax, source.encode()) == ()


@pytest.mark.parametrize("path", SAMPLES)
def test_references_are_uses_in_code_and_not_in_comments_or_texts(path: str) -> None:
    source, _, expected = SAMPLES[path]
    syntax = syntax_of(path)
    assert syntax is not None
    found = references(syntax, source.encode(), "parse")
    assert [(each.line, each.kind, each.within) for each in found] == expected


@pytest.mark.parametrize("path", SAMPLES)
def test_any_bytes_have_an_outline_or_are_too_hard(path: str) -> None:
    syntax = syntax_of(path)
    assert syntax is not None
    for data in (b"", b"\0\xff\xfe", SAMPLES[path][0].encode()[:-40], b"class \xc3\x28:"):
        definitions(syntax, data)
        references(syntax, data, "parse")
        faults(syntax, data)
    for hard in (b"(" * 50_000, b"x = " + b"-" * 50_000 + b"1", b"x" * (2 << 20)):
        begun = time.thread_time()
        with contextlib.suppress(TooHard):
            faults(syntax, hard)
        with contextlib.suppress(TooHard):
            references(syntax, hard, "x")
        assert time.thread_time() - begun < 3 * LONGEST_S


def test_many_files_in_many_threads() -> None:
    """The parser is a C library: what it is given and gives back must outlive the call."""
    jobs = [(syntax_of(path), source.encode() * 20) for path, (source, _, _) in SAMPLES.items()] * 10
    cache = Definitions(most_files=3)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda job: cache.of(*job), jobs))  # type: ignore[arg-type]
    assert found == [definitions(syntax, data) for syntax, data in jobs if syntax]
