"""Real repositories, sandboxes and journals for trajectories of a scripted model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agents.checkpoints import Checkpoints, checkpoints
from agents.models import Account, Metered, Model, Scripted
from agents.models.scripted import Said as Script
from agents.testrun import TestCommand
from agents.tools import SPECS, PytestTests
from agents.trajectory import Ended, Limits, Prefix, Shared, open_workbench, run_trajectory
from memory import Budget, Journal, Ledger, Runs, Store, Teller
from tests.api.conftest import commit, git
from tests.lean import lean_python
from tests.workspaces.conftest import live, state  # noqa: F401  (fixtures)
from workspaces import Limits as SandboxLimits
from workspaces import Live, Repositories, Sandbox, SandboxSpec, Workspace, Workspaces, find_interpreter
from workspaces.sandbox.bubblewrap import Bubblewrap


@dataclass
class Bench:
    """Runs trajectories over one repository. `shared` is made anew for each script; what is journaled stays."""

    store: Store
    journal: Journal
    saver: Checkpoints
    make: Callable[[Model], Shared]
    account: Account

    async def run(self, script: Sequence[Script] | Callable[..., Script], *, number: int = 1, **options: Any) -> Ended:
        return await self.run_model(Metered(Scripted(script), self.account), number=number, **options)

    async def run_model(self, model: Model, *, number: int = 1, **options: Any) -> Ended:
        shared = self.make(model)
        for name, value in options.items():
            object.__setattr__(shared, name, value)
        async with open_workbench(shared, number) as bench:
            return await run_trajectory(bench, self.saver)

    def turns(self) -> list[dict[str, Any]]:
        return [dict(event.data) for event in self.journal.events() if event.kind == "trajectory.turn"]


Open = Callable[[dict[str, str]], Any]


@pytest.fixture
async def open_bench(state: Path, live: Live, tmp_path: Path) -> AsyncIterator[Open]:  # noqa: F811
    async with AsyncExitStack() as stack:

        async def open_it(files: dict[str, str], *, issue: str = "It is wrong.", budget: str = "tokens=10M") -> Bench:
            repo = tmp_path / "repo"
            for path, text in files.items():
                (repo / path).parent.mkdir(parents=True, exist_ok=True)
                (repo / path).write_text(text)
            git(repo, "init", "-q")
            commit(repo)
            source = await Repositories.inspect(repo)
            checkout = await Repositories(state).checkout(source, None)
            store = stack.enter_context(Store.open(state))
            run_id = Runs(store).create({})
            journal = Journal(store, run_id)
            provider = Bubblewrap(live)
            stack.push_async_callback(provider.close)
            interpreter = find_interpreter(lean_python())
            saver = stack.enter_context(checkpoints(state))
            path = "/workspace/src" if any(name.startswith("src/") for name in files) else "/workspace"
            env = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": path}

            async def start(workspace: Workspace) -> Sandbox:
                limits = SandboxLimits(processes=256)
                return await provider.start(
                    SandboxSpec(workspace.path, readonly=interpreter.readonly, env=env, limits=limits)
                )

            def make(model: Model) -> Shared:
                return Shared(
                    checkout=checkout,
                    workspaces=Workspaces(live),
                    start=start,
                    tests=lambda sandbox: PytestTests(sandbox, str(interpreter.program), TestCommand()),
                    python=str(interpreter.program),
                    model=model,
                    prefix=Prefix.build(issue, "\n".join(sorted(files)), SPECS, "text"),
                    journal=journal,
                    store=store,
                    run_id=run_id,
                    issue_key="issue",
                    limits=Limits(),
                )

            account = Account(Teller(Ledger(store, run_id, Budget.parse(budget))), journal)
            return Bench(store, journal, saver, make, account)

        yield open_it
