"""How often the files of the fix are among the first that localisation names.

    python benchmarks/localise.py --data DIR [--releases DIR] [--only NAME …] [--json] [--tune]

DIR holds instances.jsonl.gz (issues), base_files.jsonl.gz (texts of files at base commits), candidates.jsonl.gz (patches) and
labels.jsonl.gz (which of them resolved the issue).

Gold: the product files (no tests) that more than half of an issue's resolved patches change; issues without a resolved patch,
or whose resolved patches agree on no file, are left out. These labels are read here alone.

Pool: all files of the same repository that the data set knows, of any of its issues; where it knows several versions of a
file, the issue's own, else the first. That is every file which some patch of the data set touches, so it is smaller than the
repository and its files are likelier places than most. With --releases, DIR/OWNER__NAME/ holds the files of some release
of that repository, of any version: those are added to the pool, where the data set does not know their paths.

Split: issues whose instance's SHA-256 is even were seen when the weights were tuned (--tune repeats that: each weight in
turn, on that half alone); figures are of the other half. Recall@k is the share of an issue's gold files among the first k,
all@k whether all of them are, both averaged over the issues; MRR is the mean of 1 / place of the first gold file.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import re
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).parents[1])  # not this folder, in which selection.py is no package

from agents.localise import signals
from agents.localise.bm25 import Field, bm25
from agents.localise.cache import FactsCache
from agents.localise.clues import clues
from agents.localise.index import Index, index
from agents.localise.rank import WEIGHTS, Weights, base_signals, graph_signals, rank_files, share
from agents.localise.sources import Texts
from agents.localise.terms import terms

DEPTHS = (1, 3, 5, 10)
_CHANGED = re.compile(r"^--- a/([^\t\n]+)", re.M)


@dataclass(frozen=True, slots=True)
class Case:
    """One issue, the index of its pool, and the files of its fix. tuning: whether the weights may know it."""

    instance: str
    issue: str
    pool: Index
    gold: frozenset[str]
    tuning: bool


class Pool(Texts):
    """Texts with their digests known, since hundreds of pools hold the same texts."""

    def __init__(self, texts: Mapping[str, str], digests: Mapping[str, str]) -> None:
        super().__init__(texts)
        self._digests = digests

    def digest(self, path: str) -> str:
        return self._digests[self._texts[path]]


def load(data: Path, releases: Path | None) -> list[Case]:
    instances = {each["instance_id"]: each for each in rows(data / "instances.jsonl.gz")}
    labels = {(each["instance_id"], each["submission"]): each["resolved"] for each in rows(data / "labels.jsonl.gz")}
    resolved: dict[str, list[set[str]]] = defaultdict(list)
    for each in rows(data / "candidates.jsonl.gz"):
        if labels.get((each["instance_id"], each["submission"])):
            resolved[each["instance_id"]].append(set(_CHANGED.findall(each["patch"])))
    texts: dict[str, str] = {}
    first: dict[str, dict[str, str]] = defaultdict(dict)  # repository -> path -> text
    own: dict[str, dict[str, str]] = defaultdict(dict)  # instance -> path -> text
    for each in rows(data / "base_files.jsonl.gz"):
        if each["text"] is not None:
            texts[each["sha"]] = each["text"]
        if each["sha"] in texts:
            first[instances[each["instance_id"]]["repo"]].setdefault(each["path"], texts[each["sha"]])
            own[each["instance_id"]][each["path"]] = texts[each["sha"]]
    if releases is not None:
        for repository, known in first.items():
            folder = releases / repository.replace("/", "__")
            for file in sorted(folder.rglob("*.py")):
                known.setdefault(file.relative_to(folder).as_posix(), file.read_text("utf-8", "replace"))
    digests = {
        text: str(number)
        for number, text in enumerate({t for known in (first, own) for each in known.values() for t in each.values()})
    }
    cache = FactsCache()
    cases = []
    for name, patches in sorted(resolved.items()):
        votes = Counter(path for patch in patches for path in patch if not signals.is_test_file(path))
        gold = frozenset(path for path, count in votes.items() if 2 * count > len(patches))
        if gold:
            instance = instances[name]
            pool = index(Pool({**first[instance["repo"]], **own[name]}, digests), cache)
            even = hashlib.sha256(name.encode()).digest()[0] % 2 == 0
            cases.append(Case(name, instance["problem_statement"], pool, gold, even))
    return cases


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def score(order: Sequence[str], gold: frozenset[str]) -> dict[str, float]:
    """The measures of one ranking."""
    places = [place for place, path in enumerate(order, 1) if path in gold]
    found = {f"recall@{depth}": sum(place <= depth for place in places) / len(gold) for depth in DEPTHS}
    found |= {f"all@{depth}": float(sum(place <= depth for place in places) == len(gold)) for depth in DEPTHS}
    return found | {"mrr": 1 / places[0] if places else 0.0}


def average(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: round(statistics.fmean(each[name] for each in scores), 4) for name in scores[0]}


def by_score(scores: Mapping[str, float], paths: Sequence[str]) -> list[str]:
    return sorted(paths, key=lambda path: (-scores.get(path, 0.0), path))


# -- what is compared -------------------------------------------------------------------------------------------------


def localise(case: Case) -> Sequence[str]:
    return rank_files(case.issue, case.pool, symbols_in=0).paths


def without_graph(case: Case) -> Sequence[str]:
    return rank_files(case.issue, case.pool, symbols_in=0, weights=replace(WEIGHTS, near=0.0, calls=0.0)).paths


def plain_bm25(case: Case) -> Sequence[str]:
    """BM25 of the issue's words against the text of each file, one field, names split, nothing else."""
    found = bm25({term: float(count) for term, count in terms(case.issue).items()}, [_text(case.pool)])
    return by_score(dict(zip(case.pool.paths, found, strict=True)), case.pool.paths)


def bm25_no_tests(case: Case) -> Sequence[str]:
    """The same, tests last."""
    return sorted(plain_bm25(case), key=signals.is_test_file)


def _text(pool: Index) -> Field:
    return Field(1.0, [facts.code for facts in pool.facts.values()])


def library(case: Case) -> Sequence[str]:
    """The bm25s library as it comes, on the texts."""
    import bm25s

    model = _LIBRARY.get(id(case.pool.facts))
    if model is None:
        _LIBRARY.clear()
        model = bm25s.BM25()
        corpus = [case.pool.sources.read(path) for path in case.pool.paths]
        model.index(bm25s.tokenize(corpus, stopwords="en", show_progress=False), show_progress=False)
        _LIBRARY[id(case.pool.facts)] = model
    query = bm25s.tokenize(case.issue, stopwords="en", show_progress=False, return_ids=False)
    return by_score(dict(zip(case.pool.paths, model.get_scores(query[0]), strict=True)), case.pool.paths)


_LIBRARY: dict[int, Any] = {}


def path_mention(case: Case) -> Sequence[str]:
    """Files that the issue names by path or in a traceback, in that order; the others by path."""
    found = clues(case.issue)
    named = signals.mentioned(found, case.pool)
    for path, value in signals.framed(found, case.pool).items():
        named[path] = max(named.get(path, 0.0), value)
    return by_score(named, case.pool.paths)


def at_random(case: Case) -> Sequence[str]:
    order = list(case.pool.paths)
    random.Random(case.instance).shuffle(order)
    return order


RIVALS: dict[str, Callable[[Case], Sequence[str]]] = {
    "localise": localise,
    "localise, no graph": without_graph,
    "BM25, tests last": bm25_no_tests,
    "BM25 alone": plain_bm25,
    "bm25s as it comes": library,
    "path mention alone": path_mention,
    "random": at_random,
}


# -- tuning -----------------------------------------------------------------------------------------------------------

STEPS = (0.0, 0.25, 0.5, 0.75, 1.35, 2.0)


def tune(cases: Sequence[Case], rounds: int = 3) -> Weights:
    """Change one weight at a time while that raises MRR + recall@5 of the tuning half. What a file has by itself does not
    depend on the weights and is computed once; what it has from the graph does a little, and is computed once a round."""
    known = [(case, base_signals(clues(case.issue), case.pool)) for case in cases if case.tuning]

    def first(weights: Weights, found: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
        sums: dict[str, float] = defaultdict(float)
        for name, signal in found.items():
            weight = getattr(weights, name)
            for path, value in signal.items():
                sums[path] += weight * value
        return sums

    def worth(weights: Weights) -> float:
        total = 0.0
        for (case, found), near in zip(known, graphs, strict=True):
            final = {path: value * share(path, weights) for path, value in first(weights, {**found, **near}).items()}
            measured = score(by_score(final, list(final)), case.gold)
            total += measured["mrr"] + measured["recall@5"]
        return total / len(known)

    best = WEIGHTS
    for number in range(rounds):
        graphs = [graph_signals(first(best, found), case.pool, best) for case, found in known]
        before = value = worth(best)
        for each in fields(Weights):
            if each.name == "words":
                continue  # the others are measured by it
            start = getattr(best, each.name) or 0.1
            for step in STEPS:
                tried = replace(best, **{each.name: round(start * step, 3)})
                got = worth(tried)
                if got > value + 1e-4:
                    best, value = tried, got
        print(f"round {number + 1}: {before:.4f} -> {value:.4f} {best}", file=sys.stderr)
        if value - before < 1e-3:
            break
    return best


# -- the report -------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description="Recall of localisation.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--releases", type=Path)
    parser.add_argument("--only", nargs="*", help="these rivals alone")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--tune", action="store_true", help="find weights on the tuning half, and print them")
    arguments = parser.parse_args()
    began = time.process_time()
    cases = load(arguments.data, arguments.releases)
    reading = time.process_time() - began
    if arguments.tune:
        print(tune(cases))
        return
    summary: dict[str, Any] = {
        "issues": len(cases),
        "held_out": sum(not case.tuning for case in cases),
        "pool_median": statistics.median(len(case.pool.paths) for case in cases),
        "pool_least_most": [f(len(case.pool.paths) for case in cases) for f in (min, max)],
        "gold_mean": round(statistics.fmean(len(case.gold) for case in cases), 3),
        "index_cpu_s": round(reading, 1),
        "held_out_half": {},
        "tuning_half": {},
    }
    for name, rival in RIVALS.items():
        if arguments.only and name not in arguments.only:
            continue
        began = time.process_time()
        try:
            measured = [(case.tuning, score(rival(case), case.gold)) for case in cases]
        except ImportError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
            continue
        spent = (time.process_time() - began) / len(cases)
        for half, tuning in (("held_out_half", False), ("tuning_half", True)):
            row = average([each for known, each in measured if known == tuning])
            summary[half][name] = row | {"cpu_ms": round(1000 * spent, 1)}
    if arguments.json:
        print(json.dumps(summary))
        return
    show(summary)


def show(summary: Mapping[str, Any]) -> None:
    print(
        f"{summary['issues']} issues, {summary['held_out']} held out; pool: median {summary['pool_median']:.0f} files"
    )
    columns = [*(f"recall@{depth}" for depth in DEPTHS), "all@5", "mrr", "cpu_ms"]
    for half in ("held_out_half", "tuning_half"):
        print(f"\n{half.replace('_', ' '):22}" + "".join(f"{each:>11}" for each in columns))
        for name, row in summary[half].items():
            print(
                f"{name:22}"
                + "".join(f"{row[each]:>11.1f}" if each == "cpu_ms" else f"{row[each]:>11.3f}" for each in columns)
            )


if __name__ == "__main__":
    main()
