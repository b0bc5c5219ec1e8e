"""Another expression of the same function in the place of one: code is often wrong where it should repeat itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.repair.edits.contract import Edit, Site, alike
from agents.repair.facts import own_nodes
from agents.repair.source import Splice


def expressions(site: Site) -> Iterator[Edit]:
    """Expressions of the function that look like the given one."""
    for node in site.expressions():
        parent = site.parent(node)
        callee = isinstance(parent, ast.Call) and parent.func is node
        if callee or isinstance(node, ast.Constant | ast.Starred | ast.JoinedStr | ast.Slice):
            continue
        text = site.text(node)
        others = [(other, site.text(other)) for other in site.context.expressions]
        fitting = [
            (_fit(site, node, other) * (0.5 + 0.5 * alike(text, found)), found)
            for other, found in others
            if found != text and not _around(other, node)
        ]
        for rank, (fit, found) in enumerate(sorted(fitting, reverse=True)[:12]):
            yield site.replace(node, found, 0.16 * fit / (1 + 0.2 * rank), "expression")


def _fit(site: Site, node: ast.expr, other: ast.expr) -> float:
    first, second = site.context.kind(node), site.context.kind(other)
    if type(node) is type(other):
        return 1.0 if None in (first, second) or first == second else 0.5
    if None not in (first, second):
        return 0.6 if first == second else 0.15
    return 0.45 if isinstance(node, ast.Name | ast.Attribute | ast.Subscript) else 0.2


def _around(other: ast.expr, node: ast.expr) -> bool:
    """Whether the other expression holds the given one (it would grow for ever), at the same place."""
    return any(each is node for each in ast.walk(other))


def targets(site: Site) -> Iterator[Edit]:
    """Another target of an assignment: another variable, or something that the statement or the function indexes."""
    for node in own_nodes(site.node):
        if not isinstance(node, ast.Name | ast.Subscript | ast.Attribute) or not isinstance(node.ctx, ast.Store):
            continue
        if not isinstance(site.parent(node), ast.Assign | ast.AugAssign | ast.Tuple):
            continue
        text = site.text(node)
        own = [each for each in ast.walk(site.node) if isinstance(each, ast.Subscript | ast.Attribute)]
        near = {site.text(each): None for each in own}
        far = {
            site.text(each): None
            for each in site.context.expressions
            if isinstance(each, ast.Subscript | ast.Attribute)
        }
        names = [name for name in site.visible() if site.context.kinds.get(name) != "function"]
        others = (
            [*near, *names, *far] if isinstance(node, ast.Name) else [*near, *far, *_rebased(site, node, names), *names]
        )
        for rank, other in enumerate(each for each in dict.fromkeys(others) if each != text):
            start, end = site.context.source.span(node)
            what = f"`{text}` becomes `{other}`"
            yield site.rewrite((Splice(start, end, other),), 0.26 / (1 + 0.3 * rank), "target", what)


def _rebased(site: Site, node: ast.Subscript | ast.Attribute, names: list[str]) -> Iterator[str]:
    """The same index or attribute of another variable."""
    base = site.text(node.value)
    rest = site.text(node)[len(base) :]
    yield from (name + rest for name in names if name != base)
