"""What deciding between samples saves against drawing a fixed number of them, replayed from recorded candidates.

    python benchmarks/allocation.py --data DIR [--orders 20] [--pools NAME …] [--pick medoid] [--probe-noise 0.1] [--json]
    python benchmarks/allocation.py --data DIR --train

DIR holds base_files.jsonl.gz (files at base commits), candidates.jsonl.gz (patches), labels.jsonl.gz (which of them resolved the
issue) and ensembles.json (pools: which systems, which issues).

An issue's candidates arrive in a random order, at a cost of 1 each. A policy draws until it stops, then the pick rule chooses
among what was drawn: the same rule for all policies, so that they differ in nothing but how much they draw. Candidates are
one class when they change product files alike: half of all words of the changed lines in common, directly or through others of
what was drawn (exact classes split nearly equal patches, and agreement is then too rare to tell). What does not apply, does not
parse or changes no product file is drawn, paid and not picked.
Nothing is executed. Labels score the choice, and give the priors of the model, from the issues of the other folds (by instance).

The curve of a policy is resolved % against mean draws: for best-of-N one point for each N, for ours one for each price, for
self-consistency one for each threshold. The figure is a ratio of draws at equal resolved %: what best-of-N needs (interpolated
between Ns; its curve is made monotone first, which is in its favour) over what the policy drew. The intervals are 90 % bootstrap
intervals over issues.

--probe-noise E simulates what no data here has, execution evidence: one test for each class, that right classes pass with
probability 1 - E and wrong ones with E (a coin with a fixed seed). Those rows are marked as simulated.

--train prints the prior that is shipped, from all issues.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import hashlib
import json
import math
import random
import re
import statistics
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).parents[1])  # not this folder, in which planner.py is no package

from agents.errors import EditRefused, PathRefused
from agents.tools.encoding import Text
from agents.tools.patch import patched, read_patch
from selection import is_test
from selection.allocation import (
    AllocationPolicy,
    ExpectedGain,
    Offer,
    Prior,
    Progress,
    Seen,
    SelfConsistency,
    next_step,
)

FOLDS = 5
ALIKE = 0.5  # of the words of two changes: the same class
PRICES = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05)
SURE = (0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Sample:
    """One recorded candidate. program: its equivalence class, None when it was dropped. words: of its changed lines, with their
    signs. right: for the score alone."""

    source: str
    family: str
    program: str | None
    words: Counter[tuple[str, str]]
    right: bool


@dataclass(frozen=True, slots=True)
class Case:
    """One issue and its recorded candidates."""

    instance: str
    samples: tuple[Sample, ...]

    @property
    def fold(self) -> int:
        return hashlib.sha256(self.instance.encode()).digest()[0] % FOLDS


# -- reading ----------------------------------------------------------------------------------------------------------


def load(data: Path) -> dict[str, Case]:
    texts = {each["sha"]: each["text"] for each in rows(data / "base_files.jsonl.gz") if each["text"] is not None}
    files: dict[str, dict[str, str]] = defaultdict(dict)
    for each in rows(data / "base_files.jsonl.gz"):
        if each["sha"] in texts:
            files[each["instance_id"]][each["path"]] = texts[each["sha"]]
    rights = {(each["instance_id"], each["submission"]): each["resolved"] for each in rows(data / "labels.jsonl.gz")}
    patches: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in rows(data / "candidates.jsonl.gz"):
        each["right"] = bool(rights.get((each["instance_id"], each["submission"])))
        patches[each["instance_id"]].append(each)
    return {
        name: Case(name, tuple(sample(each, files[name]) for each in found)) for name, found in sorted(patches.items())
    }


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def sample(row: Mapping[str, Any], files: Mapping[str, str]) -> Sample:
    lines = tuple(changed_lines(row["patch"]))
    usable = bool(lines) and applies(row["patch"], files)
    program = hashlib.sha256(repr(sorted(lines)).encode("utf-8", "surrogatepass")).hexdigest() if usable else None
    words = Counter((sign, word) for _, sign, text in lines for word in _WORD.findall(text))
    return Sample(row["submission"], row["family"], program, words, row["right"])


def applies(patch: str, files: Mapping[str, str]) -> bool:
    """Whether it fits the base files, and what it makes of Python files can be parsed."""
    try:
        for each in read_patch(patch):
            before = files.get(each.old or "")
            if each.old is not None and before is None:
                return False
            after = patched(each, None if before is None else Text(before, "utf-8"))[0]
            if each.new and each.new.endswith(".py") and not parses(after):
                return False
    except (EditRefused, PathRefused):
        return False
    return True


def parses(source: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "candidate", "exec", flags=ast.PyCF_ONLY_AST, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def changed_lines(patch: str) -> Iterator[tuple[str, str, str]]:
    """Path, sign and text of changed lines of the product's files that were there before (new ones are mostly scripts that were
    left behind), without white space and whole-line comments."""
    path = ""
    for line in patch.splitlines():
        if line.startswith("--- "):
            path = line[6:].split("\t")[0] if line.startswith("--- a/") and not is_test(line[6:].split("\t")[0]) else ""
        elif path and line[:1] in ("+", "-") and not line.startswith("+++ "):
            text = "".join(line[1:].split())
            if text and not text.startswith("#"):
                yield path, line[0], " ".join(line[1:].split())


# -- pick rules -------------------------------------------------------------------------------------------------------

Pick = Callable[[Sequence[Sample]], int | None]  # the place of the chosen sample; None when all were dropped


def majority(samples: Sequence[Sample]) -> int | None:
    """The first of the largest class."""
    sizes = Counter(each.program for each in samples)
    return max(
        (n for n, each in enumerate(samples) if each.program),
        key=lambda n: (sizes[samples[n].program], -n),
        default=None,
    )


def medoid(samples: Sequence[Sample]) -> int | None:
    """The one most like the others, every family having one voice."""
    standing = [n for n, each in enumerate(samples) if each.program]
    return max(standing, key=lambda n: (agreement(samples, n), -n), default=None)


def agreement(samples: Sequence[Sample], of: int) -> float:
    """Likeness to the others, from 0 to 1, summed over families; within a family, its mean."""
    by_family: dict[str, list[float]] = defaultdict(list)
    for n, each in enumerate(samples):
        if n != of and each.program:
            by_family[each.family].append(alike(samples[of], each))
    return math.fsum(map(statistics.fmean, by_family.values()))


def alike(one: Sample, other: Sample) -> float:
    if one.program == other.program:
        return 1.0
    both = (id(one.words), id(other.words))
    if both not in _ALIKE:
        common = sum((one.words & other.words).values())
        total = one.words.total() + other.words.total() - common
        _ALIKE[both] = _ALIKE[both[::-1]] = common / total if total else 0.0
    return _ALIKE[both]


_ALIKE: dict[tuple[int, int], float] = {}
PICKS: dict[str, Pick] = {"medoid": medoid, "majority": majority}

# -- the prior, from labels of other issues ---------------------------------------------------------------------------


def fit(cases: Sequence[Case]) -> Prior:
    """The likeliest prior, given which samples are right: its parts are independent of each other then."""
    counts = Counter((sum(s.right for s in each.samples), sum(not s.right for s in each.samples)) for each in cases)
    wrong = sum(not s.right for each in cases for s in each.samples)
    unusable = sum(s.program is None and not s.right for each in cases for s in each.samples)
    hopeless, a, b = max(
        (
            (hopeless / 20, mean * strength, (1 - mean) * strength)
            for hopeless in range(20)
            for mean in (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
            for strength in (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
        ),
        key=lambda each: sum(count * _log_counts(*rw, *each) for rw, count in counts.items()),
    )
    return Prior(
        hopeless, a, b, _scatter(cases, right=True), _scatter(cases, right=False), (unusable + 1) / (wrong + 2)
    )


def _log_counts(right: int, wrong: int, hopeless: float, a: float, b: float) -> float:
    chance = (1 - hopeless) * math.exp(_log_beta(a + right, b + wrong) - _log_beta(a, b)) + hopeless * (right == 0)
    return math.log(chance)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _scatter(cases: Sequence[Case], *, right: bool) -> float:
    """The likeliest concentration of an urn (Ewens 1972)."""
    drawn = []
    for each in cases:
        classes = seen([s for s in each.samples if s.right == right], {}, None)
        drawn.append((sum(c.size for c in classes), len(classes)))

    def likelihood(scatter: float) -> float:
        return sum(
            kinds * math.log(scatter) + math.lgamma(scatter) - math.lgamma(scatter + total) for total, kinds in drawn
        )

    return max((2 ** (step / 4) for step in range(-16, 29)), key=likelihood)


# -- replay -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trail:
    """One issue's samples in one order. right: whether the pick among the first n is, for n from 0 on. classes: what
    the policy sees of them then."""

    instance: str
    fold: int
    samples: tuple[Sample, ...]
    right: tuple[bool, ...]
    classes: tuple[tuple[Seen, ...], ...]


def trails(cases: Sequence[Case], pick: Pick, orders: int, noise: float | None) -> list[Trail]:
    found = []
    for each in cases:
        for order in range(orders):
            coin = random.Random(f"{each.instance} {order}")
            samples = list(each.samples)
            coin.shuffle(samples)
            probes: dict[str, bool] = {}
            for sample in samples:
                if noise is not None and sample.program and sample.program not in probes:
                    probes[sample.program] = sample.right ^ (coin.random() < noise)
            right, classes = [False], [seen([], probes, noise)]
            for n in range(1, len(samples) + 1):
                chosen = pick([_tested(each, probes) for each in samples[:n]])
                if chosen is None:
                    chosen = pick(samples[:n])
                right.append(chosen is not None and samples[chosen].right)
                classes.append(seen(samples[:n], probes, noise))
            found.append(Trail(each.instance, each.fold, tuple(samples), tuple(right), tuple(classes)))
    return found


def _tested(sample: Sample, probes: Mapping[str, bool]) -> Sample:
    """As the pick rule sees it: what fails its simulated test is out, unless everything is."""
    if sample.program is None or probes.get(sample.program, True):
        return sample
    return Sample(sample.source, sample.family, None, sample.words, sample.right)


def draws(policy: AllocationPolicy, trail: Trail, price: float) -> int:
    """How many samples a policy draws."""
    n = 0
    while True:
        offer = Offer("sample", most=len(trail.samples) - n, price=price)
        decision = next_step(policy, Progress(n, trail.classes[n], n - sum(c.size for c in trail.classes[n]), (offer,)))
        if decision.action == "stop":
            return n
        n += decision.samples


def seen(samples: Sequence[Sample], probes: Mapping[str, bool], noise: float | None) -> tuple[Seen, ...]:
    """Classes of samples that are alike, directly or through others; with a simulated test, only those of equal outcome."""
    nats = 0.0 if noise is None else math.log((1 - noise) / noise)
    groups: list[list[Sample]] = []
    for each in samples:
        if each.program:
            passes = probes.get(each.program)
            near = [
                g
                for g in groups
                if probes.get(g[0].program or "") == passes and any(alike(each, s) >= ALIKE for s in g)
            ]
            groups = [g for g in groups if g not in near] + [[each, *(s for g in near for s in g)]]
    return tuple(Seen(len(g), nats if probes.get(g[0].program or "", True) else -nats) for g in groups)


Curve = dict[str, list[tuple[float, float]]]  # issue -> for each point, mean draws and share resolved, over its orders


def curve(runs: Sequence[Trail], points: Sequence[Callable[[Trail], int]]) -> Curve:
    """points: for each, how many samples of a trail it draws."""
    found: dict[str, list[list[tuple[int, bool]]]] = defaultdict(lambda: [[] for _ in points])
    for trail in runs:
        for place, point in enumerate(points):
            n = point(trail)
            found[trail.instance][place].append((n, trail.right[n]))
    return {
        name: [(statistics.fmean(n for n, _ in each), statistics.fmean(won for _, won in each)) for each in seen]
        for name, seen in found.items()
    }


def average(found: Curve, instances: Sequence[str]) -> list[tuple[float, float]]:
    """The curve over issues, as often as each is named."""
    weight = Counter(instances)
    total = len(instances)
    points = len(next(iter(found.values())))
    return [
        (
            sum(count * found[name][place][0] for name, count in weight.items()) / total,
            sum(count * found[name][place][1] for name, count in weight.items()) / total,
        )
        for place in range(points)
    ]


def needed(points: Sequence[tuple[float, float]], resolved: float) -> float | None:
    """Draws at which a curve reaches `resolved`, between its points; None when it does not."""
    last = (0.0, 0.0)
    for point in sorted(points):
        if point[1] >= resolved:
            share = (resolved - last[1]) / (point[1] - last[1]) if point[1] > last[1] else 1.0
            return last[0] + share * (point[0] - last[0])
        if point[1] > last[1]:
            last = point
    return None


# -- figures ----------------------------------------------------------------------------------------------------------


def measure(cases: Sequence[Case], pick: Pick, orders: int, noise: float | None, resamples: int) -> dict[str, Any]:
    """One pool: the curves, and the ratios of draws at equal resolved %."""
    runs = trails(cases, pick, orders, noise)
    most = max(len(each.samples) for each in cases)
    priors = {fold: fit([each for each in cases if each.fold != fold]) for fold in range(FOLDS)}
    numbers = range(1, most + 1)
    curves = {
        "best of N": curve(runs, [partial(fixed, n) for n in numbers]),
        "self-consistency": curve(runs, [partial(policy_draws, SelfConsistency(sure), 0.0) for sure in SURE]),
        "ours": curve(runs, [partial(priced, priors, price) for price in PRICES]),
    }
    instances = [each.instance for each in cases]
    levels = sorted({n for n in (2, 4, 6, 8, 12) if n < most} | {most})
    figures = {rival: ratios(curves, rival, instances, levels) for rival in ("self-consistency", "ours")}
    coin = random.Random(0)
    spread = [coin.choices(instances, k=len(instances)) for _ in range(resamples)]
    return {
        "issues": len(cases),
        "samples": round(statistics.fmean(len(each.samples) for each in cases), 2),
        "random": _percent(statistics.fmean(statistics.fmean(s.right for s in each.samples) for each in cases)),
        "oracle": _percent(statistics.fmean(any(s.right for s in each.samples) for each in cases)),
        "curves": {
            name: [[round(drawn, 3), _percent(won)] for drawn, won in average(each, instances)]
            for name, each in curves.items()
        },
        "ratio": {
            rival: {
                f"best of {n}": {"ratio": value, "interval": interval(curves, rival, spread, n)}
                for n, value in zip(levels, values, strict=True)
            }
            for rival, values in figures.items()
        },
        "simulated_probe_noise": noise,
    }


def fixed(n: int, trail: Trail) -> int:
    return min(n, len(trail.samples))


def policy_draws(policy: AllocationPolicy, price: float, trail: Trail) -> int:
    return draws(policy, trail, price)


def priced(priors: Mapping[int, Prior], price: float, trail: Trail) -> int:
    return draws(ExpectedGain(priors[trail.fold]), trail, price)


def ratios(
    curves: Mapping[str, Curve], rival: str, instances: Sequence[str], levels: Sequence[int]
) -> list[float | None]:
    """Draws of best-of-N over draws of the rival, where both resolve what best of `level` does; None where it never does."""
    base, other = average(curves["best of N"], instances), average(curves[rival], instances)
    found: list[float | None] = []
    for level in levels:
        resolved = max(won for drawn, won in base[:level])
        theirs, ours = needed(base, resolved), needed(other, resolved)
        found.append(round(theirs / ours, 3) if theirs and ours else None)
    return found


def interval(
    curves: Mapping[str, Curve], rival: str, spread: Sequence[Sequence[str]], level: int
) -> list[float | None]:
    """5 % and 95 % of the ratio over resampled issues; one at which the rival does not get there counts as 0."""
    found = sorted(ratios(curves, rival, instances, [level])[0] or 0.0 for instances in spread)
    return [found[round(share * (len(found) - 1))] or None for share in (0.05, 0.95)] if found else [None, None]


def _percent(share: float) -> float:
    return round(100 * share, 2)


def show(name: str, found: Mapping[str, Any]) -> None:
    print(
        f"\n{name}: {found['issues']} issues, {found['samples']} samples each; "
        f"random {found['random']} %, oracle {found['oracle']} %"
    )
    for rival, points in found["curves"].items():
        print(f"  {rival:18}" + "  ".join(f"{drawn:.1f}: {won:.1f}" for drawn, won in points))
    for rival, figures in found["ratio"].items():
        told = (f"{level} {each['ratio']} {each['interval']}" for level, each in figures.items())
        print(f"  draws saved, {rival}: " + ", ".join(told))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pools", nargs="*", help="names in ensembles.json; all by default")
    parser.add_argument("--pick", choices=PICKS, default="medoid")
    parser.add_argument("--orders", type=int, default=20, help="random orders of each issue")
    parser.add_argument("--resamples", type=int, default=200, help="of the bootstrap")
    parser.add_argument("--probe-noise", type=float, help="simulate a test of each class that errs so often")
    parser.add_argument("--train", action="store_true", help="print the prior from all issues")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    cases = load(arguments.data)
    pools = json.loads((arguments.data / "ensembles.json").read_text())
    if arguments.train:
        print(fit(list(cases.values())))
        return
    found = {}
    for name in arguments.pools or pools:
        members, wanted = set(pools[name]["members"]), set(pools[name]["instances"])
        chosen = [
            Case(each.instance, tuple(s for s in each.samples if s.source in members))
            for each in cases.values()
            if each.instance in wanted
        ]
        chosen = [each for each in chosen if each.samples]
        pick = PICKS[arguments.pick]
        found[name] = measure(chosen, pick, arguments.orders, arguments.probe_noise, arguments.resamples)
        if not arguments.json:
            show(name, found[name])
    if arguments.json:
        print(json.dumps({"pick": arguments.pick, "orders": arguments.orders, "pools": found}))


if __name__ == "__main__":
    main()
