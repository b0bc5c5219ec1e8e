"""The wrong variable, the wrong attribute, a missing `self.`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.repair.edits.contract import Edit, Site, alike


def variables(site: Site) -> Iterator[Edit]:
    """Another variable in scope: of the same kind first, then by name; names that nothing reads yet are likelier."""
    for node in site.expressions():
        if not isinstance(node, ast.Name) or _is_callee(site, node) or node.id in ("self", "cls"):
            continue
        names = [name for name in site.visible(node) if name != node.id]
        constants = site.context.module.constants
        if node.id in constants or not names:
            names += [name for name in constants if name != node.id]
        ranked = sorted(names, key=lambda name: -_closeness(site, node.id, name))
        for rank, name in enumerate(ranked):
            boost = 1.6 if name in site.context.forgotten else 1.0
            likelihood = boost * 0.5 * _closeness(site, node.id, name) / (1 + 0.35 * rank)
            yield site.replace(node, name, min(likelihood, 0.7), "variable")


def _closeness(site: Site, given: str, other: str) -> float:
    kinds = site.context.kinds
    first, second = kinds.get(given), kinds.get(other)
    if "function" in (first, second) and first != second:
        return 0.05
    same = 1.0 if first == second else 0.7 if None in (first, second) else 0.4
    both_parameters = (given in site.context.parameters) == (other in site.context.parameters)
    return same * (0.75 + 0.25 * alike(given, other)) * (1.0 if both_parameters else 0.85)


def _is_callee(site: Site, node: ast.expr) -> bool:
    parent = site.parent(node)
    return isinstance(parent, ast.Call) and parent.func is node


def attributes(site: Site) -> Iterator[Edit]:
    """Another attribute of the same object, as the module knows them; those that look alike first."""
    for node in site.expressions():
        if not isinstance(node, ast.Attribute) or _is_callee(site, node):
            continue
        base = site.text(node.value)
        own = _attributes_of(site, base)
        others = [name for name in site.context.module.attributes if name != node.attr]
        called = site.context.module.methods
        others = [name for name in others if name in own or not called[name]]
        ranked = sorted(others, key=lambda name: -(alike(name, node.attr) + 0.4 * (name in own)))
        for rank, name in enumerate(ranked[:10]):
            yield site.replace(node, f"{base}.{name}", 0.45 / (1 + 0.5 * rank), "attribute")
        yield site.replace(node, f"{base}.{node.attr}.{node.attr}", 0.08, "attribute")
        yield site.replace(node, base, 0.12, "attribute left out")


def attributes_added(site: Site) -> Iterator[Edit]:
    """`x` -> `x.attribute`, where the function reads that attribute of the same name or of another."""
    for node in site.expressions():
        if not isinstance(node, ast.Name) or _is_callee(site, node) or isinstance(site.parent(node), ast.Attribute):
            continue
        if node.id == "self":
            continue
        for rank, name in enumerate(_attributes_of(site, node.id)):
            if not site.context.module.methods[name]:
                yield site.replace(node, f"{node.id}.{name}", 0.18 / (1 + 0.4 * rank), "attribute added")


def missing_self(site: Site) -> Iterator[Edit]:
    """`name` -> `self.name` in a method, where the class knows such an attribute."""
    owner = site.context.in_class
    if owner is None or "self" not in [arg.arg for arg in site.context.function.args.args[:1]]:
        return
    known = {
        node.attr
        for node in ast.walk(owner)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    }
    for node in site.expressions():
        if isinstance(node, ast.Name) and node.id != "self" and not isinstance(site.parent(node), ast.Attribute):
            if node.id in known:
                yield site.replace(node, f"self.{node.id}", 0.4, "attribute added")
            elif site.context.kinds.get(node.id) != "function":
                ranked = sorted(known, key=lambda name: (-alike(name, node.id), name))
                for rank, name in enumerate(ranked[:4]):
                    yield site.replace(node, f"self.{name}", 0.12 / (1 + rank), "attribute added")


def _attributes_of(site: Site, base: str) -> dict[str, None]:
    """Attributes that the module reads or sets of a name, then (for any other name) those read in the function."""
    tree = site.context.source.tree
    own = [n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and _name(n.value) == base]
    near = [
        n.attr
        for n in ast.walk(site.context.function)
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
    ]
    return dict.fromkeys([*own, *(near if site.context.kinds.get(base) == "object" else [])])


def _name(node: ast.expr) -> str | None:
    return node.id if isinstance(node, ast.Name) else None
