"""Which symbols of the best files the issue points at: by name, by the lines of frames, by the words of their text."""

from __future__ import annotations

from collections.abc import Mapping

from agents.localise import signals
from agents.localise.bm25 import Field, bm25
from agents.localise.clues import Clues
from agents.localise.facts import Symbol
from agents.localise.index import Index
from agents.localise.ranking import RankedSymbol
from agents.localise.terms import parts, terms

NAMED = 1.0  # a name of the issue that is this symbol's
QUALIFIED = 0.6  # more, when the name is written with its class or module
FRAMED = 1.2  # the innermost symbol around a line that a frame names
WORDS = 1.0  # BM25 of the symbol's text, 1 for the best symbol
FILE = 0.5  # the score of the file that it stands in
CLASS = 0.7  # what a class keeps: its methods are nearer to the fix
MOST = 12  # symbols for each file
LEAST = 0.15  # of the best symbol's score; less is noise


def rank_symbols(found: Clues, index: Index, files: Mapping[str, float]) -> dict[str, tuple[RankedSymbol, ...]]:
    """Rank the symbols of these files, given as path -> score."""
    places: list[tuple[str, Symbol]] = []
    texts: list[Mapping[str, int]] = []
    for path in files:
        lines = index.sources.read(path).splitlines()
        for symbol in index.facts[path].symbols:
            places.append((path, symbol))
            texts.append(terms("\n".join(lines[symbol.line - 1 : symbol.end_line])))
    if not places:
        return {}
    names = [dict.fromkeys(parts(symbol.name), 1) for _, symbol in places]
    worded = bm25(found.words, [Field(1.0, texts), Field(3.0, names)])
    most = max(worded) or 1.0
    framed = {path: _around(index.facts[path].symbols, signals.lines(found, path, index)) for path in files}
    owners = {dotted: signals.qualified(dotted, index) for dotted in found.dotted}
    scores: list[float] = []
    for (path, symbol), value in zip(places, worded, strict=True):
        score = WORDS * value / most + FILE * files[path] * bool(value)
        score += NAMED * found.names.get(symbol.name, 0.0)
        dotted = [
            weight
            for each, weight in found.dotted.items()
            if each.endswith(f".{symbol.name}")
            and path in owners[each]
            and (not symbol.parent or symbol.qualified in each)
        ]
        score += QUALIFIED * max(dotted, default=0.0) + FRAMED * (symbol in framed[path])
        scores.append(score * (CLASS if symbol.kind == "class" else 1.0))
    best = max(scores) or 1.0
    ranked: dict[str, list[RankedSymbol]] = {}
    for (path, symbol), score in zip(places, scores, strict=True):
        if score / best >= LEAST:
            ranked.setdefault(path, []).append(RankedSymbol(symbol, score / best))
    return {
        path: tuple(sorted(each, key=lambda one: (-round(one.score, 9), one.symbol.line, one.symbol.name))[:MOST])
        for path, each in ranked.items()
    }


def _around(symbols: tuple[Symbol, ...], lines: set[int]) -> set[Symbol]:
    """The innermost symbol around each line."""
    found = set()
    for line in lines:
        holding = [each for each in symbols if each.line <= line <= each.end_line]
        if holding:
            found.add(min(holding, key=lambda each: (each.end_line - each.line, -each.line)))
    return found
