"""Off by one: bounds, indices, arguments, results; and arithmetic on the wrong operator or operand."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.repair.edits.contract import Edit, Site
from agents.repair.source import Splice

SYMBOLS: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>", ast.MatMult: "@",
}  # fmt: skip
OTHERS: dict[str, dict[str, float]] = {
    "+": {"-": 0.55, "*": 0.25},
    "-": {"+": 0.55, "*": 0.1},
    "*": {"+": 0.3, "/": 0.35, "**": 0.25, "//": 0.2},
    "/": {"//": 0.6, "*": 0.45, "%": 0.1},
    "//": {"/": 0.5, "%": 0.4, "*": 0.2},
    "%": {"//": 0.45, "/": 0.1},
    "**": {"*": 0.5},
    "&": {"|": 0.55, "^": 0.4},
    "|": {"&": 0.55, "^": 0.4},
    "^": {"&": 0.5, "|": 0.45},
    "<<": {">>": 0.6},
    ">>": {"<<": 0.6},
    "@": {"*": 0.2},
}
NOT_NUMBERS = {"str", "list", "dict", "set", "bool", "container", "function"}


def off_by_one(site: Site) -> Iterator[Edit]:
    """A number one higher or lower, where numbers usually go wrong."""
    for node in site.expressions():
        likelihood = _position(site, node)
        if likelihood == 0 or site.context.kind(node) in NOT_NUMBERS:
            continue
        sure = site.context.kind(node) == "int" or isinstance(node, ast.Constant | ast.BinOp)
        yield from _shifted(site, node, likelihood if sure else 0.5 * likelihood)


def _position(site: Site, node: ast.expr) -> float:
    """How likely an expression in this place is off by one."""
    parent = site.parent(node)
    match parent:
        case ast.Compare(ops=[ast.Lt() | ast.LtE() | ast.Gt() | ast.GtE(), *_]):
            return 0.35
        case ast.Compare(ops=[ast.Eq() | ast.NotEq(), *_]):
            return 0.25
        case ast.Call(func=ast.Name(id="range")):
            return 0.6
        case ast.Slice():
            return 0.45
        case ast.Subscript(slice=index) if index is node:
            return 0.45
        case ast.Tuple() if isinstance(site.parent(parent), ast.Subscript):
            return 0.45
        case ast.Call() if node in parent.args:
            return 0.3
        case ast.Return() | ast.Yield():
            return 0.25
        case ast.Assign() | ast.AugAssign():
            return 0.25
        case ast.Tuple() if isinstance(site.parent(parent), ast.Assign | ast.Return):
            return 0.15
        case ast.BinOp():
            return 0.12
    return 0.0


def _shifted(site: Site, node: ast.expr, likelihood: float) -> Iterator[Edit]:
    text = site.text(node)
    match node:
        case ast.Constant(value=int() as value) if not isinstance(value, bool):
            for other, share in ((value + 1, 1.0), (value - 1, 1.0)):
                yield site.replace(node, str(other), share * likelihood, "off by one")
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)):
            for other in (1 - value, -1 - value):
                yield site.replace(node, str(other), likelihood, "off by one")
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as operator, right=ast.Constant(value=1)):
            yield site.replace(node, site.text(left), likelihood, "off by one")
            yield site.replace(node, f"{site.text(left)} {SYMBOLS[type(operator)]} 2", 0.3 * likelihood, "off by one")
        case ast.Name() | ast.Attribute() | ast.Subscript() | ast.Call() | ast.BinOp():
            yield site.replace(node, f"{text} + 1", likelihood, "off by one")
            yield site.replace(node, f"{text} - 1", likelihood, "off by one")


def arithmetic(site: Site) -> Iterator[Edit]:
    """Another operator, the operands exchanged, or one of them left out."""
    for node in site.expressions():
        if not isinstance(node, ast.BinOp):
            continue
        symbol = SYMBOLS[type(node.op)]
        left, right = site.text(node.left), site.text(node.right)
        textual = "str" in (site.context.kind(node.left), site.context.kind(node.right))
        for other, likelihood in OTHERS[symbol].items():
            if not (textual and symbol in "+%"):
                yield site.replace(
                    node, f"{_held(node.left, left)} {other} {_held(node.right, right)}", likelihood, "operator"
                )
        if symbol in ("-", "/", "//", "%", "**", "<<", ">>") or symbol == "+":
            text = f"{_held(node.right, right)} {symbol} {_held(node.left, left)}"
            yield site.replace(node, text, 0.35 if symbol != "+" else 0.25, "operands")
        yield site.replace(node, left, 0.2, "operand left out")
        yield site.replace(node, right, 0.15, "operand left out")


def _held(node: ast.expr, text: str) -> str:
    """An operand's text, in parentheses where another operator could take it apart."""
    return f"({text})" if isinstance(node, ast.BinOp | ast.BoolOp | ast.Compare | ast.IfExp | ast.Lambda) else text


def terms(site: Site) -> Iterator[Edit]:
    """A term or factor that is missing: another number in scope, a square, an absolute value, a sign."""
    for node in site.expressions():
        parent = site.parent(node)
        operand = isinstance(parent, ast.BinOp | ast.Compare | ast.Return | ast.Assign | ast.AugAssign)
        if not operand or isinstance(node, ast.Constant) or site.context.kind(node) in NOT_NUMBERS:
            continue
        if isinstance(parent, ast.Compare) and not isinstance(parent.ops[0], ast.Lt | ast.Gt | ast.LtE | ast.GtE):
            continue
        text = _held(node, site.text(node))
        base = 0.16 if isinstance(node, ast.Name | ast.BinOp) else 0.08
        for changed in (f"{text} ** 2", f"-{text}", f"abs({site.text(node)})"):
            yield site.replace(node, changed, base, "term added")
        rank = 0
        for name in site.visible(node):
            if name == site.text(node) or site.context.kinds.get(name) not in ("int", None):
                continue
            rank += 1
            for symbol in ("+", "-", "*"):
                yield site.replace(node, f"{text} {symbol} {name}", base / (1 + 0.5 * rank), "term added")


def augmented(site: Site) -> Iterator[Edit]:
    """`+=` for `-=`, `=` for `+=`, and back."""
    node = site.node
    if isinstance(node, ast.AugAssign):
        symbol, target, value = SYMBOLS[type(node.op)], site.text(node.target), site.text(node.value)
        start, end = site.context.source.span(node)
        choices = [(f"{target} {other}= {value}", share) for other, share in OTHERS[symbol].items()]
        for text, likelihood in [*choices, (f"{target} = {value}", 0.25)]:
            yield site.rewrite((Splice(start, end, text),), likelihood, "operator", f"`{text}`")
    elif (
        isinstance(node, ast.Assign)
        and len(node.targets) == 1
        and isinstance(node.targets[0], ast.Name | ast.Subscript)
    ):
        target, value = site.text(node.targets[0]), site.text(node.value)
        start, end = site.context.source.span(node)
        for symbol, likelihood in (("+=", 0.14), ("-=", 0.05)):
            text = f"{target} {symbol} {value}"
            yield site.rewrite((Splice(start, end, text),), likelihood, "operator", f"`{text}`")
