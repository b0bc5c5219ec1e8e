"""One private copy-on-write checkout for each trajectory.

Where this process may mount (root, outside of most containers): an overlay file system over the shared checkout, whose upper
layer is a tmpfs of limited size, so that a workspace costs two mounts and the disk limit is the file system's own. Elsewhere: a
copy (by reference where the file system can), whose growth its sandbox watches (`sandbox/disk.py`).
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import Self

from workspaces.diff import Patch, take_diff, write_patched
from workspaces.errors import WorkspaceError
from workspaces.live import Live, state_error, unmount
from workspaces.programs import in_thread, run_program
from workspaces.removal import remove_tree
from workspaces.repositories import Checkout
from workspaces.sandbox.running import SANDBOX_UID

_NOSUID, _NODEV = 2, 4
_libc = ctypes.CDLL(None, use_errno=True)


class Workspace:
    """A private checkout. `path` is what a sandbox sees as /workspace; the host reads it only through `diff`."""

    def __init__(self, checkout: Checkout, root: Path, live: Live) -> None:
        self.checkout = checkout
        self.path = root / "tree"
        self._root = root
        self._live = live
        self._overlay = False

    async def diff(self) -> Patch:
        """What changed since the base commit, in git's format, whatever was done to the workspace's own `.git`."""
        layer = self._root / "layer" / "upper" if self._overlay else None
        return await in_thread(take_diff, self.checkout, self.path, layer)

    def _fill(self, disk_bytes: int) -> None:
        """Put the checkout's files there: an overlay, where this process may mount one, else a copy."""
        if os.geteuid() == 0:
            self._live.note(self._root.name, {"mounts": [str(self._root / "layer"), str(self.path)]})
            try:
                self._overlay = True
                _mount_overlay(self._root, self.checkout.tree, disk_bytes)
                return
            except PermissionError:  # a container's root, most often
                self._unmount()
                self.path.rmdir()
        _copy(self.checkout.tree, self.path)

    def _unmount(self) -> None:
        if self._overlay:
            unmount(self.path)
            unmount(self._root / "layer")
            self._overlay = False

    async def close(self) -> None:
        """Unmount and remove it. May be called twice. Its sandboxes must be closed before."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._unmount()
        try:
            remove_tree(self._root)
        except OSError:
            return  # the Live directory keeps it, with its note, and the next start tries again
        self._live.forget(self._root.name)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class Workspaces:
    """Makes workspaces under this process's Live directory."""

    def __init__(self, live: Live, *, disk_bytes: int = 1 << 30) -> None:
        self._live = live
        self._disk_bytes = disk_bytes

    async def create(self, checkout: Checkout, patch: bytes = b"") -> Workspace:
        """A workspace of the checkout, with a patch applied. Raises PatchError, DiskFull, WorkspaceError."""
        return await in_thread(self._create, checkout, patch, undo=Workspace._close)

    def _create(self, checkout: Checkout, patch: bytes) -> Workspace:
        root = self._live.root / f"workspace-{secrets.token_hex(6)}"
        workspace = Workspace(checkout, root, self._live)
        try:
            root.mkdir(mode=0o755)
            workspace._fill(self._disk_bytes)
            if patch:
                write_patched(checkout, patch, workspace.path, SANDBOX_UID if os.geteuid() == 0 else -1)
        except BaseException as error:
            workspace._close()
            if isinstance(error, OSError) and not isinstance(error, WorkspaceError):
                raise state_error(root, error) from error
            raise
        return workspace


def _mount_overlay(root: Path, lower: Path, disk_bytes: int) -> None:
    layer, tree = root / "layer", root / "tree"
    layer.mkdir()
    tree.mkdir()
    _mount("tmpfs", layer, "tmpfs", f"size={disk_bytes},nr_inodes={max(disk_bytes >> 12, 1024)},mode=0711")
    for name in ("upper", "work"):
        (layer / name).mkdir(mode=0o755)
    os.chown(layer / "upper", SANDBOX_UID, SANDBOX_UID)
    _mount("overlay", tree, "overlay", f"lowerdir={_escaped(lower)},upperdir={layer}/upper,workdir={layer}/work")


def _escaped(path: Path) -> str:
    """overlayfs separates layers by colons and options by commas."""
    return str(path).replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")


def _mount(what: str, where: Path, kind: str, options: str) -> None:
    flags = _NOSUID | _NODEV
    if _libc.mount(what.encode(), os.fsencode(where), kind.encode(), flags, os.fsencode(options)) != 0:
        number = ctypes.get_errno()
        if number == errno.EPERM:
            raise PermissionError(number, os.strerror(number), str(where))
        raise WorkspaceError(f"a {kind} file system cannot be mounted on {where}: {os.strerror(number)}")


def _copy(source: Path, target: Path) -> None:
    ended = run_program(
        ["cp", "-a", "--reflink=auto", "--", str(source), str(target)],
        at=Path("/"),
        env=dict(os.environ),
        stdin=b"",
        output_limit=1 << 20,
    )
    if ended.code != 0:
        said = ended.stderr.decode("utf-8", "replace").strip().splitlines()
        space = any("No space left" in line for line in said)
        raise state_error(target, OSError(28 if space else 5, said[-1] if said else "cp failed"))
