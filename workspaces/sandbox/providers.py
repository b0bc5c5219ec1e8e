"""Which sandbox to use on this machine, and what to do when there is none.

What only docker needs is imported where docker is used: to load it takes longer than all else of this package.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from workspaces.errors import SandboxUnavailable
from workspaces.live import Live
from workspaces.sandbox.bubblewrap import Bubblewrap
from workspaces.sandbox.contract import Availability, SandboxProvider

Kind = Literal["auto", "docker", "bubblewrap"]


async def choose_provider(kind: Kind, live: Live, *, image: str | None = None) -> SandboxProvider:
    """The provider asked for; `auto`: docker where an image is named, else bubblewrap.

    Raises SandboxUnavailable, which says for each why it cannot be used and what to do.
    """
    refusals = []
    for provider in _candidates(preferred(kind, image), live, image):
        found = await provider.available()
        if found.ok:
            return provider
        await provider.close()
        refusals.append(f"{provider.name}: {found.detail} ({found.remedy})")
    raise SandboxUnavailable(f"no sandbox can be started here; {'; '.join(refusals)}")


async def diagnose(state_dir: Path, *, image: str | None = None) -> dict[str, Availability]:
    """What each provider says of this machine; each tries a sandbox for real."""
    live = await asyncio.to_thread(Live.open, state_dir)
    try:
        said = {}
        for provider in _candidates(("bubblewrap", "docker"), live, image):
            said[provider.name] = await provider.available()
            await provider.close()
        return said
    finally:
        live.close()


def preferred(kind: Kind, image: str | None) -> tuple[str, ...]:
    """The providers that may be used, the first choice first. An image means nothing to bubblewrap: who names one wants
    docker, where nothing else is asked for."""
    if kind == "auto":
        return ("docker",) if image else ("bubblewrap", "docker")
    return (kind,)


async def reap_containers(state_dir: Path) -> list[str]:
    """Remove containers of this state directory whose owner is dead; one line for each. Without docker there are none."""
    if not _engine_may_be_there():
        return []
    from workspaces.sandbox.docker import reap

    return await reap(state_dir)


def _engine_may_be_there() -> bool:
    """Spares those who do not use docker the wait for it."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    return not host.startswith("unix://") or Path(host.removeprefix("unix://")).exists()


def _candidates(names: tuple[str, ...], live: Live, image: str | None) -> Iterator[SandboxProvider]:
    for name in names:
        if name == "bubblewrap":
            yield Bubblewrap(live)
        else:
            from workspaces.sandbox.docker import Docker

            yield Docker(live, image)
