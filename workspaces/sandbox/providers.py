"""Which sandbox to use on this machine, and what to do when there is none."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

from workspaces.errors import SandboxUnavailable
from workspaces.live import Live
from workspaces.sandbox.bubblewrap import Bubblewrap
from workspaces.sandbox.contract import Availability, SandboxProvider
from workspaces.sandbox.docker import Docker

Kind = Literal["auto", "docker", "bubblewrap"]


async def choose_provider(kind: Kind, live: Live, *, image: str | None = None) -> SandboxProvider:
    """The provider asked for; `auto`: docker where an image is named, else bubblewrap.

    Raises SandboxUnavailable, which says for each why it cannot be used and what to do.
    """
    refusals = []
    for provider in _candidates(kind, live, image):
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
        for provider in (Bubblewrap(live), Docker(live, image)):
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


def _candidates(kind: Kind, live: Live, image: str | None) -> list[SandboxProvider]:
    made: dict[str, SandboxProvider] = {"bubblewrap": Bubblewrap(live), "docker": Docker(live, image)}
    return [made[name] for name in preferred(kind, image)]
