"""A Python file as bytes, as text and as a syntax tree, and changes to its text that leave all the rest as it is.

Comments, formatting, line ends, tabs, a byte order mark and an encoding cookie survive, because only the changed spans of
the text are replaced and the file is never printed from its tree.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

_LINE = re.compile(r"\r\n|\r|\n")
_INDENT = re.compile(r"[ \t\f]*")


class Unreadable(Exception):
    """The file is not Python, as this interpreter reads it."""


@dataclass(frozen=True, slots=True, order=True)
class Splice:
    """Replace the characters from `start` to `end` of a file's text."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class SourceFile:
    """Made by `read_source`. Offsets count characters of `text`; `starts` are those of its lines."""

    path: str
    encoding: str
    text: str
    tree: ast.Module
    newline: str
    starts: tuple[int, ...] = field(repr=False)

    def offset(self, line: int, column: int) -> int:
        """From a tree's position (line from 1, column in UTF-8 bytes) to a place in `text`."""
        start = self.starts[line - 1]
        head = self.text[start : start + column]
        if head.isascii():
            return start + column
        rest = self.text[start : self.starts[line] if line < len(self.starts) else len(self.text)]
        return start + len(rest.encode()[:column].decode(errors="ignore"))

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Where a node stands; a decorated function or class begins at its first decorator's line."""
        first = min((each.lineno for each in getattr(node, "decorator_list", [])), default=None)
        start = self.starts[first - 1] if first else self.offset(node.lineno, node.col_offset)  # type: ignore[attr-defined]
        return start, self.offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def segment(self, node: ast.AST) -> str:
        start, end = self.span(node)
        return self.text[start:end]

    def indent(self, line: int) -> str:
        found = _INDENT.match(self.text, self.starts[line - 1])
        return found.group() if found else ""

    def line_start(self, line: int) -> int:
        return self.starts[line - 1]

    def line_end(self, line: int) -> int:
        """Just after the line's end, with its newline."""
        return self.starts[line] if line < len(self.starts) else len(self.text)

    def spliced(self, splices: Sequence[Splice]) -> str:
        """The whole text with the changes made. They must not overlap; insertions at one place keep their order."""
        parts, place = [], 0
        for splice in sorted(splices, key=lambda each: (each.start, each.end)):
            if splice.start < place:
                raise ValueError("overlapping splices")
            parts += [self.text[place : splice.start], splice.text]
            place = splice.end
        parts.append(self.text[place:])
        return "".join(parts)

    def encode(self, text: str) -> bytes:
        return text.encode(self.encoding)


def read_source(path: str, data: bytes) -> SourceFile:
    """Raises Unreadable."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(f"{path}: {error}") from error
    starts = (0, *(found.end() for found in _LINE.finditer(text)))
    ends = _LINE.findall(text)
    newline = max(set(ends), key=ends.count) if ends else "\n"
    return SourceFile(path, encoding, text, tree, newline, starts)
