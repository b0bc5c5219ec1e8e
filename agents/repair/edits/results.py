"""What a function gives back: another value, another form of it; exceptions; a `return` that is missing."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.repair.edits.contract import Edit, Site, alike
from agents.repair.facts import CONTAINERS
from agents.repair.source import Splice

EXCEPTIONS = ("ValueError", "KeyError", "TypeError", "IndexError", "AttributeError", "LookupError", "RuntimeError",
              "NotImplementedError", "StopIteration", "OSError", "ZeroDivisionError", "Exception")  # fmt: skip


def values(site: Site) -> Iterator[Edit]:
    """Another value to return or to yield."""
    value = getattr(site.node, "value", None)
    if isinstance(site.node, ast.Expr) and isinstance(value, ast.Yield):
        value = value.value
    elif not isinstance(site.node, ast.Return):
        return
    if not isinstance(value, ast.expr):
        return
    text = site.text(value)
    for rank, other in enumerate(_alternatives(site, value, text)):
        yield site.replace(value, other, 0.3 / (1 + 0.25 * rank), "result")


def _alternatives(site: Site, value: ast.expr, text: str) -> Iterator[str]:
    names = [name for name in site.visible(value) if site.context.kinds.get(name) != "function" and name != text]
    if isinstance(value, ast.Constant) and isinstance(value.value, bool):
        yield from _truths(site, names)
    elif not isinstance(value, ast.List | ast.Dict):
        yield f"[{text}]"
    if not isinstance(value, ast.Name):
        yield from sorted(names, key=lambda name: name not in site.context.forgotten)
    if site.context.kind(value) not in ("list", "dict", "set", "str"):
        yield f"not {text}" if _binds_enough(value) else f"not ({text})"
    yield from (f"{text} + {name}" for name in names if site.context.kinds.get(name) == site.context.kind(value))
    yield from ("None", "0", "[]")


def _truths(site: Site, names: list[str]) -> Iterator[str]:
    """What a function that returns a constant truth could have returned: a fact about its local state."""
    for name in sorted(names, key=lambda name: name in site.context.parameters):
        kind = site.context.kinds.get(name)
        if kind in CONTAINERS:
            yield f"not {name}"
        elif kind == "int":
            yield f"{name} == 0"
        elif kind in ("bool", None):
            yield name
    yield from (site.text(node) for node in site.context.expressions if isinstance(node, ast.Compare))


def _binds_enough(value: ast.expr) -> bool:
    return not isinstance(value, ast.BoolOp | ast.IfExp | ast.Lambda)


def returned(site: Site) -> Iterator[Edit]:
    """A call whose value is thrown away, and should be returned; a value assigned, and should be returned."""
    node = site.node
    start, _ = site.context.source.span(node)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield site.rewrite((Splice(start, start, "return "),), 0.16, "return added", f"`return {site.text(node)}`")
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Yield) and node.value.value is not None:
        inner = node.value.value
        span = site.context.source.span(node)
        text = f"yield from {site.text(inner)}"
        yield site.rewrite((Splice(*span, text),), 0.3, "yield", f"`{text}`")
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.YieldFrom):
        span = site.context.source.span(node)
        text = f"yield {site.text(node.value.value)}"
        yield site.rewrite((Splice(*span, text),), 0.3, "yield", f"`{text}`")


def exceptions(site: Site) -> Iterator[Edit]:
    """Another type of exception, raised or caught."""
    node = site.node
    if isinstance(node, ast.Raise) and node.exc is not None:
        name = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        if isinstance(name, ast.Name):
            yield from _types(site, name, 0.3)
    elif isinstance(node, ast.Try):
        for handler in node.handlers:
            if isinstance(handler.type, ast.Name):
                yield from _types(site, handler.type, 0.3)
                for rank, other in enumerate(EXCEPTIONS[:6]):
                    if other != handler.type.id:
                        text = f"({handler.type.id}, {other})"
                        yield site.replace(handler.type, text, 0.15 / (1 + 0.3 * rank), "exception")


def _types(site: Site, node: ast.Name, likelihood: float) -> Iterator[Edit]:
    own = [each.name for each in site.context.source.tree.body if isinstance(each, ast.ClassDef) and each.bases]
    others = [name for name in (*own, *EXCEPTIONS) if name != node.id]
    for rank, name in enumerate(sorted(others, key=lambda name: -alike(name, node.id))):
        yield site.replace(node, name, likelihood / (1 + 0.3 * rank), "exception")
