"""A patch reaches the user's own files whole or not at all, and leaves all else about them as it was."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.workspaces.conftest import FILES
from tests.workspaces.test_repositories import git
from workspaces import PatchError, apply_to_checkout

GOOD = "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n def a():\n-    return 1\n+    return 2\n"


async def test_a_patch_reaches_the_checkout_whole_or_not_at_all(repo: Path, state: Path) -> None:
    bad = GOOD + "--- a/pkg/b.py\n+++ b/pkg/b.py\n@@ -1 +1 @@\n-no such line\n+y\n"
    with pytest.raises(PatchError, match="nothing was changed"):
        await apply_to_checkout(repo, bad.encode(), state)
    assert (repo / "a.py").read_bytes() == FILES["a.py"]
    await apply_to_checkout(repo, GOOD.encode(), state)
    assert (repo / "a.py").read_bytes() == b"def a():\n    return 2\n"
    assert not list((state / "live").iterdir())


async def test_applying_follows_no_link_and_runs_no_hook(repo: Path, state: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.py").write_bytes(FILES["a.py"])
    (repo / "out").symlink_to(outside)
    (repo / "link.py").symlink_to(outside / "a.py")
    ran = tmp_path / "ran"
    git(repo, "config", "core.fsmonitor", f"touch {ran}")
    git(repo, "config", "filter.trap.smudge", f"touch {ran}")
    (repo / ".gitattributes").write_text("* filter=trap\n")
    for patch in (
        "--- /dev/null\n+++ b/out/evil\n@@ -0,0 +1 @@\n+x\n",
        GOOD.replace("a.py", "out/a.py"),
        GOOD.replace("a.py", "link.py"),
        GOOD.replace("a/a.py", "a/../outside/a.py").replace("b/a.py", "b/../outside/a.py"),
        "--- /dev/null\n+++ b/.git/hooks/pre-commit\n@@ -0,0 +1 @@\n+x\n",
        "--- /dev/null\n+++ b/pkg\n@@ -0,0 +1 @@\n+x\n",
        "not a patch",
    ):
        with pytest.raises(PatchError):
            await apply_to_checkout(repo, patch.encode(), state)
    assert [path.name for path in outside.iterdir()] == ["a.py"]
    assert (outside / "a.py").read_bytes() == FILES["a.py"]
    await apply_to_checkout(repo, b"--- a/pkg/b.py\n+++ b/pkg/b.py\n@@ -1 +1 @@\n-b = 1\n+b = 2\n", state)
    assert (repo / "pkg" / "b.py").read_text() == "b = 2\n"
    assert not ran.exists()


async def test_what_git_itself_makes_of_a_patch_is_what_comes_out(repo: Path, state: Path, tmp_path: Path) -> None:
    """New, changed, deleted, renamed, executable, binary and linked files, in one patch."""
    other = tmp_path / "other"
    git(tmp_path, "clone", "-q", str(repo), str(other))
    script = "chmod +x a.py; git mv pkg/b.py pkg/c.py; git rm -q crlf.txt; mkdir -p new/deep; echo x > new/deep/n; "
    script += "ln -s a.py l; printf '\\0z' >> pkg/data.bin; git add -A; git diff --cached --binary -M HEAD > ../patch"
    subprocess.run(["sh", "-ec", script], cwd=other, check=True)
    await apply_to_checkout(repo, (tmp_path / "patch").read_bytes(), state)
    assert subprocess.run(["diff", "-r", "--no-dereference", "-x", ".git", repo, other]).returncode == 0
    assert os.access(repo / "a.py", os.X_OK)


@pytest.mark.parametrize("how", ["autocrlf", "attribute", "blob"])
async def test_windows_line_ends_stay_whoever_made_them(repo: Path, state: Path, how: str) -> None:
    lines = [f"v{number} = {number}\n" for number in range(20)]
    patch = ["--- a/long.py\n", "+++ b/long.py\n", "@@ -8,7 +8,7 @@\n", *(f" {line}" for line in lines[7:14])]
    patch[6:7] = ["-v10 = 10\n", "+v10 = 11\n"]
    (repo / "long.py").write_text("".join(lines))
    if how == "blob":
        (repo / "long.py").write_text("".join(lines), newline="\r\n")
        patch = [line.replace("\n", "\r\n") if line[0] in " -+" and line[1] == "v" else line for line in patch]
    elif how == "attribute":
        (repo / ".gitattributes").write_text("*.py text eol=crlf\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "long")
    if how == "autocrlf":
        git(repo, "config", "core.autocrlf", "true")
    (repo / "long.py").unlink()
    git(repo, "checkout", "--", "long.py")
    mine = b"# not committed\r\n"
    before = (repo / "long.py").read_bytes()
    assert before.count(b"\r\n") == 20
    (repo / "long.py").write_bytes(before + mine)
    await apply_to_checkout(repo, "".join(patch).encode(), state)
    assert (repo / "long.py").read_bytes() == before.replace(b"v10 = 10", b"v10 = 11") + mine


async def test_line_ends_of_both_kinds_are_told_and_kept(repo: Path, state: Path) -> None:
    mixed = b"def a():\r\n    return 1\n"
    (repo / "a.py").write_bytes(mixed)
    with pytest.raises(PatchError, match=r"a\.py has line ends of both kinds"):
        await apply_to_checkout(repo, GOOD.encode(), state)
    assert (repo / "a.py").read_bytes() == mixed


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to others")
async def test_owner_and_mode_of_the_users_files_stay(repo: Path, state: Path) -> None:
    subprocess.run(["chown", "-R", "1234:1235", repo], check=True)
    (repo / "a.py").chmod(0o640)
    new = "--- /dev/null\n+++ b/new/file\n@@ -0,0 +1 @@\n+x\n"
    await apply_to_checkout(repo, (GOOD + new).encode(), state)
    for path in (repo / "a.py", repo / "new", repo / "new" / "file"):
        assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1235)
    assert (repo / "a.py").stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="a file system of a given size needs root to be mounted")
async def test_a_full_disk_changes_nothing(repo: Path, state: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small]).returncode != 0:
        pytest.skip("this root may mount nothing")
    try:
        subprocess.run(["cp", "-a", f"{repo}/.", small], check=True)
        large = "--- /dev/null\n+++ b/large\n@@ -0,0 +1,20000 @@\n" + f"+{'x' * 99}\n" * 20000
        with pytest.raises(PatchError, match=r"nothing was changed: No space left"):
            await apply_to_checkout(small, (GOOD + large).encode(), state)
        assert (small / "a.py").read_bytes() == FILES["a.py"]
        assert sorted(path.name for path in small.iterdir()) == sorted(path.name for path in repo.iterdir())
    finally:
        subprocess.run(["umount", small], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
async def test_where_the_renaming_fails_it_is_not_said_that_nothing_was_changed(repo: Path, state: Path) -> None:
    if subprocess.run(["mount", "--bind", repo / "a.py", repo / "a.py"]).returncode != 0:
        pytest.skip("this root may mount nothing")
    try:
        removed = "--- a/pkg/b.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-b = 1\n"
        new = "--- /dev/null\n+++ b/a-new/file\n@@ -0,0 +1 @@\n+x\n"
        with pytest.raises(PatchError, match=r"a\.py cannot be replaced .*some of the patch may be in"):
            await apply_to_checkout(repo, (removed + new + GOOD).encode(), state)
        assert (repo / "a.py").read_bytes() == FILES["a.py"]
        assert not list(repo.rglob(".*.runoff"))
    finally:
        subprocess.run(["umount", repo / "a.py"], check=True)
