"""How many tests are run until a wrong patch is known to be wrong, in a small repository of which its tests concern a part.

    python benchmarks/related.py [--repository DIR [--patches N] [--seed N]] [--json]

Each patch of tests/api/shops.py is given to `runoff select`, alone and all together: it mends what the issue says; the wrong ones
break a test of a module that imports the changed one through another, one that starts the program, one that reads a data file.
With --repository, a checkout whose tests pass: N patches of it, each of which turns an operator or a constant in one of
the files that are not tests, each given to `runoff select` alone.

Executions: tests that were run with a patch and told something. Nothing but the command line is used, so that an older
version can be measured with the same script.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tokenize
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).parents[1])

from selection import is_test
from tests.api.shops import ISSUE, PROGRAMS, SUITE, git, make_shop
from tests.lean import lean_python


def select(repo: Path, patches: Path, state: Path) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "api",
        "select",
        str(repo),
        "--issue",
        ISSUE,
        "--candidates",
        str(patches),
        "--json",
    ]
    environment = os.environ | {"RUNOFF_STATE_DIR": str(state), "RUNOFF_PYTHON": str(lean_python())}
    began = time.monotonic()
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    if ended.returncode not in (0, 1):
        raise SystemExit(ended.stderr)
    verdict: dict[str, Any] = json.loads(ended.stdout)
    return verdict | {"seconds": round(time.monotonic() - began, 1)}


def executions(verdict: dict[str, Any]) -> dict[str, int]:
    """By source, how many ballots were cast on its class."""
    cast = [ballot["equivalence_class"] for ballot in verdict["ballots"] if "::" in ballot["probe"]]
    return {each["source"]: cast.count(each["equivalence_class"]) for each in verdict["candidates"]}


AT_ONCE = 4


def in_shop(place: Path) -> dict[str, Any]:
    rows: dict[str, Any] = {"tests": SUITE}
    make_shop(place / "repo", place / "patches")
    for name in PROGRAMS:
        verdict = select(place / "repo", place / "patches" / f"{name}.diff", place / f"state-{name}")
        found = {"executions": executions(verdict)[name], "seconds": verdict["seconds"]}
        rows[f"{name}, alone"] = found | {"wins": verdict["winner"] is not None}
    verdict = select(place / "repo", place / "patches", place / "state")
    return rows | {"together": executions(verdict) | {"winner": winner(verdict), "seconds": verdict["seconds"]}}


def winner(verdict: dict[str, Any]) -> str | None:
    """Its source."""
    return next((each["source"] for each in verdict["candidates"] if each["id"] == verdict["winner"]), None)


TURNED = {
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "==": "!=",
    "!=": "==",
    "+": "-",
    "-": "+",
    "and": "or",
    "or": "and",
}
TURNED |= {"True": "False", "False": "True", "0": "1", "1": "2"}


def mutants(repo: Path, patches: Path, number: int, chance: random.Random) -> None:
    """Patches that turn one token each, of files drawn at random."""
    patches.mkdir()
    files = [repo / path for path in git(repo, "ls-files", "*.py").splitlines() if is_product(path)]
    while len(list(patches.iterdir())) < number:
        file = chance.choice(files)
        text = file.read_text()
        tokens = [each for each in tokenize.generate_tokens(io.StringIO(text).readline) if each.string in TURNED]
        if not tokens:
            continue
        token = chance.choice(tokens)
        lines = text.splitlines(keepends=True)
        (row, start), (_, end) = token.start, token.end
        lines[row - 1] = lines[row - 1][:start] + TURNED[token.string] + lines[row - 1][end:]
        file.write_text("".join(lines))
        (patches / f"{len(list(patches.iterdir())):03}.diff").write_text(git(repo, "diff"))
        git(repo, "checkout", "-q", ".")


def is_product(path: str) -> bool:
    return not is_test(path) and Path(path).parent.name != "" and "docs" not in path


def in_repository(source: Path, place: Path, number: int, seed: int) -> dict[str, Any]:
    repo = place / "repo"
    shutil.copytree(source, repo, ignore=shutil.ignore_patterns(".git", "*.egg-info"))
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "base"]):
        git(repo, *arguments)
    mutants(repo, place / "patches", number, random.Random(seed))
    names = [f"{number:03}" for number in range(number)]

    def alone(name: str) -> dict[str, Any]:
        return select(repo, place / "patches" / f"{name}.diff", place / f"state-{name}")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        verdicts = dict(zip(names, pool.map(alone, names), strict=True))
    ran = {name: each for name, each in verdicts.items() if not each["candidates"][0]["dropped"]}
    wrong = {name: executions(each)[name] for name, each in ran.items() if winner(each) is None}
    return {
        "tests": max(sum("::" in probe["id"] for probe in each["probes"]) for each in verdicts.values()),
        "wrong patches": wrong,
        "mean": round(statistics.mean(wrong.values() or [0]), 1),
        "that pass": {name: executions(each)[name] for name, each in ran.items() if winner(each) is not None},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repository", type=Path)
    parser.add_argument("--patches", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        if arguments.repository is not None:
            rows = in_repository(arguments.repository, place, arguments.patches, arguments.seed)
        else:
            rows = in_shop(place)
    print(json.dumps(rows) if arguments.json else "\n".join(f"{name}: {row}" for name, row in rows.items()))


if __name__ == "__main__":
    main()
