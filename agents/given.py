"""Candidates that were made elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence

from agents.changes import changes_of
from agents.policy import Found, Tried
from agents.repair.diff import patch_id
from selection import Candidate, Provenance
from workspaces import Checkout, PatchError


class GivenCandidates:
    """patches: (source, patch in git's format). drawn: how many a process before this one has looked at."""

    def __init__(self, patches: Sequence[tuple[str, bytes]], checkout: Checkout, *, drawn: int = 0) -> None:
        self._patches = patches
        self._checkout = checkout
        self.drawn = drawn

    @property
    def ended(self) -> str:
        return f"every one of the {len(self._patches)} patches was looked at"

    @property
    def exhausted(self) -> bool:
        return self.drawn >= len(self._patches)

    async def wave(self, *, executions: int, wall_s: float) -> AsyncGenerator[Found | Tried]:
        """Look at patches in their order."""
        end, used = time.monotonic() + wall_s, 0
        while not self.exhausted and used < max(1, executions) and time.monotonic() < end:
            source, patch = self._patches[self.drawn]
            candidate = await asyncio.to_thread(read_candidate, self._checkout, source, patch)
            self.drawn += 1
            used += 1
            yield Found(self.drawn, candidate, 1)


def read_candidate(checkout: Checkout, source: str, patch: bytes) -> Candidate:
    """A candidate of a patch; one that does not apply says so, and will be dropped for it."""
    provenance = Provenance("given", f"the patch of {source}", trajectory=source, source=source)
    name = patch_id(source.encode() + b"\0" + patch)
    try:
        return Candidate(name, patch, changes_of(checkout, patch) if patch.strip() else (), provenance)
    except PatchError as error:
        return Candidate(name, patch, (), provenance, misfit=" ".join(str(error).split())[:500])
