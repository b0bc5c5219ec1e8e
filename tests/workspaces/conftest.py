"""Sandboxes of both kinds, for one suite."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.workspaces.test_repositories import git
from workspaces import Limits, Live, Sandbox, SandboxProvider, SandboxSpec
from workspaces.sandbox.bubblewrap import Bubblewrap
from workspaces.sandbox.docker import Docker
from workspaces.sandbox.running import SANDBOX_UID

IMAGE = "runoff-test:latest"
Start = Callable[..., Awaitable[Sandbox]]
FILES = {
    "a.py": b"def a():\n    return 1\n",
    "pkg/b.py": b"b = 1\n",
    "pkg/data.bin": bytes(range(256)),
    "crlf.txt": b"one\r\ntwo\r\n",
    ".gitignore": b"*.log\nbuild/\n",
}


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


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with a file of each kind, committed."""
    repo = tmp_path / "repo"
    for path, content in FILES.items():
        (repo / path).parent.mkdir(parents=True, exist_ok=True)
        (repo / path).write_bytes(content)
    git(repo, "init", "-q")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "base")
    return repo
