"""The user's repository, read without trusting it; a mirror of what Runs need of it; one checkout per base commit.

Nothing here runs git with the user's configuration: objects are read through `GIT_ALTERNATE_OBJECT_DIRECTORIES` by a git
directory of our own, so that no hook, filter or file-system monitor of the repository can run.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workspaces.errors import RepositoryError, UnknownCommit, UnsafeRepository, WorkspaceError
from workspaces.git import LARGEST_OUTPUT, SILENT_ATTRIBUTES, blob_sizes, read_blobs, run
from workspaces.links import leaves_tree
from workspaces.live import Live, alone, scratch, state_error, write_whole
from workspaces.programs import in_thread, pause
from workspaces.removal import remove_tree
from workspaces.sandbox.running import SANDBOX_UID
from workspaces.worktree import LARGEST_FILE, Source, printable, refuse_changes, untracked_tests

# What is refused before anything is copied. A few kilobytes of objects can describe trees beyond every disk.
LARGEST_TREE = 8 << 30  # bytes of all tracked files together
MOST_FILES = 250_000  # tracked files and directories
_LARGEST_LISTING = 64 << 20  # bytes of git's list of them
_LONGEST_TARGET = 4096  # bytes of a link's target: the kernel's PATH_MAX


@dataclass(frozen=True, slots=True)
class Entry:
    """One tracked file: git's mode ("100644", "100755", "120000"), its blob, its size in bytes."""

    mode: str
    blob: str
    size: int


@dataclass(frozen=True, slots=True)
class Checkout:
    """The files of one base commit, shared by all workspaces; nobody writes here.

    tree: the directory, with a `.git` that holds this commit alone. mirror: the bare repository to read objects from.
    links: the targets of those entries that are symbolic links.
    """

    commit: str
    tree: Path
    mirror: Path
    entries: Mapping[str, Entry]
    links: Mapping[str, str]

    @property
    def state_dir(self) -> Path:
        """Where it was made."""
        return self.mirror.parent.parent

    @property
    def files(self) -> tuple[str, ...]:
        """Paths of all tracked files; bytes that are not UTF-8 as surrogate escapes."""
        return tuple(self.entries)

    def read(self, path: str) -> bytes:
        """A tracked file's content (of a link: its target). KeyError when it is not tracked."""
        return run(
            ["cat-file", "blob", self.entries[path].blob],
            at=self.mirror,
            variables={"GIT_DIR": str(self.mirror)},
            output_limit=LARGEST_FILE,
        )


class Repositories:
    """Mirrors and checkouts under the state directory."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._mirrors = state_dir / "mirrors"
        self._checkouts = state_dir / "checkouts"

    @staticmethod
    async def inspect(path: Path) -> Source:
        """Find the repository. Raises RepositoryError: nothing there, not git, bare, no commit yet."""
        return await in_thread(_inspect, path)

    @staticmethod
    def tracks(source: Source, path: str) -> bool:
        """Whether the repository's index holds anything at or below a path: then it is not the user's, but whoever's."""
        variables = {"GIT_DIR": str(source.git_dir), "GIT_WORK_TREE": str(source.path), "GIT_LITERAL_PATHSPECS": "1"}
        return bool(run(["ls-files", "-z", "--", path], at=source.path, variables=variables))

    async def untracked_tests(self, source: Source) -> tuple[str, ...]:
        """Files named as pytest's tests are that lie in the work tree and are in no commit, so that no Run sees them."""
        return await in_thread(self._untracked_tests, source)

    def _untracked_tests(self, source: Source) -> tuple[str, ...]:
        with scratch(self._state_dir) as place:
            return untracked_tests(source, self._mirror(source), place)

    async def checkout(self, source: Source, base: str | None) -> Checkout:
        """The files of `base` (by default the HEAD of a clean work tree), made once, then shared.

        Raises RepositoryError (uncommitted changes), UnknownCommit, UnsafeRepository, DiskFull.
        """
        return await in_thread(self._checkout, source, base)

    def _checkout(self, source: Source, base: str | None) -> Checkout:
        reader = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": str(source.objects)}
        try:
            self._mirrors.mkdir(parents=True, exist_ok=True, mode=0o711)
            with scratch(self._state_dir) as place, _locked(self._mirrors / f"{source.key}.lock"):
                mirror = self._mirror(source)
                commit = _commit(source, base)
                entries = _entries(mirror, commit, reader)
                _refuse_unsafe(entries)
                links = _links(mirror, entries, reader)
                if base is None:
                    refuse_changes(source, mirror, place)
                _copy_commit(mirror, commit, reader)
                tree = self._checkouts / source.key / commit
                if not tree.exists():
                    _build(mirror, commit, tree, place / "checkout")
        except OSError as error:
            if isinstance(error, WorkspaceError):
                raise
            raise state_error(self._checkouts, error) from error
        return Checkout(commit, tree, mirror, entries, links)

    def _mirror(self, source: Source) -> Path:
        path = self._mirrors / f"{source.key}.git"
        if not (path / "HEAD").exists():
            remove_tree(path)
            run(["init", "-q", "--bare", f"--object-format={source.object_format}", str(path)], at=self._mirrors)
            (path / "info").mkdir(exist_ok=True)
            (path / "info" / "attributes").write_text(SILENT_ATTRIBUTES)
        return path


def _inspect(path: Path) -> Source:
    try:
        is_directory = path.is_dir()
    except OSError as error:  # too long for a name, or not ours to enter
        raise RepositoryError(
            f"{path} cannot be read: {error.strerror}; name a git repository on this machine"
        ) from error
    if not is_directory:
        raise RepositoryError(f"{path} is not a directory; name a git repository on this machine")
    try:
        found = run(["rev-parse", "--is-bare-repository", "--show-object-format", "--absolute-git-dir"], at=path)
    except RepositoryError as error:
        raise RepositoryError(
            f"{path} is not a git repository ({error}); make it one: git init, git add, git commit"
        ) from error
    bare, object_format, git_dir = os.fsdecode(found.removesuffix(b"\n")).split(
        "\n", 2
    )  # a path may hold any line's end
    if bare == "true":
        raise RepositoryError(f"{path} is a bare repository; clone it, and name the clone")
    # git's own --show-toplevel believes the repository's core.worktree, which may name any directory.
    top = next((each for each in (path.resolve(), *path.resolve().parents) if (each / ".git").exists()), None)
    if top is None:
        raise RepositoryError(f"{path} is inside a git directory; name the directory that holds the files")
    inside = {"GIT_DIR": git_dir}
    objects = os.fsdecode(run(["rev-parse", "--git-path", "objects"], at=top, variables=inside).rstrip(b"\n"))
    try:
        head = run(["rev-parse", "--verify", "-q", "HEAD^{commit}"], at=top, variables=inside).decode().strip()
    except RepositoryError as error:
        raise RepositoryError(f"{top} has no commit yet; commit its files first: git add -A, git commit") from error
    return Source(top, Path(git_dir), (top / objects).resolve(), head, object_format)


def _commit(source: Source, base: str | None) -> str:
    if base is None:
        return source.head
    try:
        if base.startswith("-"):
            raise RepositoryError("a commit's name does not begin with a dash")
        return (
            run(
                ["rev-parse", "--verify", "-q", "--end-of-options", f"{base}^{{commit}}"],
                at=source.path,
                variables={"GIT_DIR": str(source.git_dir)},
            )
            .decode()
            .strip()
        )
    except RepositoryError as error:
        raise UnknownCommit(f"{source.path} has no commit {base!r}; `git log` there lists what it has") from error


def _entries(mirror: Path, commit: str, variables: Mapping[str, str]) -> dict[str, Entry]:
    """The tracked files. Directories are listed and counted too: a tree of nothing but empty ones costs git as much."""
    inside = {"GIT_DIR": str(mirror), **variables}
    listing = ["ls-tree", "-r", "-t", "-z", "--full-tree", commit]
    try:
        listed = run(listing, at=mirror, variables=inside, output_limit=_LARGEST_LISTING).split(b"\0")
    except UnsafeRepository as error:
        raise _too_many(commit) from error
    if len(listed) > MOST_FILES:
        raise _too_many(commit)
    found = []
    for line in filter(None, listed):
        facts, _, path = line.partition(b"\t")
        mode, kind, blob = facts.decode().split()
        if kind != "tree":
            found.append((os.fsdecode(path), mode, blob))
    sizes = blob_sizes((blob for _, mode, blob in found if mode != "160000"), at=mirror, variables=inside)
    return {path: Entry(mode, blob, sizes.get(blob, 0)) for path, mode, blob in found}


def _too_many(commit: str) -> UnsafeRepository:
    return UnsafeRepository(
        f"commit {commit[:12]} holds more than {MOST_FILES} files and directories, or paths of more than "
        f"{_LARGEST_LISTING >> 20} MiB; work on a branch that holds fewer, and name it with --base"
    )


def _refuse_unsafe(entries: Mapping[str, Entry]) -> None:
    for path, entry in entries.items():
        if entry.mode == "160000":
            raise UnsafeRepository(
                f"{printable(path)} is a submodule, which is not supported; replace it by its files in a branch of your "
                "own, and name that branch with --base"
            )
        if entry.size > LARGEST_FILE:
            raise UnsafeRepository(
                f"{printable(path)} has {entry.size / 2**30:.1f} GiB, more than the {LARGEST_FILE >> 30} GiB that a tracked file "
                "may have; keep it out of the repository (for example with git-lfs)"
            )
        if entry.mode == "120000" and entry.size > _LONGEST_TARGET:
            raise UnsafeRepository(f"{printable(path)} is a link with a target of {entry.size} bytes; make it a file")
    total = sum(entry.size for entry in entries.values())
    if total > LARGEST_TREE:
        raise UnsafeRepository(
            f"the tracked files have {total / 2**30:.1f} GiB together, more than the {LARGEST_TREE >> 30} GiB that they may "
            "have; keep the large ones out of the repository (for example with git-lfs)"
        )


def _links(mirror: Path, entries: Mapping[str, Entry], variables: Mapping[str, str]) -> dict[str, str]:
    """The targets of all links. Raises UnsafeRepository when one of them leads out of the tree."""
    blobs = {path: entry.blob for path, entry in entries.items() if entry.mode == "120000"}
    inside = {"GIT_DIR": str(mirror), **variables}
    targets = read_blobs(blobs.values(), at=mirror, variables=inside, limit=LARGEST_OUTPUT)
    links = {path: os.fsdecode(targets[blob]) for path, blob in blobs.items()}
    for path, target in links.items():
        pause(0)
        if leaves_tree(path, links):
            raise UnsafeRepository(
                f"{printable(path)} is a link to {printable(target)}, outside of the repository; replace it by a file or a "
                "link within"
            )
    return links


def _copy_commit(target: Path, commit: str, variables: Mapping[str, str]) -> None:
    """Bring one commit with its files, and no history, into the git directory `target`."""
    alone = {"GIT_DIR": str(target)}
    reading = {**alone, **variables}
    marker = target / "shallow"
    known = marker.read_text().split() if marker.exists() else []
    if commit in known:
        return
    objects = run(["rev-list", "--objects", "--no-object-names", "--no-walk", commit], at=target, variables=reading)
    pack = target / "objects" / "pack" / "pack"
    run(["pack-objects", "-q", "--threads=1", str(pack)], at=target, stdin=objects, variables=reading)
    write_whole(marker, "".join(f"{each}\n" for each in [*known, commit]))


def _build(mirror: Path, commit: str, tree: Path, beside: Path) -> None:
    """Make a checkout beside its place, then rename it there: it is whole or it is not there."""
    beside.mkdir(mode=0o755)
    object_format = "sha256" if len(commit) == 64 else "sha1"
    run(["init", "-q", f"--object-format={object_format}", str(beside)], at=beside)
    own = beside / ".git"
    shutil.rmtree(own / "hooks", ignore_errors=True)
    _copy_commit(own, commit, {"GIT_ALTERNATE_OBJECT_DIRECTORIES": str(mirror / "objects")})
    (own / "HEAD").write_text(f"{commit}\n")
    (own / "info").mkdir(exist_ok=True)
    (own / "info" / "attributes").write_text(SILENT_ATTRIBUTES)
    run(["read-tree", commit], at=beside)
    run(["checkout-index", "-a", "-f", "-q"], at=beside)
    when = int(run(["log", "-1", "--format=%ct", commit], at=beside))
    uid = SANDBOX_UID if os.geteuid() == 0 else -1
    for directory, names, files in os.walk(beside):
        pause(0)
        for name in [*files, *names]:
            path = os.path.join(directory, name)
            os.chown(path, uid, uid, follow_symlinks=False)
            os.utime(path, (when, when), follow_symlinks=False)
    os.chown(beside, uid, uid)
    run(["update-index", "-q", "--refresh"], at=beside)
    if uid >= 0:
        os.chown(own / "index", uid, uid)
    tree.parent.mkdir(parents=True, exist_ok=True)
    beside.rename(tree)


def forget_unused(state_dir: Path) -> list[str]:
    """Remove checkouts and mirrors while no other process of this state directory is alive; one line for each."""
    live = Live.open(state_dir)
    try:
        lines = []
        with alone(live) as possible:  # a Run that begins now finds them whole, or not at all
            found = [*(state_dir / "checkouts").glob("*"), *(state_dir / "mirrors").glob("*.git")] if possible else []
            for path in found:
                path.rename(live.root / f"{path.parent.name}-{path.name}")
                lines.append(f"{'checkouts' if path.parent.name == 'checkouts' else 'mirror'} {path}")
        return lines
    finally:
        live.close()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a file lock, against other processes of the same user."""
    handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:  # the kernel's own wait could not be cancelled
                pause(0.05)
        yield
    finally:
        os.close(handle)
