"""How often, and at what cost, `runoff resolve` mends a program with one bug, without a model.

    python benchmarks/repair.py --quixbugs DIR [--json] [--only NAME …] [--executions 1000] [--wall 60]
    python benchmarks/repair.py --repositories tests/repositories

DIR/NAME/repo holds a program and its tests, DIR/NAME/issue.md the issue, and DIR/NAME/heldout more tests, which only tell
afterwards whether a patch is correct (PROGRAM_DIR names the folder of the patched program); without them nobody knows. Each
program goes through the whole engine, as for a user. With --json: one object a program, and last {"summary": …}.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1])  # not this folder, in which planner.py is no package

from agents.request import Request
from agents.resolve import Outcome, resolve
from agents.settings import Settings
from memory import Journal, Store
from workspaces import Limits, Live, SandboxSpec, find_interpreter
from workspaces.sandbox.bubblewrap import Bubblewrap

GIT = ("git", "-c", "user.name=benchmark", "-c", "user.email=benchmark@example.org")


@dataclass(frozen=True, slots=True)
class Row:
    """One program. plausible: patches that pass all its tests. first_correct: place of a correct one, 0 is the chosen.
    pool_correct, chosen_correct: null without held-out tests. error: why the program could not be measured."""

    program: str
    plausible: int = 0
    pool_correct: bool | None = None
    chosen_correct: bool | None = None
    confidence: float = 0.0
    executions: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    first_correct: int | None = None
    chosen: str = ""
    correct: str = ""
    stopped: str = ""
    error: str | None = None


async def measure(folder: Path, state: Path, arguments: argparse.Namespace) -> Row:
    """Resolve one program, then tell which of its plausible patches the held-out tests accept."""
    with tempfile.TemporaryDirectory() as work:
        request = prepared(folder, Path(work) / "repo", arguments)
        settings = Settings(state_dir=state, workers=arguments.workers)
        began, cpu_began = time.monotonic(), cpu_s()
        with Store.open(state) as store:
            outcome = await resolve(request, settings, store)
            wall, cpu = time.monotonic() - began, cpu_s() - cpu_began
            patched = patches(outcome, store)
    places = []
    ranked = [each for each in outcome.verdict.candidates if each.rank is not None]
    told = (folder / "heldout").is_dir()
    for place, each in enumerate(ranked if told else []):
        if await is_correct(folder, patched[each.id], state, arguments.python):
            places.append(place)
    first = places[0] if places else None
    return Row(
        program=folder.name,
        plausible=len(ranked),
        pool_correct=bool(places) if told else None,
        chosen_correct=first == 0 if told else None,
        confidence=outcome.verdict.confidence,
        executions=sum(stage.candidates for stage in outcome.verdict.cost.stages.values()),
        wall_s=round(wall, 2),
        cpu_s=round(cpu, 2),
        first_correct=first,
        chosen=ranked[0].step if ranked else "",
        correct=ranked[first].step if first is not None else "",
        stopped=outcome.verdict.stopped,
    )


def prepared(folder: Path, repo: Path, arguments: argparse.Namespace) -> Request:
    """A program as a git repository, and what is asked of it."""
    shutil.copytree(folder / "repo", repo)
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "base")):
        subprocess.run([*GIT, *command], cwd=repo, check=True)
    return Request(
        repo=repo,
        issue=(folder / "issue.md").read_text(),
        budget=f"wall={arguments.wall}s,candidates={arguments.executions}",
        sandbox="bubblewrap",
        python=arguments.python,
    )


def cpu_s() -> float:
    """CPU seconds of this process and of all that have ended below it."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def patches(outcome: Outcome, store: Store) -> dict[str, bytes]:
    """Candidate -> its patch, from the journal."""
    events = [event for event in Journal(store, outcome.run_id).events() if event.kind == "candidate"]
    return {event.data["id"]: store.files.get(event.data["patch"]) for event in events}


async def is_correct(folder: Path, patch: bytes, state: Path, python: Path) -> bool:
    """Whether a patched program passes the held-out tests, in a sandbox."""
    interpreter = find_interpreter(python)
    live = Live.open(state)
    provider = Bubblewrap(live)
    try:
        with live.directory("score") as workspace:
            shutil.copytree(folder / "repo", workspace / "program")
            shutil.copytree(folder / "heldout", workspace / "heldout", ignore=shutil.ignore_patterns("*.txt"))
            subprocess.run(["git", "apply", "-"], input=patch, cwd=workspace / "program", check=True)
            subprocess.run(["chmod", "-R", "a+rwX", workspace], check=True)
            sandbox = await provider.start(SandboxSpec(workspace, readonly=interpreter.readonly, limits=Limits()))
            argv = [str(interpreter.program), "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "heldout"]
            env = {"PROGRAM_DIR": "/workspace/program", "PYTHONDONTWRITEBYTECODE": "1"}
            result = await sandbox.exec(argv, env=env, timeout_s=120)
            await sandbox.close()
            return result.exit_code == 0
    finally:
        await provider.close()
        live.close()


def line(row: Row) -> str:
    if row.error is not None:
        return f"{row.program:28}error: {row.error}"
    place = "-" if row.first_correct is None else str(row.first_correct)
    said = f"{row.confidence:.0%}"
    head = f"{row.program:28}{row.plausible:4}{place:>4}{said:>6}{row.executions:6}{row.wall_s:7.1f}s{row.cpu_s:7.1f}s"
    return f"{head}  {row.chosen} | {row.correct} | {row.stopped}"


def add_options(parser: argparse.ArgumentParser) -> None:
    """What benchmarks of one-bug programs have in common."""
    parser.add_argument("--only", nargs="*", default=[], help="names of programs")
    parser.add_argument("--executions", type=int, default=1000, help="at most, for each program")
    parser.add_argument("--wall", type=int, default=60, help="seconds, for each program")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="has pytest")
    parser.add_argument("--json", action="store_true")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quixbugs", type=Path, help="a folder of programs with held-out tests")
    parser.add_argument("--repositories", type=Path, help="a folder of repositories, held-out tests or not")
    add_options(parser)
    arguments = parser.parse_args()
    roots = [root for root in (arguments.quixbugs, arguments.repositories) if root is not None]
    if not roots:
        parser.error("give --quixbugs DIR or --repositories DIR")
    folders = [each for root in roots for each in sorted(root.iterdir()) if (each / "repo").is_dir()]
    folders = [each for each in folders if not arguments.only or each.name in arguments.only]
    began, rows = time.monotonic(), []
    with tempfile.TemporaryDirectory() as state:
        Path(state).chmod(0o755)
        for folder in folders:
            try:
                rows.append(asyncio.run(measure(folder, Path(state), arguments)))
            except Exception as error:  # noqa: BLE001  (one bad program must not hide the others' results)
                rows.append(Row(folder.name, error=f"{type(error).__name__}: {error}"))
            print(json.dumps(asdict(rows[-1])) if arguments.json else line(rows[-1]), flush=True)
    summary = {
        "programs": len(rows),
        "plausible": sum(row.plausible > 0 for row in rows),
        "errors": sum(row.error is not None for row in rows),
        "with_heldout": sum(row.pool_correct is not None for row in rows),
        "pool_correct": sum(row.pool_correct is True for row in rows),
        "chosen_correct": sum(row.chosen_correct is True for row in rows),
        "wall_s": round(time.monotonic() - began, 1),
    }
    print(json.dumps({"summary": summary}) if arguments.json else summary)


if __name__ == "__main__":
    main()
