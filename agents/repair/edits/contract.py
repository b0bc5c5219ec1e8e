"""What a family of edits is: a function from one statement to proposals, each with a likelihood.

A likelihood is the family's own estimate, in (0, 1], of how often such a change is the mend when this statement is the wrong
one. What several families may propose alike is told apart later, by the syntax tree that comes out.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from agents.repair.facts import Context, Statement, own_nodes
from agents.repair.source import Splice

PRECEDENCE: tuple[tuple[type[ast.AST], ...], ...] = (
    (ast.NamedExpr, ast.Yield, ast.YieldFrom, ast.Starred),
    (ast.Lambda,),
    (ast.IfExp,),
    (ast.Or,),
    (ast.And,),
    (ast.Not,),
    (ast.Compare,),
    (ast.BitOr,),
    (ast.BitXor,),
    (ast.BitAnd,),
    (ast.LShift, ast.RShift),
    (ast.Add, ast.Sub),
    (ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.MatMult),
    (ast.USub, ast.UAdd, ast.Invert),
    (ast.Pow,),
    (ast.Await,),
)


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one file's text. `what` says it in a few words; `line` is where the statement begins."""

    splices: tuple[Splice, ...]
    likelihood: float
    family: str
    what: str
    line: int


@dataclass(frozen=True, slots=True)
class Site:
    """A statement under suspicion, with the function around it."""

    context: Context
    statement: Statement

    @property
    def node(self) -> ast.stmt:
        return self.statement.node

    def text(self, node: ast.AST) -> str:
        return self.context.text(node)

    def expressions(self) -> Iterator[ast.expr]:
        """Expressions of the statement that are read, with their parts; not those of statements in its blocks."""
        for node in own_nodes(self.node):
            if isinstance(node, ast.Yield | ast.YieldFrom | ast.Slice) or not isinstance(node, ast.expr):
                continue
            if isinstance(getattr(node, "ctx", None), ast.Load | None):
                yield node

    def parent(self, node: ast.AST) -> ast.AST:
        return self.context.parents[node]

    def visible(self, node: ast.AST | None = None) -> tuple[str, ...]:
        return self.context.visible(self.statement, node)

    def replace(self, node: ast.expr, text: str, likelihood: float, family: str) -> Edit:
        """Put an expression's text in the place of another one, in parentheses where it binds less."""
        start, end = self.context.source.span(node)
        before = self.context.source.text[start:end]
        if self._binds_parts(node) and binding(text) < _strength(node):
            text = f"({text})"
        what = f"`{_short(before)}` becomes `{_short(text)}`"
        return Edit((Splice(start, end, text),), likelihood, family, what, self.node.lineno)

    def _binds_parts(self, node: ast.expr) -> bool:
        parent = self.parent(node)
        if isinstance(parent, ast.BinOp | ast.UnaryOp | ast.Compare | ast.BoolOp | ast.Await | ast.Starred | ast.IfExp):
            return True
        if isinstance(parent, ast.Attribute | ast.Subscript):
            return parent.value is node
        return isinstance(parent, ast.Call) and parent.func is node

    def rewrite(self, splices: tuple[Splice, ...], likelihood: float, family: str, what: str) -> Edit:
        return Edit(splices, likelihood, family, what, self.node.lineno)


Family = Callable[[Site], Iterator[Edit]]


def _strength(node: ast.expr) -> int:
    operator = getattr(node, "op", node)
    for strength, types in enumerate(PRECEDENCE):
        if isinstance(operator, types):
            return strength
    return len(PRECEDENCE)


@lru_cache(maxsize=4096)
def binding(text: str) -> int:
    """How strongly the outermost operator of an expression's text binds; atoms most."""
    return _strength(ast.parse(f"({text})", mode="eval").body)


@lru_cache(maxsize=4096)
def alike(first: str, second: str) -> float:
    """How much two names look alike, from 0 to 1."""
    return SequenceMatcher(None, first, second).ratio()


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:57] + "…"
