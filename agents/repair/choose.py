"""Which of the plausible candidates first: documented examples vote, then the policy's own score decides.

The largest cluster of candidates that behave alike is *not* a better choice than the one that was likeliest beforehand; that
all behave alike is a reason for confidence (behaviour.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from agents.repair.policy import Found
from agents.testrun import Example, Limit, TestSession

EXAMPLE_LIMIT = Limit(1.0, 10.0)


async def ranked(session: TestSession, found: Sequence[Found], examples: Sequence[Example]) -> list[Found]:
    """The candidates, the best first."""
    if not examples or not found:
        return sorted(found, key=lambda each: -each.candidate.score)
    base = await _met(session, examples, None)
    votes = {}
    for each in found:
        met = await _met(session, examples, each)
        votes[each.candidate.id] = sum(now - before for now, before in zip(met, base, strict=True))
    return sorted(found, key=lambda each: (-votes[each.candidate.id], -each.candidate.score))


async def _met(session: TestSession, examples: Sequence[Example], found: Found | None) -> list[int]:
    edits = {found.proposal.file: found.proposal.after} if found else None
    report = await session.examples(examples, EXAMPLE_LIMIT, edits)
    met = {outcome.unit for outcome in report.outcomes if outcome.status == "passed"}
    return [int(str(place) in met) for place in range(len(examples))]
