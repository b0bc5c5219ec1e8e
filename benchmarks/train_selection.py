"""Make the weights by which `selection` ranks candidates without running anything.

    python benchmarks/train_selection.py --data DIR [--out FILE]

DIR is that of benchmarks/selection.py. Without --out the weights go to standard output; those of the package are
selection/static.json. The same data gives the same weights, on one machine byte for byte.

The loss is the mean of two: how well each candidate's probability is calibrated (logistic loss), and how likely a draw by the
candidates' odds takes a right one, where an issue has right and wrong ones (listwise softmax); each issue of each ensemble
weighs the same, and squared weights are penalised. A weight of agreement is never negative, so that one more that agrees
never speaks against a candidate. Ensembles of different kinds are learnt from at once: peers, one system's
runs, strong and weak ones, so that what helps one kind alone does not get a large weight.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).parents[1])  # not this folder, in which selection.py is no package

import numpy as np

from benchmarks.selection_data import Labels, entries, labels
from selection import Candidate, Record
from selection.drop import Dropped, drop
from selection.edits import Edit, edit
from selection.features import AGREEMENTS, features
from selection.scorer import MODELS, Model, with_records, with_standing
from selection.static import Field, source_standing

KINDS = (  # many and few, strong and weak, several families and one system's runs
    "lite-all18",
    "lite-best-of-6-families",
    "lite-SWEagentx4 (one system)",
    "verified-all8",
    "verified-mid4 (ranks 4-7)",
    "v100-sonnet45x7",
)
PEERS = (  # where no record is known: more of those in which nobody stands out
    "lite-peers17",
    "lite-peers-one-per-family",
    "verified-top4",
    "v100-sonnet45x7 + verified top5",
)
LEAD = 0.3  # log-odds by which the best known source must be out-voted, besides what was learnt
PENALTY = 0.003
STEPS = 250
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Lineup:
    """One issue of one ensemble. rows: of each of MODELS. right: whether each standing candidate is, in the field's order;
    dropped_right: the same of those that were dropped. sizes: characters of every patch."""

    instance: str
    field: Field
    rows: Mapping[str, Sequence[Sequence[float]]]
    right: tuple[bool, ...]
    dropped_right: tuple[bool, ...]
    records: Mapping[str, Record]


Read = Mapping[str, list[tuple[str, Candidate, Edit | None, Dropped | None]]]


def read(data: Path) -> Read:
    """Every candidate by instance, with its pool and what it does, its bulk left behind; dropped ones with the reason."""
    known: dict[str, list[tuple[str, Candidate, Edit | None, Dropped | None]]] = defaultdict(list)
    for each in entries(data):
        standing, dropped = drop([each.candidate])
        light = replace(each.candidate, changes=())
        does = edit(each.candidate) if standing else None
        known[each.instance].append((each.pool, light, does, Dropped(light, dropped[0].reason) if dropped else None))
    return known


def ensembles(data: Path, known: Read) -> dict[str, frozenset[str]]:
    """Members by name: the named ensembles, and each pool with several submissions."""
    named = json.loads((data / "ensembles.json").read_text("utf-8"))
    found = {name: frozenset(each["members"]) for name, each in named.items()}
    pools: dict[str, set[str]] = defaultdict(set)
    for given in known.values():
        for pool, candidate, *_ in given:
            pools[pool].add(candidate.id)
    found.update((f"pool {name}", frozenset(members)) for name, members in pools.items() if len(members) > 1)
    return found


def lineups(known: Read, members: frozenset[str], truth: Labels) -> list[Lineup]:
    """An ensemble's issues. An issue's records are of the issues of the other folds: leaving out the issue alone would make
    the record of a source that was right on it lower than that of an equal one that was wrong."""
    fields: dict[str, Field] = {}
    for instance, given in sorted(known.items()):
        ours = [each for each in given if each[1].id in members]
        standing = [(candidate, does) for _, candidate, does, _ in ours if does is not None]
        dropped = tuple(gone for *_, gone in ours if gone is not None)
        if ours:
            candidates, edits = [each for each, _ in standing], [each for _, each in standing]
            fields[instance] = Field(tuple(candidates), tuple(edits), features(candidates, edits), dropped)
    counts: dict[tuple[str, int], list[int]] = {}
    for instance, field in fields.items():
        for source in _everybody(field):
            count = counts.setdefault((source, fold(instance)), [0, 0])
            count[0] += truth[instance, source]
            count[1] += 1
    records = [_records(counts, out) for out in range(FOLDS)]
    standing_of = source_standing(fields.values())
    found = []
    for instance, field in fields.items():
        here = {source: truth[instance, source] for source in _everybody(field)}
        rows = {
            "alone": field.rows,
            "standing": with_standing(field.rows, field.sources, standing_of),
            "records": with_records(field.rows, field.sources, records[fold(instance)]),
        }
        found.append(
            Lineup(
                instance,
                field,
                rows,
                tuple(here[each.id] for each in field.candidates),
                tuple(here[each.candidate.id] for each in field.dropped),
                records[fold(instance)],
            )
        )
    return found


def fold(name: str) -> int:
    """Which of the FOLDS a name belongs to, whatever else is there."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % FOLDS


def _records(counts: Mapping[tuple[str, int], Sequence[int]], out: int) -> dict[str, Record]:
    """What is known of each source without one fold."""
    right: dict[str, int] = defaultdict(int)
    seen: dict[str, int] = defaultdict(int)
    for (source, number), (good, of) in counts.items():
        right[source] += good * (number != out)
        seen[source] += of * (number != out)
    return {source: Record(right[source], seen[source]) for source in seen}


def _everybody(field: Field) -> list[str]:
    return [each.id for each in field.candidates] + [each.candidate.id for each in field.dropped]


def train(kind: str, of: Mapping[str, Sequence[Lineup]], keep: Callable[[str], bool]) -> Model:
    """A model of one of MODELS, from the issues that `keep` accepts."""
    names = KINDS if kind == "records" else (*KINDS, *PEERS)
    issues = [each for name in names for each in of.get(name, ()) if each.right and keep(each.instance)]
    values = np.array([row for each in issues for row in each.rows[kind]])
    right = np.array([float(label) for each in issues for label in each.right])
    issue = np.repeat(np.arange(len(issues)), [len(each.right) for each in issues])
    means, scales = values.mean(0), values.std(0)
    scales[scales < 1e-9] = 1.0
    least = [0.0 if name in AGREEMENTS else -np.inf for name in MODELS[kind]]
    weights = _fit(np.c_[(values - means) / scales, np.ones(len(values))], right, issue, np.array([*least, -np.inf]))
    if kind == "records":
        best = MODELS[kind].index("record_best")
        weights[best] += LEAD * scales[best]
    return Model(tuple(means.tolist()), tuple(scales.tolist()), tuple(weights[:-1].tolist()), float(weights[-1]))


def _fit(values: Any, right: Any, issue: Any, least: Any) -> Any:
    """Weights that minimise the loss, by Adam with fixed steps. values: candidates x (features and a one). least: of each
    weight."""
    issues = issue[-1] + 1
    count = np.bincount(issue, minlength=issues)
    found = np.bincount(issue, right, issues)
    mixed = (found > 0) & (found < count)
    penalty = np.full(values.shape[1], PENALTY)
    penalty[-1] = 0
    weights, first, second = (np.zeros(values.shape[1]) for _ in range(3))
    for step in range(1, STEPS + 1):
        logits = values @ weights
        error = (1 / (1 + np.exp(-np.clip(logits, -30, 30))) - right) / count[issue]
        odds = np.exp(np.clip(logits - (np.bincount(issue, logits, issues) / count)[issue], -30, 30))
        chance = odds / np.bincount(issue, odds, issues)[issue]
        of_right = np.bincount(issue, chance * right, issues)[issue]
        wanted = np.where(of_right > 0, chance * right / np.maximum(of_right, 1e-12), 0)
        slope = values.T @ (error + (chance - wanted) * mixed[issue]) / issues + penalty * weights
        first, second = 0.9 * first + 0.1 * slope, 0.99 * second + 0.01 * slope**2
        rate = 0.05 if step < 0.6 * STEPS else 0.015
        weights = weights - rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
        weights = np.maximum(weights, least)
    return weights


def written(models: Mapping[str, Model]) -> str:
    """The text of static.json."""
    of = {
        name: {
            "bias": round(model.bias, 5),
            "features": {
                feature: {"mean": round(mean, 5), "scale": round(scale, 5), "weight": round(weight, 5)}
                for feature, mean, scale, weight in zip(
                    MODELS[name], model.means, model.scales, model.weights, strict=True
                )
            },
        }
        for name, model in models.items()
    }
    return json.dumps(of, indent=1) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the weights of selection without execution.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    known, truth = read(arguments.data), labels(arguments.data)
    of = {
        name: lineups(known, members, truth)
        for name, members in ensembles(arguments.data, known).items()
        if name in (*KINDS, *PEERS)
    }
    text = written({kind: train(kind, of, lambda _: True) for kind in MODELS})
    if arguments.out:
        arguments.out.write_text(text, "utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
