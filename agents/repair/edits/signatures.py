"""Outside of the body: a default argument, a module's constant. Such an edit runs when the module is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from itertools import chain

from agents.repair.edits.contract import Edit
from agents.repair.facts import Context, kind_of_value
from agents.repair.source import SourceFile, Splice


def defaults(context: Context) -> Iterator[Edit]:
    """Another default value of a parameter."""
    arguments = context.function.args
    for node in [*arguments.defaults, *(each for each in arguments.kw_defaults if each is not None)]:
        for rank, text in enumerate(_others(context.source, node)):
            yield _replaced(context.source, node, text, 0.3 / (1 + 0.5 * rank), "default", context.function.lineno)


def module_constants(source: SourceFile, lines: Mapping[int, float]) -> Iterator[Edit]:
    """Another value of a constant of the module, or of a class, that suspicious lines read: a number, a text, a truth;
    also inside of a list or a dictionary."""
    wanted = {name for node in ast.walk(source.tree) if getattr(node, "lineno", 0) in lines for name in _read(node)}
    classes = [node for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef)]
    for statement in chain(source.tree.body, *(each.body for each in classes)):
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
            continue
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        if not any(isinstance(target, ast.Name) and target.id in wanted for target in targets):
            continue
        found = [node for node in ast.walk(statement.value) if isinstance(node, ast.Constant)]
        share = 1 / max(1, len(found)) ** 0.5
        for node in found:
            for rank, text in enumerate(_others(source, node)):
                likelihood = 0.35 * share / (1 + 0.5 * rank)
                yield _replaced(source, node, text, likelihood, "module constant", statement.lineno)


def _read(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr


def _others(source: SourceFile, node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=bool() as value):
            yield str(not value)
        case ast.Constant(value=int() as value):
            yield from (
                str(each) for each in (value + 1, value - 1, 0, 1, -value, value * 10, value // 10) if each != value
            )
        case ast.Constant(value=float() as value):
            yield from (repr(each) for each in (value * 2, value / 2, value * 10, value / 10, 1 - value, -value))
        case ast.Constant(value=None):
            yield from ("0", "False", "''", "()", "True")
        case ast.Constant(value=str()):
            texts = {repr(text): None for each in ast.walk(source.tree) if (text := _short_text(each))}
            yield from (text for text in list(texts)[:6] if text != repr(node.value))
        case ast.List(elts=[]) | ast.Dict(keys=[]):
            yield "None"
        case _ if kind_of_value(node) == "int":
            yield source.segment(node) + " + 1"


def _short_text(node: ast.AST) -> str | None:
    return (
        node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) <= 30 else None
    )


def _replaced(source: SourceFile, node: ast.expr, text: str, likelihood: float, family: str, line: int) -> Edit:
    start, end = source.span(node)
    return Edit((Splice(start, end, text),), likelihood, family, f"`{source.text[start:end]}` becomes `{text}`", line)
