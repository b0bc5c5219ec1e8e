"""Sandboxes made of bare namespaces by bubblewrap (bwrap): light enough to start a hundred in a second.

An idle sandbox is bwrap's own init and a `sleep`. Commands come from outside: one supervisor for all sandboxes of this
process forks them, and they enter the namespaces, the control groups and an unprivileged user on their way.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from workspaces.errors import ProtocolError, SandboxDied, SandboxUnavailable
from workspaces.live import Live
from workspaces.sandbox.cgroups import Group, hierarchies
from workspaces.sandbox.contract import WORKSPACE, Availability, SandboxSpec
from workspaces.sandbox.disk import how_limited
from workspaces.sandbox.link import Execution, Link, ProcessChannel
from workspaces.sandbox.running import (
    ENV,
    SANDBOX_UID,
    SUPERVISOR,
    SupervisedSandbox,
    close_all,
    rlimits,
    supervisor_command,
)

_INSTALL = "install it: apt-get install bubblewrap (or your system's equivalent)"
_ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "nsswitch.conf", "ssl/certs")


class Bubblewrap:
    """The provider. One supervisor process, started with the first sandbox; when it has died, another with the next."""

    name = "bubblewrap"

    def __init__(self, live: Live) -> None:
        self._live = live
        self._link: Link | None = None
        self._numbers = itertools.count(1)  # of all links: names of sandboxes come from them
        self._starting: dict[int, asyncio.Future[int]] = {}
        self._sandboxes: dict[int, BubblewrapSandbox] = {}
        self._lock = asyncio.Lock()

    async def available(self) -> Availability:
        version = await asyncio.to_thread(_version)
        if version is None:
            return Availability(False, "bwrap is not installed", _INSTALL)
        try:
            with self._live.directory("probe") as workspace:
                sandbox = await self.start(SandboxSpec(workspace))
                try:
                    result = await sandbox.exec(["true"], timeout_s=10)
                finally:
                    await sandbox.close()
        except (SandboxUnavailable, SandboxDied) as error:
            return Availability(False, f"bubblewrap {version}: {error}", _namespaces_remedy())
        if not result.ok:
            detail = result.stderr.decode("utf-8", "replace").strip()
            return Availability(False, f"bubblewrap {version} runs nothing: {detail}", _namespaces_remedy())
        how = "as root" if os.geteuid() == 0 else "without root"
        limits = ", ".join(sorted(hierarchies())) or "none, so limits hold for each process alone"
        return Availability(True, f"bubblewrap {version}, {how}; control groups: {limits}; {how_limited()}")

    async def start(self, spec: SandboxSpec) -> BubblewrapSandbox:
        if shutil.which("bwrap") is None:
            raise SandboxUnavailable(f"bubblewrap is not installed; {_INSTALL}")
        try:
            return await self._start_under(await self._supervisor(), spec)
        except SandboxDied:  # the supervisor had ended, or did meanwhile: there may be another
            return await self._start_under(await self._supervisor(), spec)

    async def _start_under(self, link: Link, spec: SandboxSpec) -> BubblewrapSandbox:
        number = link.number()
        identity = self._live.name(f"sandbox-{number}")
        group = Group(identity)
        started = self._starting[number] = asyncio.get_running_loop().create_future()
        sandbox = BubblewrapSandbox(identity, number, link, spec, group, self)
        self._sandboxes[number] = sandbox
        try:
            self._live.note(identity, {"cgroups": [str(directory) for directory in group.directories]})
            group.make(spec.limits)
            arguments = _arguments(spec, self._live)
            request = {"name": identity, "arguments": arguments, "workspace": str(spec.workspace)}
            sandbox.asked_for = True
            await link.send("S", number, json.dumps(request).encode())
            sandbox.pid = await link.expect(started)
        except BaseException:
            await sandbox.close()
            raise
        sandbox.watch()
        return sandbox

    async def reap(self) -> list[str]:
        return []  # what a dead owner left is on the notes of its Live directory, which `reap_dead` follows

    async def close(self) -> None:
        try:
            await close_all(self._sandboxes.values())
        finally:
            if self._link is not None:
                await self._link.close()
                self._link = None

    async def _supervisor(self) -> Link:
        async with self._lock:
            if self._link is None or self._link.ended:
                argv = [*supervisor_command(sys.executable, str(SUPERVISOR.parent)), str(self._live.root)]
                if self._link is not None:
                    await self._link.close()
                self._link = await Link.open(await ProcessChannel.start(argv), self._hear, self._numbers)
            return self._link

    def _hear(self, kind: str, number: int, payload: bytes) -> None:
        """A sandbox has started or ended. The payload of an end is what bwrap wrote to standard error."""
        waiting = self._starting.pop(number, None)
        if kind == "s":
            if waiting is not None and not waiting.done():
                waiting.set_result(int(json.loads(payload)["child-pid"]))
            return
        said = payload.decode("utf-8", "replace").strip() or "it was killed"
        if waiting is not None and not waiting.done():
            waiting.set_exception(SandboxUnavailable(f"bubblewrap could not start a sandbox: {said}"))
        if number in self._sandboxes:
            self._sandboxes[number].died(said)

    def forget(self, number: int, identity: str, *, ended: bool) -> None:
        """A sandbox was closed. ended: for certain; else its note stays, and with it what ends it at last."""
        self._sandboxes.pop(number, None)
        self._starting.pop(number, None)
        if ended:
            self._live.forget(identity)


class BubblewrapSandbox(SupervisedSandbox):
    """One sandbox: namespaces held open by bwrap's init."""

    provider = "bubblewrap"

    def __init__(
        self, identity: str, number: int, link: Link, spec: SandboxSpec, group: Group, owner: Bubblewrap
    ) -> None:
        super().__init__(identity, spec)
        self.pid = 0
        self.asked_for = False  # the supervisor was told to start it
        self._number = number
        self._link = link
        self._group = group
        self._owner = owner
        self._gone = asyncio.Event()

    async def _close(self) -> None:
        try:
            await self._unwatch()
            await self._end()
        finally:
            await asyncio.to_thread(self._group.remove)
        self._owner.forget(self._number, self.id, ended=self._gone.is_set() or not self.asked_for)

    async def _end(self) -> None:
        if self.asked_for and not self._gone.is_set():
            # Either the supervisor took it along, or it is stuck in the kernel: its note stays, and is followed later.
            with contextlib.suppress(SandboxDied, ProtocolError, TimeoutError):
                await self._link.send("Z", self._number)
                await asyncio.wait_for(self._gone.wait(), 10)

    def died(self, why: str) -> None:
        """bwrap has ended, whoever wanted it."""
        self._why = self._why or why
        self._gone.set()

    async def _has_ended(self) -> bool:
        with contextlib.suppress(TimeoutError):  # the word of its end may come after that of its commands
            await asyncio.wait_for(self._gone.wait(), 0.5)
        return self._gone.is_set()

    async def _start(self, request: dict[str, Any], *, stream: bool = False) -> Execution:
        if self._gone.is_set():
            raise SandboxDied(f"sandbox {self.id} has ended: {self._why}")
        names = ["mnt", "pid", "net", "ipc", "uts"]
        as_root = os.geteuid() == 0
        place = {
            "pid": self.pid,
            "cgroups": self._group.joins,
            "namespaces": names,
            "owned": not as_root,
        }
        user = SANDBOX_UID if as_root else os.geteuid()
        limits = rlimits(self._spec.limits, limited_by_group=bool(self._group.directories))
        return await self._link.start({**request, "enter": place, "user": user, "rlimits": limits}, stream=stream)


def _arguments(spec: SandboxSpec, live: Live) -> list[str]:
    """bwrap's arguments: deny everything, then allow the system's programs, the mounts asked for, the workspace."""
    argv = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    argv += ["--die-with-parent", "--new-session", "--hostname", "sandbox", "--clearenv"]
    argv += ["--cap-drop", "ALL"] if os.geteuid() == 0 else ["--unshare-user"]
    argv += ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/", name)
        if path.is_symlink():
            argv += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            argv += ["--ro-bind", str(path), str(path)]
    argv += ["--perms", "0755", "--dir", "/etc"]
    for name in _ETC:
        argv += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for name, path in live.etc(SANDBOX_UID if os.geteuid() == 0 else os.geteuid()).items():
        argv += ["--ro-bind", str(path), f"/etc/{name}"]
    argv += ["--proc", "/proc", "--dev", "/dev"]
    size = ["--size", str(spec.limits.tmp_bytes)] if _can_size() else []
    argv += ["--perms", "1777", *size, "--tmpfs", "/dev/shm", "--perms", "1777", *size, "--tmpfs", "/tmp"]  # noqa: S108
    argv += ["--perms", "0777", "--dir", ENV["HOME"]]
    for parent in sorted({parent for path in spec.readonly for parent in path.parents if parent != Path("/")}):
        argv += ["--perms", "0755", "--dir", str(parent)]  # else bwrap makes it for its own user alone
    for path in spec.readonly:
        argv += ["--ro-bind", str(path), str(path)]
    argv += ["--bind", str(spec.workspace), WORKSPACE, "--remount-ro", "/", "--chdir", "/"]
    return argv


def _version() -> str | None:
    program = shutil.which("bwrap")
    if program is None:
        return None
    return re.sub(r"[^0-9.]", "", _output([program, "--version"]))


@functools.cache
def _can_size() -> bool:
    return "--size" in _output(["bwrap", "--help"])


def _output(argv: list[str]) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout


def _namespaces_remedy() -> str:
    """Why the kernel may refuse, by what the two usual switches say."""
    for path, wanted in (
        ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "0"),
        ("/proc/sys/kernel/unprivileged_userns_clone", "1"),
    ):
        with contextlib.suppress(OSError):
            if Path(path).read_text().strip() != wanted:
                name = path.removeprefix("/proc/sys/").replace("/", ".")
                return f"allow user namespaces: sudo sysctl -w {name}={wanted}; or use docker"
    return "run as root, or allow unprivileged user namespaces; or use docker"
