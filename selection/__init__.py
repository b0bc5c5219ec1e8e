"""The count: candidates and ballots go in, a verdict comes out, and what to spend next.

Pure: plain values in, plain values out; no I/O, no model, no clock. Somebody else applies patches and runs tests.

    survivors, dropped = drop(candidates)      what cannot be right never reaches a test
    classes = classify(survivors)              candidates that are the same program, counted once
    counted = count(classes, probes, ballots)  every class with its weighed ballots, best first
    plan = Lazy(classes, probes, ballots)      the same, with only those executions that may change the winner
    verdict = decide(counted, ...)             the winner, its confidence, every ballot, what it cost
    rank_static(candidates)                    the same question without running anything
    next_step(policy, progress)                between waves: stop, or spend more, and on what
"""

from selection.allocation import (
    TRAJECTORIES,
    AllocationPolicy,
    BestOfN,
    Decision,
    ExpectedGain,
    Offer,
    Patience,
    Progress,
    Seen,
    next_step,
    share_price,
)
from selection.ballots import Ballot, Outcome, Probe, ProbeKind, flakiness
from selection.calibrate import Calibration, calibrate
from selection.candidates import PLAIN, Candidate, Change, Provenance, printable
from selection.classes import EquivalenceClass, classify
from selection.confidence import behave_alike, posterior
from selection.count import Count, Standing, count
from selection.drop import Dropped, drop, is_test
from selection.errors import AmbiguousId, SelectionError, StrangeBallot
from selection.features import PANEL as MOST_COMPARED
from selection.lazy import Ask, Lazy
from selection.question import MOST as MOST_QUESTIONS
from selection.question import NEITHER, Question, ask, rank_inputs
from selection.question import Answer as QuestionAnswer
from selection.records import Record
from selection.static import Field, Ranked, look, rank_static, source_standing
from selection.verdict import Verdict, decide
from selection.weights import weight_of

__all__ = [
    "MOST_COMPARED",
    "MOST_QUESTIONS",
    "NEITHER",
    "PLAIN",
    "TRAJECTORIES",
    "AllocationPolicy",
    "AmbiguousId",
    "Ask",
    "Ballot",
    "BestOfN",
    "Calibration",
    "Candidate",
    "Change",
    "Count",
    "Decision",
    "Dropped",
    "EquivalenceClass",
    "ExpectedGain",
    "Field",
    "Lazy",
    "Offer",
    "Outcome",
    "Patience",
    "Probe",
    "ProbeKind",
    "Progress",
    "Provenance",
    "Question",
    "QuestionAnswer",
    "Ranked",
    "Record",
    "Seen",
    "SelectionError",
    "Standing",
    "StrangeBallot",
    "Verdict",
    "ask",
    "behave_alike",
    "calibrate",
    "classify",
    "count",
    "decide",
    "drop",
    "flakiness",
    "is_test",
    "look",
    "next_step",
    "posterior",
    "printable",
    "rank_inputs",
    "rank_static",
    "share_price",
    "source_standing",
    "weight_of",
]
