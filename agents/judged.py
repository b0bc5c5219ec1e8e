"""A sandbox on a candidate's files in which the tests are those of the base commit.

What decides whether tests pass is not the candidate's to change: of test files and pytest's configuration there stands what
stood there on base, and no new `conftest.py` or configuration. Test files that a candidate adds are there, and vote as such
(see `reproductions`). A script that a test command starts may be the program itself, so that it is the candidate's, and the
verdict says so. What a program does to the interpreter that tests it is beyond this: only a reader of the patch sees that.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from agents.errors import UnusableTests
from selection import Candidate, Change, is_test
from workspaces import WORKSPACE, Checkout, Sandbox, SandboxFileError, Workspaces

if TYPE_CHECKING:
    from agents.live import LiveRun

# Where pytest reads what it loads and which tests it collects.
_CONFIGURATION = {"conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml"}
_CONFIGURATION |= {"tox.ini", "setup.cfg", "pyproject.toml"}
_SCRIPT = re.compile(r"\s*(?:(?:\S*/)?(?:sh|bash|python[\d.]*|node|perl|ruby)\s+)?(?:\./)?([^\s;&|<>]+)")


def judging(changes: Iterable[Change]) -> list[Change]:
    """Those of a candidate's changes that decide what tests say, by the names that tests have. See `support` for others."""
    return [
        change
        for change in changes
        if PurePosixPath(change.path).name in _CONFIGURATION or (change.before is not None and is_test(change.path))
    ]


def support(changes: Iterable[Change]) -> list[Change]:
    """Those that change what a package calls `test` or `testing`: its users' tests lean on that, and its own may."""
    return [
        each
        for each in changes
        if each.before is not None
        and not is_test(each.path)
        and not {"test", "testing"}.isdisjoint(PurePosixPath(each.path).parts[:-1])
    ]


def script_of(command: str, changes: Iterable[Change]) -> list[Change]:
    """Those that change the script which a test command starts, where that is no test by its name."""
    found = _SCRIPT.match(command)
    return [each for each in changes if found and each.path == found[1] and not is_test(each.path)]


@asynccontextmanager
async def sandbox_with(live: LiveRun, candidate: Candidate | None) -> AsyncIterator[Sandbox]:
    """A new workspace with a candidate, or the base commit, and a sandbox on it; both are gone afterwards. Raises UnusableTests
    when a test file cannot be put back."""
    assert live.live is not None
    assert live.checkout is not None
    patch = candidate.patch if candidate else b""
    async with await Workspaces(live.live).create(live.checkout, patch) as workspace:
        sandbox = await live.sandbox_on(workspace)
        try:
            for change in judging(candidate.changes if candidate else ()):
                await _as_on_base(sandbox, live.checkout, change)
            yield sandbox
        finally:
            await sandbox.close()


async def _as_on_base(sandbox: Sandbox, checkout: Checkout, change: Change) -> None:
    path = f"{WORKSPACE}/{change.path}"
    if change.before is None:
        await _run(sandbox, change, ["rm", "-rf", "--", path])
    elif change.path in checkout.links:
        await _run(sandbox, change, ["ln", "-sfn", "--", checkout.links[change.path], path])
    else:
        executable = checkout.entries[change.path].mode == "100755"
        try:
            await sandbox.write_file(path, change.before, executable=executable)
        except SandboxFileError as error:
            raise UnusableTests(f"{change.path} cannot be what it is on base: {error}") from error


async def _run(sandbox: Sandbox, change: Change, command: list[str]) -> None:
    ended = await sandbox.exec(command)
    if not ended.ok:
        why = ended.stderr.decode("utf-8", "replace").strip()
        raise UnusableTests(f"{change.path} cannot be what it is on base: {why}")
