"""Where a new statement may stand, and the text that puts it there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from agents.repair.edits.contract import Site
from agents.repair.source import SourceFile, Splice


@dataclass(frozen=True, slots=True)
class Gap:
    """A place between statements. `last`: after the last statement of its block."""

    offset: int
    indent: str
    last: bool


def before(site: Site) -> Gap | None:
    """The gap before a statement; None where it shares its line with something else."""
    source, node = site.context.source, site.node
    start = source.span(node)[0]
    line = source.line_start(_first_line(node))
    if source.text[line:start].strip(" \t\f"):
        return None
    return Gap(line, source.indent(_first_line(node)), last=False)


def after(site: Site) -> Gap | None:
    """The gap after a statement."""
    source, node = site.context.source, site.node
    gap = before(site)
    end_line = node.end_lineno or node.lineno
    end = source.span(node)[1]
    rest = source.text[end : source.line_end(end_line)].strip()
    if gap is None or (rest and not rest.startswith("#")):
        return None
    return Gap(source.line_end(end_line), gap.indent, last=site.statement.place == len(site.statement.block) - 1)


def insertion(source: SourceFile, gap: Gap, lines: list[str]) -> Splice:
    """Whole lines, indented as the block, with the file's own newline (added before, too, at the end of a file without)."""
    text = "".join(gap.indent + line + source.newline for line in lines)
    if gap.offset and source.text[gap.offset - 1] not in "\r\n":
        text = source.newline + text[: -len(source.newline)]
    return Splice(gap.offset, gap.offset, text)


def whole_lines(source: SourceFile, node: ast.stmt) -> tuple[int, int] | None:
    """The span of a statement with its lines' indent and end; None where it shares a line."""
    start, end = source.line_start(_first_line(node)), source.line_end(node.end_lineno or node.lineno)
    head = source.text[start : source.span(node)[0]].strip(" \t\f")
    tail = source.text[source.span(node)[1] : end].strip()
    return None if head or (tail and not tail.startswith("#")) else (start, end)


def reindented(source: SourceFile, start: int, end: int, old: str, new: str) -> str:
    """Whole lines moved from one indent to another. Lines that do not begin with the old one are left as they are."""
    lines = source.text[start:end].splitlines(keepends=True)
    text = "".join(new + line[len(old) :] if line.startswith(old) else line for line in lines)
    return text if text.endswith(("\n", "\r")) else text + source.newline


def unit_of_indent(source: SourceFile, site: Site) -> str:
    """One level of indent, as this function has it."""
    function = site.context.function
    outer, inner = source.indent(function.lineno), source.indent(function.body[0].lineno)
    unit = inner[len(outer) :] if function.body[0].lineno > function.lineno else ""
    return unit or "    "


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def gaps(site: Site) -> Iterator[Gap]:
    """The gap before a statement, and the one after it where its block ends."""
    if (gap := before(site)) is not None:
        yield gap
    if (
        (gap := after(site)) is not None
        and gap.last
        and not isinstance(site.node, ast.Return | ast.Raise | ast.Continue)
    ):
        yield gap
