"""Statements that are missing: a guard, a base case, a container that is never filled, a variable that never advances."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import permutations

from agents.repair.edits.contract import Edit, Site
from agents.repair.edits.layout import Gap, gaps, insertion, unit_of_indent
from agents.repair.facts import CONTAINERS

MISSED = 4.0  # how much likelier a statement is that mends what the function seems to have forgotten
ADDERS = {"list": ("append",), "set": ("add",), "container": ("append", "add"), "dict": (), "str": ()}
COPIED = (ast.Assign, ast.AugAssign, ast.Expr, ast.Break, ast.Continue, ast.Return)


def base_case(site: Site) -> Iterator[Edit]:
    """`if not xs: return …` at the start of a function, with what the function returns elsewhere."""
    function = site.statement.functions[-1]
    if site.statement.block is not function.body or site.statement.place != _first_code(function.body):
        return
    for gap in gaps(site):
        if gap.last:
            continue
        unit = unit_of_indent(site.context.source, site)
        rank = 0
        for condition in _base_conditions(site):
            for value in _results(site):
                rank += 1
                lines = [f"if {condition}:", f"{unit}return {value}".rstrip()]
                yield _inserted(site, gap, lines, 0.3 / (1 + 0.12 * rank), "base case")


def _first_code(body: list[ast.stmt]) -> int:
    """The place after a docstring."""
    first = body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and len(body) > 1
    return 1 if documented else 0


def _base_conditions(site: Site) -> Iterator[str]:
    names = [arg.arg for function in reversed(site.statement.functions) for arg in function.args.args]
    names = [name for name in dict.fromkeys(names) if name not in ("self", "cls")]
    for name in names:
        kind = site.context.kinds.get(name)
        if kind in CONTAINERS:
            yield f"not {name}"
            yield f"len({name}) <= 1"
        elif kind == "int":
            yield f"{name} == 0"
            yield f"{name} <= 0"
            yield f"{name} <= 1"
        else:
            yield f"{name} is None"
            yield f"not {name}"


def _results(site: Site) -> list[str]:
    returns = [node for node in ast.walk(site.context.function) if isinstance(node, ast.Return)]
    plain = [site.text(node.value) for node in returns if isinstance(node.value, ast.Constant | ast.List | ast.Name)]
    kinds = {site.context.kind(node.value) for node in returns if node.value is not None}
    usual = {"int": ["0", "1"], "list": ["[]"], "str": ["''"], "bool": ["False", "True"], "dict": ["{}"]}
    fitting = [text for kind in kinds for text in usual.get(kind or "", [])]
    names = site.context.parameters[:2]
    return list(dict.fromkeys([*plain, *fitting, *([] if plain or fitting else [""]), "None", *names]))[:6]


def filled(site: Site) -> Iterator[Edit]:
    """`container.add(name)` for containers and names in scope."""
    names = site.visible()
    kinds, forgotten = site.context.kinds, site.context.forgotten
    for gap in gaps(site):
        rank = 0
        for box in sorted(names, key=lambda name: name not in forgotten):
            for method in ADDERS.get(kinds.get(box, ""), ()):
                for name in sorted(names, key=lambda each: kinds.get(each) in CONTAINERS):
                    if name == box or kinds.get(name) == "function":
                        continue
                    rank += 1
                    likelihood = 0.1 * (MISSED if box in forgotten else 1.0) / (1 + 0.2 * rank)
                    yield _inserted(site, gap, [f"{box}.{method}({name})"], min(likelihood, 0.5), "statement added")


def assigned(site: Site) -> Iterator[Edit]:
    """`a = b`, `a += 1`, `a -= 1` for variables of the function."""
    context = site.context
    variables = [name for name in site.visible() if context.kinds.get(name) != "function"]
    for gap in gaps(site):
        rank = 0
        for target, value in permutations(variables, 2):
            kinds = context.kinds.get(target), context.kinds.get(value)
            if None not in kinds and kinds[0] != kinds[1]:
                continue
            missed = target in context.forgotten and site.statement.loops
            rank += 1
            likelihood = 0.09 * (MISSED if missed else 1.0) / (1 + 0.2 * rank)
            yield _inserted(site, gap, [f"{target} = {value}"], likelihood, "statement added")
        for rank, target in enumerate(name for name in variables if context.kinds.get(name) == "int"):
            missed = target in context.forgotten and site.statement.loops
            likelihood = 0.1 * (MISSED if missed else 1.0) / (1 + 0.3 * rank)
            yield _inserted(site, gap, [f"{target} += 1"], likelihood, "statement added")
            yield _inserted(site, gap, [f"{target} -= 1"], 0.7 * likelihood, "statement added")


def copied(site: Site) -> Iterator[Edit]:
    """A simple statement of the function, as it is or with one name changed (GenProg: the mend is often in the code)."""
    context = site.context
    visible = set(site.visible())
    seen: dict[str, ast.stmt] = {}
    for each in context.statements:
        if isinstance(each.node, COPIED) and each.node.end_lineno == each.node.lineno:
            seen.setdefault(site.text(each.node), each.node)
    for gap in gaps(site):
        rank = 0
        for text, node in seen.items():
            if isinstance(node, ast.Break | ast.Continue) and not site.statement.loops:
                continue
            rank += 1
            yield _inserted(site, gap, [text], 0.08 / (1 + 0.15 * rank), "statement copied")
            for changed in _renamed(site, node, text, visible):
                rank += 1
                yield _inserted(site, gap, [changed], 0.06 / (1 + 0.1 * rank), "statement copied")


def _renamed(site: Site, node: ast.stmt, text: str, visible: set[str]) -> Iterator[str]:
    start = site.context.source.span(node)[0]
    kinds = site.context.kinds
    for name in ast.walk(node):
        if isinstance(name, ast.Name) and kinds.get(name.id) != "function" and name.id in visible:
            left, right = (place - start for place in site.context.source.span(name))
            for other in sorted(visible):
                if other != name.id and kinds.get(other) in (kinds.get(name.id), None):
                    yield text[:left] + other + text[right:]


def left(site: Site) -> Iterator[Edit]:
    """`break`, `continue` or `return` where a block ends; a guard that leaves: `if x in seen: continue`."""
    context, unit = site.context, unit_of_indent(site.context.source, site)
    names = [name for name in site.visible() if context.kinds.get(name) != "function"]
    boxes = [name for name in names if context.kinds.get(name) in CONTAINERS - {"str"}]
    for gap in gaps(site):
        if gap.last and site.statement.loops:
            yield _inserted(site, gap, ["break"], 0.07, "statement added")
            yield _inserted(site, gap, ["continue"], 0.05, "statement added")
        if gap.last:
            for rank, name in enumerate(names):
                yield _inserted(site, gap, [f"return {name}"], 0.1 / (1 + 0.5 * rank), "return added")
        if site.statement.loops and not gap.last:
            rank = 0
            for box in boxes:
                for name in names:
                    if name != box and context.kinds.get(name) not in CONTAINERS:
                        rank += 1
                        lines = [f"if {name} in {box}:", f"{unit}continue"]
                        yield _inserted(site, gap, lines, 0.08 / (1 + 0.3 * rank), "guard")


def _inserted(site: Site, gap: Gap, lines: list[str], likelihood: float, family: str) -> Edit:
    splice = insertion(site.context.source, gap, lines)
    what = f"`{' '.join(line.strip() for line in lines)}` added"
    return site.rewrite((splice,), likelihood, family, what)
