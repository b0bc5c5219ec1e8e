"""Documented examples: `>>> f(2)` and `4` below it, or `f(2) -> 4` in a sentence. Free tests that nobody wrote as tests.

They are only read here; a sandbox evaluates them. An example that a candidate breaks speaks against it, one that failed on
base and is met with the candidate speaks for it.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator, Mapping

from agents.repair.source import SourceFile
from agents.testrun import Example

MAX_EXAMPLES = 40
MAX_LENGTH = 2000  # characters of one example
_SAYS = re.compile(
    r"\s*(?:->|→|=>|==|=|returns?|gives?|is|yields?|evaluates to|(?:should|must|has to) (?:be|return|give|equal|yield))\s*:?\s*",
    re.IGNORECASE,
)
_PROMPT = re.compile(r"[ \t]*>>> ?(.*)")
_CONTINUED = re.compile(r"[ \t]*\.\.\. ?(.*)")
_CALL = re.compile(r"\b([A-Za-z_]\w*(?:\.\w+)*)\(")


def find_examples(sources: Mapping[str, SourceFile], issue: str) -> tuple[Example, ...]:
    """Examples in the documentation of these files and in the issue's text, each once, with the file that they run in."""
    homes = {name: path for path, source in reversed(list(sources.items())) for name in _defined(source)}
    found: dict[tuple[str, str, str], Example] = {}
    texts = [(path, text) for path, source in sources.items() for text in _documentation(source)]
    for path, text in [*texts, (None, issue)]:
        for before, source_text, expected in (*_prompted(text), *_told(text, homes)):
            home = path or next((homes[name] for name in _names(source_text) if name in homes), None)
            if home is not None and len(source_text) + len(expected) <= MAX_LENGTH:
                key = (home, " ".join(source_text.split()), " ".join(expected.split()))
                found.setdefault(key, Example(home, before, source_text, expected, of_issue=path is None))
    return tuple(found.values())[:MAX_EXAMPLES]


def _documentation(source: SourceFile) -> Iterator[str]:
    """Strings that stand for themselves: docstrings, and the loose ones below a function."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


def _defined(source: SourceFile) -> Iterator[str]:
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


def _prompted(text: str) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """(statements before, expression, expected text) of an interpreter session."""
    lines = text.splitlines()
    before: list[str] = []
    place = 0
    while place < len(lines):
        start = _PROMPT.match(lines[place])
        place += 1
        if start is None:
            continue
        code = [start.group(1)]
        while place < len(lines) and ((more := _CONTINUED.match(lines[place])) or not _is_complete(code)):
            code.append(more.group(1) if more else lines[place])
            place += 1
        wanted = []
        while place < len(lines) and lines[place].strip() and not _PROMPT.match(lines[place]):
            wanted.append(lines[place])
            place += 1
        source, expected = "\n".join(code), textwrap.dedent("\n".join(wanted)).strip()
        if _parses(source, "eval"):
            if expected and not expected.startswith("Traceback"):
                yield tuple(before), source, expected
        elif _parses(source, "exec"):
            before.append(source)


def _told(text: str, homes: Mapping[str, str]) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """`f(x) -> y`, `f(x) == y`, `f(x) returns y` in prose, for functions that are known."""
    for line in text.splitlines():
        if _PROMPT.match(line):
            continue
        for call in _CALL.finditer(line):
            if call.group(1).split(".")[0] not in homes:
                continue
            end = _closing(line, call.end() - 1)
            said = _SAYS.match(line, end) if end else None
            if said is None or not _parses(line[call.start() : end], "eval"):
                continue
            expected = _literal(line[said.end() :])
            if expected is not None:
                yield (), line[call.start() : end], expected


def _closing(line: str, start: int) -> int | None:
    """Just after the bracket that closes the one at `start`, and a closing backquote."""
    depth = 0
    for place in range(start, len(line)):
        depth += (line[place] in "([{") - (line[place] in ")]}")
        if depth == 0:
            return place + 2 if line[place + 1 : place + 2] == "`" else place + 1
    return None


def _literal(text: str) -> str | None:
    """The longest literal at the start of a text, without the full stop after it."""
    text = text.lstrip("`")
    for end in range(min(len(text), 200), 0, -1):
        part = text[:end].rstrip()
        if part.endswith("."):
            continue  # the end of a sentence, not a float
        if part and (end == len(text) or not (text[end - 1 : end + 1].isalnum())):
            try:
                ast.literal_eval(part)
            except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
                continue
            return part
    return None


def _names(source: str) -> Iterator[str]:
    try:
        yield from (node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name))
    except SyntaxError:
        return


def _is_complete(code: list[str]) -> bool:
    text = "\n".join(code)
    return _parses(text, "exec") or len(code) > 40


def _parses(source: str, mode: str) -> bool:
    try:
        compile(source, "example", mode, ast.PyCF_ONLY_AST, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
