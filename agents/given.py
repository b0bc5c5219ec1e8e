"""Candidates that were made elsewhere."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from agents.changes import changes_of
from agents.policy import Found, Ranked, Tried, Wave
from agents.repair.diff import patch_id
from selection import MOST_COMPARED, Candidate, Change, Offer, Provenance, look, rank_static
from workspaces import Checkout, PatchError

MOST_AT_ONCE = 400  # patches that are read before the clock is looked at


class GivenCandidates:
    """patches: (source, which of its samples, patch in git's format). drawn: how many a process before this one has looked
    at."""

    deepened: tuple[int, ...] = ()
    cut: tuple[int, ...] = ()

    def __init__(self, patches: Sequence[tuple[str, int, bytes]], checkout: Checkout, *, drawn: int = 0) -> None:
        self._patches = patches
        self._checkout = checkout
        self.drawn = drawn
        self._read: list[Candidate] = []
        self._changes = 0  # different ones
        self._applied: dict[bytes, tuple[Change, ...] | str] = {}

    @property
    def ended(self) -> str:
        said = f"all that were given ({len(self._patches)}) were looked at"
        if self._changes > MOST_COMPARED:
            said += f"; each was compared with the {MOST_COMPARED} most frequent of {self._changes} different changes"
        return said

    def offers(self) -> tuple[Offer, ...]:
        left = len(self._patches) - self.drawn
        return (Offer("sample", "given", most=left),) if left > 0 else ()

    async def wave(self, asked: Wave, *, wall_s: float) -> AsyncGenerator[Found | Tried | Ranked]:
        """Read patches in their order, equal ones once, hand the new ones over, and rank all that were read so far."""
        end = time.monotonic() + wall_s
        until = min(len(self._patches), self.drawn + max(1, asked.executions))
        while len(self._read) < until:
            await self._read_on(min(until, len(self._read) + (os.cpu_count() or 1)))
            if time.monotonic() > end and len(self._read) > self.drawn and until - self.drawn > MOST_AT_ONCE:
                break
        likely = await asyncio.to_thread(self._rank)
        for candidate in self._read[self.drawn :]:
            self.drawn += 1
            yield Found(self.drawn, replace(candidate, probability=likely.get(candidate.id)), 1)
        yield Ranked(likely)

    async def _read_on(self, until: int) -> None:
        """Read the next ones, side by side."""
        given = self._patches[len(self._read) : until]
        new = list({patch: None for _, _, patch in given if patch not in self._applied})
        read = await asyncio.gather(*(asyncio.to_thread(_applied, self._checkout, patch) for patch in new))
        self._applied |= dict(zip(new, read, strict=True))
        self._read += [_candidate(source, sample, patch, self._applied[patch]) for source, sample, patch in given]

    def _rank(self) -> dict[str, float]:
        """How likely each that stands is right, by its id."""
        field = look(self._read)
        self._changes = len({each.change for each in field.edits})
        return {each.candidate.id: each.probability for each in rank_static(field) if each.dropped is None}


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
    provenance = Provenance("given", which, source=source, family=source, sample=sample)
    name = patch_id(f"{source}\0{sample}\0".encode() + patch)
    if isinstance(applied, str):
        return Candidate(name, patch, (), provenance, misfit=applied)
    return Candidate(name, patch, applied, provenance)
