"""What is known of the candidates so far, and the Verdict that follows from it at any moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from agents.questions import Answered
from agents.repair.behaviour import Split, behaviours
from agents.reproductions import Reproductions
from agents.testrun import BaseRun, Example, Limit, TestSession
from agents.testrun.baserun import Coverage, coverage
from memory import Bill
from selection import (
    Ballot,
    Candidate,
    Count,
    Dropped,
    EquivalenceClass,
    Outcome,
    Probe,
    Question,
    Verdict,
    behave_alike,
    classify,
    count,
    decide,
    drop,
    posterior,
)

RIVAL = 0.2  # of the best one's probability: who has less can no longer win
UNSURE = 0.1  # a judge's preference that is nearer to one half than this is none
EXAMPLE_LIMIT = Limit(1.0, 10.0)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A judge's opinion of two classes. share: the probability that the first is the better one."""

    first: str
    second: str
    share: float


@dataclass(slots=True)
class Evidence:
    """Candidates that were seen to pass every test, and what else speaks for and against them."""

    base: BaseRun | None = None
    coverage: Coverage = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    candidates: dict[str, Candidate] = field(default_factory=dict)
    outcomes: dict[str, Mapping[str, bool]] = field(default_factory=dict)  # candidate id -> test -> passed; {}: all
    splits: tuple[Split, ...] = ()  # inputs on which candidates differ
    asked: list[Question] = field(default_factory=list)
    answers: list[Answered] = field(default_factory=list)
    reproductions: Reproductions = field(default_factory=Reproductions)
    comparisons: list[Comparison] = field(default_factory=list)
    unanswered: Question | None = None  # what nobody was asked, though the answer would tell candidates apart
    untested: str = ""  # why no test could be run
    _examples_met: dict[str, list[bool]] = field(default_factory=dict)  # class id -> for each example
    _examined: frozenset[str] = frozenset()

    def notes(self) -> list[str]:
        """What a reader of the verdict must know of the tests."""
        if self.base is None:
            return [self.untested] if self.untested else []
        notes = []
        if self.unanswered is not None:
            results = " or ".join(answer.result for answer in self.unanswered.answers)
            notes.append(
                f"candidates that passed every test differ: {self.unanswered.call} is {results}; --ask lets you say"
            )
        if slow := len(self.base.slow):
            notes.append(f"{slow} tests take too long to be run on base; the patch had to pass them all the same")
        if unstable := self.base.unstable:
            shown = ", ".join(unstable[:3]) + (", …" if len(unstable) > 3 else "")
            notes.append(f"{len(unstable)} tests failed once and did not fail again, and have no vote: {shown}")
        return notes

    def standing(self) -> tuple[tuple[EquivalenceClass, ...], tuple[Dropped, ...]]:
        """The candidates as classes, and those that cannot be right."""
        survivors, dropped = drop(self.candidates.values())
        return classify(survivors), dropped

    async def gather(self, session: TestSession) -> None:
        """Let the documented examples vote on classes that are new and break nothing, and compare how these behave."""
        classes = self.eligible()
        if self.base is None or {each.id for each in classes} == self._examined:
            return
        if not self.coverage and len(classes) > 1:  # which tests call what is only needed to compare
            self.coverage = await coverage(session, self.base)
        for each in classes:
            if self.examples and each.id not in self._examples_met:
                self._examples_met[each.id] = await self._met(session, each.representative)
        found = await behaviours(session, self.base, self.coverage, [each.representative for each in classes])
        self.splits = found.splits
        for each in classes:
            for member in each.members:
                self.candidates[member.id] = replace(member, behaviour=found.digests.get(each.representative.id))
        self._examined = frozenset(each.id for each in classes)

    async def _met(self, session: TestSession, candidate: Candidate) -> list[bool]:
        edits = {change.path: change.after for change in candidate.changes if change.after is not None}
        report = await session.examples(self.examples, EXAMPLE_LIMIT, edits)
        met = {outcome.unit for outcome in report.outcomes if outcome.status == "passed"}
        return [str(place) in met for place in range(len(self.examples))]

    def counted(self) -> Count:
        """How the classes stand now."""
        classes, _ = self.standing()
        return count(classes, *self._count(classes))

    def eligible(self) -> tuple[EquivalenceClass, ...]:
        """The classes that no test speaks against, the best first."""
        return tuple(each.of for each in self.counted().eligible)

    def rivals(self) -> Mapping[EquivalenceClass, float]:
        """The classes among which the winner is still open, the best first, each with the probability that it is right; none
        where all that are left behave alike."""
        counted = self.counted()
        likely, eligible = posterior(counted), counted.eligible
        least = RIVAL * max((likely[each.of.id] for each in eligible), default=0.0)
        left = {each.of: likely[each.of.id] for each in eligible if likely[each.of.id] >= least}
        return {} if len(left) < 2 or behave_alike(list(left)) else left

    def verdict(self, *, stopped: str, bill: Bill, notes: Sequence[str] = ()) -> Verdict:
        """The best that can be said now. notes: more that its reader must know."""
        _, dropped = self.standing()
        counted = self.counted()
        cost = {"wall_s": round(bill.wall_s, 3), "stages": {name: asdict(each) for name, each in bill.stages.items()}}
        more = self._unmended(list(counted.box.probes.values())) if counted.standings else []
        return decide(counted, dropped, stopped=stopped, cost=cost, notes=[*self.notes(), *more, *notes])

    def _count(self, classes: Sequence[EquivalenceClass]) -> tuple[list[Probe], list[Ballot]]:
        """What each class passed in a fresh interpreter, and which documented examples it meets. A failing test that no
        class mends is not what the issue is about, and has no vote."""
        if self.base is None:
            return [], []
        passed = {each.id: self._passed(each) for each in classes}
        mended = [test for test in self.base.failing if any(passes(test) for passes in passed.values())]
        probes = [Probe(test, "target") for test in mended]
        probes += [Probe(test, "regression") for test in self.base.passing]
        ballots = [
            Ballot(probe.id, each.id, "passed" if passed[each.id](probe.id) else "failed")
            for each in classes
            for probe in probes
        ]
        for place, example in enumerate(self.examples):
            probe = Probe(f"example {place + 1}: {example.source} is {example.expected}", "example")
            probes.append(probe)
            for each in classes:
                if each.id in self._examples_met:
                    outcome = "passed" if self._examples_met[each.id][place] else "failed"
                    ballots.append(Ballot(probe.id, each.id, outcome))  # type: ignore[arg-type]
        for found in (self._answers(classes), self._comparisons(), self.reproductions.votes(classes)):
            probes += found[0]
            ballots += found[1]
        return probes, ballots

    def _answers(self, classes: Sequence[EquivalenceClass]) -> tuple[list[Probe], list[Ballot]]:
        """What was answered to questions: those that give the right result passed."""
        probes = [Probe(f"{each.by} says: {each.example}", each.kind) for each in self.answers]
        ballots = [
            Ballot(probe.id, each.id, "passed" if answered.passed(each.id) else "failed")
            for probe, answered in zip(probes, self.answers, strict=True)
            for each in classes
            if each.id in answered.question.classes
        ]
        return probes, ballots

    def _comparisons(self) -> tuple[list[Probe], list[Ballot]]:
        """What the judge prefers: of two classes, one passed."""
        probes: list[Probe] = []
        ballots: list[Ballot] = []
        for compared in self.comparisons:
            probe = Probe(f"the judge compares {compared.first} with {compared.second}", "judge")
            probes.append(probe)
            for name, share in ((compared.first, compared.share), (compared.second, 1 - compared.share)):
                outcome: Outcome = "unknown" if abs(share - 0.5) < UNSURE else "passed" if share > 0.5 else "failed"
                ballots.append(Ballot(probe.id, name, outcome, f"{share:.0%}"))
        return probes, ballots

    def _unmended(self, probes: Sequence[Probe]) -> list[str]:
        """Tests that fail on base and with every candidate."""
        voting = {probe.id for probe in probes}
        silent = [test for test in self.base.failing if test not in voting] if self.base else []
        if not silent:
            return []
        shown = ", ".join(silent[:3]) + (", …" if len(silent) > 3 else "")
        return [f"no vote, since they fail on base and with every patch: {shown}"]

    def _passed(self, of: EquivalenceClass) -> Callable[[str], bool]:
        outcomes = self.outcomes.get(of.representative.id, {})
        return lambda test: not outcomes or outcomes.get(test, False)
