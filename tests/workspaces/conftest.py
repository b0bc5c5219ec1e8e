"""Sandboxes of both kinds, for one suite."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from workspaces import Limits, Live, Sandbox, SandboxProvider, SandboxSpec
from workspaces.sandbox.bubblewrap import Bubblewrap
from workspaces.sandbox.docker import Docker
from workspaces.sandbox.running import SANDBOX_UID

IMAGE = "runoff-test:latest"
Start = Callable[..., Awaitable[Sandbox]]


@pytest.fixture
def state() -> Iterator[Path]:
    """A state directory that other users may pass through, as the real one's parents do."""
    with tempfile.TemporaryDirectory() as path:
        Path(path).chmod(0o755)
        yield Path(path)


@pytest.fixture
def live(state: Path) -> Iterator[Live]:
    live = Live.open(state)
    yield live
    live.close()


@pytest.fixture(
    params=[
        pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
        pytest.param("docker", marks=pytest.mark.docker),
    ]
)
async def provider(request: pytest.FixtureRequest, live: Live) -> AsyncIterator[SandboxProvider]:
    provider: SandboxProvider = Bubblewrap(live) if request.param == "bubblewrap" else Docker(live, IMAGE)
    yield provider
    await provider.close()


@pytest.fixture
def workspace(state: Path) -> Path:
    """A directory that the sandbox's user may write."""
    path = state / "workspace"
    path.mkdir()
    (path / "hello.txt").write_text("hello\n")
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", f"{SANDBOX_UID}:{SANDBOX_UID}", path], check=True)
    return path


@pytest.fixture
def start(provider: SandboxProvider, workspace: Path) -> Start:
    async def start(**limits: float) -> Sandbox:
        return await provider.start(SandboxSpec(workspace, limits=Limits(**limits)))  # type: ignore[arg-type]

    return start


@pytest.fixture
async def sandbox(start: Start) -> AsyncIterator[Sandbox]:
    sandbox = await start()
    yield sandbox
    await sandbox.close()
