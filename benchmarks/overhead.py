"""What a trajectory's turn costs beside its model and its tool, and what a live trajectory holds in memory.

    python benchmarks/overhead.py [--json] [--turns 100] [--at-once 8] [--mini PYTHON] [--profile]

Ours: the real loop with everything that `runoff resolve --model` has on: a git repository, a workspace and a sandbox for each
trajectory, journal, ledger, checkpoints, record of calls, scheduler. The model is scripted and answers at once, with a
thought and a plan of one `recall()`, which looks into an empty set of notes and touches no sandbox. All go on together,
after their sandboxes have started and each had a first turn, and the limit of turns (40) is raised to --turns.

edited     the first turn made a file, so that every later one has a diff
a program  the first turn ran `true` in the sandbox: it might have left a process that goes on, so that the workspace is
           looked at after every turn

ms/turn    wall milliseconds between the ends of two turns of one trajectory, less the time in which the tool ran. All
           share one event loop: with 8 at once and no model to wait for, a turn waits for the work of seven others
share      wall milliseconds of the whole wave, divided by its turns: what a turn costs the process, whoever waits
CPU/turn   CPU milliseconds of the process, all its threads, for each turn
MB         what is held when every trajectory has asked for its last turn, less what was held at the second one and the
           text of their conversations, for each trajectory; by tracemalloc, and by the process's memory (RSS)
bytes/turn what a turn leaves in the files of the state directory, and how that and CPU grow with the number of turns: an
           exponent of the total, 1.0 is linear

Times are of the best of --rounds waves, by its mean: what the machine does besides is none of ours.

Beside: mini-swe-agent's own loop with its own test model, the same texts and as many threads as its batch runner would
have, in a child of this run. It needs an environment of its own:

    python -m venv /tmp/mini && /tmp/mini/bin/pip install mini-swe-agent==2.4.6
    python benchmarks/overhead.py --mini /tmp/mini/bin/python
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import json
import os
import pstats
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections import defaultdict
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).parents[1])  # not this folder, in which planner.py is no package

from agents import policy
from agents.checkpoints import checkpoints
from agents.models import Account, Admission, Metered, ModelAnswer, ModelRequest, Recalling, Recorder, Scripted
from agents.models.record import claim
from agents.testrun import TestCommand
from agents.tools import SPECS, PytestTests
from agents.trajectory import Limits, ModelPolicy, Prefix, Shared, Source
from benchmarks.overhead_mini import ISSUE, answer, resident_mb, spread
from benchmarks.scheduler import exponent
from executor import Slots
from memory import Budget, Journal, Ledger, Runs, Store, Teller
from workspaces import Live, Repositories, Sandbox, SandboxSpec, Workspace, Workspaces, find_interpreter
from workspaces.sandbox.bubblewrap import Bubblewrap

GIT = ("git", "-c", "user.name=benchmark", "-c", "user.email=benchmark@example.org")
OVERVIEW = "\n".join(f"src/module_{number}.py: class Part{number}, def build, def check" for number in range(200))
GROWTH = (0.5, 1, 2)  # times --turns
FIRST = {
    "edited": '```python\nmade = create(path="src/more.py", content="more = 1\\n")\n```\n',
    "a program": '```python\nran = run(command="true")\n```\n',
}


@dataclass
class Held:
    """What is measured between the second and the last question of all trajectories."""

    cpu_s: float = 0.0
    wall_s: float = 0.0
    rss_mb: float = 0.0
    traced_mb: float = 0.0
    text_mb: float = 0.0


class AllTogether:
    """A scripted model whose second answers wait until all trajectories have asked, and whose last ones, too.

    first: what it says in place of the first answer."""

    name, endpoint, context_tokens = "scripted", "scripted", None

    def __init__(
        self,
        turns: int,
        at_once: int,
        *,
        first: str = "",
        profile: cProfile.Profile | None = None,
    ) -> None:
        def script(request: ModelRequest) -> str:
            return first if first and request.step == 0 else answer(request.step, request.trajectory)

        self._inner = Scripted(script)
        self._turns = turns
        self._second, self._last = asyncio.Barrier(at_once), asyncio.Barrier(at_once)
        self._profile = profile
        self._begun: tuple[float, float, float, int] = (0.0, 0.0, 0.0, 0)
        self._texts: dict[int, int] = {}
        self.held = Held()

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        if request.step == 1 and await self._second.wait() == 0:
            self._begin()
        if request.step == self._turns - 1:
            self._texts |= {id(each["content"]): sys.getsizeof(each["content"]) for each in request.messages}
            if await self._last.wait() == 0:
                self._end()
        return await self._inner.answer(request)

    def _begin(self) -> None:
        gc.collect()
        traced = tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else 0
        self._begun = (time.process_time(), time.perf_counter(), resident_mb(), traced)
        if self._profile is not None:
            self._profile.enable()

    def _end(self) -> None:
        if self._profile is not None:
            self._profile.disable()
        cpu, wall, rss, traced = self._begun
        text_mb = sum(self._texts.values()) / 1e6
        self.held = Held(time.process_time() - cpu, time.perf_counter() - wall, text_mb=text_mb)
        gc.collect()
        self.held.rss_mb = resident_mb() - rss
        if tracemalloc.is_tracing():
            self.held.traced_mb = (tracemalloc.get_traced_memory()[0] - traced) / 1e6


@dataclass(frozen=True, slots=True)
class Wave:
    """A wave of trajectories. beyond_ms: of each turn that was measured. files: bytes in the state directory, and which
    of its files."""

    beyond_ms: list[float]
    cpu_ms: float
    share_ms: float
    tool_ms: list[float]
    held: Held
    files: dict[str, int]

    def row(self) -> dict[str, Any]:
        return {"ms": spread(self.beyond_ms), "share_ms": self.share_ms, "cpu_ms": self.cpu_ms}


async def wave(turns: int, at_once: int, *, first: str = "", profile: cProfile.Profile | None = None) -> Wave:
    """Run `at_once` trajectories of `turns` turns each, as a Run does. The rest: see AllTogether."""
    async with AsyncExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        state.chmod(0o755)
        live = Live.open(state)
        stack.callback(live.close)
        checkout = await Repositories(state).checkout(await Repositories.inspect(repository(state / "repo")), None)
        store = stack.enter_context(Store.open(state))
        run_id = Runs(store).create({})
        journal = Journal(store, run_id)
        provider = Bubblewrap(live)
        stack.push_async_callback(provider.close)
        interpreter = find_interpreter(Path(sys.executable))

        async def start(workspace: Workspace) -> Sandbox:
            return await provider.start(SandboxSpec(workspace.path, readonly=interpreter.readonly))

        account = Account(Teller(Ledger(store, run_id, Budget.parse("tokens=1000M"))), journal)
        together = AllTogether(turns, at_once, first=first, profile=profile)
        claim(state / "record", run_id)
        model = Recorder(Recalling(Metered(together, account), journal), state / "record")
        shared = Shared(
            checkout=checkout,
            workspaces=Workspaces(live),
            start=start,
            tests=lambda sandbox: PytestTests(sandbox, str(interpreter.program), TestCommand()),
            python=str(interpreter.program),
            model=model,
            prefix=Prefix.build(ISSUE, OVERVIEW, SPECS, "text"),
            journal=journal,
            store=store,
            run_id=run_id,
            issue_key=run_id,
            slots=Slots(sandbox=2 * at_once),
            limits=Limits(turns=turns, repeats=turns),
        )
        saver = stack.enter_context(checkpoints(state))
        sources = {model.name: Source(model, Admission())}
        trajectories = ModelPolicy(shared, saver, sources, most=at_once, at_once=at_once)
        async for _ in trajectories.wave(policy.Wave(at_once), wall_s=3600):
            pass
        beyond_ms, tool_ms = turn_times(journal)
        assert len(tool_ms) == len(beyond_ms) == (turns - 3) * at_once, "some turn did not call its tool"
        measured = (turns - 2) * at_once
        cpu_ms, share_ms = (spent * 1000 / measured for spent in (together.held.cpu_s, together.held.wall_s))
        return Wave(beyond_ms, cpu_ms, share_ms, tool_ms, together.held, sizes(state))


async def best(asked: argparse.Namespace, turns: int, at_once: int, **model: Any) -> Wave:
    waves = [await wave(turns, at_once, **model) for _ in range(asked.rounds)]
    return min(waves, key=lambda each: statistics.mean(each.beyond_ms))


def repository(at: Path) -> Path:
    (at / "src").mkdir(parents=True)
    for number in range(20):
        (at / "src" / f"module_{number}.py").write_text(f"def build():\n    return {number}\n")
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "base")):
        subprocess.run([*GIT, *command], cwd=at, check=True)
    return at


def turn_times(journal: Journal) -> tuple[list[float], list[float]]:
    """Milliseconds of each turn beyond its tool, and of each tool, by what the Journal says; without the first two turns
    and the last, which wait for others."""
    tools: dict[str, list[float]] = defaultdict(list)
    ends: dict[str, list[float]] = defaultdict(list)
    for event in journal.events():
        if event.kind == "call.ended":
            ran = event.data["ended_s"] - event.data["started_s"]
            tools[event.data["plan"].partition(".")[0]].append(ran * 1000)
        elif event.kind == "trajectory.turn":
            ends[event.data["trajectory"]].append(event.at * 1000)
    turns = [
        (end - before - ran, ran)
        for each, at in ends.items()
        for before, end, ran in zip(at[1:-2], at[2:-1], tools[each][2:-1], strict=True)
    ]
    return [beyond for beyond, _ in turns], [ran for _, ran in turns]


def sizes(state: Path) -> dict[str, int]:
    """Bytes in the state directory; of a database, those of its full pages."""

    def below(path: Path) -> int:
        return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())

    def pages(path: Path) -> int:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return path.stat().st_size

    databases = {name: pages(state / name) for name in ("runoff.db", "checkpoints.db")}
    return databases | {"record": below(state / "record")}


async def ours(asked: argparse.Namespace) -> dict[str, Any]:
    await wave(5, asked.at_once)  # what is done once for a process is none of a turn's
    lengths = tuple(sorted({int(asked.turns * by) for by in GROWTH}))
    waves = {turns: await best(asked, turns, asked.at_once) for turns in lengths}
    main = waves[asked.turns]
    count = asked.turns * asked.at_once
    figures = main.row() | {
        "tool_ms": spread(main.tool_ms),
        "rss_mb": (main.held.rss_mb - main.held.text_mb) / asked.at_once,
    }
    say_row("ours", figures)
    others = {
        "one at a time": await best(asked, asked.turns, 1),
        **{name: await best(asked, asked.turns, asked.at_once, first=first) for name, first in FIRST.items()},
    }
    for name, other in others.items():
        figures[name] = other.row()
        say_row(f"ours, {name}", figures[name])
    tracemalloc.start()
    traced = (await wave(asked.turns, asked.at_once)).held
    tracemalloc.stop()
    figures["traced_mb"] = (traced.traced_mb - traced.text_mb) / asked.at_once
    figures["text_mb"] = traced.text_mb / asked.at_once
    say(
        f"  memory of a live trajectory beyond its text of {figures['text_mb']:.2f} MB: "
        f"{figures['traced_mb']:.2f} MB by tracemalloc, {figures['rss_mb']:.2f} MB by RSS"
    )
    figures["growth"] = {"cpu": exponent(lengths, [waves[turns].cpu_ms * turns for turns in lengths])}
    figures["bytes_per_turn"] = {name: size / count for name, size in main.files.items()}
    for name in main.files:
        figures["growth"][name] = exponent(lengths, [float(waves[turns].files[name]) for turns in lengths])
    shown = ", ".join(f"{name} {value:.2f}" for name, value in figures["growth"].items())
    say(f"  growth from {lengths[0]} to {lengths[-1]} turns, exponents: {shown}")
    shown = ", ".join(f"{name} {value:,.0f}" for name, value in figures["bytes_per_turn"].items())
    say(f"  bytes/turn: {shown}")
    return figures


def mini(asked: argparse.Namespace) -> dict[str, Any] | None:
    """mini-swe-agent's half, in its own interpreter; None without one."""
    script = Path(__file__).with_name("overhead_mini.py")
    command = [asked.mini, str(script), str(asked.turns), str(asked.at_once), str(asked.rounds)]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = (
            error.stderr.strip().splitlines()[-1:] if isinstance(error, subprocess.CalledProcessError) else [str(error)]
        )
        say(f"  mini-swe-agent is left out: {' '.join(said)}\n  it needs an environment of its own; see --help")
        return None
    rows: dict[str, Any] = json.loads(ended.stdout)
    for name, row in rows.items():
        say_row(f"mini-swe-agent, {name}", row)
    return rows


def say_row(name: str, row: dict[str, Any]) -> None:
    memory = f"  {row['rss_mb']:6.2f} MB (RSS)" if "rss_mb" in row else ""
    ms = row["ms"]
    spread_ms = f"{ms['median']:7.2f} ms/turn  mean {ms['mean']:6.2f}  p95 {ms['p95']:6.2f}"
    say(f"  {name:<60}{spread_ms}  share {row['share_ms']:5.2f}  CPU/turn {row['cpu_ms']:5.2f} ms{memory}")


def say(text: str) -> None:
    print(text, file=sys.stderr if "--json" in sys.argv else sys.stdout, flush=True)


async def profiled(asked: argparse.Namespace) -> None:
    await wave(5, asked.at_once)
    profile = cProfile.Profile()
    await wave(asked.turns, asked.at_once, profile=profile)
    pstats.Stats(profile).sort_stats("tottime").print_stats(45)
    pstats.Stats(profile).sort_stats("cumtime").print_stats(110)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="end in one object with every figure")
    parser.add_argument("--turns", type=int, default=100, help="of each trajectory (100)")
    parser.add_argument("--at-once", type=int, default=8, help="trajectories (8)")
    parser.add_argument("--rounds", type=int, default=3, help="waves of each kind (3)")
    parser.add_argument("--mini", metavar="PYTHON", help="the interpreter of an environment with mini-swe-agent")
    parser.add_argument("--profile", action="store_true", help="only say where the time of our turns goes (cProfile)")
    asked = parser.parse_args()
    if asked.profile:
        await profiled(asked)
        return
    figures: dict[str, Any] = {"cores": len(os.sched_getaffinity(0)), "load": os.getloadavg()[0]}
    say(f"{asked.at_once} trajectories at once, {asked.turns} turns each:")
    figures["ours"] = await ours(asked)
    if asked.mini:
        figures["mini"] = mini(asked)
    else:
        say("  mini-swe-agent is left out: --mini names the interpreter of an environment that has it; see --help")
    if asked.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    asyncio.run(main())
