"""Comparisons: the boundary, the direction, equality, membership, identity."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.repair.edits.contract import Edit, Site

SYMBOLS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
# the likeliest first: the boundary, then the direction, then the rest
OTHERS: dict[str, dict[str, float]] = {
    "<": {"<=": 0.9, ">": 0.6, ">=": 0.35, "!=": 0.2, "==": 0.15},
    "<=": {"<": 0.9, ">=": 0.55, ">": 0.35, "==": 0.2},
    ">": {">=": 0.9, "<": 0.6, "<=": 0.35, "!=": 0.2, "==": 0.15},
    ">=": {">": 0.9, "<=": 0.55, "<": 0.35, "==": 0.2},
    "==": {"!=": 0.6, "<=": 0.35, ">=": 0.35, "<": 0.2, ">": 0.2, "is": 0.1, "in": 0.1},
    "!=": {"==": 0.6, "<": 0.3, ">": 0.3, "not in": 0.05},
    "is": {"is not": 0.55, "==": 0.45},
    "is not": {"is": 0.55, "!=": 0.45},
    "in": {"not in": 0.6, "==": 0.1},
    "not in": {"in": 0.6, "!=": 0.1},
}


def operators(site: Site) -> Iterator[Edit]:
    """Another operator between the same operands."""
    for node in site.expressions():
        if not isinstance(node, ast.Compare):
            continue
        for place, operator in enumerate(node.ops):
            others = OTHERS[SYMBOLS[type(operator)]]
            for symbol, likelihood in others.items():
                if symbol in ("<", "<=", ">", ">=") and _is_none(node):
                    continue
                yield site.replace(node, _joined(site, node, place, symbol), likelihood, "comparison")


def operands(site: Site) -> Iterator[Edit]:
    """The two sides of a membership test exchanged. (Of an order, that is another operator.)"""
    for node in site.expressions():
        match node:
            case ast.Compare(left=left, ops=[ast.In() | ast.NotIn() as operator], comparators=[right]):
                text = f"{site.text(right)} {SYMBOLS[type(operator)]} {site.text(left)}"
                yield site.replace(node, text, 0.15, "comparison")


def _joined(site: Site, node: ast.Compare, place: int, symbol: str) -> str:
    """The comparison's own text with one operator changed: what stands between its operands is kept where it can be."""
    operands = [node.left, *node.comparators]
    start = site.context.source.span(node)[0]
    text = site.text(node)
    left = site.context.source.span(operands[place])[1] - start
    right = site.context.source.span(operands[place + 1])[0] - start
    between = text[left:right]
    old = SYMBOLS[type(node.ops[place])]
    if between.count(old) == 1:
        return text[:left] + between.replace(old, symbol) + text[right:]
    head = (
        text[:left] + between[: between.find(old.split()[0])].rstrip(" ") if old.split()[0] in between else text[:left]
    )
    return f"{head} {symbol} {text[right:]}"


def _is_none(node: ast.Compare) -> bool:
    return any(isinstance(each, ast.Constant) and each.value is None for each in [node.left, *node.comparators])
