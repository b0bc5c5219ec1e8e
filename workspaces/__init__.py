"""Repositories, checkouts, workspaces, patches and sandboxes: everything untrusted stays in this room.

live = Live.open(state_dir)                            what this process holds, cleared after a crash
checkout = await repositories.checkout(source, base)   the files of one commit, shared
workspace = await workspaces.create(checkout)          a private copy on write
sandbox = await provider.start(SandboxSpec(workspace.path))
patch = await workspace.diff()
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from workspaces import apply
from workspaces.diff import Patch, patched_files
from workspaces.errors import (
    DiskFull,
    PatchError,
    RepositoryError,
    SandboxDied,
    SandboxFileError,
    SandboxUnavailable,
    WorkspaceError,
)
from workspaces.interpreters import Interpreter, find_interpreter
from workspaces.live import Live, reap_dead
from workspaces.programs import in_thread
from workspaces.repositories import Checkout, Repositories, forget_unused
from workspaces.sandbox.contract import (
    WORKSPACE,
    Availability,
    ExecResult,
    Limits,
    Sandbox,
    SandboxProvider,
    SandboxSpec,
)
from workspaces.sandbox.providers import choose_provider, diagnose, preferred, reap_containers
from workspaces.workspace import Workspace, Workspaces
from workspaces.worktree import Source

__all__ = [
    "WORKSPACE",
    "Availability",
    "Checkout",
    "DiskFull",
    "ExecResult",
    "Interpreter",
    "Limits",
    "Live",
    "Patch",
    "PatchError",
    "Repositories",
    "RepositoryError",
    "Sandbox",
    "SandboxDied",
    "SandboxFileError",
    "SandboxProvider",
    "SandboxSpec",
    "SandboxUnavailable",
    "Source",
    "Workspace",
    "WorkspaceError",
    "Workspaces",
    "apply_to_checkout",
    "choose_provider",
    "cleanup",
    "diagnose",
    "find_interpreter",
    "patched_files",
    "preferred",
    "reap",
]


async def apply_to_checkout(repo: Path, patch: bytes, state_dir: Path) -> None:
    """Apply a patch to the user's own files, all of it or nothing. Raises PatchError."""
    source = await Repositories.inspect(repo)
    await in_thread(apply.apply_to_checkout, source.path, patch, state_dir)


async def reap(state_dir: Path) -> list[str]:
    """Remove what processes that died left behind: one line for each thing. What others still use stays."""
    removed = await asyncio.to_thread(reap_dead, state_dir)
    return removed + await reap_containers(state_dir)


async def cleanup(state_dir: Path) -> list[str]:
    """`reap`, and the checkouts and mirrors that no running process uses (they are made anew when needed)."""
    removed = await reap(state_dir)
    return removed + await asyncio.to_thread(forget_unused, state_dir)
