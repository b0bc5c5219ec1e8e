"""Indices and slices: exchanged, shifted, a bound too many or too few, a part of a sequence instead of all of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import combinations

from agents.repair.edits.contract import Edit, Site
from agents.repair.facts import CONTAINERS
from agents.repair.source import Splice


def exchanged(site: Site) -> Iterator[Edit]:
    """Two elements of an index or of another tuple exchanged."""
    for node in site.expressions():
        index = node.slice if isinstance(node, ast.Subscript) else node
        if not isinstance(index, ast.Tuple):
            continue
        likelihood = 0.42 if isinstance(node, ast.Subscript) else 0.15
        for first, second in combinations(index.elts, 2):
            one, two = site.context.source.span(first), site.context.source.span(second)
            splices = (Splice(*one, site.text(second)), Splice(*two, site.text(first)))
            what = f"`{site.text(first)}` and `{site.text(second)}` exchanged"
            yield site.rewrite(splices, likelihood, "index", what)


def indices(site: Site) -> Iterator[Edit]:
    """Another index; none."""
    for node in site.expressions():
        if not isinstance(node, ast.Subscript) or isinstance(node.slice, ast.Slice | ast.Tuple):
            continue
        base, index = site.text(node.value), site.text(node.slice)
        for rank, other in enumerate(text for text in ("0", "-1", "1") if text != index):
            yield site.replace(node, f"{base}[{other}]", 0.22 / (1 + 0.4 * rank), "index")
        yield site.replace(node, base, 0.1, "index left out")
        yield site.replace(node, f"{base}[{index}:]", 0.08, "slice")
        yield site.replace(node, f"{base}[:{index}]", 0.08, "slice")


def slices(site: Site) -> Iterator[Edit]:
    """A bound left out or added, the bounds exchanged, another step, the whole."""
    for node in site.expressions():
        if not (isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice)):
            continue
        base, cut = site.text(node.value), node.slice
        lower = site.text(cut.lower) if cut.lower else ""
        upper = site.text(cut.upper) if cut.upper else ""
        step = f":{site.text(cut.step)}" if cut.step else ""
        others = {"": 0.15, f"[{upper}:{lower}{step}]": 0.25, f"[{lower}:{upper}:-1]": 0.06}
        if lower:
            others |= {f"[:{upper}{step}]": 0.2, f"[:{lower}{step}]": 0.15}
        else:
            others |= {f"[1:{upper}{step}]": 0.25}
        if upper:
            others |= {f"[{lower}:{step}]": 0.2, f"[{upper}:{step}]": 0.15}
        else:
            others |= {f"[{lower}:-1{step}]": 0.2}
        for text, likelihood in others.items():
            yield site.replace(node, base + text, likelihood, "slice")


def parts(site: Site) -> Iterator[Edit]:
    """A part of a sequence where all of it is used: `xs` -> `xs[1:]`, `xs[:-1]`, `xs[k:]`, `xs[::-1]`."""
    for node in site.expressions():
        parent = site.parent(node)
        iterated = isinstance(parent, ast.For | ast.comprehension)
        passed = isinstance(parent, ast.Call) and node in parent.args
        if not isinstance(node, ast.Name | ast.Attribute) or not (iterated or passed):
            continue
        kind = site.context.kind(node)
        if kind not in (*CONTAINERS, None):
            continue
        base = 0.3 if kind in CONTAINERS else 0.12
        text = site.text(node)
        numbers = [name for name in site.visible(node) if site.context.kinds.get(name) == "int" and name != text]
        bounds = ["1:", ":-1", *(f"{name}:" for name in numbers), *(f":{name}" for name in numbers), "::-1"]
        for rank, bound in enumerate(bounds):
            yield site.replace(node, f"{text}[{bound}]", base / (1 + 0.3 * rank), "slice")


def elements(site: Site) -> Iterator[Edit]:
    """An element instead of the whole: `x` -> `x[i]`, with an index that the function uses on that name or has in scope."""
    for node in site.expressions():
        if not isinstance(node, ast.Name) or isinstance(site.parent(node), ast.Subscript | ast.Attribute | ast.For):
            continue
        if site.context.kinds.get(node.id) not in CONTAINERS - {"set"}:
            continue
        seen = {
            site.text(each.slice): None
            for each in site.context.expressions
            if isinstance(each, ast.Subscript) and site.text(each.value) == node.id
        }
        for rank, index in enumerate([*seen, "0", "-1"]):
            yield site.replace(node, f"{node.id}[{index}]", 0.1 / (1 + 0.4 * rank), "index")


def ranges(site: Site) -> Iterator[Edit]:
    """`range(n)` -> `range(1, n)`, and a start left out."""
    for node in site.expressions():
        match node:
            case ast.Call(func=ast.Name(id="range"), args=[stop]):
                yield site.replace(node, f"range(1, {site.text(stop)})", 0.3, "range")
                yield site.replace(node, f"range(1, {site.text(stop)} + 1)", 0.15, "range")
            case ast.Call(func=ast.Name(id="range"), args=[start, stop]):
                yield site.replace(node, f"range({site.text(stop)})", 0.15, "range")
                names = [each for each in site.visible(node) if site.context.kinds.get(each) == "int"]
                for rank, name in enumerate(each for each in names if each != site.text(start)):
                    text = f"range({name}, {site.text(stop)})"
                    yield site.replace(node, text, 0.12 / (1 + 0.5 * rank), "range")
