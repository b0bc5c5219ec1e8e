"""A Python source as the program that it is: without formatting, comments and docstrings, whatever its locals are called.

Two sources have equal digests only if they are the same program; the converse is not promised. A local variable's name is
replaced by the number of its first appearance. Names stay where somebody else may see them: parameters (callers may give them
by keyword), functions, classes and imported modules, attributes, whatever is declared global or nonlocal, what a string names
as pandas' `query` does (`@limit`), and everything in a definition that asks for its names (`locals()`, `eval`, …). Docstrings
stay where they hold examples, which tests may run, and everywhere in a file that reads them (`__doc__`, click, …); so does the
first line of a script.

No recursion: Python's own parser sets the limit of nesting, not this reader.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import decode_source

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_ASKING = frozenset({"locals", "vars", "eval", "exec", "dir", "currentframe", "_getframe", "evaluate", "sql"})
_NAMED = re.compile(r"@(\w+)")  # a local variable, in a string that a callee reads
_READS_DOCSTRINGS = re.compile(r"\b(?:__doc__|getdoc|docopt|yacc|click|typer|fire)\b")
_EXAMPLE = ">>>"
_IMPLICIT = frozenset(dir(builtins)) | {
    "__file__",
    "__path__",
    "__builtins__",
    "__class__",
    "__module__",
    "__qualname__",
}
_MOST_UNITS = 1 << 14  # a few thousand definitions are the files of one issue
_MOST_PROGRAMS = 256


@dataclass(frozen=True, slots=True)
class Definition:
    """A class, function or method: its first and last line, from 1, and its qualified name."""

    first: int
    last: int
    name: str


@dataclass(frozen=True, slots=True)
class Program:
    """digest: equal for equal programs. undefined: names that are read and that nothing in the file defines."""

    digest: bytes
    definitions: tuple[Definition, ...]
    undefined: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Unit:
    """One statement of a module or class body. free: names that it reads from outside. binds: names that it defines."""

    digest: bytes
    free: frozenset[str]
    binds: frozenset[str]


@lru_cache(maxsize=_MOST_PROGRAMS)
def program(source: bytes) -> Program:
    """Read a source. Raises SyntaxError and ValueError where it is no Python, RecursionError and MemoryError where it is
    nested too deeply for Python's parser."""
    text = decode_source(source)
    tree = _parse(text)
    lines = text.encode().split(b"\n")
    docs = _READS_DOCSTRINGS.search(text) is not None
    digest = hashlib.sha256(lines[0].rstrip() if lines[0].startswith(b"#!") else b"")
    definitions: list[Definition] = []
    free: set[str] = set()
    binds: set[str] = set()
    waiting: list[tuple[ast.stmt | None, str]] = [(statement, "") for statement in reversed(_told(tree.body, docs))]
    while waiting:
        node, within = waiting.pop()
        if node is None:
            digest.update(b"end of class")
            continue
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            name = f"{within}.{node.name}".lstrip(".")
            definitions.append(Definition(_first(node), node.end_lineno or node.lineno, name))
        if isinstance(node, ast.ClassDef):
            unit = _class_head(node, docs)
            waiting.append((None, within))
            waiting.extend((statement, name) for statement in reversed(_told(node.body, docs)))
        else:
            unit = _unit(node, lines, docs)
        digest.update(unit.digest)
        free |= unit.free
        binds |= unit.binds
    undefined = frozenset() if "*" in binds else frozenset(free - binds - _IMPLICIT)
    return Program(digest.digest(), tuple(definitions), undefined)


def _parse(text: str | bytes) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an invalid escape in a repository is not our reader's concern
        return ast.parse(text)


def _first(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(each.lineno for each in node.decorator_list)])


def _told(body: Sequence[ast.stmt], docs: bool) -> list[ast.stmt]:
    """A body without docstrings and other bare strings that nobody reads. docs: the file reads them."""
    return [
        statement
        for statement in body
        if not (
            isinstance(statement, ast.Expr)
            and isinstance(statement.value, ast.Constant)
            and isinstance(statement.value.value, str)
            and not (docs or _EXAMPLE in statement.value.value)
        )
    ] or [ast.Pass()]


def _unit(node: ast.stmt, lines: list[bytes], docs: bool) -> _Unit:
    """Most definitions of a file are those of its other versions: they are read once, by their text."""
    if not isinstance(node, _FUNCTIONS):
        return _read(node, docs)
    first = _first(node)
    indentation = lines[first - 1][: len(lines[first - 1]) - len(lines[first - 1].lstrip(b" \t"))]
    last = node.end_lineno or first
    if len(lines[last - 1].rstrip()) != node.end_col_offset or node.col_offset != len(indentation):
        return _read(node, docs)
    text = b"\n".join(lines[first - 1 : last])
    return _unit_of_text(b"if 1:\n" + text if indentation else text, bool(indentation), docs)


@lru_cache(maxsize=_MOST_UNITS)
def _unit_of_text(text: bytes, wrapped: bool, docs: bool) -> _Unit:
    statement = _parse(text).body[0]
    if wrapped:
        assert isinstance(statement, ast.If)
        statement = statement.body[0]
    return _read(statement, docs)


def _class_head(node: ast.ClassDef, docs: bool) -> _Unit:
    head = ast.ClassDef(
        name=node.name,
        bases=node.bases,
        keywords=node.keywords,
        body=[],
        decorator_list=node.decorator_list,
        **({"type_params": node.type_params} if hasattr(node, "type_params") else {}),
    )
    return _read(head, docs)


@dataclass(slots=True, eq=False)
class _Scope:
    """A function, class, lambda or comprehension. names: what it binds. kept: those of them that keep their names."""

    names: set[str]
    kept: set[str]
    outer: _Scope | None
    is_class: bool = False
    numbers: dict[str, int] = field(default_factory=dict)


_Item = tuple[ast.AST | str, "_Scope | None"]


def _read(statement: ast.stmt, docs: bool) -> _Unit:
    """The form of one statement: its tree in prefix order, each name as it is or as the number of a local variable."""
    reader = _Reader(_fixed(statement), docs)
    digest = hashlib.sha256()
    waiting: list[_Item] = [(statement, None)]
    while waiting:
        item, scope = waiting.pop()
        if isinstance(item, str):
            digest.update(item.encode("utf-8", "surrogatepass") + b"\0")
        else:
            waiting.extend(reversed(reader.items(item, scope)))
    binds, kept = _bound([statement])
    return _Unit(digest.digest(), frozenset(reader.free), frozenset(binds | kept | reader.declared))


class _Reader:
    """What stands for a node: words, and its children with the scope in which they are read."""

    def __init__(self, fixed: frozenset[str] | None, docs: bool) -> None:
        self._fixed = fixed
        self._docs = docs
        self._count = 0
        self.free: set[str] = set()
        self.declared: set[str] = set()  # global names that a function binds

    def items(self, node: ast.AST, scope: _Scope | None) -> list[_Item]:
        kind = type(node).__name__
        if isinstance(node, ast.Name):
            return [(self._name(node.id, scope, read=isinstance(node.ctx, ast.Load)), None)]
        if isinstance(node, ast.Constant):
            value = node.value
            return [(f"={type(value).__name__} {value:#x}" if type(value) is int else f"={value!r}", None)]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return [(kind, None), *self._function(node, scope)]
        if isinstance(node, ast.ClassDef):
            names, kept = _bound(node.body)
            inner = _Scope(names | kept, names | kept, scope, is_class=True)
            groups = (node.decorator_list, getattr(node, "type_params", []), node.bases, node.keywords)
            head = [item for group in groups for item in [(f"[{len(group)}", None), *_in(scope, group)]]
            return [(f"class {node.name}", None), *head, *_in(inner, _told(node.body, self._docs)), ("end", None)]
        if isinstance(node, _COMPREHENSIONS):
            return [(kind, None), *self._comprehension(node, scope)]
        items: list[_Item] = [(kind, None)]
        if isinstance(node, ast.Global):
            self.declared.update(node.names)
        for name, value in ast.iter_fields(node):
            if name in ("ctx", "kind", "type_comment", "type_ignores"):
                continue
            if isinstance(value, list):
                items.append((f"[{len(value)}", None))
                items.extend((each, scope) if isinstance(each, ast.AST) else (f":{each}", None) for each in value)
            elif isinstance(value, ast.AST):
                items.append((value, scope))
            elif isinstance(value, str) and isinstance(
                node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar | ast.MatchMapping
            ):
                items.append((self._name(value, scope, read=False), None))
            else:
                items.append((f":{value}", None))
        return items

    def _name(self, name: str, scope: _Scope | None, *, read: bool) -> str:
        at = scope
        while at is not None:
            if name in at.names and (at is scope or not at.is_class):
                break
            at = at.outer
        if at is None:
            if read:
                self.free.add(name)
            return f".{name}"
        mangled = name.startswith("_") and "__" in name  # __name of a class, as it is written outside
        if self._fixed is None or name in self._fixed or name in at.kept or mangled:
            return f".{name}"
        if name not in at.numbers:
            self._count += 1
            at.numbers[name] = self._count
        return f"#{at.numbers[name]}"

    def _function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: _Scope | None
    ) -> Iterator[_Item]:
        given = node.args
        body = [node.body] if isinstance(node, ast.Lambda) else _told(node.body, self._docs)
        names, kept = _bound(body)
        by_name = {each.arg for each in (*given.args, *given.kwonlyargs)}
        unnamed = {each.arg for each in (*given.posonlyargs, given.vararg, given.kwarg) if each is not None}
        inner = _Scope(names | kept | by_name | unnamed, kept | by_name, scope)
        if not isinstance(node, ast.Lambda):
            yield f"def {node.name}", None
            for group in (node.decorator_list, getattr(node, "type_params", []), [node.returns]):
                yield f"[{len(group)}", None
                yield from _in(scope, group)
        for names_of_kind in (given.posonlyargs, given.args, [given.vararg], given.kwonlyargs, [given.kwarg]):
            yield f"({len(names_of_kind)}", None
            for each in names_of_kind:
                yield (self._name(each.arg, inner, read=False) if each else "-"), None
                yield from _in(scope, [each.annotation if each else None])
        yield from _in(scope, [*given.defaults, None, *given.kw_defaults])
        yield "body", None
        yield from _in(inner, body)
        yield "end", None

    def _comprehension(self, node: ast.expr, scope: _Scope | None) -> Iterator[_Item]:
        assert isinstance(node, _COMPREHENSIONS)
        names = {
            each.id
            for generator in node.generators
            for each in ast.walk(generator.target)
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
        }
        inner = _Scope(names, set(), scope)
        yield node.generators[0].iter, scope  # the first source is read outside
        for number, generator in enumerate(node.generators):
            yield f"for {generator.is_async}", None
            yield from _in(inner, [generator.target, generator.iter if number else None, *generator.ifs])
        yield "gives", None
        yield from _in(inner, [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])


def _in(scope: _Scope | None, nodes: Sequence[ast.AST | None]) -> Iterator[_Item]:
    return ((node if node is not None else "-", scope) for node in nodes)


def _fixed(statement: ast.stmt) -> frozenset[str] | None:
    """Names that no scope of a statement may change; None for all, where it asks for its names."""
    fixed: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Global | ast.Nonlocal):
            fixed.update(node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            fixed.update(_NAMED.findall(node.value))
        elif (isinstance(node, ast.Name) and node.id in _ASKING) or (
            isinstance(node, ast.Attribute) and node.attr in _ASKING
        ):
            return None
    return frozenset(fixed)


def _bound(body: Sequence[ast.AST]) -> tuple[set[str], set[str]]:
    """Names that a scope's own statements bind: those that may be renamed, and those that others see."""
    free: set[str] = set()
    kept: set[str] = set()
    waiting: list[tuple[ast.AST, bool]] = [(node, False) for node in body]  # and whether inside a comprehension
    while waiting:
        node, inside = waiting.pop()
        if isinstance(node, ast.Name):
            if not inside and not isinstance(node.ctx, ast.Load):
                free.add(node.id)
            continue
        if isinstance(node, ast.NamedExpr) and isinstance(node.target, ast.Name):
            free.add(node.target.id)
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            free.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            free.add(node.rest)
        elif isinstance(node, ast.alias):
            kept.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.Global | ast.Nonlocal):
            kept.update(node.names)
        waiting.extend((each, inside or isinstance(node, _COMPREHENSIONS)) for each in _outside(node, kept))
    return free, kept


def _outside(node: ast.AST, kept: set[str]) -> Iterator[ast.AST]:
    """The children of a node that are read in the node's own scope, comprehensions included."""
    if isinstance(node, ast.ClassDef):
        kept.add(node.name)
        return iter([*node.decorator_list, *node.bases, *node.keywords])
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        defaults = [each for each in (*node.args.defaults, *node.args.kw_defaults) if each is not None]
        if isinstance(node, ast.Lambda):
            return iter(defaults)
        kept.add(node.name)
        return iter([*node.decorator_list, *defaults])
    return ast.iter_child_nodes(node)
