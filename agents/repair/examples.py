"""Documented examples: `>>> f(2)` and `4` below it, or `f(2) -> 4` in a sentence. Free tests that nobody wrote as tests.

An issue also says what is wrong today: in "f(2) gives 8, it should give 4", "f(2) returns 8 instead of 4" and "f(2): expected
4, got 8", the example is what should be.

They are only read here; a sandbox evaluates them. An example that a candidate breaks speaks against it, one that failed on
base and is met with the candidate speaks for it.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from agents.repair.source import SourceFile
from agents.testrun import Example

MAX_EXAMPLES = 40
MAX_LENGTH = 2000  # characters of one example
_DOES = r"(?:be|return|give|equal|yield|produce|evaluate to)"
_OUGHT = rf"(?:should|must|has to|ought to|needs to) {_DOES}"
_SAYS = re.compile(
    rf"\s*(?:->|→|=>|(?P<equal>===?|=)|returns?|gives?|is|yields?|evaluates to|(?P<ought>{_OUGHT}|to {_DOES}))\s*:?\s*",
    re.IGNORECASE,
)
_WANTED = re.compile(  # in an issue, what comes before what should be
    rf"\b(?:{_OUGHT}|(?:instead of|rather than)(?: returning| giving)?"
    rf"|expect(?:ed|s|ing)?(?: (?:it|this|that|value|result|output))*(?: to {_DOES})?(?: is| was)?)\s*[:=]?\s*",
    re.IGNORECASE,
)
_WISHED = re.compile(r"\b(?:expect(?:ed|s|ing)?|make|let|want)\s*(?:that\s*)?[:`\s]*$", re.IGNORECASE)  # before a call
_ASIDE = re.compile(r"\b(?:for|from|of|with|by|calling)[`\s]*$", re.IGNORECASE)
_SENTENCE = re.compile(  # the end of one, but where the next says what should have been
    r"[.!?](?:$|\s+(?!(?:(?:but|instead),? )?(?:it|this|that) |(?:i )?expect))", re.IGNORECASE
)
_GOES_ON = re.compile(  # after a literal that stands for itself: "2 but …", and not "2 arguments"
    r"\s*(?:$|[^\w\s]|(?:but|and|not|got|gets?|gives?|instead|rather|as|for|when|where|while|whereas|although|though|because"
    r"|since|if|in|on|with|which|that|today|now|currently|here|always|by|at|so|then|than|is|was|should|expected|yet)\b)",
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
        for before, source_text, expected in (*_prompted(text), *_told(text, homes, of_issue=path is None)):
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


def _told(text: str, homes: Mapping[str, str], *, of_issue: bool) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """`f(x) -> y`, `f(x) == y`, `f(x) returns y` in prose, for functions that are known."""
    lines = text.splitlines()
    for place, line in enumerate(lines):
        if _PROMPT.match(line):
            continue
        calls = list(_calls(line, homes))
        for number, (start, end) in enumerate(calls):
            after = line[end : calls[number + 1][0] if number + 1 < len(calls) else len(line)]
            before = line[calls[number - 1][1] if number else 0 : start]
            if of_issue and not after.strip("`:.,; "):
                after = _next(lines[place + 1 : place + 5], homes)
            expected = _promised(before, after, of_issue=of_issue)
            if expected is not None:
                yield (), line[start:end].rstrip("`"), expected


def _calls(line: str, homes: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    """From where to where calls of known functions stand, the outermost of those that are nested."""
    last = 0
    for call in _CALL.finditer(line):
        end = _closing(line, call.end() - 1)
        known = call.group(1).split(".")[0] in homes and call.start() >= last
        if known and end is not None and _parses(line[call.start() : end].rstrip("`"), "eval"):
            last = end
            yield call.start(), end


def _next(lines: Sequence[str], homes: Mapping[str, str]) -> str:
    """The next line that says anything, where it is about no call of its own."""
    line = next((each for each in lines if each.strip("`# \t")), "")
    return "" if _PROMPT.match(line) or any(_calls(line, homes)) else line


def _promised(before: str, after: str, *, of_issue: bool) -> str | None:
    """What should come out of a call, by what stands before it and after it in its sentence."""
    says = _SAYS.match(after)
    first = _literal(after[says.end() :], bare=not says["equal"]) if says else None
    if not of_issue or (says and says["ought"]) or _WISHED.search(before):
        return first
    return _wanted(after) or (_wanted(before) if _ASIDE.search(before) and first is None else None) or first


def _wanted(text: str) -> str | None:
    """What should be, as the first sentence of a text says it."""
    end = next((found.start() for found in _SENTENCE.finditer(text)), len(text))
    said = (_literal(text[found.end() :]) for found in _WANTED.finditer(text, 0, end))
    return next((each for each in said if each is not None), None)


def _closing(line: str, start: int) -> int | None:
    """Just after the bracket that closes the one at `start`, and a closing backquote."""
    depth = 0
    for place in range(start, len(line)):
        depth += (line[place] in "([{") - (line[place] in ")]}")
        if depth == 0:
            return place + 2 if line[place + 1 : place + 2] == "`" else place + 1
    return None


def _literal(text: str, *, bare: bool = True) -> str | None:
    """The longest literal at the start of a text, without the full stop after it; none that only counts or describes what
    follows. A tuple has brackets, or (where it may be `bare`) is all that its sentence goes on to say."""
    text = text.lstrip("`")
    for end in range(min(len(text), 200), 0, -1):
        part, rest = text[:end].rstrip(), text[end:]
        if part.endswith((".", ",")):
            continue  # the end of a sentence, not a float; a comma of the sentence, not a tuple
        whole = not rest or not text[end - 1 : end + 1].isalnum()
        if part and whole and _GOES_ON.match(rest) and (value := _value(part)):
            if _is_bare(value) and not (bare and not rest.strip("`.!? \t")):
                continue
            return part
    return None


def _value(text: str) -> ast.expr | None:
    """A literal's syntax."""
    try:
        tree = ast.parse(text, mode="eval").body
        ast.literal_eval(tree)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None
    return tree


def _is_bare(value: ast.expr) -> bool:
    """Whether it is a tuple without brackets around it."""
    return isinstance(value, ast.Tuple) and bool(value.elts) and value.elts[0].col_offset == value.col_offset


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
