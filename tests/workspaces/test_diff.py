"""A patch is what the workspace's files say, whatever the sandbox did to them, and harms nobody who applies it."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.workspaces.conftest import FILES
from workspaces import Checkout, Live, PatchError, Repositories, SandboxSpec, Workspace, Workspaces
from workspaces.diff import patched_files
from workspaces.sandbox.bubblewrap import Bubblewrap


@pytest.fixture
async def checkout(repo: Path, state: Path) -> Checkout:
    repositories = Repositories(state)
    return await repositories.checkout(await repositories.inspect(repo), None)


@pytest.fixture
async def workspace(checkout: Checkout, live: Live) -> AsyncIterator[Workspace]:
    async with await Workspaces(live).create(checkout) as workspace:
        yield workspace


async def inside(workspace: Workspace, live: Live, script: str) -> None:
    """Run a script in a sandbox on the workspace, as whoever attacks us would."""
    provider = Bubblewrap(live)
    sandbox = await provider.start(SandboxSpec(workspace.path))
    result = await sandbox.exec(["sh", "-ec", script], timeout_s=60)
    await provider.close()
    assert result.ok, result.stderr.decode()


@pytest.mark.bubblewrap
async def test_every_kind_of_change_survives_the_way_out_and_in(
    workspace: Workspace, checkout: Checkout, live: Live
) -> None:
    await inside(
        workspace,
        live,
        """
        printf 'def a():\\n    return 2\\n' > a.py; rm pkg/b.py; printf '\\000\\001' >> pkg/data.bin
        printf 'three\\r\\n' >> crlf.txt; mkdir -p new/deep; printf x > new/deep/no-newline; chmod +x a.py
        ln -s ../a.py new/link; printf n > "$(printf 'odd \\377\\n"name')"
        echo log > noise.log; mkdir build __pycache__; echo x > build/x; echo x > __pycache__/y.pyc
        """,
    )
    patch = await workspace.diff()
    odd = os.fsdecode(b'odd \xff\n"name')
    assert set(patch.files) == {"a.py", "pkg/b.py", "pkg/data.bin", "crlf.txt", "new/deep/no-newline", "new/link", odd}
    assert patch.skipped == ()
    after = patched_files(checkout, patch.data)
    assert after["a.py"] == ("100755", b"def a():\n    return 2\n")
    assert after["pkg/b.py"] is None
    assert after["crlf.txt"] == ("100644", b"one\r\ntwo\r\nthree\r\n")
    assert after["new/link"] == ("120000", b"../a.py")
    async with await Workspaces(live).create(checkout, patch.data) as again:
        assert (await again.diff()).data == patch.data


async def test_an_untouched_workspace_has_no_patch(workspace: Workspace) -> None:
    assert not await workspace.diff()


@pytest.mark.bubblewrap
async def test_traps_in_the_workspaces_own_git_never_spring(
    workspace: Workspace, checkout: Checkout, live: Live, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    await inside(
        workspace,
        live,
        f"""
        touch='touch {ran}'
        for key in core.fsmonitor core.pager diff.external diff.trap.command diff.trap.textconv filter.trap.clean \
            filter.trap.process filter.trap.smudge merge.trap.driver core.sshCommand gpg.program core.editor; do
          git config "$key" "$touch"
        done
        git config core.worktree /etc; git config core.hooksPath /workspace/hooks; git config include.path /workspace/inc
        mkdir hooks; printf '#!/bin/sh\\n%s\\n' "$touch" > hooks/post-index-change; chmod +x hooks/post-index-change
        printf '[core]\\n\\tfsmonitor = %s\\n' "$touch" > inc
        echo '* filter=trap diff=trap merge=trap text eol=crlf' > .gitattributes
        echo '* filter=trap diff=trap' > .git/info/attributes
        mkdir -p nested/.git/objects nested/.git/refs; echo 'ref: refs/heads/x' > nested/.git/HEAD
        printf '[core]\\n\\tfsmonitor = %s\\n\\tbare = false\\n' "$touch" > nested/.git/config; echo x > nested/file
        echo "gitdir: /workspace/nested/.git" > pkg/.git
        rm -f .git/index; ln -s /etc/passwd .git/index
        echo '# changed' >> a.py
        """,
    )
    patch = await workspace.diff()
    assert not ran.exists()
    assert set(patch.files) == {"a.py", ".gitattributes", "hooks/post-index-change", "inc", "nested/file"}
    assert patched_files(checkout, patch.data)["a.py"] == ("100644", FILES["a.py"] + b"# changed\n")
    assert not ran.exists()


@pytest.mark.bubblewrap
async def test_links_pipes_and_monsters_are_left_out_and_never_followed(workspace: Workspace, live: Live) -> None:
    await inside(
        workspace,
        live,
        """
        ln -s /etc/passwd stolen; mkfifo pipe; truncate -s 500M sparse; rm -r pkg; ln -s /etc pkg
        rm a.py; mkdir a.py; echo x > a.py/inner
        """,
    )
    patch = await workspace.diff()
    assert b"root:" not in patch.data
    assert {line.split(":")[0] for line in patch.skipped} == {"stolen", "pipe", "sparse", "pkg"}
    assert set(patch.files) == {"a.py", "a.py/inner", "pkg/b.py", "pkg/data.bin"}


@pytest.mark.bubblewrap
async def test_what_cannot_be_looked_at_is_left_out_and_stays_as_it_was(workspace: Workspace, live: Live) -> None:
    await inside(
        workspace,
        live,
        """
        printf 'a = 2\\n' > a.py
        printf 'a = 2\\n' > pkg/b.py; mkdir closed; echo x > closed/x; chmod 000 closed pkg
        python3 -c "
import os
for _ in range(1200):
    os.mkdir('d'); os.chdir('d')
open('deepest', 'w').close()"
        """,
    )
    patch = await workspace.diff()
    deep = [line for line in patch.skipped if "within each other" in line]
    assert len(deep) == 1
    if os.geteuid() == 0:  # whom no mode stops
        assert set(patch.files) == {"a.py", "pkg/b.py", "closed/x"}
    else:
        assert set(patch.files) == {"a.py"}
        assert set(patch.skipped) - set(deep) == {"closed: Permission denied", "pkg: Permission denied"}


@pytest.mark.bubblewrap
async def test_a_patch_is_bounded_in_files_bytes_and_memory(
    workspace: Workspace, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workspaces.diff.MOST_CHANGES", 5000)
    await inside(
        workspace,
        live,
        """
        for n in 0 1 2 3; do truncate -s 60M 0-sparse$n; done
        python3 -c "
import os
os.mkdir('many')
for n in range(6000): open(f'many/{n:04}', 'w').close()"
        """,
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with asyncio.timeout(60):
        patch = await workspace.diff()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10  # KiB
    assert len(patch.files) == 5000
    assert sum(line.startswith("0-sparse") for line in patch.skipped) == 2
    assert sum("more than 5000 changes" in line for line in patch.skipped) == 1


async def test_a_workspace_of_too_many_names_gives_no_patch(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workspaces.diff._MOST_NAMES", 100)
    for number in range(101):
        (workspace.path / f"{number}").touch()
    with pytest.raises(PatchError, match="more than 100 files"):
        await workspace.diff()


@pytest.mark.bubblewrap
async def test_a_link_that_leaves_by_way_of_another_one_gets_into_no_patch(
    workspace: Workspace, checkout: Checkout, live: Live
) -> None:
    await inside(workspace, live, "mkdir -p x/y; ln -s ../.. x/y/up; ln -s x/y/up/.. stolen; ln -s x/y/up/a.py fine")
    patch = await workspace.diff()
    assert set(patch.files) == {"x/y/up", "fine"}
    assert [line.split(":")[0] for line in patch.skipped] == ["stolen"]
    assert patched_files(checkout, patch.data)["fine"] == ("120000", b"x/y/up/a.py")


async def test_a_patch_of_a_few_bytes_that_makes_gigabytes_is_refused(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, workspace: Workspace
) -> None:
    (workspace.path / "zeros").write_bytes(bytes(1 << 20))
    patch = await workspace.diff()
    assert len(patch.data) < 10_000
    monkeypatch.setattr("workspaces.diff.LARGEST_PATCH", 1 << 19)
    with pytest.raises(PatchError, match="too much"):
        patched_files(checkout, patch.data)


@pytest.mark.parametrize(
    "patch",
    [
        "diff --git a/../evil b/../evil\nnew file mode 100644\n--- /dev/null\n+++ b/../evil\n@@ -0,0 +1 @@\n+x\n",
        "diff --git a/x b/x\nnew file mode 120000\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+/etc\n\\ No newline at end of file\n",
        "diff --git a/.git/config b/.git/config\nnew file mode 100644\n--- /dev/null\n+++ b/.git/config\n@@ -0,0 +1 @@\n+x\n",
        "diff --git a/s b/s\nnew file mode 160000\n--- /dev/null\n+++ b/s\n@@ -0,0 +1 @@\n+Subproject commit "
        + "1" * 40
        + "\n",
        "--- a/nothing.py\n+++ b/nothing.py\n@@ -1 +1 @@\n-x\n+y\n",
        "this is no patch\n",
    ],
)
async def test_a_patch_that_no_patch_may_be_is_refused(checkout: Checkout, live: Live, patch: str) -> None:
    with pytest.raises(PatchError):
        await Workspaces(live).create(checkout, patch.encode())
    assert not list(live.root.glob("workspace-*"))


async def test_workspaces_are_private(checkout: Checkout, live: Live) -> None:
    async with await Workspaces(live).create(checkout) as one, await Workspaces(live).create(checkout) as two:
        subprocess.run(["sh", "-c", "echo x > a.py; rm -r pkg"], cwd=one.path, check=True)
        assert (two.path / "a.py").read_bytes() == FILES["a.py"]
        assert not await two.diff()
        assert (checkout.tree / "a.py").read_bytes() == FILES["a.py"]
    assert not list(live.root.glob("workspace-*"))


async def test_a_workspace_whose_making_is_cancelled_is_not_left_behind(checkout: Checkout, live: Live) -> None:
    task = asyncio.create_task(Workspaces(live).create(checkout))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not list(live.root.glob("workspace-*"))


COPIED = """
import asyncio, sys
from pathlib import Path
from workspaces import Live, Repositories, Workspaces

async def main():
    state = Path(sys.argv[1])
    live = Live.open(state)
    repositories = Repositories(state)
    checkout = await repositories.checkout(await repositories.inspect(Path(sys.argv[2])), None)
    async with await Workspaces(live).create(checkout) as workspace:
        (workspace.path / "a.py").write_text("a = 2\\n")
        print((await workspace.diff()).files)
    print(list(live.root.glob("workspace-*")))
    live.close()

asyncio.run(main())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has the right to lose")
def test_root_that_may_not_mount_gets_a_copy(repo: Path, state: Path) -> None:
    """As in a container of the usual kind, which a CI job often is."""
    without = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]
    ended = subprocess.run(
        [*without, sys.executable, "-c", COPIED, str(state), str(repo)], capture_output=True, text=True
    )
    assert ended.stdout == "('a.py',)\n[]\n", ended.stderr
