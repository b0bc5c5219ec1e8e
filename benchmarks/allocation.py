"""What deciding between samples saves against drawing a fixed number of them, replayed from recorded candidates.

    python benchmarks/allocation.py --data DIR [--orders 20] [--pools NAME …] [--pick static] [--probe-noise 0.1] [--json]
    python benchmarks/allocation.py --data DIR --train

DIR is that of benchmarks/selection.py.

An issue's candidates arrive in a random order, at a cost of 1 each. A policy draws until it stops, then the pick rule chooses
among what was drawn: the same rule for all policies, so that they differ in nothing but how much they draw. `static` is what the
package does (`rank_static`, nothing known of the sources): it sees what was drawn and no more, with weights learnt in folds by
instance, none from the issue's own. What does not apply, does not parse or changes no product file is drawn, paid and not picked.
Candidates are one class when they change product files alike: half of all words of the changed lines in common, directly or
through others of what was drawn (exact classes split nearly equal patches, and agreement is then too rare to tell).
Nothing is executed. Labels score the choice, and give what the policies know beforehand, from the pool's issues of other folds.

ours: stops by the chance of the winner (`Reservation`), its evidence the static log-odds. urns: stops by what the sizes of
classes promise (`ExpectedGain`). Both are a curve of one point for each price; best-of-N has one for each N, self-consistency one
for each threshold.

The figure is a ratio of draws at equal resolved %: what best-of-N needs (interpolated between Ns; its curve is made monotone
first, which is in its favour) over what the policy drew. The intervals are 90 % bootstrap intervals over issues.

--probe-noise E simulates what no data here has, execution evidence: one test for each program, that right ones pass with
probability 1 - E and wrong ones with E (a coin with a fixed seed). Those rows are marked as simulated.

--train prints the prior that is shipped, from all issues.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).parents[1])  # not this folder, in which planner.py is no package

from benchmarks.replay import (
    TAUGHT_BY,
    Case,
    Scores,
    Step,
    Trail,
    cases,
    groups,
    learnt,
    majority,
    medoid,
    static,
    trails,
)
from benchmarks.selection_data import labels
from benchmarks.train_selection import FOLDS, ensembles, lineups, read
from selection.allocation import (
    AllocationPolicy,
    ExpectedGain,
    Offer,
    Prior,
    Progress,
    Reservation,
    Seen,
    SelfConsistency,
    next_step,
    said,
)
from selection.calibrate import calibrate

PRICES = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05)
# Of ours: it compares a price with the first gain alone, not with what more may bring, so that the range is another.
ASKED = (
    0.0001,
    0.0003,
    0.001,
    0.01,
    0.02,
    0.03,
    0.045,
    0.06,
    0.075,
    0.09,
    0.1,
    0.11,
    0.12,
    0.13,
    0.14,
    0.15,
    0.165,
    0.18,
    0.2,
    0.25,
    0.3,
)
SURE = (0.6, 0.7, 0.8, 0.9, 0.95, 0.99)

# -- the prior, from labels of other issues ---------------------------------------------------------------------------


def fit(issues: Sequence[Case]) -> Prior:
    """The likeliest prior, given which samples are right: its parts are independent of each other then."""
    counts = Counter((sum(s.right for s in each.samples), sum(not s.right for s in each.samples)) for each in issues)
    wrong = sum(not s.right for each in issues for s in each.samples)
    unusable = sum(s.does is None and not s.right for each in issues for s in each.samples)
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
        hopeless, a, b, _scatter(issues, right=True), _scatter(issues, right=False), (unusable + 1) / (wrong + 2)
    )


def _log_counts(right: int, wrong: int, hopeless: float, a: float, b: float) -> float:
    chance = (1 - hopeless) * math.exp(_log_beta(a + right, b + wrong) - _log_beta(a, b)) + hopeless * (right == 0)
    return math.log(chance)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _scatter(issues: Sequence[Case], *, right: bool) -> float:
    """The likeliest concentration of an urn (Ewens 1972)."""
    drawn = []
    for each in issues:
        places = [place for place, s in enumerate(each.samples) if s.does and s.right == right]
        drawn.append((len(places), len(groups(each, places, {}))))

    def likelihood(scatter: float) -> float:
        return sum(
            kinds * math.log(scatter) + math.lgamma(scatter) - math.lgamma(scatter + total) for total, kinds in drawn
        )

    return max((2 ** (step / 4) for step in range(-16, 29)), key=likelihood)


# -- policies ---------------------------------------------------------------------------------------------------------


def reservation(runs: Sequence[Trail]) -> Reservation:
    """As these issues teach it: the chances of their winners after any number of samples, as they turned out to be."""
    coin = random.Random(0)
    winners = [coin.choice(each.steps[1:]) for each in runs]
    earlier = [(said(each.looked), each.right) for each in winners if each.looked]
    fit = calibrate(earlier)
    return Reservation(tuple(fit(chance) for chance, _ in earlier), fit)


def draws(policy: AllocationPolicy, see: Callable[[Step], tuple[Seen, ...]], price: float, trail: Trail) -> int:
    """How many samples a policy draws. see: what of a step it looks at."""
    n = 0
    while True:
        classes = see(trail.steps[n])
        offer = Offer("sample", most=trail.most - n, price=price)
        decision = next_step(policy, Progress(n, classes, n - sum(each.size for each in classes), (offer,)))
        if decision.action == "stop":
            return n
        n += decision.samples


def folded(
    policies: Mapping[int, AllocationPolicy], see: Callable[[Step], tuple[Seen, ...]], price: float, trail: Trail
) -> int:
    return draws(policies[trail.fold], see, price, trail)


def fixed(n: int, trail: Trail) -> int:
    return min(n, trail.most)


def sizes(step: Step) -> tuple[Seen, ...]:
    return step.classes


def looks(step: Step) -> tuple[Seen, ...]:
    return step.looked


# -- curves -----------------------------------------------------------------------------------------------------------

Curve = dict[str, list[tuple[float, float]]]  # issue -> for each point, mean draws and share resolved, over its orders


def curve(runs: Sequence[Trail], points: Sequence[Callable[[Trail], int]]) -> Curve:
    """points: for each, how many samples of a trail it draws."""
    found: dict[str, list[list[tuple[int, bool]]]] = defaultdict(lambda: [[] for _ in points])
    for trail in runs:
        for place, point in enumerate(points):
            n = point(trail)
            found[trail.instance][place].append((n, trail.steps[n].right))
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


def measure(issues: Sequence[Case], runs: Sequence[Trail], resamples: int) -> dict[str, Any]:
    """One pool: the curves, and the ratios of draws at equal resolved %."""
    most = max(each.most for each in runs)
    urns = {out: ExpectedGain(fit([each for each in issues if each.fold != out])) for out in range(FOLDS)}
    reserved = {out: reservation([each for each in runs if each.fold != out]) for out in range(FOLDS)}
    numbers = range(1, most + 1)
    curves = {
        "best of N": curve(runs, [partial(fixed, n) for n in numbers]),
        "self-consistency": curve(runs, [partial(draws, SelfConsistency(sure), sizes, 0.0) for sure in SURE]),
        "urns": curve(runs, [partial(folded, urns, sizes, price) for price in PRICES]),
        "ours": curve(runs, [partial(folded, reserved, looks, price) for price in ASKED]),
    }
    instances = [each.instance for each in issues]
    levels = sorted({n for n in (2, 4, 6, 8, 12) if n < most} | {most})
    figures = {rival: ratios(curves, rival, instances, levels) for rival in ("self-consistency", "urns", "ours")}
    coin = random.Random(0)
    spread = [coin.choices(instances, k=len(instances)) for _ in range(resamples)]
    return {
        "issues": len(issues),
        "samples": round(statistics.fmean(len(each.samples) for each in issues), 2),
        "random": _percent(statistics.fmean(statistics.fmean(s.right for s in each.samples) for each in issues)),
        "oracle": _percent(statistics.fmean(any(s.right for s in each.samples) for each in issues)),
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
    }


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
    parser.add_argument("--pick", choices=("static", "medoid", "majority"), default="static")
    parser.add_argument("--orders", type=int, default=20, help="random orders of each issue")
    parser.add_argument("--resamples", type=int, default=200, help="of the bootstrap")
    parser.add_argument("--probe-noise", type=float, help="simulate a test of each program that errs so often")
    parser.add_argument("--train", action="store_true", help="print the prior from all issues")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    known, truth = read(arguments.data), labels(arguments.data)
    members = ensembles(arguments.data, known)
    if arguments.train:
        print(fit(cases(known, frozenset().union(*members.values()), frozenset(known), truth)))
        return
    look = partial(static, learnt({name: lineups(known, members[name], truth) for name in TAUGHT_BY}))
    picks: dict[str, Scores] = {"static": look, "medoid": medoid, "majority": majority}
    pools = json.loads((arguments.data / "ensembles.json").read_text("utf-8"))
    found = {}
    for name in arguments.pools or pools:
        issues = cases(known, members[name], frozenset(pools[name]["instances"]), truth)
        runs = trails(issues, picks[arguments.pick], look, arguments.orders, arguments.probe_noise)
        found[name] = measure(issues, runs, arguments.resamples) | {"simulated_probe_noise": arguments.probe_noise}
        if not arguments.json:
            show(name, found[name])
    if arguments.json:
        print(json.dumps({"pick": arguments.pick, "orders": arguments.orders, "pools": found}))


if __name__ == "__main__":
    main()
