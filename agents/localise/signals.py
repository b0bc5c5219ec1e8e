"""The signals of a file for an issue, each in [0, 1]; `rank.py` weighs them.

A signal that compares files with each other (words, title) is divided by its best file's value; one that says something by
itself (a frame, a path, a defined name) is not, so that a weak clue stays weak when it is the only one. Pure but for reading
the texts of a few files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import PurePosixPath

from agents.localise.bm25 import bm25
from agents.localise.clues import Clues, Mention
from agents.localise.frames import Frame
from agents.localise.index import Index
from agents.localise.terms import IDENTIFIER
from selection import is_test

FIELDS = {"code": 1.0, "prose": 0.5, "path": 4.0, "defined": 2.0}
COMMON = 8  # a name that more files define says nothing
SEEDS = 15  # files whose references are followed

Signal = dict[str, float]  # path -> value; files without it are left out


def words(found: Clues, index: Index) -> Signal:
    """BM25 of everything the issue says."""
    return _relative(index, bm25(found.words, index.fields(**FIELDS)))


def title(found: Clues, index: Index) -> Signal:
    """BM25 of the title alone."""
    return _relative(index, bm25(found.title, index.fields(**FIELDS)))


def defines(found: Clues, index: Index) -> Signal:
    """Names in the issue that look like code, and that few files define; a dotted name that names a symbol exactly counts
    twice."""
    sums: Signal = {}
    for name, weight in sorted(found.names.items()):
        owners = {path for path, _ in index.definitions.get(name, ()) if not is_test_file(path)}
        if len(owners) <= COMMON:
            for path in owners:
                sums[path] = sums.get(path, 0.0) + weight / len(owners)
    for dotted, weight in sorted(found.dotted.items()):
        for path in qualified(dotted, index):
            sums[path] = sums.get(path, 0.0) + 2 * weight
    return {path: value / (1 + value) for path, value in sums.items()}


def qualified(dotted: str, index: Index) -> set[str]:
    """Files that define a dotted name as it is written: `Class.method`, or `module.Class` where the module is theirs."""
    outer, _, last = dotted.rpartition(".")
    owner = outer.rpartition(".")[2]
    found = set()
    for path, symbol in index.definitions.get(last, ()):
        stem = PurePosixPath(path).with_suffix("")
        module = stem.parent.name if stem.name == "__init__" else stem.name
        if symbol.parent.rpartition(".")[2] == owner or (not symbol.parent and owner == module):
            found.add(path)
    return found if len(found) <= COMMON else set()


def module(found: Clues, index: Index) -> Signal:
    """Python modules in dotted names: `a.b.c` names the file of its longest part that is a module. A package's `__init__`
    counts half: the issue names it to import from it."""
    values: Signal = {}
    for dotted, weight in found.dotted.items():
        pieces = dotted.split(".")
        for length in range(len(pieces), 1, -1):
            files = index.modules.python(".".join(pieces[:length]))
            if files:
                for path in files:
                    value = weight / len(files) * (0.5 if path.endswith("__init__.py") else 1.0)
                    values[path] = max(values.get(path, 0.0), value)
                break
    return values


def mentioned(found: Clues, index: Index) -> Signal:
    """Paths that the issue names; a bare file name that several files have counts for each the less."""
    values: Signal = {}
    for mention in found.paths:
        for path, value in matches(mention.path, index).items():
            values[path] = max(values.get(path, 0.0), value)
    return values


def framed(found: Clues, index: Index) -> Signal:
    """Frames of tracebacks: 1 for the innermost one in a product file of this repository, a half for the next, a third…"""
    values: Signal = {}
    for stack in stacks(found.frames):
        depth = 0
        for frame in stack:
            here = {path: value for path, value in matches(frame.path, index).items() if not is_test_file(path)}
            if here:
                depth += 1
                for path, value in here.items():
                    values[path] = max(values.get(path, 0.0), value / depth)
    return values


def stacks(frames: Iterable[Frame]) -> list[list[Frame]]:
    """Frames, one list for each traceback."""
    found: list[list[Frame]] = []
    for frame in frames:
        if frame.depth == 0 or not found:
            found.append([])
        found[-1].append(frame)
    return found


def matches(written: str, index: Index) -> Signal:
    """The files that a path in an issue may mean: those that share the longest end with it. A path from another machine
    (`/usr/lib/python3/site-packages/pkg/a.py`) and a short one (`pkg/a.py`) both work; a shared name alone is enough only
    when the issue writes nothing else."""
    parts = [part for part in PurePosixPath(written).parts if part not in ("/", ".", "..", "~")]
    best: list[str] = []
    longest = 0
    for path in index.by_name.get(parts[-1], ()) if parts else ():
        own = PurePosixPath(path).parts
        shared = 0
        for mine, theirs in zip(reversed(own), reversed(parts), strict=False):
            if mine != theirs:
                break
            shared += 1
        if shared < min(2, len(parts), len(own)):
            continue
        if shared > longest:
            best, longest = [], shared
        if shared == longest:
            best.append(path)
    return {path: 1 / len(best) for path in best}


def references(seeds: Mapping[str, float], index: Index) -> Signal:
    """Files that define what the best files use: each name that few files define, shared among those."""
    values: Signal = {}
    for path in sorted(seeds, key=lambda each: (-seeds[each], each))[:SEEDS]:
        for name in sorted(set(IDENTIFIER.findall(index.sources.read(path)))):
            owners = {owner for owner, _ in index.definitions.get(name, ())} - {path}
            if owners and len(owners) <= 3:
                for owner in owners:
                    values[owner] = values.get(owner, 0.0) + seeds[path] / len(owners)
    best = max(values.values(), default=0.0)
    return {path: value / best for path, value in values.items()} if best else {}


@lru_cache(maxsize=1 << 16)
def is_test_file(path: str) -> bool:
    """Whether a file is a test by the habits of any of the languages that are read."""
    name = PurePosixPath(path).name
    stem = name.partition(".")[0]
    return (
        is_test(path)
        or any(
            part in ("__tests__", "spec", "specs", "testdata", "fixtures") for part in PurePosixPath(path).parts[:-1]
        )
        or stem.endswith(("_test", "_tests", "Test", "Tests"))
        or ".test." in name
        or ".spec." in name
        or (stem.startswith("test_") or stem == "tests")
    )


def _relative(index: Index, scores: list[float]) -> Signal:
    best = max(scores, default=0.0)
    return (
        {path: score / best for path, score in zip(index.paths, scores, strict=True) if score > 0} if best > 0 else {}
    )


def lines(found: Clues, path: str, index: Index) -> set[int]:
    """Lines of a file that a frame or a mention of the issue names."""
    named: list[Mention] = [*found.paths, *(Mention(frame.path, frame.line) for frame in found.frames)]
    return {each.line for each in named if each.line and path in matches(each.path, index)}
