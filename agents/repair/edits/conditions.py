"""Conditions: and/or, negation, a conjunct too many or too few."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.repair.edits.contract import Edit, Site
from agents.repair.facts import CONTAINERS


def boolean(site: Site) -> Iterator[Edit]:
    """`and` for `or`, one operand left out, a negation more or less."""
    for node in site.expressions():
        match node:
            case ast.BoolOp(op=operator, values=values):
                word = "and" if isinstance(operator, ast.Or) else "or"
                yield site.replace(node, f" {word} ".join(_held(site, each) for each in values), 0.5, "boolean")
                for left_out in values:
                    kept = [_held(site, each) for each in values if each is not left_out]
                    old = "or" if word == "and" else "and"
                    yield site.replace(node, f" {old} ".join(kept), 0.3, "condition left out")
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield site.replace(node, site.text(operand), 0.5, "negation")
            case ast.IfExp(test=test, body=body, orelse=orelse):
                text = f"{site.text(orelse)} if {site.text(test)} else {site.text(body)}"
                yield site.replace(node, text, 0.3, "branches exchanged")
                yield site.replace(node, site.text(body), 0.1, "condition left out")
                yield site.replace(node, site.text(orelse), 0.1, "condition left out")


def negated(site: Site) -> Iterator[Edit]:
    """A condition turned round; an expression of truth where it is returned or passed."""
    for test in _tests(site):
        if not isinstance(test, ast.Compare) and not (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)):
            yield site.replace(test, f"not {_held(site, test)}", 0.4, "negation")


def guards(site: Site) -> Iterator[Edit]:
    """A conjunct that protects what the condition then reads: `x is None or …`, `x and …`."""
    for test in _tests(site):
        bases: dict[str, None] = {}
        for node in ast.walk(test):
            if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.value, ast.Name | ast.Attribute):
                bases[site.text(node.value)] = None
        text = _held(site, test)
        for rank, base in enumerate(bases):
            if base in ("self", "cls"):
                continue
            share = 1 / (1 + 0.4 * rank)
            yield site.replace(test, f"{base} is None or {text}", 0.35 * share, "guard")
            yield site.replace(test, f"{base} is not None and {text}", 0.35 * share, "guard")
            yield site.replace(test, f"not {base} or {text}", 0.2 * share, "guard")
            yield site.replace(test, f"{base} and {text}", 0.25 * share, "guard")


def conjuncts(site: Site) -> Iterator[Edit]:
    """Another condition joined with `and` or `or`: of a name in scope, or one that stands elsewhere in the function."""
    for test in _tests(site):
        text = _held(site, test)
        used = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
        for rank, other in enumerate(_conditions(site, test, used)):
            likelihood = 0.26 / (1 + 0.12 * rank)
            yield site.replace(test, f"{text} or {other}", likelihood, "condition added")
            yield site.replace(test, f"{text} and {other}", likelihood, "condition added")


def replaced(site: Site) -> Iterator[Edit]:
    """Another condition altogether."""
    for test in _tests(site):
        if isinstance(test, ast.Constant):
            for rank, name in enumerate(_truthy(site, test)):
                yield site.replace(test, name, 0.5 / (1 + 0.3 * rank), "condition")
            continue
        used = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
        for rank, other in enumerate(_conditions(site, test, used)):
            yield site.replace(test, other, 0.12 / (1 + 0.2 * rank), "condition")


def filters(site: Site) -> Iterator[Edit]:
    """A comprehension's filter left out."""
    for node in site.expressions():
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            for generator in node.generators:
                if len(generator.ifs) == 1:
                    text, (start, _) = site.text(node), site.context.source.span(node)
                    left = site.context.source.span(generator.iter)[1] - start
                    right = site.context.source.span(generator.ifs[0])[1] - start
                    yield site.replace(node, text[:left] + text[right:], 0.15, "condition left out")


def _tests(site: Site) -> Iterator[ast.expr]:
    node = site.node
    if isinstance(node, ast.If | ast.While | ast.Assert):
        yield node.test
    for inner in site.expressions():
        if isinstance(inner, ast.IfExp):
            yield inner.test
        elif isinstance(inner, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            yield from (test for generator in inner.generators for test in generator.ifs)
    if isinstance(node, ast.Return) and isinstance(node.value, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.Call):
        yield node.value


def _truthy(site: Site, test: ast.expr) -> Iterator[str]:
    names = site.visible(test)
    containers = [name for name in names if site.context.kinds.get(name) in CONTAINERS]
    yield from containers
    yield from (name for name in names if name not in containers)


def _conditions(site: Site, test: ast.expr, used: set[str]) -> Iterator[str]:
    """Conditions worth joining: of names that the test does not read yet first."""
    names = sorted(site.visible(test), key=lambda name: (name in used, name not in site.context.parameters))
    given = site.text(test)
    elsewhere = {
        site.text(node): None
        for node in site.context.expressions
        if isinstance(node, ast.Compare) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not))
    }
    for name in names:
        kind = site.context.kinds.get(name)
        if kind == "function":
            continue
        if kind in CONTAINERS or kind in ("bool", None, "object"):
            yield f"not {name}"
            yield name
        if kind == "int":
            yield f"{name} == 0"
            yield f"{name} > 0"
        if kind in ("object", None):
            yield f"{name} is None"
            yield f"{name} is not None"
    yield from (text for text in elsewhere if text not in given)
    simple = [name for name in names if site.context.kinds.get(name) not in ("function", *CONTAINERS)]
    boxes = [name for name in names if site.context.kinds.get(name) in CONTAINERS - {"str"}]
    yield from (f"{name} not in {box}" for box in boxes for name in simple if name != box)
    yield from (f"{name} in {box}" for box in boxes for name in simple if name != box)


def _held(site: Site, node: ast.expr) -> str:
    text = site.text(node)
    return f"({text})" if isinstance(node, ast.BoolOp | ast.IfExp | ast.Lambda | ast.NamedExpr) else text
