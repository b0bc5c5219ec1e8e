"""Patches out of workspaces and into checkouts, when whoever wrote the files wants to harm the host.

The host reads a workspace through directory descriptors and never follows a link, skips what is no plain file (a FIFO
would block it), and bounds what it looks at and what it reads: depth, names, files, bytes. Contents go as they are, one at a
time, to one git process, which compares them with the base commit in a repository of our own that the sandbox never saw.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workspaces.errors import PatchError, RepositoryError, UnsafeRepository
from workspaces.git import SILENT_ATTRIBUTES, read_blobs, run
from workspaces.links import leaves_tree
from workspaces.live import scratch
from workspaces.programs import pause
from workspaces.repositories import MOST_FILES, Checkout
from workspaces.walk import DIRECTORY, TooManyNames, walk
from workspaces.worktree import printable

LARGEST_CHANGE = 64 << 20  # bytes of one changed file
LARGEST_PATCH = 128 << 20  # bytes of all changed files together
MOST_CHANGES = 20_000  # changed files
_MOST_NAMES = 2 * MOST_FILES  # names in a whole workspace
_MOST_SKIPPED = 1000  # lines about what was left out
_CACHES = ("__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis")
_BRANCH = "refs/heads/changed"
_DIFF = ("--binary", "--full-index", "--find-renames", "--no-ext-diff", "--no-textconv", "--no-color")


@dataclass(frozen=True, slots=True)
class Patch:
    """A change in git's format. files: the paths it touches. skipped: what was left out, and why."""

    data: bytes
    files: tuple[str, ...]
    skipped: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.data)


def take_diff(checkout: Checkout, tree: Path, layer: Path | None) -> Patch:
    """The change of a workspace since its base commit. `layer`: an overlay's upper directory, which holds all changes.

    Raises PatchError when the workspace holds more than can be looked at, or links that lead out of it by a detour.
    """
    skipped = _Skipped()
    touched = _touched_in_layer(checkout, layer, skipped) if layer else _touched_in_tree(checkout, tree, skipped)
    new = {path for path in touched if path not in checkout.entries}
    caches = {path for path in new if _is_cache(path)}
    wanted = sorted(touched - caches - _ignored(checkout, sorted(new - caches)))
    if not wanted:
        return Patch(b"", (), skipped.lines())
    with scratch(checkout.state_dir) as place:
        object_format = "sha256" if len(checkout.commit) == 64 else "sha1"
        run(["init", "-q", "--bare", f"--object-format={object_format}", str(place / "git")], at=place)
        silence(place / "git")
        changed = _import(checkout, tree, wanted, place, skipped)
        if not changed:
            return Patch(b"", (), skipped.lines())
        variables = {
            "GIT_DIR": str(place / "git"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(checkout.mirror / "objects"),
        }
        imported = ["fast-import", "--quiet", "--done"]
        run(imported, at=place, stdin=place / "changes", variables=variables)
        compared = [checkout.commit, _BRANCH]
        try:
            data = run(["diff", *_DIFF, *compared], at=place, variables=variables)
        except UnsafeRepository as error:
            raise PatchError(f"the workspace's patch is too large: {error}") from error
        names = run(["diff", "--name-only", "-z", *compared], at=place, variables=variables)
    files = tuple(os.fsdecode(name) for name in names.split(b"\0") if name)
    return Patch(data, files, skipped.lines())


class _Skipped:
    """What a patch leaves out, and why."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._more = 0

    def add(self, path: str, why: str) -> None:
        if len(self._lines) < _MOST_SKIPPED:
            self._lines.append(f"{printable(path)}: {why}")
        else:
            self._more += 1

    def lines(self) -> tuple[str, ...]:
        return (*self._lines, *([f"and {self._more} more"] if self._more else []))


def _import(checkout: Checkout, tree: Path, paths: Sequence[str], place: Path, skipped: _Skipped) -> bool:
    """Write what `git fast-import` reads: the contents, one at a time, then a commit of them. Whether there is any."""
    modes: dict[str, str] = {}  # path -> mode in git's words; "": gone
    links: dict[str, str] = {}
    left = LARGEST_PATCH
    root = os.open(tree, DIRECTORY)
    try:
        with open(place / "changes", "wb") as stream:
            for mark, path in enumerate(paths, 1):
                pause(0)
                if len(modes) == MOST_CHANGES:
                    skipped.add(path, f"it and what follows are more than {MOST_CHANGES} changes")
                    break
                try:
                    mode, content = _read(root, path, min(left, LARGEST_CHANGE))
                except _Unfit as error:
                    skipped.add(path, str(error))
                    continue
                modes[path] = mode
                left -= len(content)
                if mode == "120000":
                    links[path] = os.fsdecode(content)
                if mode:
                    stream.write(b"blob\nmark :%d\ndata %d\n%s\n" % (mark, len(content), content))
            _leave_out_links(checkout, modes, links, skipped)
            stream.write(b"commit %s\ncommitter x <x> 0 +0000\ndata 0\n" % _BRANCH.encode())
            stream.write(b"from %s\n" % checkout.commit.encode())
            for path, mode in modes.items():
                if not mode:
                    stream.write(b"D %s\n" % _quoted(path))
            for mark, path in enumerate(paths, 1):
                if modes.get(path):
                    stream.write(b"M %s :%d %s\n" % (modes[path].encode(), mark, _quoted(path)))
            stream.write(b"done\n")
    finally:
        os.close(root)
    return bool(modes)


def _leave_out_links(checkout: Checkout, modes: dict[str, str], links: dict[str, str], skipped: _Skipped) -> None:
    """Take the links that lead out of the tree out of a change. Raises PatchError where others then still do."""
    after = _links_after(checkout, modes, links)
    for path in [each for each in links if leaves_tree(each, after)]:
        skipped.add(path, f"a link to {printable(links[path])}, outside of the repository")
        del modes[path], links[path]
    after = _links_after(checkout, modes, links)
    for path in after:
        pause(0)
        if leaves_tree(path, after):
            raise PatchError(
                f"the workspace makes {printable(path)} a link out of the repository, by way of other links"
            )


def _links_after(checkout: Checkout, changed: Container[str], links: Mapping[str, str]) -> dict[str, str]:
    return {path: target for path, target in checkout.links.items() if path not in changed} | dict(links)


def _quoted(path: str) -> bytes:
    raw = os.fsencode(path)
    return b'"%s"' % raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")


def silence(git_dir: Path) -> None:
    """Let no attribute of any file have an effect in a repository of ours."""
    (git_dir / "info").mkdir(exist_ok=True)
    (git_dir / "info" / "attributes").write_text(SILENT_ATTRIBUTES)


def patched_files(checkout: Checkout, patch: bytes) -> dict[str, tuple[str, bytes] | None]:
    """The files that a patch changes, as (mode, content) afterwards; None: deleted. Raises PatchError.

    The patch is applied to an index, never to a directory, so that nothing it names can be reached.
    """
    with scratch(checkout.state_dir) as place:
        (place / "objects").mkdir()
        variables = {
            "GIT_DIR": str(checkout.mirror),
            "GIT_INDEX_FILE": str(place / "index"),
            "GIT_OBJECTDIRECTORY": str(place / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(checkout.mirror / "objects"),
        }
        run(["read-tree", checkout.commit], at=place, variables=variables)
        try:
            run(["apply", "--cached", "--whitespace=nowarn", "-"], at=place, stdin=patch, variables=variables)
        except RepositoryError as error:
            why = str(error).removeprefix(f"git apply failed in {place}: ")
            if "No valid patches in input" in why:
                raise PatchError("it holds no patch in git's format") from error
            raise PatchError(f"the patch does not apply to {checkout.commit[:12]}: {why}") from error
        listing = ["diff-index", "--cached", "-z", "--no-renames", checkout.commit]
        fields = run(listing, at=place, variables=variables).split(b"\0")
        changed: dict[str, tuple[str, str] | None] = {}
        for facts, name in zip(fields[::2], fields[1::2], strict=False):
            _, mode, _, blob, status = facts.decode().split()
            path = os.fsdecode(name)
            refuse_path(path, mode)
            changed[path] = None if status == "D" else (mode, blob)
        blobs = [after[1] for after in changed.values() if after]
        try:
            contents = read_blobs(blobs, at=place, variables=variables, limit=LARGEST_PATCH)
        except UnsafeRepository as error:
            raise PatchError(f"the patch makes too much: {error}") from error
    result = {path: after and (after[0], contents[after[1]]) for path, after in changed.items()}
    links = {path: os.fsdecode(after[1]) for path, after in result.items() if after and after[0] == "120000"}
    after_all = _links_after(checkout, result, links)
    for path in after_all:
        if leaves_tree(path, after_all):
            raise PatchError(f"the patch makes {printable(path)} a link out of the repository, which no patch may")
    return result


def write_patched(checkout: Checkout, patch: bytes, tree: Path, uid: int) -> None:
    """Write a patch's files into a fresh workspace, in which nobody else works yet. Raises PatchError."""
    root = os.open(tree, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for path, after in patched_files(checkout, patch).items():
            _write(root, path, after, uid)
    finally:
        os.close(root)


def _touched_in_layer(checkout: Checkout, layer: Path, skipped: _Skipped) -> set[str]:
    """Paths that an overlay's upper directory speaks of: what was written there, whiteouts, and, where a directory
    replaces what base has, everything that base has below."""
    touched: set[str] = set()
    hidden: set[str] = set()  # what base has below these is hidden by the layer
    unseen: dict[str, str] = {}
    for path, state, fd in _walk(layer, unseen, skipped):
        if not stat.S_ISDIR(state.st_mode) or (fd is not None and (path in checkout.entries or _is_opaque(fd))):
            touched.add(path)
            hidden.add(path)
    below = {path for path in checkout.entries if any(parent in hidden for parent in _parents(path))}
    return {path for path in touched | below if not _is_within(path, unseen)}


def _touched_in_tree(checkout: Checkout, tree: Path, skipped: _Skipped) -> set[str]:
    """Paths of a whole tree whose size, mode or time differ from base, and those of base that are gone."""
    seen: dict[str, tuple[int, int, int]] = {}
    unseen: dict[str, str] = {}
    for path, state, _ in _walk(tree, unseen, skipped):
        if not stat.S_ISDIR(state.st_mode):
            seen[path] = (state.st_mode, state.st_size, state.st_mtime_ns)
    for path in checkout.entries:
        state = os.lstat(checkout.tree / path)
        if seen.get(path) == (state.st_mode, state.st_size, state.st_mtime_ns):
            del seen[path]
        elif not _is_within(path, unseen):
            seen.setdefault(path, (0, 0, 0))
    return set(seen)


def _is_within(path: str, places: Container[str]) -> bool:
    return path in places or any(parent in places for parent in _parents(path))


def _walk(top: Path, unseen: dict[str, str], skipped: _Skipped) -> Iterator[tuple[str, os.stat_result, int | None]]:
    """Everything below a directory but any `.git`. What cannot be looked at is skipped. Raises PatchError."""
    try:
        for path, state, fd in walk(top, unseen, _MOST_NAMES):
            if not _is_git(path):
                yield path, state, fd
    except TooManyNames as error:
        raise PatchError(
            f"the workspace holds more than {_MOST_NAMES} files and directories; no patch is taken from it"
        ) from error
    for path, why in unseen.items():
        if not _is_git(path):
            skipped.add(path, why)


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


class _Unfit(Exception):
    """What no patch can hold; why."""


def _read(tree: int, path: str, most: int) -> tuple[str, bytes]:
    """One path as it is now: its mode in git's words and its content; no mode: it is gone. Raises _Unfit."""
    *directories, name = path.split("/")
    fd = os.dup(tree)
    try:
        for directory in directories:
            inner = os.open(directory, DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = inner
        state = os.stat(name, dir_fd=fd, follow_symlinks=False)
        if stat.S_ISLNK(state.st_mode):
            return "120000", os.fsencode(os.readlink(name, dir_fd=fd))
        if stat.S_ISDIR(state.st_mode):
            return "", b""
        if not stat.S_ISREG(state.st_mode):
            raise _Unfit("neither a file nor a link")
        if state.st_size > most:
            raise _Unfit(f"{state.st_size} bytes, more than the {most} that a patch has room for")
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
        with os.fdopen(handle, "rb") as file:
            content = file.read(most)
        return "100755" if state.st_mode & 0o100 else "100644", content
    except (FileNotFoundError, NotADirectoryError):
        return "", b""
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link where a directory was
            return "", b""
        raise _Unfit(error.strerror or str(error)) from error
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


def _is_git(path: str) -> bool:
    return any(part.lower() == ".git" for part in path.split("/"))


def _is_cache(path: str) -> bool:
    return path.endswith((".pyc", ".pyo")) or any(part in _CACHES for part in path.split("/"))


def refuse_path(path: str, mode: str) -> None:
    """Raises PatchError for a path that leads out of the tree or into `.git`, and for a submodule."""
    parts = path.split("/")
    if any(part.lower() == ".git" or part in ("", ".", "..") for part in parts) or mode == "160000":
        raise PatchError(f"the patch touches {printable(path)}, which no patch may")


def _write(root: int, path: str, after: tuple[str, bytes] | None, uid: int) -> None:
    *directories, name = path.split("/")
    fd = os.dup(root)
    try:
        for directory in directories:
            try:
                inner = os.open(directory, DIRECTORY, dir_fd=fd)
            except FileNotFoundError:
                if after is None:
                    return
                os.mkdir(directory, 0o755, dir_fd=fd)
                os.chown(directory, uid, uid, dir_fd=fd)
                inner = os.open(directory, DIRECTORY, dir_fd=fd)
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
