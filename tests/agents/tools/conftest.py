"""Real sandboxes over real files, and a toolbox in each."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agents.testrun import parse_command
from agents.tools import SPECS, CommandTests, Notes, PytestTests, Toolbox
from memory.files import FileStore
from tests.lean import lean_python
from tests.workspaces.conftest import live, state  # noqa: F401  (fixtures)
from workspaces import Limits, Live, Patch, Sandbox, SandboxSpec, find_interpreter
from workspaces.sandbox.bubblewrap import Bubblewrap
from workspaces.sandbox.running import SANDBOX_UID

_ARGUMENTS = {spec.name: spec.arguments for spec in SPECS}


class NoDiff:
    """A directory that is no checkout, so that nothing can be compared with it."""

    async def diff(self) -> Patch:
        raise NotImplementedError


@dataclass
class Work:
    """A workspace and its tools. `tree` is the host's view, for the test alone."""

    tree: Path
    sandbox: Sandbox
    toolbox: Toolbox

    async def do(self, tool: str, **arguments: Any) -> Any:
        """Call a tool as the scheduler does."""
        return await self.toolbox.tools[tool](_ARGUMENTS[tool](**arguments))

    def write(self, path: str, content: bytes | str) -> None:
        place = self.tree / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        give(self.tree)

    def bytes(self, path: str) -> bytes:
        return (self.tree / path).read_bytes()


def give(tree: Path) -> None:
    """To the sandbox's user."""
    if os.geteuid() == 0:
        subprocess.run(["chown", "-hR", f"{SANDBOX_UID}:{SANDBOX_UID}", tree], check=True)


Begin = Callable[..., Awaitable[Work]]


@pytest.fixture
async def begin(state: Path, live: Live, tmp_path: Path) -> AsyncIterator[Begin]:  # noqa: F811
    provider = Bubblewrap(live)
    interpreter = find_interpreter(lean_python())

    async def begin(
        files: dict[str, str | bytes] | None = None, *, tests: str | None = None, junit: str = "", **limits: int
    ) -> Work:
        tree = state / "workspace"
        tree.mkdir(exist_ok=True)
        for path, content in (files or {}).items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(content.encode() if isinstance(content, str) else content)
        give(tree)
        env = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # the environment of the tests has many plugins
        spec = SandboxSpec(tree, readonly=interpreter.readonly, env=env, limits=Limits(processes=256, **limits))
        sandbox = await provider.start(spec)
        python = str(interpreter.program)
        runner = (
            PytestTests(sandbox, python)
            if tests is None
            else PytestTests(sandbox, python, parse_command(tests))
            if tests.startswith("pytest")
            else CommandTests(sandbox, tests, junit)
        )
        toolbox = Toolbox(sandbox, NoDiff(), runner, notes=Notes(), store=FileStore(tmp_path / "files"), python=python)
        return Work(tree, sandbox, toolbox)

    yield begin
    await provider.close()
