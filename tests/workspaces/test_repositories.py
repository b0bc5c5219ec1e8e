"""The user's repository is read, never trusted: nothing in it runs on the host, and odd content survives as bytes."""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from workspaces import Repositories, RepositoryError
from workspaces.errors import UnsafeRepository


def git(repo: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    return subprocess.run(command, cwd=repo, check=True, capture_output=True, text=True, errors="replace").stdout


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    repo = tmp_path / "repo"
    repo.mkdir()
    git(repo, "init", "-q")
    (repo / "a.py").write_text("a = 1\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "one")
    return repo


TRAPS = {
    "core.fsmonitor": "{touch}",
    "core.hooksPath": "{hooks}",
    "core.pager": "{touch}",
    "core.sshCommand": "{touch}",
    "core.attributesFile": "{attributes}",
    "diff.external": "{touch}",
    "diff.trap.command": "{touch}",
    "diff.trap.textconv": "{touch}",
    "filter.trap.clean": "{touch}",
    "filter.trap.smudge": "{touch}",
    "filter.trap.process": "{touch}",
    "merge.trap.driver": "{touch}",
    "uploadpack.packObjectsHook": "{touch}",
    "gpg.program": "{touch}",
    "alias.diff-files": "!{touch}",
    "credential.helper": "{touch}",
    "include.path": "{include}",
    "core.worktree": "/etc",
}


async def test_what_a_repository_configures_never_runs_on_the_host(repo: Path, tmp_path: Path) -> None:
    ran, hooks = tmp_path / "ran", tmp_path / "hooks"
    hooks.mkdir()
    touch = f"touch {ran}; cat"
    for place in (hooks, repo / ".git" / "hooks"):
        for name in (
            "post-checkout",
            "post-index-change",
            "reference-transaction",
            "fsmonitor-watchman",
            "pre-auto-gc",
        ):
            (place / name).write_text(f"#!/bin/sh\n{touch}\n")
            (place / name).chmod(0o755)
    attributes, include = tmp_path / "attributes", tmp_path / "include"
    attributes.write_text("* filter=trap diff=trap merge=trap\n")
    include.write_text(f"[core]\n\tfsmonitor = {touch}\n")
    (repo / ".gitattributes").write_text("* filter=trap diff=trap merge=trap\n")
    (repo / ".git" / "info" / "attributes").write_text("* filter=trap diff=trap merge=trap\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "attributes")
    for key, value in TRAPS.items():
        git(repo, "config", key, value.format(touch=touch, hooks=hooks, attributes=attributes, include=include))
    os.utime(repo / "a.py")  # so that its content must be looked at
    ran.unlink(missing_ok=True)  # git's own commands above may have sprung a trap
    repositories = Repositories(tmp_path / "state")
    source = await repositories.inspect(repo)
    assert source.path == repo
    checkout = await repositories.checkout(source, None)
    assert checkout.files == (".gitattributes", "a.py")
    assert not ran.exists()


async def test_a_checkout_holds_the_base_commit_and_nothing_newer(repo: Path, tmp_path: Path) -> None:
    first = git(repo, "rev-parse", "HEAD").strip()
    (repo / "a.py").write_text("a = 'the fix'\n")
    git(repo, "commit", "-q", "-a", "-m", "the fix")
    git(repo, "tag", "fixed")
    fixed = git(repo, "rev-parse", "HEAD").strip()
    repositories = Repositories(tmp_path / "state")
    source = await repositories.inspect(repo)
    await repositories.checkout(source, None)  # the newer one is made too, elsewhere
    checkout = await repositories.checkout(source, first)
    variables = os.environ | {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}

    def asked(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *arguments], cwd=checkout.tree, env=variables, capture_output=True, text=True, errors="replace"
        )

    assert asked("cat-file", "-e", fixed).returncode != 0
    assert asked("for-each-ref").stdout == ""
    assert asked("log", "--format=%H", "--all").stdout.split() in ([], [first])
    assert "the fix" not in asked("cat-file", "--batch-all-objects", "--batch").stdout
    assert asked("status", "--porcelain").stdout == ""
    assert asked("log", "-1", "--format=%H").stdout.strip() == first


async def test_bytes_are_kept_whatever_git_would_convert(repo: Path, tmp_path: Path) -> None:
    (repo / ".gitattributes").write_text("*.py text eol=crlf\n*.txt working-tree-encoding=UTF-16\n* ident\n")
    git(repo, "add", "-A")
    (repo / "crlf.dat").write_bytes(b"a\r\nb\n\xff$Id$\n")
    name = os.fsencode(repo) + b"/odd-\xff\n-name"
    with open(name, "wb") as file:
        file.write(b"x")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "odd")
    repositories = Repositories(tmp_path / "state")
    checkout = await repositories.checkout(await repositories.inspect(repo), "HEAD")
    assert (checkout.tree / "a.py").read_bytes() == checkout.read("a.py") == b"a = 1\n"
    assert (checkout.tree / "crlf.dat").read_bytes() == b"a\r\nb\n\xff$Id$\n"
    assert os.fsdecode(b"odd-\xff\n-name") in checkout.files


async def test_line_ends_that_git_converts_are_no_change(repo: Path, tmp_path: Path) -> None:
    (repo / "a.py").write_bytes(b"a = 1\r\n")
    repositories = Repositories(tmp_path / "state")
    await repositories.checkout(await repositories.inspect(repo), None)
    (repo / "a.py").write_bytes(b"a = 2\r\n")
    with pytest.raises(RepositoryError, match="uncommitted changes"):
        await repositories.checkout(await repositories.inspect(repo), None)


async def test_a_linked_work_tree_and_a_subdirectory_are_the_same_repository(repo: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git(repo, "worktree", "add", "-q", str(linked))
    (repo / "sub").mkdir()
    repositories = Repositories(tmp_path / "state")
    for place in (linked, repo / "sub"):
        checkout = await repositories.checkout(await repositories.inspect(place), None)
        assert checkout.files == ("a.py",)


async def test_a_path_may_hold_whatever_ends_a_line(repo: Path, tmp_path: Path) -> None:
    odd = repo.rename(tmp_path / "a\u2028b\x85c\fd\ne")
    checkout = await Repositories(tmp_path / "state").checkout(await Repositories.inspect(odd), None)
    assert checkout.files == ("a.py",)


def nested(repo: Path, leaf: str, *, width: int, depth: int) -> str:
    """A commit whose tree holds width ** depth times `leaf`, in a few kilobytes."""

    def made(kind: str, lines: str) -> str:
        command = ["git", *kind.split()]
        return subprocess.run(command, cwd=repo, input=lines, check=True, capture_output=True, text=True).stdout.strip()

    tree = made("mktree", leaf)
    for _ in range(depth):
        tree = made("mktree", "".join(f"040000 tree {tree}\t{number}\n" for number in range(width)))
    return git(repo, "commit-tree", "-m", "many", tree).strip()


@pytest.mark.parametrize("leaf", ["100644 blob {blob}\tfile\n", ""], ids=["files", "empty directories"])
async def test_a_small_repository_of_very_many_paths_is_refused_at_once(repo: Path, tmp_path: Path, leaf: str) -> None:
    blob = git(repo, "hash-object", "-w", "a.py").strip()
    commit = nested(repo, leaf.format(blob=blob), width=10, depth=8)
    git(repo, "update-ref", "HEAD", commit)
    repositories = Repositories(tmp_path / "state")
    async with asyncio.timeout(60):
        with pytest.raises(UnsafeRepository, match="more than 250000 files"):
            await repositories.checkout(await repositories.inspect(repo), None)


async def test_files_are_counted_together(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workspaces.repositories.LARGEST_TREE", 1000)
    for number in range(4):
        (repo / f"{number}.txt").write_bytes(bytes(300))
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "the same blob, four times")
    repositories = Repositories(tmp_path / "state")
    with pytest.raises(UnsafeRepository, match="together"):
        await repositories.checkout(await repositories.inspect(repo), None)


async def test_cancelling_does_not_wait_for_somebody_elses_lock(repo: Path, tmp_path: Path) -> None:
    repositories = Repositories(tmp_path / "state")
    source = await repositories.inspect(repo)
    await repositories.checkout(source, None)
    with open(tmp_path / "state" / "mirrors" / f"{source.key}.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = asyncio.create_task(repositories.checkout(source, None))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        waiting.cancel()
        async with asyncio.timeout(10):
            with pytest.raises(asyncio.CancelledError):
                await waiting


async def test_a_repository_that_lacks_a_file_says_so(repo: Path, tmp_path: Path) -> None:
    blob = git(repo, "rev-parse", "HEAD:a.py").strip()
    (repo / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    repositories = Repositories(tmp_path / "state")
    with pytest.raises(RepositoryError, match="lacks files"):
        await repositories.checkout(await repositories.inspect(repo), None)


async def test_a_link_that_leaves_by_way_of_another_one_is_refused(repo: Path, tmp_path: Path) -> None:
    (repo / "d1" / "d2").mkdir(parents=True)
    (repo / "d1" / "d2" / "top").symlink_to("../..")
    (repo / "fine").symlink_to("d1/d2/top/a.py")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "a detour within")
    repositories = Repositories(tmp_path / "state")
    await repositories.checkout(await repositories.inspect(repo), None)
    (repo / "passwd").symlink_to("d1/d2/top/../etc/passwd")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "a detour out")
    with pytest.raises(UnsafeRepository, match="passwd is a link"):
        await repositories.checkout(await repositories.inspect(repo), None)


CLEAN = """printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:'; tee large.copy | sha256sum | cut -c1-64;
printf 'size '; wc -c < large.copy"""


async def test_a_file_of_git_lfs_is_compared_with_what_its_pointer_says(repo: Path, state: Path) -> None:
    git(repo, "config", "filter.lfs.clean", CLEAN)
    (repo / ".gitattributes").write_text("*.bin filter=lfs\n")
    (repo / ".gitignore").write_text("large.copy\n")
    (repo / "large.bin").write_bytes(bytes(range(256)) * 100)
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "large")
    assert "oid sha256:" in git(repo, "show", "HEAD:large.bin")
    os.utime(repo / "large.bin", (1, 1))  # the index no longer knows it
    (repo / "large.copy").unlink()
    source = await Repositories.inspect(repo)
    checkout = await Repositories(state).checkout(source, None)
    assert checkout.read("large.bin").startswith(b"version https://git-lfs")
    assert not (repo / "large.copy").exists()  # no program ran
    (repo / "large.bin").write_bytes(bytes(range(255, -1, -1)) * 100)
    with pytest.raises(RepositoryError, match=r"large\.bin .*filter=lfs.*--base HEAD"):
        await Repositories(state).checkout(source, None)
    await Repositories(state).checkout(source, "HEAD")


async def test_a_file_that_only_a_filter_could_compare_is_told_as_that(repo: Path, state: Path) -> None:
    git(repo, "config", "filter.upper.clean", "tr a-z A-Z")
    (repo / ".gitattributes").write_text("*.up filter=upper\n")
    (repo / "a.up").write_text("text\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "filtered")
    os.utime(repo / "a.up", (1, 1))
    source = await Repositories.inspect(repo)
    with pytest.raises(RepositoryError, match=r"whether a\.up .* cannot be told: .*filter=upper.*--base HEAD"):
        await Repositories(state).checkout(source, None)
    (repo / "a.py").write_text("a = 2\n")  # and what is surely changed comes first
    with pytest.raises(RepositoryError, match=r"uncommitted changes \(a\.py and 1 more\)"):
        await Repositories(state).checkout(source, None)
