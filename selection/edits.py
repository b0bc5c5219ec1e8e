"""What a candidate does to the product, in the forms by which two candidates can be compared.

Tests are left out: what a candidate claims is in its product files alone.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from selection.candidates import Candidate, Change
from selection.classes import meaning
from selection.drop import is_test
from selection.pythonic import Definition
from selection.syntax import Unparsable, python

_WORD = re.compile(r"[A-Za-z_]\w*|\d[\w.]*|[^\w\s]")
_MOST_LINES = 4000  # a middle longer than this is one block: aligning it takes quadratic time

Block = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Edit:
    """One candidate's product changes.

    key: equal for candidates that are the same program. text: equal for those whose changed lines are equal; change: and stand
    at the same places. lines: (path, line of base) that are replaced, or that stand beside what is inserted. scopes: (path, name)
    of the definitions that are changed. removed, added: changed lines with their path, without indentation. tokens: of those
    lines, with their sign.
    """

    key: str
    text: str
    change: str
    files: frozenset[str]
    tests: frozenset[str]
    lines: frozenset[tuple[str, int]]
    scopes: frozenset[tuple[str, str]]
    removed: Counter[tuple[str, str]]
    added: Counter[tuple[str, str]]
    tokens: Counter[tuple[str, str]]
    undefined: int
    new_files: int

    @property
    def size(self) -> int:
        """Changed lines."""
        return self.removed.total() + self.added.total()


def edit(candidate: Candidate) -> Edit:
    """Read a candidate's changes. It does not raise: a file that cannot be parsed is compared by its lines."""
    changed = [change for change in candidate.changes if change.changes]
    product = sorted((change for change in changed if not is_test(change.path)), key=lambda change: change.path)
    lines: set[tuple[str, int]] = set()
    scopes: set[tuple[str, str]] = set()
    removed: Counter[tuple[str, str]] = Counter()
    added: Counter[tuple[str, str]] = Counter()
    tokens: Counter[tuple[str, str]] = Counter()
    digest = hashlib.sha256()
    for change in product:
        path, old, new = change.path, _lines(change.before), _lines(change.after)
        blocks = changed_blocks(old, new)
        spots = [spot for first, last, *_ in blocks for spot in _spots(first, last)]
        lines.update((path, spot) for spot in spots)
        scopes.update((path, name) for name in _scopes(change, spots))
        gone = [line for first, last, _, _ in blocks for line in _told(old[first:last])]
        come = [line for _, _, first, last in blocks for line in _told(new[first:last])]
        if change.new_mode is not None:
            gone += [f"mode {change.mode_before}"] if change.before is not None else []
            come.append(f"mode {change.new_mode}")
        removed.update((path, line) for line in gone)
        added.update((path, line) for line in come)
        tokens.update(("-", word) for line in gone for word in _WORD.findall(line))
        tokens.update(("+", word) for line in come for word in _WORD.findall(line))
        digest.update(path.encode("utf-8", "surrogateescape") + b"\0" + meaning(change) + b"\0")
    told = repr((sorted(removed.items()), sorted(added.items())))
    return Edit(
        key=digest.hexdigest()[:16],
        text=_digest(told),
        change=_digest(told + repr(sorted(lines))),
        files=frozenset(change.path for change in product),
        tests=frozenset(change.path for change in changed) - frozenset(change.path for change in product),
        lines=frozenset(lines),
        scopes=frozenset(scopes),
        removed=removed,
        added=added,
        tokens=tokens,
        undefined=sum(
            len(_undefined(change.path, change.after) - _undefined(change.path, change.before)) for change in product
        ),
        new_files=sum(change.before is None for change in product),
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def changed_blocks(old: list[str], new: list[str]) -> list[Block]:
    """Which lines of `old` became which of `new`: half-open ranges, in order."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    middle, becomes = old[head : len(old) - tail], new[head : len(new) - tail]
    if not middle or not becomes or len(middle) + len(becomes) > _MOST_LINES:
        return [(head, len(old) - tail, head, len(new) - tail)] if middle or becomes else []
    matcher = SequenceMatcher(None, middle, becomes)
    return [
        (head + first, head + last, head + begin, head + end)
        for tag, first, last, begin, end in matcher.get_opcodes()
        if tag != "equal"
    ]


def _lines(source: bytes | None) -> list[str]:
    text = (source or b"").decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    return [line.rstrip() for line in text.split("\n")]


def _told(lines: Iterable[str]) -> Iterator[str]:
    return (line.strip() for line in lines if line.strip())


def _spots(first: int, last: int) -> range:
    return range(first, last) if last > first else range(first - 1, first + 1)


def _scopes(change: Change, spots: list[int]) -> set[str]:
    """Qualified names of the innermost definitions around lines of base; "" is the module itself."""
    spans = [(0, 1 << 60, ""), *((each.first, each.last, each.name) for each in _definitions(change))]
    return {min((last - first, name) for first, last, name in spans if first <= spot + 1 <= last)[1] for spot in spots}


def _undefined(path: str, source: bytes | None) -> frozenset[str]:
    if source is None or not path.endswith((".py", ".pyi")):
        return frozenset()
    try:
        return python(source).undefined
    except Unparsable:
        return frozenset()


def _definitions(change: Change) -> tuple[Definition, ...]:
    if change.before is None or not change.path.endswith((".py", ".pyi")):
        return ()
    try:
        return python(change.before).definitions
    except Unparsable:
        return ()
