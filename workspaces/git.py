"""How this room calls git: never with a configuration, a hook or a filter that somebody else wrote.

The user's checkout and everything a sandbox wrote are untrusted: their `.git/config` may name programs (fsmonitor,
filters, hooks, external diffs, pagers). So every call gets an environment of its own, switches on the command line, which
win over any file, and, wherever a work tree is read, a git directory that only we wrote.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from workspaces.errors import DiskFull, RepositoryError, WorkspaceError

_SWITCHES = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.autocrlf=false",
    "core.symlinks=true",
    "core.untrackedCache=false",
    "core.quotePath=false",
    "diff.external=",
    "diff.renames=true",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.allow=never",
    "protocol.file.allow=always",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "uploadpack.packObjectsHook=",
    "init.defaultBranch=base",
    "safe.directory=*",
)
SILENT_ATTRIBUTES = "* -text -eol -crlf -ident -filter -working-tree-encoding !diff !merge -export-subst\n"


def environment(**more: str) -> dict[str, str]:
    """The whole environment of a git process: nothing of ours but PATH, no configuration but the switches."""
    # Switches travel in the environment, so that processes that git starts (upload-pack) obey them too.
    switches = {"GIT_CONFIG_COUNT": str(len(_SWITCHES))}
    for number, switch in enumerate(_SWITCHES):
        key, _, value = switch.partition("=")
        switches |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        **switches,
        **more,
    }


def run(
    arguments: Iterable[str | bytes],
    *,
    at: Path,
    stdin: bytes = b"",
    variables: Mapping[str, str] | None = None,
    may_exit: tuple[int, ...] = (),
) -> bytes:
    """Run git and return its standard output. Raises RepositoryError with git's own last line, DiskFull.

    Blocking: call it in a thread.
    """
    command = ["git", "--no-pager", *arguments]
    try:
        ended = subprocess.run(
            command, cwd=at, input=stdin, env=environment(**(variables or {})), capture_output=True, check=False
        )
    except FileNotFoundError as error:
        raise WorkspaceError("git is not installed; install it: apt-get install git") from error
    if ended.returncode not in (0, *may_exit):
        said = ended.stderr.decode("utf-8", "replace").strip()
        if "No space left" in said or "Disk quota exceeded" in said:
            raise DiskFull(f"no space left while git worked in {at}: make room there")
        last = said.splitlines()[-1] if said else f"exit code {ended.returncode}"
        raise RepositoryError(f"git {os.fsdecode(command[2])} failed in {at}: {last}")
    return ended.stdout
