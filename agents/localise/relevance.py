"""An optional second opinion on the first files of a ranking, from whoever can read: usually a model.

The model's client lives elsewhere; here is what it is asked, and how its answer is merged. An answer is a hint: files that
it leaves out, and values that are no number, change nothing, and no file outside of those asked for moves among them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from agents.localise.index import Index
from agents.localise.ranking import RankedFile, Ranking

SNIPPET = 2000  # characters of a file that are shown
LINES = 15  # of each symbol that is shown


@dataclass(frozen=True, slots=True)
class Snippet:
    """What is shown of one file: the heads of its likeliest symbols, or else its beginning."""

    path: str
    text: str


class Relevance(Protocol):
    async def __call__(self, issue: str, snippets: Sequence[Snippet]) -> Mapping[str, float]:
        """path -> from 0 (the fix does not touch it) to 1 (it does), for any of the snippets' paths."""
        ...


async def refine(
    issue: str, ranking: Ranking, files: Index, relevance: Relevance, *, top: int = 20, weight: float = 0.5
) -> Ranking:
    """Ask about the first `top` files, and merge. Whatever the callable raises is raised on: the caller knows whether a run
    without a second opinion is good enough, and then keeps `ranking`."""
    shown = [snippet(each, files) for each in ranking.files[:top]]
    return merge(ranking, await relevance(issue, shown), top=top, weight=weight)


def merge(ranking: Ranking, relevance: Mapping[str, float], *, top: int = 20, weight: float = 0.5) -> Ranking:
    """Reorder the first `top` files by (1 - weight) * score + weight * relevance; a file without an answer keeps its score.
    weight: from 0 (nothing changes) to 1 (the relevance alone counts). Pure."""
    head = []
    for each in ranking.files[:top]:
        value = relevance.get(each.path)
        if value is not None and math.isfinite(value):
            mixed = (1 - weight) * each.score + weight * min(1.0, max(0.0, value))
            head.append(replace(each, score=mixed, why={**each.why, "relevance": value}))
        else:
            head.append(each)
    head.sort(key=lambda each: (-round(each.score, 9), each.path))
    tail = ranking.files[top:]
    # Below the files that were asked about, so that scores still fall from first to last.
    least = head[-1].score if head else 1.0
    scale = min(1.0, least / tail[0].score) if tail and tail[0].score > 0 else 1.0
    lowered = [replace(each, score=each.score * scale) for each in tail]
    best = (head[0].score if head else 0.0) or 1.0
    return Ranking(tuple(replace(each, score=each.score / best) for each in (*head, *lowered)))


def snippet(file: RankedFile, files: Index) -> Snippet:
    lines = files.sources.read(file.path).splitlines()
    pieces: list[str] = []
    for each in sorted(file.symbols[:5], key=lambda one: one.symbol.line):
        symbol = each.symbol
        shown = lines[symbol.line - 1 : min(symbol.end_line, symbol.line - 1 + LINES)]
        pieces.append(f"# line {symbol.line}\n" + "\n".join(shown))
    text = "\n".join(pieces) if pieces else "\n".join(lines[: 3 * LINES])
    return Snippet(file.path, text[:SNIPPET])
