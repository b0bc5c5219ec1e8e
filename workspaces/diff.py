"""Patches out of workspaces and into checkouts, when whoever wrote the files wants to harm the host.

The host reads a workspace through directory descriptors and never follows a link, skips what is no plain file (a FIFO
would block it), and bounds sizes before it reads. Contents become blobs as they are, without filters; git compares them
with the base commit in a repository of our own, whose configuration and index the sandbox never saw.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workspaces.errors import PatchError, RepositoryError
from workspaces.git import SILENT_ATTRIBUTES, run
from workspaces.repositories import Checkout, leaves_tree, printable

LARGEST_CHANGE = 64 << 20  # bytes of one changed file
_CACHES = ("__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis")
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DIFF = ("--binary", "--full-index", "--find-renames", "--no-ext-diff", "--no-textconv", "--no-color")


@dataclass(frozen=True, slots=True)
class Patch:
    """A change in git's format. files: the paths it touches. skipped: what was left out, and why."""

    data: bytes
    files: tuple[str, ...]
    skipped: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.data)


@dataclass(frozen=True, slots=True)
class _Found:
    """A file as it is in a workspace: its mode in git's words and its content; None: it is gone."""

    path: str
    mode: str
    content: bytes | None


def take_diff(checkout: Checkout, tree: Path, layer: Path | None) -> Patch:
    """The change of a workspace since its base commit. `layer`: an overlay's upper directory, which holds all changes."""
    skipped: list[str] = []
    touched = _touched_in_layer(checkout, layer) if layer else _touched_in_tree(checkout, tree)
    new = [path for path in touched if path not in checkout.entries]
    left_out = {path for path in new if _is_cache(path)} | _ignored(checkout, new)
    root = os.open(tree, _DIRECTORY)
    try:
        found = [_read(root, path, skipped) for path in sorted(touched - left_out)]
    finally:
        os.close(root)
    with _scratch(checkout) as variables:
        run(["read-tree", checkout.commit], at=checkout.mirror, variables=variables)
        lines = []
        for each in filter(None, found):
            if each.content is None:
                lines.append(b"0 %s\t%s" % (b"0" * len(checkout.commit), os.fsencode(each.path)))
            else:
                blob = run(
                    ["hash-object", "-w", "--stdin", "--no-filters"],
                    at=checkout.mirror,
                    stdin=each.content,
                    variables=variables,
                )
                lines.append(b"%s %s\t%s" % (each.mode.encode(), blob.strip(), os.fsencode(each.path)))
        if lines:
            index = ["update-index", "-z", "--index-info"]
            run(index, at=checkout.mirror, stdin=b"\0".join(lines) + b"\0", variables=variables)
        data = run(["diff", "--cached", *_DIFF, checkout.commit], at=checkout.mirror, variables=variables)
        names = run(["diff", "--cached", "--name-only", "-z", checkout.commit], at=checkout.mirror, variables=variables)
    files = tuple(os.fsdecode(name) for name in names.split(b"\0") if name)
    return Patch(data, files, tuple(skipped))


def patched_files(checkout: Checkout, patch: bytes) -> dict[str, tuple[str, bytes] | None]:
    """The files that a patch changes, as (mode, content) afterwards; None: deleted. Raises PatchError.

    The patch is applied to an index, never to a directory, so that nothing it names can be reached.
    """
    with _scratch(checkout) as variables:
        run(["read-tree", checkout.commit], at=checkout.mirror, variables=variables)
        try:
            run(["apply", "--cached", "--whitespace=nowarn", "-"], at=checkout.mirror, stdin=patch, variables=variables)
        except RepositoryError as error:
            raise PatchError(f"the patch does not apply to {checkout.commit[:12]}: {error}") from error
        listed = run(
            ["diff-index", "--cached", "-z", "--no-renames", checkout.commit], at=checkout.mirror, variables=variables
        )
        fields = listed.split(b"\0")
        result: dict[str, tuple[str, bytes] | None] = {}
        for facts, name in zip(fields[::2], fields[1::2], strict=False):
            _, mode, _, blob, status = facts.decode().split()
            path = os.fsdecode(name)
            _refuse_path(path, mode)
            if status == "D":
                result[path] = None
                continue
            content = run(["cat-file", "blob", blob], at=checkout.mirror, variables=variables)
            if mode == "120000" and leaves_tree(path, os.fsdecode(content)):
                raise PatchError(f"the patch makes {printable(path)} a link out of the repository, which no patch may")
            result[path] = (mode, content)
    return result


def write_patched(checkout: Checkout, patch: bytes, tree: Path, uid: int) -> None:
    """Write a patch's files into a fresh workspace, in which nobody else works yet. Raises PatchError."""
    root = os.open(tree, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for path, after in patched_files(checkout, patch).items():
            _write(root, path, after, uid)
    finally:
        os.close(root)


def apply_to_checkout(top: Path, patch: bytes) -> None:
    """Apply a patch to the user's files, all of it or nothing. Raises PatchError: it does not fit what is there.

    git apply checks everything before it writes, and refuses paths that leave the tree or lead through a link. It runs
    with an empty git directory of ours, so that the checkout's configuration has no say.
    """
    with tempfile.TemporaryDirectory(prefix="runoff-apply-") as scratch:
        run(["init", "-q", "--bare", scratch], at=Path(scratch))
        (Path(scratch) / "info").mkdir(exist_ok=True)
        (Path(scratch) / "info" / "attributes").write_text(SILENT_ATTRIBUTES)
        variables = {"GIT_DIR": scratch, "GIT_WORK_TREE": str(top)}
        try:
            run(["apply", "--whitespace=nowarn", "-"], at=top, stdin=patch, variables=variables)
        except RepositoryError as error:
            raise PatchError(f"the patch does not fit the files in {top}, nothing was changed: {error}") from error


class _scratch:
    """Variables for git calls with an index and an object directory that last as long as the block."""

    def __init__(self, checkout: Checkout) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="runoff-diff-")
        self._checkout = checkout

    def __enter__(self) -> Mapping[str, str]:
        path = self._directory.name
        os.mkdir(f"{path}/objects")
        return {
            "GIT_DIR": str(self._checkout.mirror),
            "GIT_INDEX_FILE": f"{path}/index",
            "GIT_OBJECT_DIRECTORY": f"{path}/objects",
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(self._checkout.mirror / "objects"),
        }

    def __exit__(self, *_: object) -> None:
        self._directory.cleanup()


def _touched_in_layer(checkout: Checkout, layer: Path) -> set[str]:
    """Paths that an overlay's upper directory speaks of: what was written there, whiteouts, and, where a directory
    replaces what base has, everything that base has below."""
    touched: set[str] = set()
    hidden: set[str] = set()  # what base has below these is hidden by the layer
    root = os.open(layer, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        for path, state, fd in _walk(root, ""):
            if not stat.S_ISDIR(state.st_mode) or (fd is not None and (path in checkout.entries or _is_opaque(fd))):
                touched.add(path)
                hidden.add(path)
    finally:
        os.close(root)
    below = {path for path in checkout.entries if any(parent in hidden for parent in _parents(path))}
    return touched | below


def _touched_in_tree(checkout: Checkout, tree: Path) -> set[str]:
    """Paths of a whole tree whose size, mode or time differ from base, and those of base that are gone."""
    seen: dict[str, tuple[int, int, int]] = {}
    root = os.open(tree, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        for path, state, _ in _walk(root, ""):
            if not stat.S_ISDIR(state.st_mode):
                seen[path] = (state.st_mode, state.st_size, state.st_mtime_ns)
    finally:
        os.close(root)
    for path in checkout.entries:
        state = os.lstat(checkout.tree / path)
        if seen.get(path) == (state.st_mode, state.st_size, state.st_mtime_ns):
            del seen[path]
        else:
            seen.setdefault(path, (0, 0, 0))
    return set(seen)


def _walk(root: int, prefix: str) -> Iterator[tuple[str, os.stat_result, int | None]]:
    """Everything below a directory but any `.git`, as (path, state, descriptor of a directory). Follows no link."""
    for name in sorted(os.listdir(root)):
        if name == ".git":
            continue
        try:
            state = os.stat(name, dir_fd=root, follow_symlinks=False)
            path = f"{prefix}{name}"
            if not stat.S_ISDIR(state.st_mode):
                yield path, state, None
                continue
            fd = os.open(name, _DIRECTORY, dir_fd=root)
        except FileNotFoundError:  # gone since it was listed: somebody in the sandbox still works
            continue
        try:
            yield path, state, fd
            yield from _walk(fd, f"{path}/")
        finally:
            os.close(fd)


def _is_opaque(fd: int) -> bool:
    try:
        return os.getxattr(fd, "trusted.overlay.opaque") == b"y"
    except OSError:
        return False


def _parents(path: str) -> Iterator[str]:
    end = path.find("/")
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)


def _read(tree: int, path: str, skipped: list[str]) -> _Found | None:
    """One path as it is now. None, with a line in `skipped`, for what no patch can hold."""
    *directories, name = path.split("/")
    fd = os.dup(tree)
    try:
        for directory in directories:
            inner = os.open(directory, _DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = inner
        state = os.stat(name, dir_fd=fd, follow_symlinks=False)
        if stat.S_ISLNK(state.st_mode):
            target = os.readlink(name, dir_fd=fd)
            if leaves_tree(path, target):
                skipped.append(f"{printable(path)}: a link to {printable(target)}, outside of the repository")
                return None
            return _Found(path, "120000", os.fsencode(target))
        if stat.S_ISDIR(state.st_mode):
            return _Found(path, "", None)
        if not stat.S_ISREG(state.st_mode):
            skipped.append(f"{printable(path)}: neither a file nor a link")
            return None
        if state.st_size > LARGEST_CHANGE:
            skipped.append(f"{printable(path)}: {state.st_size} bytes, more than {LARGEST_CHANGE}")
            return None
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
        with os.fdopen(handle, "rb") as file:
            content = file.read(LARGEST_CHANGE)
        return _Found(path, "100755" if state.st_mode & 0o100 else "100644", content)
    except (FileNotFoundError, NotADirectoryError):
        return _Found(path, "", None)
    except OSError as error:
        if error.errno != errno.ELOOP:  # a link where a directory was
            raise
        return _Found(path, "", None)
    finally:
        os.close(fd)


def _ignored(checkout: Checkout, paths: Sequence[str]) -> set[str]:
    """Which new files the base commit's own `.gitignore` files leave out."""
    if not paths:
        return set()
    variables = {"GIT_DIR": str(checkout.mirror), "GIT_WORK_TREE": str(checkout.tree)}
    names = b"".join(os.fsencode(path) + b"\0" for path in paths)
    found = run(
        ["check-ignore", "-z", "--stdin", "--no-index"],
        at=checkout.tree,
        stdin=names,
        variables=variables,
        may_exit=(1,),
    )
    return {os.fsdecode(name) for name in found.split(b"\0") if name}


def _is_cache(path: str) -> bool:
    return path.endswith((".pyc", ".pyo")) or any(part in _CACHES for part in path.split("/"))


def _refuse_path(path: str, mode: str) -> None:
    parts = path.split("/")
    if any(part.lower() == ".git" or part in ("", ".", "..") for part in parts) or mode == "160000":
        raise PatchError(f"the patch touches {printable(path)}, which no patch may")


def _write(root: int, path: str, after: tuple[str, bytes] | None, uid: int) -> None:
    *directories, name = path.split("/")
    fd = os.dup(root)
    try:
        for directory in directories:
            try:
                inner = os.open(directory, _DIRECTORY, dir_fd=fd)
            except FileNotFoundError:
                if after is None:
                    return
                os.mkdir(directory, 0o755, dir_fd=fd)
                os.chown(directory, uid, uid, dir_fd=fd)
                inner = os.open(directory, _DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = inner
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=fd)
        if after is None:
            return
        mode, content = after
        if mode == "120000":
            os.symlink(content, os.fsencode(name), dir_fd=fd)
        else:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(name, flags, int(mode[-3:], 8), dir_fd=fd), "wb") as file:
                file.write(content)
        os.chown(name, uid, uid, dir_fd=fd, follow_symlinks=False)
    finally:
        os.close(fd)
