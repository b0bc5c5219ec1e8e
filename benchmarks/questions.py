"""How often the chosen patch is correct, and what one answered question is worth, on programs with several plausible patches.

    python benchmarks/questions.py --quixbugs DIR [--json] [--only NAME …] [--executions 1000] [--wall 60]

DIR/NAME is as for benchmarks/repair.py; DIR/NAME/heldout/correct.py.txt, the correct program, plays the person who is asked. Side
by side, for the same candidates: the first that was found; the largest cluster of those that behave alike; documented
examples; and one, two and three answered questions. A program counts where some plausible patch is correct and another is
not. With --json: one object a program, and last {"summary": …}.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1])  # not this folder, in which planner.py is no package

from agents.resolve import Outcome, resolve
from agents.settings import Settings
from benchmarks.repair import add_options, is_correct, patches, prepared
from memory import Store
from selection import NEITHER, Ballot, Candidate, EquivalenceClass, Probe, Provenance, Question, Verdict, count

SELECTORS = ("first", "cluster", "examples", "1 answer", "2 answers", "3 answers")
SAYS = "the person asked says: "
_REFERENCE = """
import itertools, sys
names = {}
exec(open(sys.argv[1]).read(), names)
call = sys.argv[2]
arguments = []
name = call[:call.index("(")]
given = eval("_take" + call[len(name):], {**names, "_take": lambda *a, **k: (list(a), k)})
before = [*map(repr, given[0]), *(f"{key}={value!r}" for key, value in given[1].items())]
try:
    value = names[name](*given[0], **given[1])
    if hasattr(value, "__next__"):
        value = list(itertools.islice(value, 1000))
    result = repr(value)
except Exception as error:
    result = f"it raises {type(error).__name__}: {error}" if str(error) else f"it raises {type(error).__name__}"
after = [*map(repr, given[0]), *(f"{key}={value!r}" for key, value in given[1].items())]
if after != before:
    result += f" (and the arguments become {', '.join(after)})"
print(result)
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One program. right: selector -> whether what it chooses is correct; empty where the program does not count. asked:
    the calls, in order. error: why it could not be measured."""

    program: str
    plausible: int = 0
    correct: int = 0
    right: dict[str, bool] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    error: str | None = None


class Reference:
    """The person who knows: the correct program."""

    def __init__(self, program: Path) -> None:
        self._program = program
        self.asked: list[str] = []

    async def __call__(self, question: Question, /) -> int | None:
        self.asked.append(question.call)
        results = [answer.result for answer in question.answers]
        try:
            told = subprocess.run(
                [sys.executable, "-c", _REFERENCE, str(self._program), question.call],
                capture_output=True,
                text=True,
                timeout=5,
            )
        except subprocess.TimeoutExpired:
            return None
        if told.returncode:  # an argument that no text makes again
            return None
        result = told.stdout.rstrip("\n")
        return results.index(result) if result in results else NEITHER


async def measure(folder: Path, state: Path, arguments: argparse.Namespace) -> Row:
    """Resolve one program with the reference to ask, and tell what each selector would have chosen."""
    asker = Reference(folder / "heldout" / "correct.py.txt")
    with tempfile.TemporaryDirectory() as work:
        request = prepared(folder, Path(work) / "repo", arguments)
        settings = Settings(state_dir=state, workers=arguments.workers)
        with Store.open(state) as store:
            outcome = await resolve(request, settings, store, ask=asker)
            patched = patches(outcome, store)
    ranked = [each.id for each in outcome.verdict.candidates if each.rank is not None]
    right = {name for name in ranked if await is_correct(folder, patched[name], state, arguments.python)}
    counts = bool(right) and len(right) < len(ranked)
    chosen = choices(outcome, [name for name in patched if name in ranked]) if counts else {}
    return Row(folder.name, len(ranked), len(right), {each: chosen[each] in right for each in chosen}, asker.asked)


def choices(outcome: Outcome, in_order: Sequence[str]) -> dict[str, str]:
    """Selector -> the candidate that it chooses. in_order: as they were found."""
    verdict = outcome.verdict
    behaves = {each.id: each.behaviour or each.id for each in verdict.candidates}
    sizes = Counter(behaves[name] for name in in_order)
    largest = max(in_order, key=lambda name: (sizes[behaves[name]], -in_order.index(name)))
    counted = {f"{number} answer{'s' * (number > 1)}": winner(verdict, number) for number in (1, 2, 3)}
    return {"first": in_order[0], "cluster": largest, "examples": winner(verdict, 0), **counted}


def winner(verdict: Verdict, answers: int) -> str:
    """Whom the count chooses with the first so many answers."""
    left_out = {each.id for each in [each for each in verdict.probes if each.id.startswith(SAYS)][answers:]}
    members: dict[str, list[Candidate]] = {}
    for each in verdict.candidates:
        if each.equivalence_class is not None:
            provenance = Provenance(each.policy, each.step, each.model)
            made = Candidate(each.id, b"", (), provenance, each.score, each.behaviour)
            members.setdefault(each.equivalence_class, []).append(made)
    classes = [EquivalenceClass(name, tuple(found)) for name, found in members.items()]
    probes = [Probe(each.id, each.kind) for each in verdict.probes if each.id not in left_out]
    ballots = [
        Ballot(each.probe, each.equivalence_class, each.outcome)
        for each in verdict.ballots
        if each.probe not in left_out
    ]
    best = count(classes, probes, ballots).winner
    assert best is not None
    return best.of.representative.id


def line(row: Row) -> str:
    if row.error is not None:
        return f"{row.program:28}error: {row.error}"
    told = "  ".join(f"{name} {'right' if row.right[name] else 'wrong'}" for name in SELECTORS if name in row.right)
    return f"{row.program:28}{row.correct:3} of {row.plausible:3} correct  {told}  {'; '.join(row.asked)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quixbugs", type=Path, required=True, help="a folder of programs with held-out tests")
    add_options(parser)
    arguments = parser.parse_args()
    folders = [each for each in sorted(arguments.quixbugs.iterdir()) if (each / "heldout").is_dir()]
    folders = [each for each in folders if not arguments.only or each.name in arguments.only]
    rows = []
    with tempfile.TemporaryDirectory() as state:
        Path(state).chmod(0o755)
        for folder in folders:
            try:
                rows.append(asyncio.run(measure(folder, Path(state), arguments)))
            except Exception as error:  # noqa: BLE001  (one bad program must not hide the others' results)
                rows.append(Row(folder.name, error=f"{type(error).__name__}: {error}"))
            print(json.dumps(asdict(rows[-1])) if arguments.json else line(rows[-1]), flush=True)
    counting = [row for row in rows if row.right]
    summary = {
        "programs": len(rows),
        "errors": sum(row.error is not None for row in rows),
        "one_correct": sum(row.correct > 0 for row in rows),
        "counting": len(counting),
        "right": {name: sum(row.right[name] for row in counting) for name in SELECTORS},
    }
    print(json.dumps({"summary": summary}) if arguments.json else summary)


if __name__ == "__main__":
    main()
