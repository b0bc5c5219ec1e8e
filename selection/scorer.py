"""From features to probabilities: a logistic model whose weights come with the package.

`benchmarks/train_selection.py` made the weights, from issues with several systems' patches. There is one set for each kind of
knowledge about the sources: none; how well they agree with others on other issues; how often they were right there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import exp, log

from selection.features import FEATURES
from selection.records import Record

STANDING = "standing"
RECORDED = ("record", "record_best", "record_mean")
MODELS: Mapping[str, tuple[str, ...]] = {
    "alone": tuple(FEATURES),
    "standing": (*FEATURES, STANDING),
    "records": (*FEATURES, *RECORDED),
}
_UNKNOWN_RATE = 0.3  # of a source, where no record at all is known


@dataclass(frozen=True, slots=True)
class Model:
    """names, means, scales, weights: one for each feature, in the order of a row; the bias is the log-odds at the means."""

    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float

    def logit(self, row: Sequence[float]) -> float:
        """The log-odds that the candidate with these features is right."""
        return self.bias + sum(
            weight * (value - mean) / scale
            for weight, value, mean, scale in zip(self.weights, row, self.means, self.scales, strict=True)
        )

    def probability(self, row: Sequence[float]) -> float:
        return 1 / (1 + exp(-max(-30.0, min(30.0, self.logit(row)))))


@cache
def shipped(name: str) -> Model:
    """The package's weights of one of MODELS."""
    given = json.loads(files("selection").joinpath("static.json").read_text("utf-8"))[name]
    rows = [given["features"][feature] for feature in MODELS[name]]
    return Model(
        means=tuple(row["mean"] for row in rows),
        scales=tuple(row["scale"] for row in rows),
        weights=tuple(row["weight"] for row in rows),
        bias=given["bias"],
    )


def with_standing(
    rows: Sequence[Sequence[float]], sources: Sequence[str | None], standing: Mapping[str, float]
) -> tuple[tuple[float, ...], ...]:
    """Rows for the model "standing". An unknown source stands as the mean of the issue's known ones."""
    known = [standing[source] for source in sources if source is not None and source in standing]
    mean = sum(known) / len(known) if known else 0.0
    return tuple(
        (*row, mean if source is None else standing.get(source, mean))
        for row, source in zip(rows, sources, strict=True)
    )


def with_records(
    rows: Sequence[Sequence[float]], sources: Sequence[str | None], records: Mapping[str, Record]
) -> tuple[tuple[float, ...], ...]:
    """Rows for the model "records": a source's log-odds against the mean of the issue's sources, whether none is better
    known, and that mean itself. An unknown source is taken for an average one.

    Being the best known is worth as much as the records can be told apart: where sources differ no more than equal ones would
    in so many cases, they are peers, and who leads says nothing.
    """
    known = {source: records[source] for source in sources if source is not None and source in records}
    of = sum(each.of for each in known.values())
    prior = (sum(each.right for each in known.values()) + 1) / (of + 2) if of else _UNKNOWN_RATE
    rates = [known[source].rate(prior) if source in known else prior for source in sources]
    best = max(rates, default=0.0)
    level = log(prior / (1 - prior))
    told = _told_apart(list(known.values()), prior)
    return tuple(
        (*row, log(rate / (1 - rate)) - level, told * (rate >= best and source in known), level)
        for row, rate, source in zip(rows, rates, sources, strict=True)
    )


def _told_apart(records: Sequence[Record], mean: float) -> float:
    """The share of the variance between sources' rates that is more than chance (as in Stein's shrinkage)."""
    checked = [each for each in records if each.of]
    if len(checked) < 2:
        return 0.0
    seen = sum((each.right / each.of - mean) ** 2 for each in checked) / (len(checked) - 1)
    chance = sum(mean * (1 - mean) / each.of for each in checked) / len(checked)
    return max(0.0, 1 - chance / seen) if seen else 0.0
