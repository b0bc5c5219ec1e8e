"""Between two waves: what the Run knows and can afford, for the policy that decides what to spend next."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from agents.live import LiveRun
from agents.repair import EXECUTIONS, WAVE_TRIES
from agents.trajectory import ENDED
from memory import SEARCH, Amounts
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

DEEPER = 0.5  # samples that an attempt which goes on is worth: its first rounds have failed
# Nats of a class where no failing test passes with any candidate: those tests may be of other faults.
UNMENDED = math.log(0.1)
WORTH = 0.1  # a whole budget is well spent where it makes a correct winner so much likelier


def first_wave(live: LiveRun) -> int:
    """How much to try before anything is known: as many trajectories as run at once, for they take no longer than one."""
    if live.request.repairs:
        return WAVE_TRIES
    return len(live.request.candidates) or live.request.first_wave or live.settings.workers


async def next_wave(
    live: LiveRun, *, found: Sequence[Mapping[str, Any]], elapsed_s: float, exhausted: bool
) -> Decision:
    """Decide, and journal the decision with its numbers. found: a row for each candidate, in order; equal candidates come
    again, which is what agreement is.

    Prices count tokens, dollars and attempts, not seconds: the same Run, replayed or resumed, must decide the same.
    """
    assert live.policy is not None
    policy, tried = _policy(live), live.policy.drawn
    counted = live.evidence.counted()
    standings = counted.standings
    tested = frozenset(probe.kind for name, probe in counted.box.probes.items() if counted.box.speaks(name))
    # The attempts that made each candidate: a trajectory's second patch is no second voice for what it does.
    attempts: dict[str, set[Any]] = {}
    for place, row in enumerate(found):
        attempts.setdefault(row["id"], set()).add(row["trajectory"] or place)
    unmended = live.evidence.base is not None and bool(live.evidence.base.failing) and "target" not in tested
    plausible = {member.id for each in standings if each.eligible and not unmended for member in each.of.members}
    classes = tuple(
        Seen(
            len(set().union(*(attempts[member.id] for member in each.of.members))),
            _nats(each, tested) + UNMENDED * unmended,
        )
        for each in standings
    )
    usable = set().union(*(attempts[member.id] for each in standings for member in each.of.members))
    progress = Progress(
        tried=tried,
        classes=classes,
        dropped=max(0, tried - len(usable)),
        offers=() if exhausted else await _offers(live, found, plausible),
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
            "what": decision.what,
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


async def _offers(live: LiveRun, found: Sequence[Mapping[str, Any]], plausible: Set[str]) -> tuple[Offer, ...]:
    """What the Run's policy has, as far as the budget goes. plausible: candidates that no test speaks against."""
    assert live.policy is not None
    left = await live.ledger.left("candidates", SEARCH)
    offers = [replace(each, most=int(min(each.most, left))) for each in live.policy.offers()]
    if live.request.model is None or live.request.candidates:
        return tuple(offers)
    promise, spent = _promises(live, found, plausible), (await live.ledger.bill()).total
    return tuple(
        replace(
            each,
            price=_price(live, spent, new=each.buys != "deepen"),
            yields=DEEPER if each.buys == "deepen" else promise(each.what) / promise(offers[0].what),
        )
        for each in offers
    )


def _price(live: LiveRun, spent: Amounts, *, new: bool) -> float:
    """Of another attempt, or of one that goes on, if it costs as much as they did so far. Only a new one takes one of
    the attempts that the settings allow."""
    assert live.policy is not None
    tried = max(1, live.policy.drawn + len(live.policy.deepened))
    cost = {"tokens": spent.tokens / tried, "usd": spent.usd / tried, "candidates": 1.0}
    limits = {kind: limit for kind, limit in live.ledger.budget.as_dict().items() if kind in cost}
    if new:
        limits["candidates"] = min(limits.get("candidates", math.inf), live.settings.trajectories)
    return share_price(cost, limits, WORTH)


def _promises(live: LiveRun, found: Sequence[Mapping[str, Any]], plausible: Set[str]) -> Callable[[str], float]:
    """How likely a model's next trajectory is to pass every test, by Laplace's rule of succession: of a model that was not
    asked yet, one half."""
    ended = {each.data["trajectory"]: each.data["model"] for each in live.journal.of_kind(ENDED)}
    passed = {row["trajectory"]: row["model"] for row in found if row["id"] in plausible}
    tries, passes = Counter(ended.values()), Counter(passed.values())
    return lambda model: (1 + passes[model]) / (2 + tries[model])


def _nats(standing: Standing, tested: Set[ProbeKind]) -> float:
    """What the tests say, one ballot for each kind: tests of a kind mostly pass or fail together."""
    wrong: dict[ProbeKind, bool] = {"target": bool(standing.unmet), "regression": bool(standing.broken)}
    weights = {kind: weight_of(kind) for kind in wrong if kind in tested}
    return sum(weight.failed if wrong[kind] else weight.passed for kind, weight in weights.items())


async def used_up(live: LiveRun) -> str | None:
    """The limit that leaves no room for another wave, in words."""
    budget = live.ledger.budget
    if live.ledger.wall_left_s(SEARCH) <= 0:
        return f"the time is used up (wall={budget.wall_s:g}s)"
    if await live.ledger.left("sandbox_s", SEARCH) < 1:
        return f"the budget is used up (sandbox={budget.sandbox_s:g}s)"
    for kind in ("tokens", "usd"):
        if await live.ledger.is_short_of(kind, SEARCH):
            limit = f"{kind}={budget.limit(kind):g}"
            return f"the budget is used up ({limit}; what is left does not pay for another answer of the model)"
    least = EXECUTIONS if live.request.repairs else 1
    if await live.ledger.left("candidates", SEARCH) < least:
        more = f"; a try and its verification take {EXECUTIONS}" if live.request.repairs else ""
        return f"the budget is used up (candidates={budget.candidates}{more})"
    return None
