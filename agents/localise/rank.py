"""Rank the files of a repository for an issue: signals, weighed by fixed weights, then spread over the graph.

    first(f) = sum over signals of weight * signal(f)
    score(f) = (first(f) + NEAR * imports(f) + CALLS * references(f)) * share(f)

where share is below 1 for tests, documentation and the like. The weights were tuned on one half of the issues of
`benchmarks/localise.py --releases`, which reports the other half; `aside` alone was set by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agents.localise import signals
from agents.localise.cache import FactsCache
from agents.localise.clues import Clues, clues
from agents.localise.facts import is_code
from agents.localise.graph import spread
from agents.localise.index import Index, index
from agents.localise.ranking import RankedFile, Ranking
from agents.localise.sources import Sources
from agents.localise.symbols import rank_symbols


@dataclass(frozen=True, slots=True)
class Weights:
    """What each signal counts for; then the shares of a score that files keep which are seldom where a fix goes."""

    words: float = 1.0
    title: float = 0.5
    defines: float = 0.45
    module: float = 0.4
    mentioned: float = 0.8
    framed: float = 0.6
    near: float = 0.075
    calls: float = 0.05
    test: float = 0.2
    not_code: float = 0.3
    aside: float = 0.5


WEIGHTS = Weights()
HOPS = 2
DAMPING = 0.5
_ASIDE = frozenset(
    {
        "examples",
        "example",
        "docs",
        "doc",
        "benchmarks",
        "vendor",
        "third_party",
        "node_modules",
        "extern",
    }
)


def rank_files(
    issue: str,
    files: Mapping[str, str] | Sources | Index,
    *,
    cache: FactsCache | None = None,
    weights: Weights = WEIGHTS,
    symbols_in: int = 20,
) -> Ranking:
    """Rank every readable file of a repository, the likeliest place of the fix first.

    files: path -> text (any Mapping, a lazy one too), Sources such as CheckoutFiles, or an Index made before. cache: makes the
    next call on the same contents quicker. symbols_in: how many of the best files get ranked symbols. Pure and deterministic:
    neither the order of the files nor the cache changes the answer. Takes seconds for thousands of new files, so callers that
    wait for other things run it in a thread.
    """
    repository = files if isinstance(files, Index) else index(files, cache)
    found = clues(issue)
    parts = contributions(found, repository, weights)
    scores = {path: sum(each.values()) * share(path, weights) for path, each in parts.items()}
    best = max(scores.values(), default=0.0) or 1.0
    order = sorted(scores, key=lambda path: (-round(scores[path] / best, 9), path))
    symbols = rank_symbols(found, repository, {path: scores[path] / best for path in order[:symbols_in]})
    return Ranking(tuple(RankedFile(path, scores[path] / best, symbols.get(path, ()), parts[path]) for path in order))


def contributions(found: Clues, repository: Index, weights: Weights) -> dict[str, dict[str, float]]:
    """file -> signal -> what it adds to the file's score, before tests and the like lose their share."""
    parts: dict[str, dict[str, float]] = {path: {} for path in repository.paths}
    first = dict.fromkeys(repository.paths, 0.0)
    for name, signal in base_signals(found, repository).items():
        weight: float = getattr(weights, name)
        for path, value in signal.items():
            parts[path][name] = weight * value
            first[path] += weight * value
    for name, signal in graph_signals(first, repository, weights).items():
        weight = getattr(weights, name)
        for path, value in signal.items():
            if value > 0:
                parts[path][name] = weight * value
    return parts


def base_signals(found: Clues, repository: Index) -> dict[str, signals.Signal]:
    """The signals that a file has by itself."""
    return {
        "words": signals.words(found, repository),
        "title": signals.title(found, repository),
        "defines": signals.defines(found, repository),
        "module": signals.module(found, repository),
        "mentioned": signals.mentioned(found, repository),
        "framed": signals.framed(found, repository),
    }


def graph_signals(first: Mapping[str, float], repository: Index, weights: Weights) -> dict[str, signals.Signal]:
    """The signals that a file has from others: what imports it or is imported by it, what uses its names."""
    seeds = {path: value * share(path, weights) for path, value in first.items()}
    best = max(seeds.values(), default=0.0)
    if best <= 0:
        return {}
    scaled = {path: value / best for path, value in seeds.items()}
    return {
        "near": spread(scaled, repository.imports, HOPS, DAMPING),
        "calls": signals.references(scaled, repository),
    }


def share(path: str, weights: Weights) -> float:
    """What a file keeps of its score, by what kind of file it is."""
    kept = weights.test if signals.is_test_file(path) else 1.0
    if not is_code(path):
        kept *= weights.not_code
    if not _ASIDE.isdisjoint(path.split("/")[:-1]):
        kept *= weights.aside
    return kept
