"""A sandbox sees what an interpreter lives from, and not the home directory around it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from workspaces import Live, SandboxSpec, WorkspaceError, find_interpreter
from workspaces.sandbox.bubblewrap import Bubblewrap

SYSTEM = Path("/usr/bin/python3")


@pytest.fixture
def home(state: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = state / "homes" / "somebody"
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.mark.bubblewrap
@pytest.mark.skipif(not SYSTEM.exists(), reason="there is no /usr/bin/python3")
async def test_a_program_that_lies_in_the_home_directory_is_seen_alone(home: Path, workspace: Path, live: Live) -> None:
    shutil.copy(SYSTEM.resolve(), home / "python")
    (home / "secret").write_text("s3cret")
    found = find_interpreter(home / "python")
    assert found.readonly == (home / "python",)
    provider = Bubblewrap(live)
    sandbox = await provider.start(SandboxSpec(workspace, readonly=found.readonly))
    program = f"import os; print(os.listdir({str(home)!r}))"
    result = await sandbox.exec([str(found.program), "-c", program])
    await provider.close()
    assert result.stdout == b"['python']\n", result.stderr


@pytest.mark.parametrize("place", ["/", "{home}", "{home}/.."])
def test_an_interpreter_that_lives_from_all_of_the_home_directory_is_refused(home: Path, place: str) -> None:
    answer = json.dumps(["/usr/bin/python3", place.format(home=home), "/usr", [3, 11]])
    script = home / "python"
    script.write_text(f"#!/bin/sh\necho '{answer}'\n")
    script.chmod(0o755)
    with pytest.raises(WorkspaceError, match="all of which the sandbox would see"):
        find_interpreter(script)


def test_this_interpreter_can_be_used() -> None:
    found = find_interpreter(Path(sys.executable))
    assert found.version == sys.version_info[:2]
    assert all(place.exists() for place in found.readonly)
