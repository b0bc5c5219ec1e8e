"""What one Run holds open in this process: everything that a checkpoint cannot hold."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agents.checkpoints import Checkpoints, checkpoints
from agents.errors import NotPython
from agents.evidence import Evidence
from agents.judge import Judge
from agents.policy import Policy
from agents.questions import Asker
from agents.request import Request
from agents.settings import Settings
from agents.testrun import TestSession, parse_command
from memory import Journal, Store, Teller
from workspaces import (
    Checkout,
    Limits,
    Live,
    Repositories,
    Sandbox,
    SandboxProvider,
    SandboxSpec,
    Source,
    Workspace,
    Workspaces,
    choose_provider,
    find_interpreter,
    reap,
)

if TYPE_CHECKING:
    from agents.verification import RepositoryTests

LIMITS = Limits(processes=512)


@dataclass(slots=True)
class LiveRun:
    """One Run's open things, in the order in which they come to be. Made by `live_run`."""

    id: str
    request: Request
    settings: Settings
    store: Store
    journal: Journal
    ledger: Teller
    stack: AsyncExitStack
    evidence: Evidence
    live: Live | None = None
    provider: SandboxProvider | None = None
    source: Source | None = None
    checkout: Checkout | None = None
    workers: list[TestSession] = field(default_factory=list)
    policy: Policy | None = None
    person: Asker | None = None
    judge: Judge | None = None
    billed_s: float = 0.0  # of sandbox_s
    imported: Mapping[str, Sequence[str]] = field(default_factory=dict)  # what each file imports, as it writes it
    tests: RepositoryTests | None = None  # those that candidates are verified by, where their policy does not do it
    _found: tuple[str, tuple[Path, ...]] | None = None
    _sandboxes: list[Sandbox] = field(default_factory=list)  # all that were ever started

    async def open(self) -> None:
        """Look at the repository, clear up what dead Runs left, and find a sandbox. Raises what bad input raises."""
        if self.request.repairs:
            parse_command(self.request.test)
        self.source = await Repositories.inspect(self.request.repo)
        for line in await reap(self.settings.state_dir):
            self.journal.append("note", {"text": f"removed what a run that died left behind: {line}"})
        self.live = Live.open(self.settings.state_dir)
        self.stack.callback(self.live.close)
        self.provider = await choose_provider(self.request.sandbox or "auto", self.live, image=self.request.image)
        self.stack.push_async_callback(self.provider.close)
        self.journal.append("sandbox", {"detail": (await self.provider.available()).detail})

    async def check_out(self) -> Checkout:
        """The base commit's files; of a Run that goes on, of the commit on which it began. Raises RepositoryError,
        NotPython."""
        assert self.source is not None
        began = self.journal.last("repository")
        base = began.data["commit"] if began else self.request.base
        self.checkout = await Repositories(self.settings.state_dir).checkout(self.source, base)
        if self.request.repairs and not self.is_python:
            raise NotPython(
                f"{self.source.path} holds no Python; without a model (--model) only the built-in repair policy works, which "
                "mends Python code with pytest tests"
            )
        if self._has_filters(self.checkout):
            text = "filters of .gitattributes (git-lfs and the like) are not run: their files are as the commit stores them"
            self.journal.append("note", {"text": text})
        self.journal.append("repository", {"commit": self.checkout.commit, "files": len(self.checkout.files)})
        return self.checkout

    @staticmethod
    def _has_filters(checkout: Checkout) -> bool:
        return ".gitattributes" in checkout.entries and b"filter=" in checkout.read(".gitattributes")

    async def unseen_tests(self) -> str:
        """In words, which tests of the user's work tree no Run sees; nothing where there are none."""
        assert self.source is not None
        found = await Repositories(self.settings.state_dir).untracked_tests(self.source)
        if not found:
            return ""
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        return f"only what is committed is seen: {found[0]}{more} is not, so add and commit it, if it belongs to this"

    async def start_worker(self) -> int:
        """A workspace, a sandbox on it and a pytest session that has collected; returns its number."""
        python, _ = await self.interpreter()

        async def fresh() -> Sandbox:
            self.journal.append("note", {"text": "a sandbox died; its worker goes on in a fresh one"})
            return await self._sandbox()

        session = await TestSession.start(
            await self._sandbox(), python=python, command=parse_command(self.request.test), fresh=fresh
        )
        self.stack.push_async_callback(session.close)
        self.workers.append(session)
        return len(self.workers) - 1

    @property
    def is_python(self) -> bool:
        return self.checkout is not None and any(path.endswith(".py") for path in self.checkout.files)

    def checkpoints(self) -> Checkpoints:
        """Where trajectories keep theirs; closed with the rest."""
        return self.stack.enter_context(checkpoints(self.settings.state_dir))

    async def _sandbox(self) -> Sandbox:
        """A sandbox on a workspace of its own, for as long as the Run is open."""
        assert self.live is not None
        assert self.checkout is not None
        workspace = await Workspaces(self.live, disk_bytes=LIMITS.disk_bytes).create(self.checkout)
        self.stack.push_async_callback(workspace.close)
        sandbox = await self.sandbox_on(workspace)
        self.stack.push_async_callback(sandbox.close)
        return sandbox

    async def sandbox_on(self, workspace: Workspace) -> Sandbox:
        """A sandbox on somebody's workspace, who closes both."""
        assert self.provider is not None
        assert self.checkout is not None
        _, mounts = await self.interpreter()
        env = {"PYTHONPATH": "/workspace/src"} if any(path.startswith("src/") for path in self.checkout.files) else {}
        spec = SandboxSpec(
            workspace.path, image=self.request.image, readonly=mounts, env=env, limits=LIMITS, label=self.id
        )
        sandbox = await self.provider.start(spec)
        self._sandboxes.append(sandbox)
        return sandbox

    @property
    def sandbox_s(self) -> float:
        """Seconds that sandboxes of this process were held, all of them added up."""
        return sum(sandbox.held_s for sandbox in self._sandboxes)

    async def interpreter(self) -> tuple[str, tuple[Path, ...]]:
        """The interpreter's name in the sandbox, and what of the host it needs there."""
        if self._found is None:
            self._found = await asyncio.to_thread(self._interpreter)
        return self._found

    def _interpreter(self) -> tuple[str, tuple[Path, ...]]:
        assert self.provider is not None
        if self.provider.name == "docker":
            return str(self.request.python or "python3"), ()
        found = find_interpreter(self.request.python or self._default_python())
        return str(found.program), found.readonly

    def _default_python(self) -> Path:
        """The active virtual environment's, else that of the repository (never one that it tracks, nor where the
        settings forbid it), else the first on the PATH."""
        assert self.source is not None
        places = [Path(active)] if (active := os.environ.get("VIRTUAL_ENV")) else []
        if self.settings.use_repository_venv and not Repositories.tracks(self.source, ".venv"):
            places.append(self.source.path / ".venv")
        for place in places:
            if os.access(place / "bin" / "python", os.X_OK):
                return place / "bin" / "python"
        return Path(shutil.which("python3") or "python3")


@asynccontextmanager
async def live_run(
    run_id: str,
    request: Request,
    settings: Settings,
    store: Store,
    journal: Journal,
    ledger: Teller,
    evidence: Evidence,
) -> AsyncIterator[LiveRun]:
    """The Run's things; on leaving, all that was opened is closed, the last first. `evidence` outlives them."""
    async with AsyncExitStack() as stack:
        yield LiveRun(run_id, request, settings, store, journal, ledger, stack, evidence)
