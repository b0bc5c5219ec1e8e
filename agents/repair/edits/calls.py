"""Calls: arguments exchanged, left out, added or wrapped; another function or method of the same family."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import combinations

from agents.repair.edits.contract import Edit, Site, alike
from agents.repair.facts import CONTAINERS, Function
from agents.repair.source import Splice

FUNCTION_FAMILIES = (
    ("min", "max"), ("any", "all"), ("sorted", "reversed", "list"), ("list", "set", "tuple"),
    ("int", "float", "round", "str", "abs"), ("sum", "len", "max", "min"), ("range", "enumerate", "reversed"),
    ("isinstance", "issubclass"), ("floor", "ceil", "round", "int"), ("heappush", "heappop", "heappushpop", "heapreplace"),
    ("bisect_left", "bisect_right"), ("str", "repr"), ("getattr", "hasattr"), ("zip", "product", "zip_longest"),
    ("permutations", "combinations", "combinations_with_replacement", "product"), ("map", "filter"),
)  # fmt: skip
METHOD_FAMILIES = (
    ("append", "extend", "insert", "add", "appendleft"), ("pop", "popleft", "remove"), ("append", "appendleft"),
    ("add", "discard", "remove", "update"), ("keys", "values", "items"), ("startswith", "endswith"),
    ("strip", "lstrip", "rstrip"), ("upper", "lower", "title", "capitalize"), ("find", "rfind", "index", "rindex"),
    ("union", "intersection", "difference", "symmetric_difference"), ("split", "rsplit", "splitlines"),
    ("issubset", "issuperset", "isdisjoint"), ("get", "setdefault", "pop"), ("update", "setdefault"),
    ("isdigit", "isnumeric", "isalpha", "isalnum", "isspace"), ("removeprefix", "removesuffix", "lstrip", "rstrip"),
    ("days", "seconds", "total_seconds"), ("write", "writelines"), ("read", "readline", "readlines"),
    ("partition", "rpartition"), ("ljust", "rjust", "center", "zfill"), ("search", "match", "fullmatch"),
    ("debug", "info", "warning", "error"), ("union", "update"), ("sort", "reverse"),
)  # fmt: skip
KEYWORDS = {
    "sorted": ("reverse=True", "key=len"),
    "sort": ("reverse=True", "key=len"),
    "max": ("key=len", "default=0"),
    "min": ("key=len", "default=0"),
    "enumerate": ("start=1",),
    "open": ("encoding='utf-8'",),
    "zip": ("strict=True",),
}


_ITERATED = ("sorted", "list", "reversed", "set", "enumerate")
_HELD = ("len", "sorted", "list", "set", "sum")
_PLAIN = ("abs", "int", "str", "list", "len")


def arguments(site: Site) -> Iterator[Edit]:
    """Two arguments exchanged; one left out."""
    for node in site.expressions():
        if not isinstance(node, ast.Call):
            continue
        for first, second in combinations(node.args, 2):
            near = node.args.index(second) - node.args.index(first) == 1
            splices = _exchange(site, first, second)
            what = f"`{site.text(first)}` and `{site.text(second)}` exchanged"
            yield site.rewrite(splices, 0.42 if near else 0.25, "arguments", what)
        if len(node.args) + len(node.keywords) > 1:
            for left_out in node.args:
                kept = [site.text(each) for each in node.args if each is not left_out]
                text = f"{site.text(node.func)}({', '.join([*kept, *(site.text(each) for each in node.keywords)])})"
                yield site.replace(node, text, 0.12, "argument left out")


def _exchange(site: Site, first: ast.expr, second: ast.expr) -> tuple[Splice, ...]:
    one, two = site.context.source.span(first), site.context.source.span(second)
    return Splice(*one, site.text(second)), Splice(*two, site.text(first))


def keywords(site: Site) -> Iterator[Edit]:
    """A keyword argument left out, added, or with a flag turned."""
    for node in site.expressions():
        if not isinstance(node, ast.Call):
            continue
        parts = [site.text(each) for each in node.args]
        given = [site.text(each) for each in node.keywords]
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        for place in range(len(given)):
            text = f"{site.text(node.func)}({', '.join(parts + given[:place] + given[place + 1 :])})"
            yield site.replace(node, text, 0.22, "keyword left out")
        if parts or isinstance(node.func, ast.Attribute):
            for keyword in KEYWORDS.get(name, ()):
                if not any(each.arg == keyword.split("=")[0] for each in node.keywords):
                    text = f"{site.text(node.func)}({', '.join([*parts, *given, keyword])})"
                    yield site.replace(node, text, 0.15, "keyword added")


def functions(site: Site) -> Iterator[Edit]:
    """Another function of the same family, or another one of the module that takes as many arguments."""
    for node in site.expressions():
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name):
            name = node.func.id
            others = _family(name, FUNCTION_FAMILIES)
            for rank, other in enumerate(others):
                yield site.replace(node.func, other, 0.42 / (1 + 0.5 * rank), "function")
            own = site.context.module.functions
            same = [each for each, count in own.items() if each != name and count == len(node.args) and name in own]
            for rank, other in enumerate(sorted(same, key=lambda each: -alike(each, name))[:6]):
                yield site.replace(node.func, other, 0.3 / (1 + 0.5 * rank), "function")
        elif isinstance(node.func, ast.Attribute):
            yield from _methods(site, node, node.func)


def _methods(site: Site, node: ast.Call, callee: ast.Attribute) -> Iterator[Edit]:
    base = site.text(callee.value)
    family = _family(callee.attr, METHOD_FAMILIES)
    for rank, other in enumerate(family):
        yield site.replace(callee, f"{base}.{other}", 0.38 / (1 + 0.4 * rank), "method")
    own = [each for each in site.context.module.methods if each != callee.attr and each not in family]
    own += [each for each in _class_methods(site) if base == "self" and each != callee.attr]
    for rank, other in enumerate(sorted(set(own), key=lambda each: (-alike(each, callee.attr), each))[:5]):
        yield site.replace(callee, f"{base}.{other}", 0.2 / (1 + 0.5 * rank), "method")


def _class_methods(site: Site) -> list[str]:
    owner = site.context.in_class
    return [each.name for each in owner.body if isinstance(each, Function)] if owner else []


def _family(name: str, families: tuple[tuple[str, ...], ...]) -> list[str]:
    return list(dict.fromkeys(other for family in families if name in family for other in family if other != name))


def unwrapped(site: Site) -> Iterator[Edit]:
    """A call that should not be there: `f(x)` -> `x`."""
    inside = {function.name for function in site.statement.functions}
    for node in site.expressions():
        if isinstance(node, ast.Call) and len(node.args) == 1 and not isinstance(node.args[0], ast.Starred):
            recursive = isinstance(node.func, ast.Name) and node.func.id in inside
            yield site.replace(node, site.text(node.args[0]), 0.35 if recursive else 0.18, "call left out")
        elif isinstance(node, ast.Call) and not node.args and isinstance(node.func, ast.Attribute):
            yield site.replace(node, site.text(node.func.value), 0.12, "call left out")


def wrapped(site: Site) -> Iterator[Edit]:
    """A call that is missing: `x` -> `len(x)`, `sorted(x)`, `abs(x)`, the function itself, `await x`."""
    for node in site.expressions():
        parent = site.parent(node)
        if isinstance(parent, ast.Attribute | ast.keyword) or isinstance(node, ast.Constant | ast.List | ast.Dict):
            continue
        if isinstance(parent, ast.Call) and parent.func is node:
            continue
        text, kind = site.text(node), site.context.kind(node)
        iterated = isinstance(parent, ast.For | ast.comprehension)
        wrappers = _ITERATED if iterated else _HELD if kind in CONTAINERS else _PLAIN
        for rank, name in enumerate(wrappers):
            yield site.replace(node, f"{name}({text})", (0.14 if iterated else 0.07) / (1 + 0.2 * rank), "call added")
        if isinstance(node, ast.Name) and len(site.context.parameters) == 1:
            yield site.replace(node, f"{site.context.function.name}({text})", 0.06, "call added")
        asynchronous = isinstance(site.statement.functions[-1], ast.AsyncFunctionDef)
        if asynchronous and isinstance(node, ast.Call) and not isinstance(parent, ast.Await):
            yield site.replace(node, f"await {text}", 0.4, "await added")


def to_assignment(site: Site) -> Iterator[Edit]:
    """`a.update(b)` -> `a = b`, and for the other methods that fill; `a.append(b)` -> `a = b`."""
    match site.node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=target, attr=method), args=[argument])):
            if method in ("update", "append", "extend", "add", "union") and not isinstance(target, ast.Call):
                start, end = site.context.source.span(site.node)
                text = f"{site.text(target)} = {site.text(argument)}"
                yield site.rewrite((Splice(start, end, text),), 0.2, "assignment", f"`{text}`")
