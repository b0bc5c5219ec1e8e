"""Candidates that were made elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from agents.changes import changes_of
from agents.policy import Found, Tried, Wave
from agents.repair.diff import patch_id
from selection import Candidate, Offer, Provenance, rank_static
from workspaces import Checkout, PatchError

MOST_RANKED = 400  # candidates that are compared with each other


class GivenCandidates:
    """patches: (source, which of its samples, patch in git's format). drawn: how many a process before this one has looked
    at."""

    deepened: tuple[int, ...] = ()
    cut: tuple[int, ...] = ()

    def __init__(self, patches: Sequence[tuple[str, int, bytes]], checkout: Checkout, *, drawn: int = 0) -> None:
        self._patches = patches
        self._checkout = checkout
        self.drawn = drawn

    @property
    def ended(self) -> str:
        return f"all that were given ({len(self._patches)}) were looked at"

    def offers(self) -> tuple[Offer, ...]:
        left = len(self._patches) - self.drawn
        return (Offer("sample", "given", most=left),) if left > 0 else ()

    async def wave(self, asked: Wave, *, wall_s: float) -> AsyncGenerator[Found | Tried]:
        """Read patches in their order, compare them with each other, and hand all of them over."""
        end = time.monotonic() + wall_s
        wanted = self._patches[self.drawn : self.drawn + max(1, asked.executions)]
        read: list[Candidate] = []
        for given in wanted:
            read.append(await asyncio.to_thread(read_candidate, self._checkout, *given))
            if time.monotonic() > end and len(wanted) > MOST_RANKED:
                break
        ranked = await asyncio.to_thread(rank_static, read[:MOST_RANKED])
        likely = {each.candidate.id: each.probability for each in ranked if each.dropped is None}
        for candidate in read:
            self.drawn += 1
            yield Found(self.drawn, replace(candidate, probability=likely.get(candidate.id)), 1)


def read_candidate(checkout: Checkout, source: str, sample: int, patch: bytes) -> Candidate:
    """A candidate of a patch; one that does not apply says so, and will be dropped for it."""
    which = f"patch {sample} of {source}" if sample > 1 else f"the patch of {source}"
    provenance = Provenance("given", which, source=source, family=source)
    name = patch_id(f"{source}\0{sample}\0".encode() + patch)
    try:
        return Candidate(name, patch, changes_of(checkout, patch) if patch.strip() else (), provenance)
    except PatchError as error:
        return Candidate(name, patch, (), provenance, misfit=" ".join(str(error).split())[:500])
