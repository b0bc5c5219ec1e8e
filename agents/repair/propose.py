"""Proposals in order: how likely the edit is, times how suspicious the statement is; combinations of two last.

Lazy, deterministic and resumable: the same sources and the same localisation give the same sequence, so a search that
stopped after n proposals goes on by leaving out n. Statements are expanded into edits only when one of theirs could be next.
"""

from __future__ import annotations

import ast
import hashlib
import heapq
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, count

from agents.repair.edits import FAMILIES, Edit, Site, defaults, module_constants
from agents.repair.facts import Context, Module, Statement
from agents.repair.localise import Localisation
from agents.repair.source import SourceFile

UNREACHED = 0.15  # a statement that no failing test reached, in a function that one did, against the function's best
BESIDE = 0.5  # what stands outside of functions (defaults, constants), against the best statement that reads it
SHARPNESS = 1.5  # exponent of suspiciousness
PAIRED = 60  # the best single edits of a file that are tried two together


@dataclass(frozen=True, slots=True)
class Proposal:
    """A file's new content, and why. `score` is the policy's own: higher is tried earlier."""

    file: str
    after: bytes
    score: float
    family: str
    what: str
    line: int
    edits: tuple[Edit, ...]


def proposals(sources: Mapping[str, SourceFile], found: Localisation) -> Iterator[Proposal]:
    """Every distinct proposal, the best first."""
    seen: set[bytes] = set()
    best: dict[str, list[tuple[float, Edit, Context | None]]] = {}
    for score, source, context, edit in _singles(sources, found):
        proposal = _distinct(source, context, (edit,), score, seen)
        if proposal is not None:
            best.setdefault(source.path, []).append((score, edit, context))
            yield proposal
    for path, singles in best.items():
        yield from _pairs(sources[path], singles[:PAIRED], seen)


def _singles(
    sources: Mapping[str, SourceFile], found: Localisation
) -> Iterator[tuple[float, SourceFile, Context | None, Edit]]:
    """Edits by falling score. A heap holds edits by their score, and statements by the most that an edit of theirs
    could score, until one comes to the top and is expanded."""
    order = count()
    heap: list[tuple[float, int, SourceFile, Context | None, Edit | Statement | None]] = []
    for path in found.files:
        if path not in sources:
            continue
        for score, context, statement in _suspects(sources[path], found.lines(path)):
            heapq.heappush(heap, (-score, next(order), sources[path], context, statement))
    while heap:
        negative, _, source, context, top = heapq.heappop(heap)
        if isinstance(top, Edit):
            yield -negative, source, context, top
            continue
        for edit in _edits(source, context, top, found):
            heapq.heappush(heap, (negative * edit.likelihood, next(order), source, context, edit))


def _suspects(
    source: SourceFile, lines: Mapping[int, float]
) -> Iterator[tuple[float, Context | None, Statement | None]]:
    """Statements with their weight; None for what stands outside of a function's body."""
    if not lines:
        return
    for context in Module(source).contexts():
        weights = {statement.node: _weight(statement, lines) for statement in context.statements}
        best = max(weights.values(), default=0.0)
        if best == 0:
            continue
        for statement in context.statements:
            value = max(weights[statement.node], UNREACHED * best)
            yield value**SHARPNESS, context, statement
        yield BESIDE * best**SHARPNESS, context, None
    yield BESIDE * max(lines.values()) ** SHARPNESS, None, None


def _weight(statement: Statement, lines: Mapping[int, float]) -> float:
    """The most suspicious line of the statement itself: of a block's head only."""
    node = statement.node
    body = getattr(node, "body", None)
    last = max(node.lineno, body[0].lineno - 1) if body else node.end_lineno or node.lineno
    return max((lines.get(line, 0.0) for line in range(node.lineno, last + 1)), default=0.0)


def _edits(
    source: SourceFile, context: Context | None, statement: Statement | None, found: Localisation
) -> Iterator[Edit]:
    if context is None:
        return module_constants(source, found.lines(source.path))
    if statement is None:
        return defaults(context)
    site = Site(context, statement)
    return chain.from_iterable(family(site) for family in FAMILIES)


def _distinct(
    source: SourceFile, context: Context | None, edits: tuple[Edit, ...], score: float, seen: set[bytes]
) -> Proposal | None:
    """The proposal, unless it does not parse or some earlier one (or the original) has the same syntax tree."""
    splices = [splice for edit in edits for splice in edit.splices]
    if context is not None and not seen & {_mark(source, context)}:
        seen.add(_mark(source, context))
        seen.add(_key(source, context, source.text, 0) or b"")
    try:
        text = source.spliced(splices)
        after = source.encode(text)
    except ValueError:  # two edits of one place, or a character that the file's encoding does not have
        return None
    key = _key(source, context, text, len(text) - len(source.text))
    if key is None or key in seen or text == source.text:
        return None
    seen.add(key)
    what = ", ".join(edit.what for edit in edits)
    return Proposal(source.path, after, score, edits[0].family, what, edits[0].line, edits)


def _mark(source: SourceFile, context: Context) -> bytes:
    return f"{source.path}:{context.qualname}:{context.function.lineno}".encode()


def _key(source: SourceFile, context: Context | None, text: str, growth: int) -> bytes | None:
    """A digest of the changed function's syntax tree (of the module's, outside of functions); None: it does not parse.

    Only the function is parsed, for a module may be large."""
    if context is None:
        place, code = source.path, text
    else:
        place = _mark(source, context).decode()
        first = min([context.function.lineno, *(each.lineno for each in context.function.decorator_list)])
        start = source.line_start(first)
        end = source.line_end(context.function.end_lineno or first) + growth
        code = text[start:end]
        code = f"if 1:\n{code}" if code[:1] in " \t" else code
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code)
            compile(tree, source.path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return hashlib.sha256(place.encode() + ast.dump(tree).encode("utf-8", "surrogatepass")).digest()


def _pairs(
    source: SourceFile, singles: list[tuple[float, Edit, Context | None]], seen: set[bytes]
) -> Iterator[Proposal]:
    """Two edits of one function, by the product of their scores."""
    pairs = [
        (first[0] * second[0], first[1], second[1], first[2])
        for place, first in enumerate(singles)
        for second in singles[place + 1 :]
        if first[2] is second[2] and first[1].line != second[1].line
    ]
    for score, one, two, context in sorted(pairs, key=lambda pair: -pair[0]):
        proposal = _distinct(source, context, (one, two), score, seen)
        if proposal is not None:
            yield proposal
