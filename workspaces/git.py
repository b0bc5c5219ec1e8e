"""How this room calls git: never with a configuration, a hook or a filter that somebody else wrote.

The user's checkout and everything a sandbox wrote are untrusted: their `.git/config` may name programs (fsmonitor,
filters, hooks, external diffs, pagers). So every call gets an environment of its own, switches on the command line, which
win over any file, and, wherever a work tree is read, a git directory that only we wrote.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from workspaces.errors import DiskFull, RepositoryError, UnsafeRepository, WorkspaceError
from workspaces.programs import OutputTooLarge, run_program

LARGEST_OUTPUT = 256 << 20  # bytes that one git call may write, where its caller names no other limit

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
    stdin: bytes | Path = b"",
    variables: Mapping[str, str] | None = None,
    may_exit: tuple[int, ...] = (),
    output_limit: int = LARGEST_OUTPUT,
) -> bytes:
    """Run git and return its standard output.

    Raises RepositoryError with git's own last line, UnsafeRepository (more output than the limit), DiskFull. Blocking: call
    it in a thread, with `in_thread` where it may have to be cancelled.
    """
    command = ["git", "--no-pager", *arguments]
    name = os.fsdecode(command[2])
    try:
        ended = run_program(
            command, at=at, env=environment(**(variables or {})), stdin=stdin, output_limit=output_limit
        )
    except FileNotFoundError as error:
        raise WorkspaceError("git is not installed; install it: apt-get install git") from error
    except OutputTooLarge as error:
        raise UnsafeRepository(
            f"git {name} in {at} wrote more than {output_limit} bytes, which are not read"
        ) from error
    if ended.code not in (0, *may_exit):
        said = ended.stderr.decode("utf-8", "replace").strip()
        if "No space left" in said or "Disk quota exceeded" in said:
            raise DiskFull(f"no space left while git worked in {at}: make room there")
        last = said.splitlines()[-1] if said else f"exit code {ended.code}"
        raise RepositoryError(f"git {name} failed in {at}: {last}")
    return ended.stdout


def blob_sizes(blobs: Iterable[str], *, at: Path, variables: Mapping[str, str]) -> dict[str, int]:
    """Bytes of each blob, asked for once however often it is named. Raises RepositoryError when one is not there."""
    names = list(dict.fromkeys(blobs))
    listed = run(["cat-file", "--batch-check=%(objectsize)"], at=at, stdin=_lines(names), variables=variables)
    if b" missing\n" in listed:
        raise RepositoryError(f"{at} lacks files of its own commit (a partial clone, or damaged); clone it whole")
    return dict(zip(names, map(int, listed.split()), strict=True))


def read_blobs(blobs: Iterable[str], *, at: Path, variables: Mapping[str, str], limit: int) -> dict[str, bytes]:
    """The content of many blobs at once. Raises UnsafeRepository when together they have more bytes than the limit."""
    sizes = blob_sizes(blobs, at=at, variables=variables)
    if sum(sizes.values()) > limit:
        raise UnsafeRepository(f"{len(sizes)} blobs in {at} have more than {limit} bytes, which are not read")
    data = run(
        ["cat-file", "--batch=%(objecttype)"],
        at=at,
        stdin=_lines(sizes),
        variables=variables,
        output_limit=limit + len(b"blob\n\n") * len(sizes),
    )
    contents, end = {}, 0
    for blob, size in sizes.items():
        start = end + len(b"blob\n")
        contents[blob] = data[start : start + size]
        end = start + size + 1
    return contents


def _lines(names: Iterable[str]) -> bytes:
    return "".join(f"{name}\n" for name in names).encode()
