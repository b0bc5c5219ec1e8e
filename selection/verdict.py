"""The Verdict: the winner and the evidence, or "no winner" and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from selection.ballots import Ballot, Outcome, Probe, ProbeKind
from selection.candidates import Candidate
from selection.confidence import confidence
from selection.count import Standing
from selection.drop import Dropped


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CandidateReport(_Model):
    """One candidate and what became of it."""

    id: str
    files: list[str]
    policy: str
    step: str
    model: str | None
    score: float
    equivalence_class: str | None = Field(description="null when it was dropped")
    rank: int | None = Field(description="place of its class, 1 is best; null when it was dropped")
    dropped: str | None = Field(description="why it was dropped before any test")
    broken: list[str] = Field(description="tests that pass on base and fail with it")
    unmet: list[str] = Field(description="tests that it had to mend and did not")
    examples_met: int
    examples_missed: int
    behaviour: str | None


class ProbeReport(_Model):
    id: str
    kind: ProbeKind


class BallotReport(_Model):
    probe: str
    equivalence_class: str
    outcome: Outcome
    detail: str


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
    """How a Run ended. `winner` is the id of a candidate, or null; `reason` says why in a sentence."""

    version: Literal[1] = 1
    winner: str | None
    reason: str
    confidence: float = Field(ge=0, le=1, description="probability that the winner is correct")
    confidence_reason: str
    runner_up: str | None
    candidates: list[CandidateReport]
    probes: list[ProbeReport]
    ballots: list[BallotReport]
    stopped: str = Field(description="why no more was tried")
    cost: Cost
    notes: list[str] = Field(default_factory=list)


def decide(
    standings: Sequence[Standing],
    dropped: Sequence[Dropped],
    probes: Sequence[Probe],
    ballots: Sequence[Ballot],
    *,
    stopped: str,
    cost: Mapping[str, object],
    notes: Sequence[str] = (),
) -> Verdict:
    """Put the count into words. `standings` are best first; `cost` has the shape of Cost."""
    eligible = [standing for standing in standings if standing.eligible]
    sure, why = confidence(eligible, shown=any(probe.kind == "target" for probe in probes))
    ids = [standing.of.representative.id for standing in eligible]
    return Verdict(
        winner=ids[0] if ids else None,
        reason=_reason(standings, eligible, probes, stopped),
        confidence=round(sure, 4),
        confidence_reason=why,
        runner_up=ids[1] if len(ids) > 1 else None,
        candidates=[
            _report(member, standing=standing, rank=rank)
            for rank, standing in enumerate(standings, 1)
            for member in standing.of.members
        ]
        + [_report(each.candidate, dropped=each.reason) for each in dropped],
        probes=[ProbeReport(id=probe.id, kind=probe.kind) for probe in probes],
        ballots=[
            BallotReport(
                probe=ballot.probe, equivalence_class=ballot.class_id, outcome=ballot.outcome, detail=ballot.detail
            )
            for ballot in ballots
        ],
        stopped=stopped,
        cost=Cost.model_validate(cost),
        notes=list(notes),
    )


def _reason(standings: Sequence[Standing], eligible: Sequence[Standing], probes: Sequence[Probe], stopped: str) -> str:
    if not standings:
        return f"no patch found: {stopped}"
    if not eligible:
        best = standings[0]
        wrong = [f"breaks {test}" for test in best.broken] + [f"does not mend {test}" for test in best.unmet]
        return f"no patch found: the best of {len(standings)} {wrong[0]}"
    kinds = [probe.kind for probe in probes]
    mended, kept = kinds.count("target"), kinds.count("regression")
    rivals = len(eligible) - 1
    others = f"; {rivals} other program{'s do' if rivals > 1 else ' does'} too" if rivals else ""
    kept_whole = f"breaks none of the {kept} that passed{others}"
    return f"it mends {_tests(mended)} and {kept_whole}" if mended else f"it {kept_whole}"


def _tests(number: int) -> str:
    return f"{number} test{'s' * (number != 1)}"


def _report(
    candidate: Candidate, *, standing: Standing | None = None, rank: int | None = None, dropped: str | None = None
) -> CandidateReport:
    return CandidateReport(
        id=candidate.id,
        files=[_printable(change.path) for change in candidate.changes],
        policy=candidate.provenance.policy,
        step=candidate.provenance.step,
        model=candidate.provenance.model,
        score=candidate.score,
        behaviour=candidate.behaviour,
        equivalence_class=standing.of.id if standing else None,
        rank=rank,
        dropped=dropped,
        broken=list(standing.broken) if standing else [],
        unmet=list(standing.unmet) if standing else [],
        examples_met=standing.examples_met if standing else 0,
        examples_missed=standing.examples_missed if standing else 0,
    )


def _printable(path: str) -> str:
    """A path whose bytes are not UTF-8, in a form that JSON can hold."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
