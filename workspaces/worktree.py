"""The user's work tree compared with its commit, without running what the repository configures for a comparison."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from workspaces.errors import RepositoryError
from workspaces.git import run

LARGEST_FILE = 1 << 30  # bytes of one tracked file
_TESTS = (":(glob)**/test_*.py", ":(glob)**/*_test.py")  # as pytest looks for them
_CONVERSIONS = ("filter", "ident", "working-tree-encoding")  # attributes for which git changes what it stores
_LFS = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\n(?:.*\n)*oid sha256:([0-9a-f]{64})\nsize (\d+)\n")
_LONGEST_POINTER = 1024  # bytes, as git-lfs has it


@dataclass(frozen=True, slots=True)
class Source:
    """The user's repository as it was found. `objects`: its object directory. `head`: the commit checked out."""

    path: Path
    git_dir: Path
    objects: Path
    head: str
    object_format: str

    @property
    def key(self) -> str:
        """What names its mirror and checkouts."""
        return f"{self.path.name}-{hashlib.sha256(os.fsencode(self.objects)).hexdigest()[:12]}"


def refuse_changes(source: Source, mirror: Path, place: Path) -> None:
    """Compare the work tree with the index, and the index with HEAD, through a copy of the index and our own git directory:
    the user's configuration may name programs that git would run for a comparison. Raises RepositoryError."""
    if not (source.git_dir / "index").exists():
        return
    variables = _compared(source, mirror, place / "index")
    unstaged = run(["diff-files", "-z", "--ignore-submodules=all"], at=source.path, variables=variables)
    changed = {name for name, blob in _raw(unstaged) if not _is_the_same(source.path, name, blob, variables)}
    staged = run(["diff-index", "--cached", "--name-only", "-z", source.head], at=source.path, variables=variables)
    changed |= {name for name in staged.split(b"\0") if name}
    if not changed:
        return
    converted = _converted(source, changed, place)
    if changed != converted.keys():
        first = printable(os.fsdecode(min(changed - converted.keys())))
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise RepositoryError(
            f"{source.path} has uncommitted changes ({first}{more}); commit or stash them, or "
            "pass --base HEAD to work on the last commit without them"
        )
    first = printable(os.fsdecode(min(converted)))
    raise RepositoryError(
        f"whether {first} in {source.path} is changed cannot be told: .gitattributes has git convert it "
        f"({converted[min(converted)]}), and no program of a repository is run here; pass --base HEAD to work on the last "
        "commit, with the file as it is stored there"
    )


def untracked_tests(source: Source, mirror: Path, place: Path) -> tuple[str, ...]:
    """Files named as pytest's tests are that are in no commit and not ignored."""
    listing = ["ls-files", "--others", "--exclude-per-directory=.gitignore", "-z", "--", *_TESTS]
    found = run(listing, at=source.path, variables=_compared(source, mirror, place / "index")).split(b"\0")
    return tuple(sorted(printable(os.fsdecode(name)) for name in found if name.endswith(b".py")))


def _compared(source: Source, mirror: Path, copy: Path) -> dict[str, str]:
    """With which git compares a work tree with a copy of its index."""
    index = source.git_dir / "index"
    if index.exists():
        shutil.copy2(index, copy)
    return {
        "GIT_DIR": str(mirror),
        "GIT_WORK_TREE": str(source.path),
        "GIT_INDEX_FILE": str(copy),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(source.objects),
    }


def _raw(listed: bytes) -> Iterator[tuple[bytes, str]]:
    """Git's raw diff as (path, blob in the index)."""
    fields = listed.split(b"\0")
    for facts, name in zip(fields[::2], fields[1::2], strict=False):
        yield name, facts.split()[2].decode()


def _is_the_same(top: Path, name: bytes, blob: str, variables: Mapping[str, str]) -> bool:
    """Whether a file differs from its blob in nothing but line ends, which git converts where it is told to, or is what
    the blob, a pointer of git-lfs, points to."""
    path = top / os.fsdecode(name)
    if path.is_symlink() or not path.is_file():
        return False
    indexed = run(["cat-file", "blob", blob], at=top, variables=variables)
    if len(indexed) <= _LONGEST_POINTER and (pointer := _LFS.fullmatch(indexed)):
        return path.stat().st_size == int(pointer[2]) and _digest(path) == pointer[1].decode()
    if path.stat().st_size > LARGEST_FILE:
        return False
    return path.read_bytes().replace(b"\r\n", b"\n") == indexed.replace(b"\r\n", b"\n")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _converted(source: Source, names: Iterable[bytes], place: Path) -> dict[bytes, str]:
    """Those of the files that git converts by a program or in a way that is not known here, and the attribute."""
    run(["init", "-q", "--bare", "attributes"], at=place)  # the mirror says that nothing has any
    variables = {"GIT_DIR": str(place / "attributes"), "GIT_WORK_TREE": str(source.path)}
    asked = b"".join(name + b"\0" for name in names)
    said = run(["check-attr", "-z", "--stdin", *_CONVERSIONS], at=source.path, stdin=asked, variables=variables)
    fields = said.split(b"\0")
    return {
        name: f"{attribute.decode()}={printable(os.fsdecode(value))}"
        for name, attribute, value in zip(fields[::3], fields[1::3], fields[2::3], strict=False)
        if value not in (b"unspecified", b"unset")
    }


def printable(path: str) -> str:
    """A path for a message: bytes that are not UTF-8 as escapes."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
