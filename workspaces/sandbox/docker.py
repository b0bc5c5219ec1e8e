"""Sandboxes that are docker containers, for repositories whose tests need an image of their own.

Process 1 of a container is the supervisor, spoken to over one attached stream for as long as it lives: a command costs a
fork, not a `docker exec`. When the owner dies the stream ends, so the supervisor leaves, and the engine removes the container.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import docker
import docker.errors
import docker.models.containers
import docker.types
import requests

from workspaces.errors import ProtocolError, SandboxDied, SandboxUnavailable, WorkspaceError
from workspaces.live import Live, is_alive
from workspaces.programs import in_thread
from workspaces.sandbox.contract import WORKSPACE, Availability, SandboxSpec
from workspaces.sandbox.disk import how_limited
from workspaces.sandbox.link import Execution, Link
from workspaces.sandbox.running import (
    ENV,
    SANDBOX_UID,
    SUPERVISOR,
    SupervisedSandbox,
    close_all,
    rlimits,
    supervisor_command,
)

_PLACE = "/runoff"  # where a container sees the supervisor
_STATE, _OWNER, _RUN = "runoff.state", "runoff.owner", "runoff.run"
_STREAM = struct.Struct(">BxxxI")  # docker's own frames on an attached stream: 1 output, 2 errors; length
_FAILURES = (docker.errors.DockerException, requests.exceptions.RequestException)
_START_S = 60.0


class Docker:
    """The provider. `image` is used for every spec that names none."""

    name = "docker"

    def __init__(self, live: Live, image: str | None = None) -> None:
        self._live = live
        self._image = image
        self._engine: docker.DockerClient | None = None
        self._sandboxes: dict[str, DockerSandbox] = {}
        self._started = 0
        self._copying = threading.Lock()

    async def available(self) -> Availability:
        try:
            version = await asyncio.to_thread(lambda: self._client().version()["Version"])
        except _FAILURES as error:
            return Availability(False, f"the docker engine does not answer ({_said(error)})", _remedy())
        if self._image is None:
            remedy = "name one that holds Python, pytest and what the tests need: --image NAME"
            return Availability(False, f"docker {version} is there, but no image is named", remedy)
        try:
            with self._live.directory("probe") as workspace:
                sandbox = await self.start(SandboxSpec(workspace))
                try:
                    result = await sandbox.exec(["true"], timeout_s=30)
                finally:
                    await sandbox.close()
        except (SandboxUnavailable, SandboxDied) as error:
            return Availability(False, f"docker {version}: {error}", "use an image that holds python3, or bubblewrap")
        if not result.ok:
            said = result.stderr.decode("utf-8", "replace").strip()
            return Availability(False, f"docker {version} runs nothing: {said}", "look at the engine's log")
        return Availability(True, f"docker {version}, image {self._image}; {how_limited()}")

    async def start(self, spec: SandboxSpec) -> DockerSandbox:
        image = spec.image or self._image
        if image is None:
            raise SandboxUnavailable("docker needs an image; name one with --image")
        self._started += 1
        identity = self._live.name(f"sandbox-{self._started}")
        try:
            container = await in_thread(self._create, identity, image, spec, undo=_remove_now)
        except docker.errors.ImageNotFound as error:
            raise SandboxUnavailable(f"docker has no image {image}; get it: docker pull {image}") from error
        except _FAILURES as error:
            raise SandboxUnavailable(f"docker cannot make a container of {image}: {_said(error)}") from error
        try:
            link = await _begin(container, image)
        except BaseException:
            with contextlib.suppress(WorkspaceError):  # what stays is reaped by the next start
                await _remove(container)
            raise
        sandbox = self._sandboxes[identity] = DockerSandbox(identity, spec, link, container, self)
        sandbox.watch()
        return sandbox

    async def reap(self) -> list[str]:
        return await reap(self._live.state_dir)

    async def close(self) -> None:
        try:
            await close_all(self._sandboxes.values())
        finally:
            if self._engine is not None:
                await asyncio.to_thread(self._engine.close)

    def forget(self, identity: str) -> None:
        """A sandbox was closed."""
        self._sandboxes.pop(identity, None)

    def _client(self) -> docker.DockerClient:
        if self._engine is None:
            self._engine = docker.from_env(timeout=60)
        return self._engine

    def _create(self, identity: str, image: str, spec: SandboxSpec) -> docker.models.containers.Container:
        limits = spec.limits
        return self._client().containers.create(
            image,
            entrypoint=supervisor_command("python3", _PLACE),
            name=identity,
            labels={
                _STATE: _state_key(self._live.state_dir),
                _OWNER: self._live.owner,
                _RUN: spec.label,
            },
            environment=ENV,
            hostname="sandbox",
            working_dir="/",
            stdin_open=True,
            detach=False,
            auto_remove=True,
            # The supervisor needs to become the commands' user, and to end what that user runs; commands get nothing.
            user="0:0",
            cap_drop=["ALL"],
            cap_add=["SETUID", "SETGID", "SETPCAP", "KILL"],
            security_opt=["no-new-privileges"],
            network_mode="none",
            ipc_mode="private",
            read_only=True,
            tmpfs={
                "/tmp": f"rw,exec,nosuid,nodev,mode=1777,size={limits.tmp_bytes}",  # noqa: S108  (the container's own)
                ENV["HOME"]: f"rw,exec,nosuid,nodev,mode=0777,size={limits.tmp_bytes}",
            },
            mounts=[
                docker.types.Mount(WORKSPACE, str(spec.workspace), type="bind"),
                docker.types.Mount(f"{_PLACE}/supervisor", str(self._supervisor()), type="bind", read_only=True),
            ],
            mem_limit=limits.memory_bytes,
            memswap_limit=limits.memory_bytes,
            pids_limit=limits.processes,
            nano_cpus=int(min(limits.cpus, os.cpu_count() or 1) * 1e9),
            shm_size=limits.tmp_bytes,
            log_config=docker.types.LogConfig(type="none"),
        )

    def _supervisor(self) -> Path:
        """A copy that any user can read, whatever the modes of the installation."""
        place = self._live.root / "supervisor"
        with self._copying:  # containers are made in several threads at once
            if not place.exists():
                shutil.copytree(SUPERVISOR, place, ignore=shutil.ignore_patterns("__pycache__"))
                for path in (place, *place.iterdir()):
                    path.chmod(0o755 if path.is_dir() else 0o644)
        return place


class DockerSandbox(SupervisedSandbox):
    """One container."""

    provider = "docker"

    def __init__(
        self,
        identity: str,
        spec: SandboxSpec,
        link: Link,
        container: docker.models.containers.Container,
        owner: Docker,
    ) -> None:
        super().__init__(identity, spec)
        self._link = link
        self._container = container
        self._owner = owner

    async def _close(self) -> None:
        await self._unwatch()
        await self._end()
        await _remove(self._container)
        self._owner.forget(self.id)

    async def _end(self) -> None:
        await self._link.close()

    async def _has_ended(self) -> bool:
        return self._closed or self._link.ended

    async def _start(self, request: dict[str, Any], *, stream: bool = False) -> Execution:
        user = SANDBOX_UID if os.geteuid() == 0 else os.geteuid()
        limits = rlimits(self._spec.limits, limited_by_group=True)
        return await self._link.start({**request, "user": user, "rlimits": limits}, stream=stream)


async def _begin(container: docker.models.containers.Container, image: str) -> Link:
    """Start a container, and wait until its supervisor is ready. Raises SandboxUnavailable."""
    try:
        channel = await _ContainerChannel.attach(container)
        try:
            await in_thread(container.start)
            async with asyncio.timeout(_START_S):
                return await Link.open(channel)
        except BaseException:
            await channel.close()
            raise
    except _FAILURES as error:
        raise SandboxUnavailable(f"docker cannot start a container of {image}: {_said(error)}") from error
    except TimeoutError as error:
        raise SandboxUnavailable(f"a container of {image} is not ready after {_START_S:.0f} s") from error
    except SandboxDied as error:
        raise SandboxUnavailable(f"a container of {image} ended at once ({error}); it needs python3") from error


class _ContainerChannel:
    """A container's attached streams. docker packs output and errors into one stream; here they are taken apart."""

    def __init__(self, source: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = asyncio.StreamReader()
        self.writer = writer
        self._source = source
        self._errors = bytearray()
        self._pump = asyncio.create_task(self._take_apart(), name="container stream")

    @classmethod
    async def attach(cls, container: docker.models.containers.Container) -> _ContainerChannel:
        """Attach before the start, so that nothing is missed."""
        params = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        wrapped: Any = await in_thread(lambda: container.attach_socket(params=params), undo=lambda late: late.close())
        raw: socket.socket = getattr(wrapped, "_sock", wrapped)  # the library hands out a reader around it
        raw.setblocking(False)
        source, writer = await asyncio.open_connection(sock=raw)
        return cls(source, writer)

    async def _take_apart(self) -> None:
        try:
            while True:
                kind, length = _STREAM.unpack(await self._source.readexactly(_STREAM.size))
                data = await self._source.readexactly(length)
                if kind == 1:
                    self.reader.feed_data(data)
                else:
                    self._errors = (self._errors + data)[-4096:]
        except (asyncio.IncompleteReadError, ConnectionError):
            self.reader.feed_eof()  # the container has ended

    async def said(self) -> str:
        return self._errors.decode("utf-8", "replace").strip()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError, ProtocolError):
            await self.writer.wait_closed()
        self._pump.cancel()
        await asyncio.gather(self._pump, return_exceptions=True)
        self.reader.feed_eof()


async def reap(state_dir: Path) -> list[str]:
    """Remove containers of this state directory whose owner is dead; one line for each. Without docker there are none."""
    return await asyncio.to_thread(_reap, state_dir)


def _reap(state_dir: Path) -> list[str]:
    removed: list[str] = []
    try:
        with contextlib.closing(docker.from_env(timeout=60)) as client:
            label = f"{_STATE}={_state_key(state_dir)}"
            for container in client.containers.list(all=True, filters={"label": label}, ignore_removed=True):
                if not is_alive(state_dir, container.labels[_OWNER]):
                    what = f"container {container.name} of a process that died"
                    try:
                        _remove_now(container)
                        removed.append(what)
                    except WorkspaceError as error:
                        removed.append(f"not yet, it resists: {what} ({error})")
    except _FAILURES:
        return removed  # no engine: whoever wants one is told by `available`
    return removed


async def _remove(container: docker.models.containers.Container) -> None:
    await asyncio.shield(asyncio.to_thread(_remove_now, container))


def _remove_now(container: docker.models.containers.Container) -> None:
    """Kill it and wait until the engine has removed it, which it may already be doing by itself. Raises WorkspaceError."""
    try:
        with _already_going():
            container.remove(force=True)
        with _already_going():
            container.wait(condition="removed", timeout=30)
    except _FAILURES as error:
        raise WorkspaceError(
            f"docker cannot remove the container {container.name} ({_said(error)}); remove it: docker rm -f {container.name}"
        ) from error


@contextmanager
def _already_going() -> Iterator[None]:
    try:
        yield
    except docker.errors.APIError as error:
        if error.status_code not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
            raise


def _state_key(state_dir: Path) -> str:
    return hashlib.sha256(os.fsencode(state_dir.resolve())).hexdigest()[:16]


def _said(error: Exception) -> str:
    explanation = getattr(error, "explanation", None) or str(error)
    return " ".join(str(explanation).split())[:500]


def _remedy() -> str:
    if shutil.which("docker") is None and shutil.which("dockerd") is None:
        return "install it: apt-get install docker.io (or docs.docker.com/engine/install)"
    return "start it (systemctl start docker), and let this user use it (group docker)"
