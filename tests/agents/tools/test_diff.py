"""The tools on a real copy-on-write workspace, and the change that comes out of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.tools import Notes, PytestTests, Toolbox
from agents.tools.arguments import ApplyPatch, Create, Delete, Diff, Edit
from memory.files import FileStore
from tests.workspaces.conftest import live, state  # noqa: F401  (fixtures)
from tests.workspaces.test_repositories import git
from workspaces import Live, Repositories, SandboxSpec, Workspaces
from workspaces.sandbox.bubblewrap import Bubblewrap


@pytest.mark.bubblewrap
async def test_diff_shows_what_the_tools_changed_and_its_patch_applies_again(
    tmp_path: Path,
    state: Path,  # noqa: F811
    live: Live,  # noqa: F811
) -> None:
    repo = tmp_path / "repo"
    repo.mkdir()
    for name, text in (("a.py", "a = 1\n"), ("b.py", "b = 1\n"), ("crlf.txt", "one\r\ntwo\r\n")):
        (repo / name).write_bytes(text.encode())
    git(repo, "init", "-q")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "base")
    repositories = Repositories(state)
    checkout = await repositories.checkout(await repositories.inspect(repo), None)
    provider = Bubblewrap(live)
    changes = []
    for round_ in range(2):
        async with await Workspaces(live).create(checkout) as workspace:
            sandbox = await provider.start(SandboxSpec(workspace.path))
            box = Toolbox(sandbox, workspace, PytestTests(sandbox), notes=Notes(), store=FileStore(tmp_path / "files"))
            if round_ == 0:
                assert (await box.diff(Diff())).as_text() == "nothing is changed"
                await box.edit(Edit(path="a.py", search="1", replace="2"))
                await box.edit(Edit(path="crlf.txt", search="two", replace="three\nfour"))
                await box.delete(Delete(path="b.py"))
                await box.create(Create(path="new/c.py", content="c = 1\n"))
            else:
                await box.apply_patch(ApplyPatch(patch=changes[0].text))
            changes.append(await box.diff(Diff()))
            await sandbox.close()
    await provider.close()
    assert changes[0].files == ("a.py", "b.py", "crlf.txt", "new/c.py")
    assert changes[0] == changes[1]
    assert "+three\r\n+four\r\n" in changes[0].text
