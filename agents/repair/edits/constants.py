"""Wrong constants: the usual suspects, others nearby, a name instead."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.repair.edits.contract import Edit, Site, alike
from agents.repair.facts import Context, kind_of_value


def literals(site: Site) -> Iterator[Edit]:
    """A constant that is another one."""
    for node in site.expressions():
        for rank, text in enumerate(_others(site, node)):
            yield site.replace(node, text, 0.42 / (1 + 0.45 * rank), "constant")


def _others(site: Site, node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=bool() as value):
            yield str(not value)
            yield "None"
        case ast.Constant(value=None):
            yield from ("[]", "0", "False", "''", "{}", "True")
        case ast.Constant(value=int() as value):
            yield from (str(each) for each in (0, 1, -1, 2, value * 2, value // 2) if each != value)
            yield from _nearby(site.context, node)
        case ast.Constant(value=float() as value):
            yield from (repr(each) for each in (0.0, 1.0, -value, value * 2, value / 2) if each != value)
            yield from _nearby(site.context, node)
        case ast.Constant(value=str() as value):
            yield from sorted(_nearby(site.context, node), key=lambda text: -alike(text, repr(value)))
            if value:
                yield "''"
        case ast.List(elts=[]):
            yield from ("[[]]", "[0]", "[1]", "[None]", "None")
        case ast.List(elts=[_]) | ast.Dict(keys=[_]):
            yield "[]" if isinstance(node, ast.List) else "{}"
        case ast.Dict(keys=[]):
            yield from ("set()", "[]", "None")
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant()):
            yield site.text(node.operand)
            yield "0"
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value=str() as value)]) if "inf" in value:
            yield "0"
            yield "float('-inf')" if not value.startswith("-") else "float('inf')"


def _nearby(context: Context, node: ast.Constant) -> Iterator[str]:
    """Constants of the same type in the module, the most frequent first."""
    for text, _ in context.module.literals.most_common(12):
        if text != repr(node.value) and kind_of_value(ast.parse(text, mode="eval").body) == kind_of_value(node):
            yield text


def names_for_constants(site: Site) -> Iterator[Edit]:
    """A name of the same kind in the place of a constant."""
    for node in site.expressions():
        if not isinstance(node, ast.Constant) or isinstance(node.value, bool) or node.value is Ellipsis:
            continue
        kind = kind_of_value(node)
        fitting = [name for name in site.visible(node) if site.context.kinds.get(name) in (kind, None)]
        for rank, name in enumerate([*fitting, *site.context.module.constants]):
            yield site.replace(node, name, 0.14 / (1 + 0.4 * rank), "name for constant")


def filled(site: Site) -> Iterator[Edit]:
    """An empty list where a name belongs in it: `[]` -> `[n]`."""
    for node in site.expressions():
        if isinstance(node, ast.List) and not node.elts:
            for rank, name in enumerate(site.visible(node)):
                if site.context.kinds.get(name) != "function":
                    likelihood = 0.35 if isinstance(site.node, ast.Return) else 0.15
                    yield site.replace(node, f"[{name}]", likelihood / (1 + 0.5 * rank), "constant")
