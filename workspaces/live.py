"""What running processes hold outside themselves, written down so that the next start can clear up after a crash.

Every owner has a directory `live/OWNER/` with a `lock` file that it holds locked for as long as it lives (the kernel
lets go of it however the owner ends), notes of mounts, control groups and containers, and the working directories.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from workspaces.errors import DiskFull, WorkspaceError

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
            root.mkdir(parents=True, mode=0o711)
            lock = os.open(root / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            raise state_error(root, error) from error
        return cls(root, lock)

    def name(self, kind: str) -> str:
        """A name that no other owner on this machine gives."""
        return f"{self.owner}-{kind}"

    def note(self, identity: str, held: Mapping[str, Any]) -> None:
        """Write down what must be cleared if this process dies: `cgroups`, `mounts` (both lists of paths)."""
        (self.root / f"{identity}.json").write_text(json.dumps(held))

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
            if not path.exists():
                path.write_text(text)
        return {name: self.root / name for name in contents}

    def close(self) -> None:
        """Remove the directory; what it notes must have been cleared."""
        remove_tree(self.root)
        os.close(self._lock)


def reap_dead(state_dir: Path) -> list[str]:
    """Clear what owners that are no longer alive left behind; one line for each thing removed."""
    removed: list[str] = []
    for root in sorted((state_dir / "live").glob("*")):
        with _abandoned(root) as abandoned:
            if not abandoned:
                continue
            for note in sorted(root.glob("*.json")):
                held = json.loads(note.read_text() or "{}")
                for group in held.get("cgroups", []):
                    _end_group(Path(group))
                    removed.append(f"control group {group}")
                mounts = [mount for mount in reversed(held.get("mounts", [])) if unmount(Path(mount))]
                removed += [f"mount {mount}" for mount in mounts]
            remove_tree(root)
            removed.append(f"working directory of a process that died: {root}")
    return removed


def is_alive(state_dir: Path, owner: str) -> bool:
    """Whether the process that holds `live/OWNER` still runs."""
    root = state_dir / "live" / owner
    if not root.is_dir():
        return False
    with _abandoned(root) as abandoned:
        return not abandoned


@contextmanager
def _abandoned(root: Path) -> Iterator[bool]:
    """Whether nobody holds the lock; held here meanwhile, so that two cannot clear at once."""
    try:
        lock = os.open(root / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:  # being made, or half cleared
        yield root.is_dir() and time.time() - root.stat().st_mtime > 60
        return
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield root.exists()
    finally:
        os.close(lock)


def _end_group(group: Path) -> None:
    deadline = time.monotonic() + 2.0
    while group.exists() and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            for pid in (group / "cgroup.procs").read_text().split():
                os.kill(int(pid), 9)
        with contextlib.suppress(OSError):
            group.rmdir()
        time.sleep(0.002)


def unmount(path: Path) -> bool:
    """Unmount at once, even while something still looks at it; False when nothing is mounted there."""
    if _libc.umount2(os.fsencode(path), _MNT_DETACH) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOENT, errno.EPERM):
        return False
    raise WorkspaceError(f"{path} cannot be unmounted: {os.strerror(number)}")


def remove_tree(path: Path) -> None:
    """Remove a directory whatever modes somebody gave to what is in it; links are removed, never followed."""

    def unlock(function: Any, name: str, error: BaseException) -> None:
        if isinstance(error, FileNotFoundError):
            return
        os.chmod(Path(name).parent, 0o700, follow_symlinks=True)
        if not Path(name).is_symlink():
            os.chmod(name, 0o700)
        function(name) if function is not os.open else shutil.rmtree(name)

    shutil.rmtree(path, onerror=lambda function, name, info: unlock(function, name, info[1]))


def state_error(path: Path, error: OSError) -> WorkspaceError:
    """The room's own error for a failure to write under the state directory."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"no space left for {path}: make room there, or set RUNOFF_STATE_DIR to a larger disk")
    return WorkspaceError(f"{path} cannot be used: {error.strerror or error}")
