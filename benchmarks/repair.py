"""How often, and at what cost, the repair policy mends a program with one bug.

    python benchmarks/repair.py --quixbugs DIR [--json] [--only NAME …] [--executions 1000] [--wall 60]
    python benchmarks/repair.py --repositories tests/repositories

DIR/NAME/repo holds a program and its tests, DIR/NAME/heldout more tests that are used only to tell whether a patch is
correct (PROGRAM_DIR names the folder of the patched program), DIR/NAME/issue.md the issue. With --json: one object a program, and
last {"summary": …}. A repository of --repositories has no held-out tests: `heldout/` beside its `repo/`, where it exists.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from agents.repair import Found, RepairPolicy, localise, read_source
from agents.repair.choose import ranked
from agents.repair.examples import find_examples
from agents.testrun import BaseRun, TestCommand, TestSession, base_run, coverage
from agents.testrun.baserun import Coverage
from workspaces.live import Live
from workspaces.sandbox.bubblewrap import Bubblewrap
from workspaces.sandbox.contract import Limits, SandboxSpec

LIMITS = Limits(processes=512)


@dataclass(frozen=True, slots=True)
class Row:
    program: str
    plausible: int
    pool_correct: bool
    chosen_correct: bool
    executions: int
    wall_s: float
    cpu_s: float
    first_correct: int | None  # its place in the ranking, from 0
    chosen: str
    correct: str
    error: str = ""


class Bench:
    def __init__(self, provider: Bubblewrap, live: Live, python: str, workers: int) -> None:
        self.provider = provider
        self.live = live
        self.python = python
        self.workers = workers
        self.readonly = tuple({Path(sys.prefix), Path(sys.base_prefix), Path(python).parent.parent})

    async def resolve(self, folder: Path, executions: int, wall_s: float) -> Row:
        started = time.monotonic()
        async with AsyncExitStack() as stack:
            sessions = [await self._worker(stack, folder / "repo") for _ in range(self.workers)]
            base = await base_run(sessions[0])
            covered = await coverage(sessions[0], base)
            policy, sources = self._policy(sessions, base, covered, folder / "repo")
            found, used, cpu_s = [], 0, base.cpu_s
            left = wall_s - (time.monotonic() - started)
            async for event in policy.wave(executions=executions, wall_s=left):
                used += event.executions
                cpu_s += event.cpu_s
                if isinstance(event, Found):
                    found.append(event)
            issue = (folder / "issue.md").read_text()
            examples = find_examples(sources, issue)
            order = await ranked(sessions[0], found, examples)
            wall = time.monotonic() - started
        return await self._score(folder, order, used, wall, cpu_s)

    def _policy(self, sessions: Sequence[TestSession], base: BaseRun, covered: Coverage, repo: Path):
        frames = {test: base.outcomes[test].frames for test in base.failing}
        where = localise(covered, base.failing, frames)
        sources = {path: read_source(path, (repo / path).read_bytes()) for path in where.files}
        return RepairPolicy(sessions, base, covered, where, sources), sources

    async def _worker(self, stack: AsyncExitStack, repo: Path) -> TestSession:
        workspace = Path(stack.enter_context(self.live.directory("bench")))
        shutil.copytree(repo, workspace, dirs_exist_ok=True)
        open_to_all(workspace)
        sandbox = await self.provider.start(SandboxSpec(workspace, readonly=self.readonly, limits=LIMITS))
        stack.push_async_callback(sandbox.close)
        session = await TestSession.start(sandbox, python=self.python, command=TestCommand())
        stack.push_async_callback(session.close)
        return session

    async def _score(self, folder: Path, order: Sequence[Found], used: int, wall: float, cpu_s: float) -> Row:
        first = None
        for place, each in enumerate(order):
            if await self._is_correct(folder, each):
                first = place
                break
        chosen = order[0].candidate.provenance.step if order else ""
        correct = order[first].candidate.provenance.step if first is not None else ""
        return Row(folder.name, len(order), first is not None, first == 0, used, wall, cpu_s, first, chosen, correct)

    async def _is_correct(self, folder: Path, found: Found) -> bool:
        heldout = folder / "heldout"
        if not heldout.is_dir():
            return True  # nothing says otherwise: plausible is all that is known
        with self.live.directory("score") as workspace:
            shutil.copytree(folder / "repo", workspace / "program")
            shutil.copytree(heldout, workspace / "heldout", ignore=shutil.ignore_patterns("*.txt"))
            for change in found.candidate.changes:
                (workspace / "program" / change.path).write_bytes(change.after or b"")
            open_to_all(workspace)
            sandbox = await self.provider.start(SandboxSpec(workspace, readonly=self.readonly, limits=LIMITS))
            try:
                argv = [self.python, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "heldout"]
                env = {"PROGRAM_DIR": "/workspace/program", "PYTHONDONTWRITEBYTECODE": "1"}
                result = await sandbox.exec(argv, env=env, timeout_s=120)
            finally:
                await sandbox.close()
            return result.exit_code == 0


def open_to_all(folder: Path) -> None:
    """A sandbox's user is not this one."""
    subprocess.run(["chmod", "-R", "a+rwX", str(folder)], check=True)


async def measure(folders: Sequence[Path], arguments: argparse.Namespace) -> list[Row]:
    rows = []
    with tempfile.TemporaryDirectory() as state:
        Path(state).chmod(0o755)
        live = Live.open(Path(state))
        provider = Bubblewrap(live)
        bench = Bench(provider, live, arguments.python, arguments.workers)
        try:
            for folder in folders:
                row = await bench.resolve(folder, arguments.executions, arguments.wall)
                rows.append(row)
                print(json.dumps(asdict(row)) if arguments.json else line(row), flush=True)
        finally:
            await provider.close()
    return rows


def line(row: Row) -> str:
    place = "-" if row.first_correct is None else row.first_correct
    head = f"{row.program:28}{row.plausible:5}{place:>5} {'chosen' if row.chosen_correct else '':7}"
    return f"{head}{row.executions:6}{row.wall_s:7.1f}s{row.cpu_s:7.1f}s  {row.chosen} | {row.correct}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quixbugs", type=Path)
    parser.add_argument("--repositories", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--executions", type=int, default=1000)
    parser.add_argument("--wall", type=float, default=60.0)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    roots = [root for root in (arguments.quixbugs, arguments.repositories) if root is not None]
    if not roots:
        parser.error("give --quixbugs DIR or --repositories DIR")
    folders = [each for root in roots for each in sorted(root.iterdir()) if (each / "repo").is_dir()]
    if arguments.only:
        folders = [each for each in folders if each.name in arguments.only]
    started = time.monotonic()
    rows = asyncio.run(measure(folders, arguments))
    summary = {
        "programs": len(rows),
        "plausible": sum(row.plausible > 0 for row in rows),
        "pool_correct": sum(row.pool_correct for row in rows),
        "chosen_correct": sum(row.chosen_correct for row in rows),
        "wall_s": round(time.monotonic() - started, 1),
    }
    print(json.dumps({"summary": summary}) if arguments.json else summary)


if __name__ == "__main__":
    main()
