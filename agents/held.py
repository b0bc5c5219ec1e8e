"""A stage that holds the Run's sandboxes, and what it pays for them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agents.live import LiveRun
from memory import SELECTION, Amounts, LimitExceeded

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
    most = live.settings.workers + (not live.request.repairs)  # what is verified has its own, beside the first worker's
    # all of them may be held; a tenth is for the clean-up of what runs in the end
    stage_held = Held(0.9 * reservation.amounts.sandbox_s / most if limited else math.inf)
    try:
        async with asyncio.timeout(stage_held.room_s if limited else None) as timer:
            yield stage_held
    except TimeoutError as error:
        if not timer.expired():
            raise
        limit = live.ledger.budget.limit("sandbox_s")
        raise LimitExceeded(
            "sandbox_s", limit, limit - await live.ledger.left("sandbox_s", SELECTION), stage
        ) from error
    finally:
        held_s = live.sandbox_s - live.billed_s  # since the last stage: that is on this one's bill
        live.billed_s += held_s
        await live.ledger.settle(reservation, Amounts(candidates=stage_held.candidates, sandbox_s=held_s))
