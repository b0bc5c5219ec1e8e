"""What running processes hold outside themselves, written down so that the next start can clear up after a crash.

Every owner has a directory `live/OWNER/` with a `lock` file that it holds locked for as long as it lives (the kernel
lets go of it however the owner ends), notes of mounts and control groups, and the working directories. `live.lock` is the
gate: an owner appears, and others look whether it is dead, one at a time.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from workspaces.errors import DiskFull, WorkspaceError
from workspaces.removal import remove_tree
from workspaces.sandbox.supervisor.bwrap import MARK

_MNT_DETACH = 2
_libc = ctypes.CDLL(None, use_errno=True)


class Live:
    """This process's directory under `live/`."""

    def __init__(self, root: Path, lock: int) -> None:
        self.root = root
        self.state_dir = root.parent.parent
        self.owner = root.name
        self._lock = lock

    @classmethod
    def open(cls, state_dir: Path) -> Self:
        """Make the directory and lock it. Raises WorkspaceError when the state directory cannot be written."""
        root = state_dir / "live" / f"{os.getpid()}-{secrets.token_hex(4)}"
        try:
            root.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
            with _gate(state_dir):
                root.mkdir(mode=0o711)
                lock = os.open(root / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
                fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            raise state_error(root, error) from error
        return cls(root, lock)

    def name(self, kind: str) -> str:
        """A name that no other owner on this machine gives."""
        return f"{self.owner}-{kind}"

    def note(self, identity: str, held: Mapping[str, Any]) -> None:
        """Write down what must be cleared if this process dies: `cgroups` and `mounts`, both lists of paths."""
        path = self.root / f"{identity}.json"
        try:
            write_whole(path, json.dumps(held))
        except OSError as error:
            raise state_error(path, error) from error

    def forget(self, identity: str) -> None:
        """It was cleared in order."""
        with contextlib.suppress(FileNotFoundError):
            (self.root / f"{identity}.json").unlink()

    @contextmanager
    def directory(self, name: str) -> Iterator[Path]:
        """A directory of one's own, removed in the end."""
        path = self.root / f"{name}-{secrets.token_hex(4)}"
        path.mkdir()
        try:
            yield path
        finally:
            remove_tree(path)

    def etc(self, uid: int) -> dict[str, Path]:
        """Files that stand for a sandbox's /etc/passwd, group and hosts."""
        contents = {
            "passwd": f"root:x:0:0:root:/:/bin/sh\nsandbox:x:{uid}:{uid}:sandbox:/tmp/home:/bin/sh\n",
            "group": f"root:x:0:\nsandbox:x:{uid}:\n",
            "hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
        }
        for name, text in contents.items():
            path = self.root / name
            try:
                if not path.exists():
                    path.write_text(text)
            except OSError as error:
                raise state_error(path, error) from error
        return {name: self.root / name for name in contents}

    def close(self) -> None:
        """Remove the directory, and what its notes still name. What resists waits for `reap_dead`."""
        _clear(self.root, died=False)
        os.close(self._lock)


@contextmanager
def scratch(state_dir: Path) -> Iterator[Path]:
    """A directory that lasts as long as the block, or until somebody clears up after a crash."""
    live = Live.open(state_dir)
    try:
        yield live.root
    finally:
        live.close()


def reap_dead(state_dir: Path) -> list[str]:
    """Clear what owners that are no longer alive left behind; one line for each thing removed, or that resists."""
    lines: list[str] = []
    for root in sorted((state_dir / "live").glob("*")):
        with _abandoned(root) as abandoned:
            if abandoned:
                lines += _clear(root, died=True)
    return lines


def _clear(root: Path, *, died: bool) -> list[str]:
    lines: list[str] = []
    stuck: list[str] = []
    notes = sorted(root.glob("*.json"))
    if died or notes:  # who ends in order has no process without a note
        lines += [f"process {pid}" for pid in _end_processes(root)]
    for note in notes:
        groups, mounts = _held(note)
        for group in groups:
            (lines if _end_group(group) else stuck).append(f"control group {group}")
        for mount in reversed(mounts):
            try:
                if unmount(mount):
                    lines.append(f"mount {mount}")
            except WorkspaceError as error:
                stuck.append(f"mount {mount} ({error})")
    what = f"working directory of a process that died: {root}"
    try:
        if stuck:  # the notes of it are still needed
            raise OSError(errno.EBUSY, "something that it names is still in use")
        remove_tree(root)
        lines.append(what)
    except OSError as error:
        stuck.append(f"{what} ({error.strerror})")
    return lines + [f"not yet, it resists: {each}" for each in stuck]


def _held(note: Path) -> tuple[list[Path], list[Path]]:
    """The control groups and mounts that a note names; none where somebody damaged it."""
    try:
        held = json.loads(note.read_text())
        return [Path(each) for each in held.get("cgroups", [])], [Path(each) for each in held.get("mounts", [])]
    except (OSError, ValueError, AttributeError, TypeError):
        return [], []


def is_alive(state_dir: Path, owner: str) -> bool:
    """Whether the process that holds `live/OWNER` still runs."""
    root = state_dir / "live" / owner
    if not root.is_dir():
        return False
    with _abandoned(root) as abandoned:
        return not abandoned


@contextmanager
def alone(live: Live) -> Iterator[bool]:
    """Whether nobody but the given owner uses the state directory, and nobody begins to during the block: keep it short."""
    with _gate(live.state_dir):
        yield all(root == live.root for root in live.root.parent.glob("*"))


@contextmanager
def _gate(state_dir: Path) -> Iterator[None]:
    gate = os.open(state_dir / "live.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(gate, fcntl.LOCK_EX)
        yield
    finally:
        os.close(gate)


@contextmanager
def _abandoned(root: Path) -> Iterator[bool]:
    """Whether nobody holds the lock; held here meanwhile, so that two cannot clear at once."""
    with contextlib.ExitStack() as stack:
        with _gate(root.parent.parent):
            abandoned = _take_over(root, stack)
        yield abandoned


def _take_over(root: Path, stack: contextlib.ExitStack) -> bool:
    try:
        lock = os.open(root / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:  # half cleared, by one who is still at it or who died over it
        try:
            return time.time() - root.stat().st_mtime > 60
        except FileNotFoundError:
            return False
    stack.callback(os.close, lock)
    # A child that the owner had forked when it died holds the lock until it becomes another program, a moment later.
    deadline = time.monotonic() + (0.0 if _runs(root) else 0.5)
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return root.exists()
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.002)


def _runs(root: Path) -> bool:
    """Whether the owner's process is there, as far as its number tells."""
    return Path("/proc", root.name.partition("-")[0]).exists()


def _end_processes(root: Path) -> list[int]:
    """Kill an owner's supervisor and all it began, whoever their parent is now. Looks until there were none twice: one that was
    about to die may have begun another behind the first look, which nobody would end."""
    ended = set[int]()
    none, deadline = 0, time.monotonic() + 2.0
    while none < 2 and time.monotonic() < deadline:
        found = _belonging_to(root)
        for pid in found:
            with contextlib.suppress(OSError):  # it has ended, or is somebody else's
                os.kill(pid, 9)
                ended.add(pid)
        none = 0 if found else none + 1
        time.sleep(0.002)
    return sorted(ended)


def _belonging_to(root: Path) -> list[int]:
    """The owner's supervisor, told by its command line as are the processes that it has only just forked, and what carries the
    MARK of one of the owner's sandboxes."""
    mark, place, found = os.fsencode(f"\0{MARK}={root.name}-"), os.fsencode(root), []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
            supervises = words[-1] == place and any(b"supervisor.main" in word for word in words)
            if supervises or mark in b"\0" + (process / "environ").read_bytes():
                found.append(int(process.name))
    return found


def _end_group(group: Path) -> bool:
    """Kill what is in a control group, and remove it; False when it is still there."""
    deadline = time.monotonic() + 2.0
    while group.exists() and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            for pid in (group / "cgroup.procs").read_text().split():
                os.kill(int(pid), 9)
        with contextlib.suppress(OSError):
            group.rmdir()
        time.sleep(0.002)
    return not group.exists()


def unmount(path: Path) -> bool:
    """Unmount at once, even while something still looks at it; False when nothing is mounted there."""
    if _libc.umount2(os.fsencode(path), _MNT_DETACH) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOENT, errno.EPERM):
        return False
    raise WorkspaceError(f"{path} cannot be unmounted: {os.strerror(number)}")


def write_whole(path: Path, text: str) -> None:
    """Replace or create a file: whoever reads it finds all of the text or what was there before."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text)
    beside.rename(path)


def state_error(path: Path, error: OSError) -> WorkspaceError:
    """The room's own error for a failure to write under the state directory."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"no space left for {path}: make room there, or set RUNOFF_STATE_DIR to a larger disk")
    return WorkspaceError(f"{path} cannot be used: {error.strerror or error}")
