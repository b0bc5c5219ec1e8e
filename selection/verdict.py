"""The Verdict: the winner and the evidence, or "no winner" and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from selection.ballots import Ballot, Outcome, Probe, ProbeKind
from selection.candidates import Candidate, printable
from selection.classes import unambiguous
from selection.confidence import confidence, likely, unmended
from selection.count import Count, Standing
from selection.drop import Dropped
from selection.reasons import reasons, why_it_weighs


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CandidateReport(_Model):
    """One candidate and what became of it."""

    id: str
    files: list[str]
    policy: str
    step: str
    model: str | None
    trajectory: str | None = Field(None, description="the attempt that it comes from; null for one search of many")
    source: str | None = Field(default=None, description="the system that proposed it, where candidates were given")
    score: float = Field(description="the policy's own opinion; it breaks ties and has no vote")
    equivalence_class: str | None = Field(description="null when it was dropped")
    rank: int | None = Field(description="place of its class, 1 is best; null when it was dropped")
    dropped: str | None = Field(description="why it was dropped before any test")
    broken: list[str] = Field(description="tests that pass on base and fail with it")
    unmet: list[str] = Field(description="tests that it had to mend and did not")
    unseen: int = Field(0, description="tests that it would have to pass and that were not run with it")
    examples_met: int
    examples_missed: int
    evidence: float | None = Field(None, description="nats: the agreement of others, less what ballots take")
    posterior: float | None = Field(None, description="probability that what it does is right, shared by its group")
    votes: float | None = Field(None, description="independent votes for its behaviour group")
    group: str | None = Field(None, description="the behaviour group of its class, named by one of its classes")
    behaviour: str | None = Field(description="equal for candidates that gave equal results on generated inputs")


class ProbeReport(_Model):
    """One probe. passed and failed: nats of evidence that a pass is for a class, and a failure against it."""

    id: str
    kind: ProbeKind
    author: str | None = Field(None, description="the trajectory that wrote it")
    flakiness: float = Field(0.0, description="share of repetitions that came out otherwise than most")
    required: bool = Field(False, description="who fails it cannot win, whatever else speaks for it")
    separates: bool = Field(False, description="it passed some class and failed another")
    passed: float | None = None
    failed: float | None = None
    why: str = ""


class BallotReport(_Model):
    """One ballot. weight: nats for (above 0) or against its class; null where it decides alone, or decides nothing."""

    probe: str
    equivalence_class: str
    outcome: Outcome
    detail: str
    digest: str | None = None
    weight: float | None = None


class Executions(_Model):
    """How many ballots were cast, out of those that all probes on all classes would have been."""

    run: int
    full: int
    saved: int


class StageCost(_Model):
    """What one stage spent. sandbox_s: seconds that sandboxes were held, added up. candidates: patches tried."""

    tokens: int
    usd: float
    sandbox_s: float
    candidates: int


class Cost(_Model):
    wall_s: float
    stages: dict[str, StageCost]


class Verdict(_Model):
    """How a Run ended. `winner` is the id of a candidate, or null; `reason` says why in a sentence.

    Fields are added within a version. Version 2 has the weighed count; verdicts of version 1 have none of its fields.
    """

    version: Literal[1, 2] = 2
    winner: str | None
    reason: str
    reasons: list[str] = Field(default_factory=list, description="what told the winner from the others, in sentences")
    confidence: float = Field(ge=0, le=1, description="probability that the winner is correct")
    confidence_reason: str
    runner_up: str | None
    candidates: list[CandidateReport]
    probes: list[ProbeReport]
    ballots: list[BallotReport]
    executions: Executions | None = None
    stopped: str = Field(description="why no more was tried")
    cost: Cost
    notes: list[str] = Field(default_factory=list)


def decide(
    counted: Count,
    dropped: Sequence[Dropped],
    *,
    stopped: str,
    cost: Mapping[str, object],
    notes: Sequence[str] = (),
) -> Verdict:
    """Put the count into words. `cost` has the shape of Cost. Raises AmbiguousId."""
    box = counted.box
    unambiguous([*(each for of in box.classes.values() for each in of.members), *(each.candidate for each in dropped)])
    sure, why = confidence(counted)
    believed = likely(counted)
    left = () if sure else unmended(counted)
    ids = [standing.of.representative.id for standing in counted.eligible] if not left else []
    run, full = sum(map(len, box.rows.values())), len(box.classes) * len(box.probes)
    return Verdict(
        winner=ids[0] if ids else None,
        reason=_unmended(counted, left) if left and counted.eligible else _reason(counted, stopped),
        reasons=reasons(counted) if ids else [],
        confidence=round(sure, 4),
        confidence_reason=why,
        runner_up=ids[1] if len(ids) > 1 else None,
        candidates=[
            _report(member, standing=standing, rank=rank, believed=believed[standing.of.id])
            for rank, standing in enumerate(counted.standings, 1)
            for member in standing.of.members
        ]
        + [_report(each.candidate, dropped=each.reason) for each in dropped],
        probes=[_probe(counted, probe) for probe in box.probes.values()],
        ballots=[_ballot(counted, ballot) for row in box.rows.values() for ballot in row.values()],
        executions=Executions(run=run, full=full, saved=full - run),
        stopped=stopped,
        cost=Cost.model_validate(cost),
        notes=list(notes),
    )


def _reason(counted: Count, stopped: str) -> str:
    if not counted.standings:
        return f"no patch found: {stopped}"
    winner = counted.winner
    if winner is None:
        best = counted.standings[0]
        wrong = [f"breaks {test}" for test in best.broken] + [f"does not mend {test}" for test in best.unmet]
        wrong += [f"was not seen to pass {test}" for test in best.unseen]
        return f"no patch found: the best of {len(counted.standings)} {wrong[0]}"
    row = counted.box.rows[winner.of.id]
    passed = [probe.kind for name, probe in counted.box.probes.items() if name in row and row[name].outcome == "passed"]
    mended, kept = passed.count("target"), passed.count("regression")
    rivals = len(counted.eligible) - 1
    others = f"; {rivals} other program{'s do' if rivals > 1 else ' does'} too" if rivals else ""
    if counted.unrun and not kept:
        passing = "test that passes on base was" if counted.unrun == 1 else "tests that pass on base were"
        return f"it was not tested: {counted.unrun} {passing} not run with any candidate"
    if not counted.tested:
        return f"it was not verified: no test had a vote{others}"
    others += f"; {_tests(counted.unrun)} more were not run with it" if counted.unrun else ""
    kept_whole = f"breaks none of the {kept} that passed{others}"
    if not kept:
        return f"it mends {_tests(mended)}; none passed before{others}"
    return f"it mends {_tests(mended)} and {kept_whole}" if mended else f"it {kept_whole}"


def _unmended(counted: Count, tests: Sequence[str]) -> str:
    more = f" and {len(tests) - 1} more" if len(tests) > 1 else ""
    return f"no patch found: the best of {len(counted.standings)} does not mend {tests[0]}{more}, nor does any other"


def _tests(number: int) -> str:
    return f"{number} test{'s' * (number != 1)}"


def _report(
    candidate: Candidate,
    *,
    standing: Standing | None = None,
    rank: int | None = None,
    believed: float | None = None,
    dropped: str | None = None,
) -> CandidateReport:
    return CandidateReport(
        id=candidate.id,
        files=[printable(change.path) for change in candidate.changes],
        policy=candidate.provenance.policy,
        step=candidate.provenance.step,
        model=candidate.provenance.model,
        trajectory=candidate.provenance.trajectory,
        source=candidate.provenance.source,
        score=candidate.score,
        behaviour=candidate.behaviour,
        equivalence_class=standing.of.id if standing else None,
        rank=rank,
        dropped=dropped,
        broken=list(standing.broken) if standing else [],
        unmet=list(standing.unmet) if standing else [],
        unseen=len(standing.unseen) if standing else 0,
        examples_met=standing.examples_met if standing else 0,
        examples_missed=standing.examples_missed if standing else 0,
        evidence=round(standing.score, 3) if standing else None,
        posterior=None if believed is None else round(believed, 4),
        votes=round(standing.group_votes, 2) if standing else None,
        group=standing.group if standing else None,
    )


def _probe(counted: Count, probe: Probe) -> ProbeReport:
    weight = counted.weights[probe.id]
    return ProbeReport(
        id=probe.id,
        kind=probe.kind,
        author=" and ".join(sorted(probe.authors)) or None,
        flakiness=probe.flakiness,
        required=probe.required,
        separates=counted.box.separates(probe.id),
        passed=round(weight.passed, 3),
        failed=round(weight.failed, 3),
        why=why_it_weighs(counted, probe),
    )


def _ballot(counted: Count, ballot: Ballot) -> BallotReport:
    probe = counted.box.probes[ballot.probe]
    alone = probe.required or not counted.box.separates(probe.id)
    weight = (
        None
        if alone
        else counted.weights[probe.id].of(ballot.outcome, own=probe.id in counted.box.own[ballot.class_id])
    )
    return BallotReport(
        probe=ballot.probe,
        equivalence_class=ballot.class_id,
        outcome=ballot.outcome,
        detail=ballot.detail,
        digest=ballot.digest,
        weight=None if weight is None else round(weight, 3),
    )
