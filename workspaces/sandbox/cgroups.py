"""Control groups: the kernel's limits for all processes of one sandbox together, on both versions of the interface.

Source: the kernel's documentation, admin-guide/cgroup-v1 and admin-guide/cgroup-v2.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workspaces.sandbox.contract import Limits

_ROOT = Path("/sys/fs/cgroup")
_PARENT = "runoff"
_CONTROLLERS = ("memory", "pids", "cpu")
_PERIOD_US = 100_000


@cache
def hierarchies() -> dict[str, Path]:
    """Controller -> directory under which groups can be made here; empty when this user may make none."""
    if (_ROOT / "cgroup.controllers").exists():  # version 2: one tree for all controllers
        parent = _ROOT / _PARENT
        try:
            wanted = set(_CONTROLLERS) & set((_ROOT / "cgroup.controllers").read_text().split())
            _enable(_ROOT, wanted)
            parent.mkdir(exist_ok=True)
            _enable(parent, wanted)
        except OSError:
            return {}
        return dict.fromkeys(sorted(wanted), parent) if os.access(parent, os.W_OK) else {}
    found = {}
    for controller in _CONTROLLERS:
        parent = _ROOT / controller / _PARENT
        with contextlib.suppress(OSError):
            parent.mkdir(exist_ok=True)
            if os.access(parent, os.W_OK):  # it may be there, made by another user
                found[controller] = parent
    return found


def _enable(directory: Path, controllers: set[str]) -> None:
    missing = controllers - set((directory / "cgroup.subtree_control").read_text().split())
    if missing:
        (directory / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in sorted(missing)))


@dataclass(frozen=True, slots=True)
class Group:
    """The control groups of one sandbox, once `make` has made them."""

    name: str

    @property
    def directories(self) -> tuple[Path, ...]:
        """One directory in version 2, one for each controller in version 1; none without permission to make any."""
        return tuple(dict.fromkeys(parent / self.name for parent in hierarchies().values()))

    def make(self, limits: Limits) -> None:
        """Make the groups and set their limits."""
        for directory in self.directories:
            directory.mkdir()
        for controller, parent in hierarchies().items():
            for file, value in _settings(controller, limits):
                with contextlib.suppress(FileNotFoundError):  # swap accounting is not in every kernel
                    (parent / self.name / file).write_text(value)

    @property
    def joins(self) -> list[str]:
        """The files into which a process writes 0 to join."""
        return [str(directory / "cgroup.procs") for directory in self.directories]

    def remove(self) -> None:
        """Remove the groups; their processes must have been killed, and may need a moment to be gone."""
        for directory in self.directories:
            deadline = time.monotonic() + 2.0
            while True:
                try:
                    directory.rmdir()
                except FileNotFoundError:
                    pass
                except OSError as error:
                    if error.errno != errno.EBUSY or time.monotonic() > deadline:
                        raise
                    time.sleep(0.002)
                    continue
                break


def _settings(controller: str, limits: Limits) -> list[tuple[str, str]]:
    memory, quota = str(limits.memory_bytes), str(int(limits.cpus * _PERIOD_US))
    if (_ROOT / "cgroup.controllers").exists():
        return {
            "memory": [("memory.max", memory), ("memory.swap.max", "0"), ("memory.oom.group", "0")],
            "pids": [("pids.max", str(limits.processes))],
            "cpu": [("cpu.max", f"{quota} {_PERIOD_US}")],
        }[controller]
    return {
        "memory": [("memory.limit_in_bytes", memory), ("memory.memsw.limit_in_bytes", memory)],
        "pids": [("pids.max", str(limits.processes))],
        "cpu": [("cpu.cfs_period_us", str(_PERIOD_US)), ("cpu.cfs_quota_us", quota)],
    }[controller]
