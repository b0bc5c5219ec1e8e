"""Lines that begin no statement: are they prose, or was a statement meant? The names of the tools tell.

Each function takes one line and the tools' names, and returns the place after the tool's name where a statement was meant.
Real prose speaks of tools, too ("I'll use grep(...) to look"): what stands in backticks or quotes, in brackets, or with dots
for its arguments is spoken about. All in time linear in the line.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Collection

NAME = r"[^\W\d]\w*"
_QUOTED = re.compile(r"`[^`]*`|\"[^\"]*\"")
_ALL_QUOTED = re.compile(r"([ \t]*+(?:(?:[-*+>]|\d+[.)])[ \t]*+)?+)`([^`]*)`[ \t]*")
_ASSIGNED = re.compile(rf"(?<![=!<>])=[ \t]*({NAME})[ \t]*\((?![ \t]*(?:\.\.\.|…))")
_ALONE = re.compile(rf"[ \t]*(?:await[ \t]+)?({NAME})[ \t]*\([ \t]*(?:{NAME}[ \t]*=(?!=)|$)")
_STATEMENT = re.compile(rf"[ \t]*{NAME}[ \t]*=[ \t]*({NAME})[ \t]*\([ \t]*(?:\)|{NAME}[ \t]*=(?!=)|$)")
_MAY_BE_CODE = re.compile(rf"[ \t]*(?:@|{NAME}[ \t]*[\[(.:,+*/|&^%@<>=-]|{NAME}[ \t]+[\w(\[\"'*])")
_WORD_AND_BRACKET = re.compile(rf"[ \t]*({NAME})[ \t]+\(")
_LONGEST_CODE = 2000  # characters of a line that may be Python


def assigned_in(line: str, tools: Collection[str]) -> int | None:
    """`my-hits = grep(…)`, `1. hits = grep(…)`, `Then hits = grep(…)`; also when the whole line stands in backticks."""
    if whole := _ALL_QUOTED.fullmatch(line):
        line = f"{whole[1]} {whole[2]} "
    for found in _ASSIGNED.finditer(_QUOTED.sub(lambda quoted: " " * len(quoted[0]), line)):
        if found[1] in tools:
            before = line[: found.start()]
            return found.end(1) if before.count("(") <= before.count(")") else None
    return None


def call_alone_in(line: str, tools: Collection[str]) -> int | None:
    """`grep(pattern=…`: a call without a name. Whether words follow it is for the caller to see."""
    found = _ALONE.match(line)
    return found.end(1) if found and found[1] in tools else None


def statement_in(line: str, tools: Collection[str]) -> int | None:
    """`hits = grep(pattern=…`, as no other language has it by chance."""
    found = _STATEMENT.match(line)
    return found.end(1) if found and found[1] in tools else None


def is_code(line: str, tools: Collection[str]) -> bool:
    """Whether it is Python, and not a bare word, text or formula (which prose may look like)."""
    spoken = _WORD_AND_BRACKET.match(line)  # as in "Step (1)"
    if not _MAY_BE_CODE.match(line) or (spoken and spoken[1] not in tools):
        return False
    return any(is_python(text) for text in (line.strip(), f"{line.strip()} pass"))


def is_python(text: str) -> bool:
    """A statement other than a bare word, text or formula."""
    if len(text) > _LONGEST_CODE:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    told = (ast.Call, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Await, ast.Yield)
    return any(not isinstance(each, ast.Expr) or isinstance(each.value, told) for each in body)
