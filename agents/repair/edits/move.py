"""Statements that are too many or in the wrong place: left out, exchanged, out of a block, into it; `if` for `while`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.repair.edits.contract import Edit, Site
from agents.repair.edits.layout import reindented, unit_of_indent, whole_lines
from agents.repair.source import Splice


def left_out(site: Site) -> Iterator[Edit]:
    """The statement deleted, or `pass` in its place."""
    node, source = site.node, site.context.source
    start, end = source.span(node)
    small = isinstance(node, ast.Expr | ast.AugAssign | ast.Assign | ast.If | ast.Return | ast.Break | ast.Continue)
    if not small or _is_docstring(node):
        return
    likelihood = 0.1 if isinstance(node, ast.Expr | ast.AugAssign) else 0.06
    lines = whole_lines(source, node)
    if len(site.statement.block) > 1 and lines is not None and not _is_elif(site):
        splice = Splice(*lines, "")
    else:
        splice = Splice(start, end, "pass")
    if not _is_elif(site):
        yield site.rewrite((splice,), likelihood, "statement left out", f"`{_head(site)}` left out")


def exchanged(site: Site) -> Iterator[Edit]:
    """The statement and the next one exchanged."""
    block, place, source = site.statement.block, site.statement.place, site.context.source
    if place + 1 >= len(block) or _is_docstring(site.node):
        return
    first, second = whole_lines(source, block[place]), whole_lines(source, block[place + 1])
    if first is None or second is None or first[1] > second[0]:
        return
    one = reindented(source, *first, "", "")
    two = reindented(source, *second, "", "")
    splices = (Splice(*first, two), Splice(*second, one))
    yield site.rewrite(splices, 0.18, "statements exchanged", f"`{_head(site)}` moved down")


def out_of_block(site: Site) -> Iterator[Edit]:
    """The last statement of a block after the block, the first one before it."""
    owner, source = site.statement.owner, site.context.source
    block, place = site.statement.block, site.statement.place
    if not isinstance(owner, ast.If | ast.For | ast.While | ast.With) or len(block) < 2:
        return
    lines, holder = whole_lines(source, site.node), whole_lines(source, owner)
    if lines is None or holder is None:
        return
    moved = reindented(source, *lines, source.indent(site.node.lineno), source.indent(owner.lineno))
    if place == len(block) - 1 and lines[1] == holder[1]:
        splices: tuple[Splice, ...] = (Splice(*lines, moved),)
        yield site.rewrite(splices, 0.18, "statement moved", f"`{_head(site)}` after the block")
    elif place == len(block) - 1:
        splices = (Splice(*lines, ""), Splice(holder[1], holder[1], moved))
        yield site.rewrite(splices, 0.1, "statement moved", f"`{_head(site)}` after the block")
    if place == 0:
        splices = (Splice(holder[0], holder[0], moved), Splice(*lines, ""))
        yield site.rewrite(splices, 0.1, "statement moved", f"`{_head(site)}` before the block")


def into_block(site: Site) -> Iterator[Edit]:
    """A statement at the end of the block before it, or at the start of the one after it."""
    block, place, source = site.statement.block, site.statement.place, site.context.source
    lines = whole_lines(source, site.node)
    if lines is None or _is_docstring(site.node):
        return
    previous = block[place - 1] if place else None
    if isinstance(previous, ast.If | ast.For | ast.While | ast.With):
        inner = (getattr(previous, "orelse", None) or previous.body)[-1]
        moved = reindented(source, *lines, source.indent(site.node.lineno), source.indent(inner.lineno))
        yield site.rewrite((Splice(*lines, moved),), 0.15, "statement moved", f"`{_head(site)}` into the block before")


def kinds_of_block(site: Site) -> Iterator[Edit]:
    """`while` for `if` and back, `elif` for `if`, `break` for `continue`; a block without its condition."""
    node, source = site.node, site.context.source
    start, end = source.span(node)
    text = source.text
    if isinstance(node, ast.If) and text.startswith("if", start):
        if not node.orelse:
            yield site.rewrite((Splice(start, start + 2, "while"),), 0.2, "loop", "`if` becomes `while`")
        previous = site.statement.block[site.statement.place - 1] if site.statement.place else None
        if isinstance(previous, ast.If) and not previous.orelse:
            yield site.rewrite((Splice(start, start, "el"),), 0.2, "branch", "`if` becomes `elif`")
        yield from _unwrapped(site, node)
    elif isinstance(node, ast.If) and text.startswith("elif", start):
        yield site.rewrite((Splice(start, start + 2, ""),), 0.15, "branch", "`elif` becomes `if`")
    elif isinstance(node, ast.While) and not node.orelse:
        yield site.rewrite((Splice(start, start + 5, "if"),), 0.12, "loop", "`while` becomes `if`")
    elif isinstance(node, ast.Break):
        yield site.rewrite((Splice(start, end, "continue"),), 0.3, "loop", "`break` becomes `continue`")
    elif isinstance(node, ast.Continue):
        yield site.rewrite((Splice(start, end, "break"),), 0.3, "loop", "`continue` becomes `break`")


def _unwrapped(site: Site, node: ast.If) -> Iterator[Edit]:
    source, lines = site.context.source, whole_lines(site.context.source, node)
    if node.orelse or lines is None or node.body[0].lineno == node.lineno:
        return
    start = source.line_start(node.body[0].lineno)
    unit = unit_of_indent(source, site)
    inner, outer = source.indent(node.body[0].lineno), source.indent(node.lineno)
    if inner == outer + unit:
        text = reindented(source, start, lines[1], inner, outer)
        yield site.rewrite(
            (Splice(*lines, text),), 0.08, "condition left out", f"`{_head(site)}` without the condition"
        )


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_elif(site: Site) -> bool:
    start = site.context.source.span(site.node)[0]
    return isinstance(site.node, ast.If) and site.context.source.text.startswith("elif", start)


def _head(site: Site) -> str:
    line = site.text(site.node).splitlines()[0].strip()
    return line if len(line) <= 50 else line[:47] + "…"
