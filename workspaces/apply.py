"""A patch into the user's own files: all of it or nothing, and nothing about them changes that the patch does not change.

git applies it to copies, in a repository of ours, so that the checkout's configuration has no say and no link is followed.
What comes out is written beside the user's files, with their owner and mode, and renamed when all of it is there.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from workspaces.diff import refuse_path, silence
from workspaces.errors import PatchError, RepositoryError
from workspaces.git import run
from workspaces.live import scratch
from workspaces.worktree import printable


@dataclass(frozen=True, slots=True)
class _File:
    """A file or a link, in git's words: its mode ("100644", "100755", "120000") and its content."""

    mode: str
    content: bytes


_Files = Mapping[str, _File | None]  # path -> what is there; None: nothing


def apply_to_checkout(top: Path, patch: bytes, state_dir: Path) -> None:
    """Apply a patch to the files in `top`, also where git gave them Windows line ends that the commit does not have.

    Raises PatchError: it does not fit what is there, or cannot be written; it says whether anything was changed.
    """
    with scratch(state_dir) as place:
        run(["init", "-q", "--bare", "git"], at=place)
        silence(place / "git")
        try:
            before = {name: _present(top, name) for name in _names(place, patch)}
            after = _patched(place, before, patch)
        except RepositoryError as error:
            raise PatchError(f"the patch does not fit the files in {top}, nothing was changed: {error}") from error
    changed = {name: file for name, file in after.items() if file != before[name]}
    try:
        _write(top, changed)
    except OSError as error:
        where = printable(str(error.filename or top))
        raise PatchError(f"the patch cannot be written to {where}, nothing was changed: {error.strerror}") from error


def _names(place: Path, patch: bytes) -> set[str]:
    """Every path that a patch names, before or after it."""
    found: set[str] = set()
    for direction in ([], ["-R"]):
        listed = _git(place, ["--numstat", "-z", *direction], patch, at=place)
        found |= {os.fsdecode(line.split(b"\t", 2)[2]) for line in listed.split(b"\0") if line}
    for name in found:
        refuse_path(name, "")
    return found


def _git(place: Path, arguments: list[str], patch: bytes, *, at: Path) -> bytes:
    variables = {"GIT_DIR": str(place / "git"), "GIT_WORK_TREE": str(at)}
    try:
        return run(["apply", "--whitespace=nowarn", *arguments, "-"], at=at, stdin=patch, variables=variables)
    except RepositoryError as error:
        raise RepositoryError(str(error).removeprefix(f"git apply failed in {at}: error: ")) from error


def _present(top: Path, name: str) -> _File | None:
    """What is at a path now. Raises PatchError: no patch can change that."""
    for parent in [*(top / name).parents][::-1][len(top.parts) :]:
        if parent.is_symlink() or (parent.exists() and not parent.is_dir()):
            raise PatchError(f"the patch does not fit, nothing was changed: {printable(str(parent))} is no directory")
    return _read(top / name)


def _read(path: Path) -> _File | None:
    try:
        state = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(state.st_mode):
        return _File("120000", os.fsencode(path.readlink()))
    if not stat.S_ISREG(state.st_mode):
        raise PatchError(f"the patch does not fit, nothing was changed: {printable(str(path))} is no file")
    try:
        return _File("100755" if state.st_mode & 0o100 else "100644", path.read_bytes())
    except OSError as error:
        raise PatchError(f"{printable(str(path))} cannot be read, nothing was changed: {error.strerror}") from error


def _patched(place: Path, before: _Files, patch: bytes) -> _Files:
    """The files after the patch. Where it does not fit, files with Windows line ends are tried without these, and get them
    back. Raises RepositoryError."""
    try:
        return _apply(place / "as-they-are", before, patch)
    except RepositoryError as error:
        ends = {name: _line_ends(file) for name, file in before.items() if file is not None}
        windows = {name for name, kind in ends.items() if kind == "windows"}
        mixed = sorted(name for name, kind in ends.items() if kind == "mixed")
        if not windows:
            why = f"; {printable(mixed[0])} has line ends of both kinds: make them alike" if mixed else ""
            raise RepositoryError(f"{error}{why}") from error
    without = {
        name: _File(file.mode, file.content.replace(b"\r\n", b"\n")) if file and name in windows else file
        for name, file in before.items()
    }
    after = _apply(place / "without", without, patch)
    if windows.issuperset(ends):  # then so are the files that the patch makes or renames
        windows.update(after)
    return {
        name: _File(file.mode, file.content.replace(b"\n", b"\r\n"))
        if file and name in windows and _is_text(file)
        else file
        for name, file in after.items()
    }


def _line_ends(file: _File) -> str:
    ends, windows = file.content.count(b"\n"), file.content.count(b"\r\n")
    if not windows or not _is_text(file):
        return "plain"
    return "windows" if ends == windows else "mixed"


def _is_text(file: _File) -> bool:
    return file.mode != "120000" and b"\0" not in file.content


def _apply(tree: Path, before: _Files, patch: bytes) -> _Files:
    """Put the files into a directory of their own, and let git apply the patch there. Raises RepositoryError."""
    tree.mkdir()
    for name, file in before.items():
        if file is not None:
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if file.mode == "120000":
                path.symlink_to(os.fsdecode(file.content))
            else:
                path.write_bytes(file.content)
                path.chmod(int(file.mode[-3:], 8))
    _git(tree.parent, [], patch, at=tree)
    return {name: _read(tree / name) for name in before}


def _write(top: Path, changed: _Files) -> None:
    """Write everything beside its place, then put it there. Raises OSError: then nothing was changed; PatchError: then only
    a part may have been."""
    with contextlib.ExitStack() as undo:
        ready: list[tuple[Path, Path]] = []
        for name, file in changed.items():
            if file is not None:
                path = top / name
                _make_directories(top, path.parent, undo)
                beside = path.with_name(f".{secrets.token_hex(6)}.runoff")
                undo.callback(beside.unlink, missing_ok=True)
                _write_beside(path, beside, file)
                ready.append((beside, path))
        try:
            for name in changed:
                if changed[name] is None:
                    (top / name).unlink()
            for beside, path in ready:
                beside.replace(path)
        except OSError as error:  # a mount point, a file that may not be changed
            where = printable(str(error.filename2 or error.filename))
            raise PatchError(
                f"{where} cannot be replaced ({error.strerror}), so that some of the patch may be in {printable(str(top))} and "
                "some not; `git status` there says what is"
            ) from error
        undo.pop_all()
    for name in changed:
        if changed[name] is None:  # git leaves no empty directory behind
            for parent in _parents(top, top / name):
                _remove_empty(parent)


def _parents(top: Path, path: Path) -> Iterator[Path]:
    """The directories between, the innermost first."""
    for parent in path.parents:
        if parent == top:
            return
        yield parent


def _remove_empty(directory: Path) -> None:
    with contextlib.suppress(OSError):
        directory.rmdir()


def _make_directories(top: Path, directory: Path, undo: contextlib.ExitStack) -> None:
    for each in reversed([directory, *_parents(top, directory)] if directory != top else []):
        if not each.is_dir():
            each.mkdir()
            undo.callback(_remove_empty, each)
            _own(each, each.parent.stat())


def _write_beside(path: Path, beside: Path, file: _File) -> None:
    """A new file has the owner of its directory; one that is replaced keeps its owner and its mode."""
    old = path.lstat() if path.is_symlink() or path.exists() else None
    if file.mode == "120000":
        beside.symlink_to(os.fsdecode(file.content))
        _own(beside, old or path.parent.stat())
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(beside, flags, 0o777 if file.mode == "100755" else 0o666), "wb") as stream:
        stream.write(file.content)
    _own(beside, old or path.parent.stat())
    if old is not None and stat.S_ISREG(old.st_mode):
        beside.chmod(_mode(stat.S_IMODE(old.st_mode), file.mode))


def _mode(old: int, wanted: str) -> int:
    """The old permissions; with others to execute it only where the patch says so: then for whoever may read it."""
    if bool(old & 0o100) == (wanted == "100755"):
        return old
    return old | (old & 0o444) >> 2 if wanted == "100755" else old & ~0o111


def _own(path: Path, like: os.stat_result) -> None:
    with contextlib.suppress(PermissionError):  # only root may give a file to somebody else
        os.chown(path, like.st_uid, like.st_gid, follow_symlinks=False)
