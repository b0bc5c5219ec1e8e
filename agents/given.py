"""Candidates that were made elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from agents.changes import changes_of
from agents.policy import Found, Tried, Wave
from agents.repair.diff import patch_id
from selection import Candidate, Change, Offer, Provenance, rank_static
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
        self._applied: dict[bytes, tuple[Change, ...] | str] = {}

    @property
    def ended(self) -> str:
        return f"all that were given ({len(self._patches)}) were looked at"

    def offers(self) -> tuple[Offer, ...]:
        left = len(self._patches) - self.drawn
        return (Offer("sample", "given", most=left),) if left > 0 else ()

    async def wave(self, asked: Wave, *, wall_s: float) -> AsyncGenerator[Found | Tried]:
        """Read patches in their order, compare them with each other, and hand all of them over. Equal patches are applied
        once."""
        end = time.monotonic() + wall_s
        wanted = self._patches[self.drawn : self.drawn + max(1, asked.executions)]
        read: list[Candidate] = []
        for source, sample, patch in wanted:
            if patch not in self._applied:
                self._applied[patch] = await asyncio.to_thread(_applied, self._checkout, patch)
            read.append(_candidate(source, sample, patch, self._applied[patch]))
            if time.monotonic() > end and len(wanted) > MOST_RANKED:
                break
        likely = await asyncio.to_thread(_likely, read)
        for candidate in read:
            self.drawn += 1
            yield Found(self.drawn, replace(candidate, probability=likely.get(candidate.id)), 1)


def _likely(candidates: Sequence[Candidate]) -> dict[str, float]:
    """How likely each is right. Of more than MOST_RANKED, each is compared with so many others, from all over the order in
    which they were given: each with each takes the square of the time."""
    parts = -(-len(candidates) // MOST_RANKED)
    ranked = (each for part in range(parts) for each in rank_static(candidates[part::parts]))
    return {each.candidate.id: each.probability for each in ranked if each.dropped is None}


def read_candidate(checkout: Checkout, source: str, sample: int, patch: bytes) -> Candidate:
    """A candidate of a patch; one that does not apply says so, and will be dropped for it."""
    return _candidate(source, sample, patch, _applied(checkout, patch))


def _applied(checkout: Checkout, patch: bytes) -> tuple[Change, ...] | str:
    """What a patch changes, or why it does not apply."""
    try:
        return changes_of(checkout, patch) if patch.strip() else ()
    except PatchError as error:
        return " ".join(str(error).split())[:500]


def _candidate(source: str, sample: int, patch: bytes, applied: tuple[Change, ...] | str) -> Candidate:
    which = f"patch {sample} of {source}" if sample > 1 else f"the patch of {source}"
    provenance = Provenance("given", which, source=source, family=source)
    name = patch_id(f"{source}\0{sample}\0".encode() + patch)
    if isinstance(applied, str):
        return Candidate(name, patch, (), provenance, misfit=applied)
    return Candidate(name, patch, applied, provenance)
