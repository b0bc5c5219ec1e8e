"""A stage that holds the Run's sandboxes, and what it pays for them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agents.live import LiveRun
from memory import SELECTION, SELECTION_PERCENT, Amounts, LimitExceeded

NOTHING = Amounts()


@dataclass(slots=True)
class Held:
    """A stage that holds the sandboxes. room_s: seconds until it is ended. candidates: how many it has tried."""

    room_s: float
    candidates: int = 0


@asynccontextmanager
async def held(live: LiveRun, stage: str, amounts: Amounts = NOTHING) -> AsyncIterator[Held]:
    """Hold the sandboxes for a stage: set aside what it asks for and all the sandbox seconds that are left to it, end
    it when those are over, and put on the bill what it took. Raises LimitExceeded."""
    reservation = await live.ledger.reserve(stage, amounts, all_of="sandbox_s")
    limited = live.ledger.budget.sandbox_s is not None
    most = _most(live)
    # all of them may be held; a tenth is for the clean-up of what runs in the end
    stage_held = Held(0.9 * reservation.amounts.sandbox_s / most if limited else math.inf)
    try:
        async with asyncio.timeout(stage_held.room_s if limited else None) as timer:
            yield stage_held
    except TimeoutError as error:
        if not timer.expired():
            raise
        limit, spent_s = live.ledger.budget.limit("sandbox_s"), (await live.ledger.bill()).total.sandbox_s
        spent_s += live.sandbox_s - live.billed_s
        raise LimitExceeded("sandbox_s", limit, spent_s, stage, _said(limit, spent_s, stage, most)) from error
    finally:
        held_s = live.sandbox_s - live.billed_s  # since the last stage: that is on this one's bill
        live.billed_s += held_s
        await live.ledger.settle(reservation, Amounts(candidates=stage_held.candidates, sandbox_s=held_s))


def _most(live: LiveRun) -> int:
    """How many sandboxes may be held at once: what is verified has its own, beside the workers'. To choose among given
    patches takes one worker."""
    workers = 1 if live.request.candidates else live.settings.workers
    return workers + (not live.request.repairs)


def _said(limit: float, spent_s: float, stage: str, most: int) -> str:
    aside = f", of which {SELECTION_PERCENT} % are set aside for selection" if stage != SELECTION else ""
    return (
        f"it had to end, with {spent_s:.1f} s of the budget's sandbox={limit:g}s on the bill: up to {most} sandboxes may be held "
        f"at once, and could have used up what was left{aside}; a larger sandbox=N lasts longer"
    )
