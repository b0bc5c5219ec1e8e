"""How often the patch that is chosen without running anything is right, for several selectors side by side.

    python benchmarks/selection.py --data DIR [--only POOL …] [--json]

DIR holds candidates.jsonl.gz (patches of several systems), labels.jsonl.gz (which of them resolved their issue),
instances.jsonl.gz, base_files.jsonl.gz (the files that the patches touch, at the base commit) and ensembles.json (sets of
systems by name). Each named set is one pool, and so is each benchmark run with several systems.

resolved: the share of a pool's issues whose chosen patch is right. random: the mean over issues of the share of right patches,
empty and broken ones included. oracle: the share of issues with a right patch. gap_recovered: (resolved - random) / (oracle -
random). low, high: 95 % of 1,000 bootstrap samples of the issues. ece: expected calibration error of the chosen one's
probability, in bins of a tenth, once it was fitted to how the pool's choices of the other folds turned out; ece_as_it_comes:
without that fit; ece_by_chance: the mean and 95th percentile of what it would be if every fitted probability were true, since
of so few choices it is never 0. together: where one program is right, the share of the pool's other programs
for the issue that are right too (by most of its patches).

What each selector may know:
  first, shortest, the majorities, the medoids   the issue's patches
  best member                                    each system's labels on issues of the other folds; the patch of the best one
  ours                                           the issue's patches; weights learnt in 5 folds, none from the issue's own
  ours, sources compared                         besides, the same systems' patches for other issues, no labels of them
  ours with records                              besides, each system's labels on issues of the other folds
  ours, other repositories                       as ours, the folds split by repository
  shipped …                                      the package's weights; in-sample where they were learnt from DIR itself
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).parents[1])  # not this folder, in which selection.py is no package

import numpy as np

from benchmarks.selection_data import labels, rows
from benchmarks.train_selection import FOLDS, Lineup, ensembles, fold, lineups, read, train
from selection.calibrate import calibrate
from selection.features import family
from selection.scorer import Model, shipped
from selection.similarity import overlap, shares

SAMPLES = 1000
BINS = 10

# The place of the chosen one among the standing candidates, and the probability that it is right where the selector gives one.
Choice = tuple[int, float | None]
Selector = Callable[[Lineup], Choice]


def first(lineup: Lineup) -> Choice:
    """By the submissions' names: no order of time is known."""
    return 0, None


def shortest(lineup: Lineup) -> Choice:
    return _most([-float(len(each.patch)) for each in lineup.field.candidates])


def majority_text(lineup: Lineup) -> Choice:
    counts = Counter(each.text for each in lineup.field.edits)
    return _most([float(counts[each.text]) for each in lineup.field.edits])


def majority_tree(lineup: Lineup) -> Choice:
    counts = Counter(each.key for each in lineup.field.edits)
    return _most([float(counts[each.key]) for each in lineup.field.edits])


def medoid(lineup: Lineup) -> Choice:
    return _most(_likeness(lineup, [1.0] * len(lineup.field.edits)))


def balanced_medoid(lineup: Lineup) -> Choice:
    return _most(_likeness(lineup, shares([family(each) for each in lineup.field.candidates])))


def best_member(lineup: Lineup) -> Choice:
    """The standing patch of the system with the best record."""
    of = [lineup.records[each.id] for each in lineup.field.candidates]
    return _most([each.right / each.of if each.of else 0.0 for each in of])


def by(kind: str, model: Callable[[str], Model]) -> Selector:
    def choose(lineup: Lineup) -> Choice:
        chances = [model(lineup.instance).probability(row) for row in lineup.rows[kind]]
        best, _ = _most(chances)
        return best, chances[best]

    return choose


SIMPLE: Mapping[str, Selector] = {
    "first": first,
    "shortest": shortest,
    "majority by text": majority_text,
    "majority by tree": majority_tree,
    "medoid": medoid,
    "family-balanced medoid": balanced_medoid,
    "best member": best_member,
}


def _most(values: Sequence[float]) -> Choice:
    return max(range(len(values)), key=lambda at: (values[at], -at)), None


def _likeness(lineup: Lineup, voices: Sequence[float]) -> list[float]:
    """How like each patch is to the others, by the tokens that are changed."""
    edits = lineup.field.edits
    alike: dict[tuple[str, str], float] = {}
    for one in edits:
        for other in edits:
            if (one.text, other.text) not in alike:
                value = 1.0 if one.text == other.text else overlap(one.tokens, other.tokens)
                alike[one.text, other.text] = alike[other.text, one.text] = value
    return [
        sum(voice * alike[one.text, other.text] for voice, other in zip(voices, edits, strict=True) if other is not one)
        for one in edits
    ]


def ours(of: Mapping[str, Sequence[Lineup]], repositories: Mapping[str, str]) -> dict[str, Selector]:
    def folded(kind: str, key: Callable[[str], str]) -> Selector:
        def without(out: int) -> Callable[[str], bool]:
            return lambda instance: fold(key(instance)) != out

        models = [train(kind, of, without(out)) for out in range(FOLDS)]
        return by(kind, lambda instance: models[fold(key(instance))])

    names = {"alone": "ours", "standing": "ours, sources compared", "records": "ours with records"}
    found = {name: folded(kind, str) for kind, name in names.items()}
    found["ours, other repositories"] = folded("alone", repositories.__getitem__)
    for kind, name in names.items():
        found[name.replace("ours", "shipped")] = by(kind, partial(_shipped, kind))
    return found


def _shipped(kind: str, _: str) -> Model:
    return shipped(kind)


def measure(pool: Sequence[Lineup], selectors: Mapping[str, Selector]) -> dict[str, Any]:
    """One pool: what is there, and for each selector how it did."""
    shares_right = np.array([statistics.fmean((*each.right, *each.dropped_right)) for each in pool])
    some_right = np.array([float(any((*each.right, *each.dropped_right))) for each in pool])
    samples = np.random.default_rng(0).integers(0, len(pool), (SAMPLES, len(pool)))
    random, oracle = shares_right.mean(), some_right.mean()
    gaps = some_right[samples].mean(1) - shares_right[samples].mean(1)
    found: dict[str, Any] = {
        "issues": len(pool),
        "systems": len({source for each in pool for source in each.records}),
        "random": round(float(random), 4),
        "oracle": round(float(oracle), 4),
        "together": together(pool),
        "selectors": {},
    }
    for name, selector in selectors.items():
        chosen = [selector(each) if each.right else None for each in pool]
        right = np.array(
            [float(pick is not None and each.right[pick[0]]) for each, pick in zip(pool, chosen, strict=True)]
        )
        recovered = (right[samples].mean(1) - shares_right[samples].mean(1)) / np.maximum(gaps, 1e-9)
        row: dict[str, Any] = {
            "resolved": round(float(right.mean()), 4),
            "resolved_low_high": _middle(right[samples].mean(1)),
            "gap_recovered": round(float((right.mean() - random) / max(oracle - random, 1e-9)), 4),
            "gap_recovered_low_high": _middle(recovered),
        }
        given = [
            (fold(each.instance), pick[1], bool(was))
            for each, pick, was in zip(pool, chosen, right, strict=True)
            if pick and pick[1] is not None
        ]
        if given:
            row["ece_as_it_comes"] = calibration([(said, was) for _, said, was in given])["ece"]
            true = fitted(given)
            row |= calibration(true) | {"ece_by_chance": by_chance([said for said, _ in true])}
        found["selectors"][name] = row
    return found


def fitted(given: Sequence[tuple[int, float, bool]]) -> list[tuple[float, bool]]:
    """Probabilities as fitted to the choices of the other folds. given: fold, probability said, whether it was right."""
    fits = [calibrate([(said, was) for number, said, was in given if number != out]) for out in range(FOLDS)]
    return [(fits[number](said), was) for number, said, was in given]


def calibration(given: Sequence[tuple[float, bool]]) -> dict[str, Any]:
    """ece, and for each bin that is not empty: issues, mean probability, share of right ones."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for chance, was in given:
        bins.setdefault(min(BINS - 1, int(chance * BINS)), []).append((chance, was))
    diagram = [
        [
            len(of),
            round(statistics.fmean(chance for chance, _ in of), 3),
            round(statistics.fmean(was for _, was in of), 3),
        ]
        for _, of in sorted(bins.items())
    ]
    error = sum(count * abs(said - was) for count, said, was in diagram) / len(given)
    return {"ece": round(error, 4), "reliability": diagram}


def by_chance(chances: Sequence[float]) -> list[float]:
    """The ece of true probabilities: mean and 95th percentile of simulated outcomes."""
    said = np.array(chances)
    off = np.random.default_rng(0).random((SAMPLES, len(said))) < said
    bins = np.minimum(BINS - 1, (said * BINS).astype(int))
    errors = sum(abs((off - said)[:, bins == number].sum(1)) for number in range(BINS)) / len(said)
    return [round(float(errors.mean()), 4), round(float(np.percentile(errors, 95)), 4)]


def together(pool: Sequence[Lineup]) -> float | None:
    """Of issues with a right program and another one, the mean share of right ones among the others."""
    found = []
    for each in pool:
        of: dict[str, list[bool]] = {}
        for does, was in zip(each.field.edits, each.right, strict=True):
            of.setdefault(does.key, []).append(was)
        right = sum(statistics.fmean(labels) >= 0.5 for labels in of.values())
        if right and len(of) > 1:
            found.append((right - 1) / (len(of) - 1))
    return round(statistics.fmean(found), 4) if found else None


def _middle(values: Any) -> list[float]:
    return [round(float(each), 4) for each in np.percentile(values, [2.5, 97.5])]


def show(summary: Mapping[str, Any]) -> None:
    for name, pool in summary["pools"].items():
        print(
            f"\n{name}: {pool['issues']} issues, {pool['systems']} systems, "
            f"random {100 * pool['random']:.1f} %, oracle {100 * pool['oracle']:.1f} %, "
            f"together {pool['together']}"
        )
        for selector, row in pool["selectors"].items():
            low, high = row["resolved_low_high"]
            least, most = row["gap_recovered_low_high"]
            print(
                f"  {selector:34}{100 * row['resolved']:6.1f} % ({100 * low:.1f} to {100 * high:.1f})"
                f"{100 * row['gap_recovered']:8.0f} % of the gap ({100 * least:.0f} to {100 * most:.0f})"
                + (f"   {_errors(row)}" if "ece" in row else "")
            )
    print("\nreliability in each pool: probability said, share right, choices")
    for name, pool in summary["pools"].items():
        for selector, row in pool["selectors"].items():
            if selector in ("ours", "ours with records"):
                said = "  ".join(f"{said:.2f} {was:.2f} ({count})" for count, said, was in row["reliability"])
                print(f"  {name}, {selector}: {said}")


def _errors(row: Mapping[str, Any]) -> str:
    mean, most = row["ece_by_chance"]
    return f"ECE {row['ece']:.3f} (by chance {mean:.3f}, up to {most:.3f}), as it comes {row['ece_as_it_comes']:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Selection without execution.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*", help="these pools alone")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    known, truth = read(arguments.data), labels(arguments.data)
    everybody = frozenset(each.id for given in known.values() for _, each, *_ in given)
    print(f"all patches: together {together(lineups(known, everybody, truth))}", file=sys.stderr)
    of = {name: lineups(known, members, truth) for name, members in ensembles(arguments.data, known).items()}
    repositories = {each["instance_id"]: each["repo"] for each in rows(arguments.data / "instances.jsonl.gz")}
    learnt = ours(of, repositories)
    summary: dict[str, Any] = {"pools": {}}
    for name, pool in of.items():
        if pool and (not arguments.only or name in arguments.only):
            summary["pools"][name] = measure(pool, {**SIMPLE, **learnt})
    if arguments.json:
        print(json.dumps(summary))
    else:
        show(summary)


if __name__ == "__main__":
    main()
