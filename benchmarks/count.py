"""The count on simulated issues, whose right programs are known: who is chosen, how sure, how many executions, how fast.

    python benchmarks/count.py [--issues N] [--trajectories N] [--json]

- choice: share of issues whose winner is right, beside what a user would pick instead, on the same ballots: the first that
  passes the suite, the program that most trajectories wrote, the one that passes most reproduction tests
- calibration: expected calibration error of the winner's confidence, in ten bins
- lazy: executions, in shares of the full matrix, and how often the winner is another than the full matrix's (never)
- speed: CPU seconds for 1,000 classes x 1,000 probes

An issue has trajectories of two models, ten by default, a chance of its own that a trajectory is right, a few wrong programs that
several may write, right ones in up to three forms, 60 regression tests, and a reproduction test of most trajectories; two in
five of those test nothing but what their author's program does. What a simulation cannot say is how real ones are; it says
whether the count finds what is there to be found.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1])

from selection import Ballot, Candidate, Change, Count, Lazy, Probe, Provenance, classify, count, decide

Right = Callable[[str], bool]  # of a class
COST = {"wall_s": 0.0, "stages": {}}


@dataclass(frozen=True)
class Issue:
    """right: the class ids of right programs."""

    candidates: tuple[Candidate, ...]
    probes: tuple[Probe, ...]
    ballots: tuple[Ballot, ...]
    right: frozenset[str]


def simulate(chance: random.Random, trajectories: int = 10) -> Issue:
    skill = {model: chance.betavariate(1, 1.5) for model in ("m", "n")}
    candidates, programs = [], {}
    for number in range(trajectories):
        model = "m" if number % 2 else "n"
        is_right = chance.random() < skill[model]
        form = chance.choices(range(3), (5, 2, 1))[0] if is_right else 10 + min(int(chance.expovariate(0.4)), 9)
        source = f"x = {form}\n".encode()
        made = Candidate(str(number), b"", (Change("m.py", b"", source),), Provenance("model", "", model, str(number)))
        candidates.append(made)
        programs[str(number)] = is_right
    classes = classify(candidates)
    right = {each.id: programs[each.representative.id] for each in classes}
    probes = [Probe(f"regression {number}", "regression") for number in range(60)]
    breaks = {each.id: chance.random() < (0.02 if right[each.id] else 0.4) for each in classes}
    broken = {(each.id, chance.choice(probes).id) for each in classes if breaks[each.id] for _ in range(3)}
    votes = {(each.id, probe.id): (each.id, probe.id) not in broken for each in classes for probe in probes}
    for number in range(trajectories):
        if chance.random() < 0.7:
            probe = Probe(f"reproduction {number}", "reproduction", authors=frozenset({str(number)}))
            probes.append(probe)
            useful = chance.random() < 0.6
            for each in classes:
                own = any(member.id == str(number) for member in each.members)
                passing = 0.97 if useful and right[each.id] else 0.3 if useful else 0.4
                votes[each.id, probe.id] = own or chance.random() < passing
    ballots = tuple(Ballot(probe, of, "passed" if passed else "failed") for (of, probe), passed in votes.items())
    return Issue(tuple(candidates), tuple(probes), ballots, frozenset(name for name in right if right[name]))


def choices(issue: Issue, counted: Count) -> dict[str, str | None]:
    """What each way of choosing picks, among the programs that pass the suite."""
    passing = sorted(
        (standing.of for standing in counted.eligible), key=lambda of: min(int(each.id) for each in of.members)
    )
    met = Counter(
        ballot.class_id
        for ballot in issue.ballots
        if ballot.outcome == "passed" and ballot.probe.startswith("reproduction")
    )
    return {
        "first that passes": passing[0].id if passing else None,
        "most trajectories": max(passing, key=lambda of: len(of.members)).id if passing else None,
        "most reproduction tests": max(passing, key=lambda of: met[of.id]).id if passing else None,
        "weighed": counted.winner.of.id if counted.winner else None,
    }


def run_lazily(issue: Issue, counted: Count) -> tuple[float, bool]:
    """The share of the executions, and whether the winner is the same."""
    known = {(ballot.probe, ballot.class_id): ballot for ballot in issue.ballots}
    plan = Lazy(classify(issue.candidates), issue.probes, weights=counted.weights)
    while ask := plan.next():
        for probe in ask.probes:
            plan.tell(known[probe, ask.class_id])
    found = plan.count().winner
    return plan.executions / plan.full, (found and found.of.id) == (counted.winner and counted.winner.of.id)


def calibration_error(said: list[tuple[float, bool]]) -> float:
    bins: dict[int, list[tuple[float, bool]]] = {}
    for sure, right in said:
        bins.setdefault(min(int(sure * 10), 9), []).append((sure, right))
    return sum(abs(sum(sure for sure, _ in each) - sum(right for _, right in each)) for each in bins.values()) / len(
        said
    )


def speed() -> float:
    chance = random.Random(1)
    made = [
        Candidate(
            str(number), b"", (Change("m.py", b"", f"x = {number}\n".encode()),), Provenance("m", "", "m", str(number))
        )
        for number in range(1000)
    ]
    classes = classify(made)
    probes = [Probe(str(number), "reproduction", authors=frozenset({str(number)})) for number in range(1000)]
    ballots = [
        Ballot(p.id, each.id, "passed" if chance.random() < 0.7 else "failed") for each in classes for p in probes
    ]
    began = time.process_time()
    count(classes, probes, ballots)
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--issues", type=int, default=1000)
    parser.add_argument("--trajectories", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    right: Counter[str] = Counter()
    said, shares, same = [], [], 0
    for _ in range(arguments.issues):
        issue = simulate(chance, arguments.trajectories)
        counted = count(classify(issue.candidates), issue.probes, issue.ballots)
        right["oracle"] += any(standing.of.id in issue.right for standing in counted.eligible)
        for how, chosen in choices(issue, counted).items():
            right[how] += chosen in issue.right
        if counted.winner:
            sure = decide(counted, (), stopped="", cost=COST).confidence
            said.append((sure, counted.winner.of.id in issue.right))
        share, is_same = run_lazily(issue, counted)
        shares.append(share)
        same += is_same
    result = {
        "issues": arguments.issues,
        "trajectories": arguments.trajectories,
        "right": {how: round(number / arguments.issues, 4) for how, number in right.items()},
        "calibration_error": round(calibration_error(said), 4),
        "lazy_share": round(sum(shares) / len(shares), 4),
        "lazy_same_winner": round(same / arguments.issues, 4),
        "cpu_s_1000x1000": round(speed(), 2),
    }
    print(json.dumps(result) if arguments.json else "\n".join(f"{name}: {value}" for name, value in result.items()))


if __name__ == "__main__":
    main()
