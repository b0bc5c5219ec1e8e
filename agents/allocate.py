"""Between two waves: what the Run knows and can afford, for the policy that decides what to spend next."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from agents.live import LiveRun
from agents.repair import EXECUTIONS
from selection import (
    TRAJECTORIES,
    AllocationPolicy,
    BestOfN,
    Decision,
    ExpectedGain,
    Offer,
    Patience,
    ProbeKind,
    Progress,
    Seen,
    Standing,
    behave_alike,
    next_step,
    share_price,
    weight_of,
)

WAVE_TRIES = 150  # of the repair search
WORTH = 0.1  # a whole budget is well spent where it makes a correct winner so much likelier


def first_wave(live: LiveRun) -> int:
    """How much to try before anything is known: as many trajectories as run at once, for they take no longer than one."""
    if live.request.repairs:
        return WAVE_TRIES
    return len(live.request.candidates) or live.settings.workers


async def next_wave(
    live: LiveRun, *, tried: int, found: Sequence[Mapping[str, Any]], elapsed_s: float, exhausted: bool
) -> Decision:
    """Decide, and journal the decision with its numbers. found: a row for each candidate, in order; equal candidates come
    again, which is what agreement is.

    Prices count tokens, dollars and attempts, not seconds: the same Run, replayed or resumed, must decide the same.
    """
    assert live.policy is not None
    policy = _policy(live)
    counted = live.evidence.counted()
    standings = counted.standings
    tested = frozenset(probe.kind for name, probe in counted.box.probes.items() if counted.box.speaks(name))
    drawn = Counter(row["id"] for row in found)
    classes = tuple(
        Seen(sum(drawn[member.id] for member in each.of.members), _nats(each, tested)) for each in standings
    )
    progress = Progress(
        tried=tried,
        classes=classes,
        dropped=max(0, tried - sum(each.size for each in classes)),
        offers=() if exhausted else (await _offer(live, tried),),
        budget_over=await used_up(live),
        plausible_classes=sum(each.eligible for each in standings),
        first_at=found[0]["tried"] if found else None,
        elapsed_s=elapsed_s,
        first_at_s=found[0]["elapsed_s"] if found else None,
        alike=behave_alike([each.of for each in standings]),
    )
    decision = next_step(policy, progress)
    if exhausted and progress.budget_over is None and live.policy.ended:
        decision = replace(decision, why=live.policy.ended)
    live.journal.append(
        "decision",
        {
            "policy": policy.name,
            "action": decision.action,
            "samples": decision.samples,
            "why": decision.why,
            "numbers": {name: round(value, 4) for name, value in decision.numbers.items()},
        },
    )
    return decision


def _policy(live: LiveRun) -> AllocationPolicy:
    if live.request.candidates:
        return BestOfN(len(live.request.candidates))  # they are there: all of them are looked at
    return Patience() if live.request.repairs else ExpectedGain(TRAJECTORIES)


async def _offer(live: LiveRun, tried: int) -> Offer:
    """More of what the Run's source gives."""
    left = await live.ledger.left("candidates", "repair")
    if live.request.repairs:
        return Offer("sample", "repair", most=int(min(WAVE_TRIES, left)))
    if live.request.candidates:
        return Offer("sample", "given", most=int(min(len(live.request.candidates) - tried, left)))
    attempts = live.settings.trajectories
    limits = live.ledger.budget.as_dict()
    limits["candidates"] = min(limits.get("candidates", math.inf), attempts)
    spent = (await live.ledger.bill()).total
    cost = {"tokens": spent.tokens / max(1, tried), "usd": spent.usd / max(1, tried), "candidates": 1.0}
    counted = {kind: limit for kind, limit in limits.items() if kind in cost}
    return Offer(
        "sample",
        live.request.model or "",
        most=int(min(attempts - tried, left)),
        price=share_price(cost, counted, WORTH),
        at_once=live.settings.workers,
    )


def _nats(standing: Standing, tested: Set[ProbeKind]) -> float:
    """What the tests say, one ballot for each kind: tests of a kind mostly pass or fail together."""
    wrong: dict[ProbeKind, bool] = {"target": bool(standing.unmet), "regression": bool(standing.broken)}
    weights = {kind: weight_of(kind) for kind in wrong if kind in tested}
    return sum(weight.failed if wrong[kind] else weight.passed for kind, weight in weights.items())


async def used_up(live: LiveRun) -> str | None:
    """The limit that leaves no room for another wave, in words."""
    budget = live.ledger.budget
    if live.ledger.wall_left_s("repair") <= 0:
        return f"the time is used up (wall={budget.wall_s:g}s)"
    if await live.ledger.left("sandbox_s", "repair") < 1:
        return f"the budget is used up (sandbox={budget.sandbox_s:g}s)"
    for kind in ("tokens", "usd"):
        if await live.ledger.is_short_of(kind, "repair"):
            limit = f"{kind}={budget.limit(kind):g}"
            return f"the budget is used up ({limit}; what is left does not pay for another answer of the model)"
    least = EXECUTIONS if live.request.repairs else 1
    if await live.ledger.left("candidates", "repair") < least:
        return f"the budget is used up (candidates={budget.candidates}; a try and its verification take {EXECUTIONS})"
    return None
