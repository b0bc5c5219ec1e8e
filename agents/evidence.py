"""What is known of the candidates so far, and the Verdict that follows from it at any moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field, replace

from agents.judged import judging, script_of, support
from agents.questions import Answered
from agents.repair.behaviour import Split, behaviours, edits_of
from agents.reproductions import Reproductions
from agents.testrun import BaseRun, Example, Limit, TestSession
from agents.testrun.baserun import Coverage, coverage
from memory import Bill
from selection import (
    NEITHER,
    Ballot,
    Candidate,
    Change,
    Count,
    Dropped,
    EquivalenceClass,
    Outcome,
    Probe,
    ProbeKind,
    Question,
    Verdict,
    behave_alike,
    classify,
    count,
    decide,
    drop,
    posterior,
    printable,
)

RIVAL = 0.2  # of the best one's probability: who has less can no longer win
UNSURE = 0.1  # a judge's preference that is nearer to one half than this is none
EXAMPLE_LIMIT = Limit(1.0, 10.0)
Stand = tuple[tuple[EquivalenceClass, ...], tuple[Dropped, ...]]
EXAMPLES_AGAIN = 2  # times that the examples are evaluated again with each candidate
UNSTEADY = "flaky with this patch: it passed, and failed when it ran again"  # so begins such a ballot's detail
SHAKY = "it failed with this patch, and passed when it ran again"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A judge's opinion of two classes. share: the probability that the first is the better one."""

    first: str
    second: str
    share: float


@dataclass(slots=True)
class Evidence:
    """The candidates, and what speaks for and against them."""

    base: BaseRun | None = None
    coverage: Coverage = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    candidates: dict[str, Candidate] = field(default_factory=dict)
    proven: set[str] = field(default_factory=set)  # candidates that were seen to pass every test
    cast: dict[str, dict[str, Ballot]] = field(default_factory=dict)  # class id -> test -> what was seen
    flaky: dict[str, float] = field(default_factory=dict)  # test -> its flakiness, where repetition showed some
    given: int = 0  # patches that were given to choose among
    cut: bool = False  # classes are left that the budget leaves no room to test
    repeated: set[str] = field(default_factory=set)  # classes whose tests ran again, lest luck wins
    alone: dict[frozenset[str], Set[str]] = field(default_factory=dict)  # tests -> who pass on base without others
    left_out: Set[str] = frozenset()  # tests that no candidate can break, as far as imports tell, and that are not run
    splits: tuple[Split, ...] = ()  # inputs on which candidates differ
    asked: list[Question] = field(default_factory=list)
    answers: list[Answered] = field(default_factory=list)
    reproductions: Reproductions = field(default_factory=Reproductions)
    comparisons: list[Comparison] = field(default_factory=list)
    unanswered: Question | None = None  # what nobody was asked, though the answer would tell candidates apart
    untested: str = ""  # why no test could be run
    command: str = ""  # what tests them, where that was said
    _examples_met: dict[str, list[bool]] = field(default_factory=dict)  # class id -> for each example
    _unsteady: dict[str, set[int]] = field(default_factory=dict)  # class id -> examples that hold by turns
    _examined: frozenset[str] = frozenset()
    _stood: tuple[tuple[Candidate, ...], Stand] = ((), ((), ()))  # the candidates as they last were, and as classes

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
            notes.append(
                f"{len(unstable)} tests failed once and did not fail again, and have no vote: {_few(unstable)}"
            )
        if self.left_out:
            which = f"{len(self.left_out)} of {len(self.base.passing) + len(self.base.failing)} tests"
            notes.append(
                f"{which} import none of what the candidates change, and were not run: the budget does not last for all"
            )
        changes = [change for each in self.candidates.values() for change in each.changes]
        if rewritten := _paths(judging(changes)):
            notes.append(
                f"tests and their configuration were as they are on base, where candidates change them: {rewritten}"
            )
        if named := _paths(support(changes)):
            notes.append(f"candidates change what tests may lean on; look whether they still test the same: {named}")
        if named := _paths(script_of(self.command, changes)):
            notes.append(f"candidates change what the test command runs; look whether it still tests the same: {named}")
        if self.flaky:
            notes.append(
                f"tests that failed and then passed with the same patch say nothing: {', '.join(sorted(self.flaky))}"
            )
        return [*notes, *self._fallen()]

    def _left(self, *, interrupted: bool) -> list[str]:
        """What the Run did not last for."""
        notes = []
        if len(self.candidates) < self.given:
            notes.append(
                f"only the first {len(self.candidates)} of the {self.given} patches were looked at: the budget lasts no longer; "
                f"--budget candidates={self.given} (and a longer wall) looks at all of them"
            )
        if self.cut and self.base is not None:
            classes, _ = self.standing()
            if untested := sum(not self.cast.get(each.id) and not self.is_proven(each) for each in classes):
                why = "the run was interrupted" if interrupted else "the budget does not last for all"
                notes.append(
                    f"{untested} of {len(classes)} programs were not tested: {why}, and those that look the likeliest come first"
                )
        return notes

    def _fallen(self) -> Iterator[str]:
        """What passed and failed with one and the same candidate, where that is no fault of the test's."""
        classes, _ = self.standing()
        for each in classes:
            said = {name: cast.detail for name, cast in self.cast.get(each.id, {}).items() if name not in self.flaky}
            of = f"with {each.representative.provenance.step}, tests"
            if tests := [name for name, detail in said.items() if detail.startswith(UNSTEADY)]:
                yield (
                    f"{of} passed and then failed, with nothing changed: the candidate is flaky, and has failed them: "
                    f"{_few(tests)}"
                )
            if tests := [name for name, detail in said.items() if detail == SHAKY]:
                yield f"{of} failed and then passed, with nothing changed, and count as passed: {_few(tests)}"

    def standing(self) -> Stand:
        """The candidates as classes, and those that cannot be right."""
        known = tuple(self.candidates.values())
        if len(known) != len(self._stood[0]) or any(
            one is not other for one, other in zip(known, self._stood[0], strict=True)
        ):
            survivors, dropped = drop(known)
            self._stood = known, (classify(survivors), dropped)
        return self._stood[1]

    async def gather(self, session: TestSession) -> None:
        """Let the documented examples vote on classes that are new and break nothing, and compare how these behave."""
        classes = self.eligible()
        if self.base is None or {each.id for each in classes} == self._examined:
            return
        if not self.coverage and len(classes) > 1:  # which tests call what is only needed to compare
            self.coverage = await coverage(session, self.base)
        if not self._examples_met:
            self.examples = await self._that_say_what_is_right(session)
        for each in classes:
            if self.examples and each.id not in self._examples_met:
                await self._meet(session, each)
        found = await behaviours(session, self.base, self.coverage, [each.representative for each in classes])
        self.splits = found.splits
        for each in classes:
            for member in each.members:
                self.candidates[member.id] = replace(member, behaviour=found.digests.get(each.representative.id))
        self._examined = frozenset(each.id for each in classes)

    async def _that_say_what_is_right(self, session: TestSession) -> tuple[Example, ...]:
        """The examples but those of the issue that hold on base: "f(4) gives 8" there tells what is wrong."""
        told = [each for each in self.examples if each.of_issue]
        holds = await self._met(session, told) if told else []
        wrong = {id(each) for each, met in zip(told, holds, strict=True) if met}
        return tuple(each for each in self.examples if id(each) not in wrong)

    async def _meet(self, session: TestSession, of: EquivalenceClass) -> None:
        """Evaluate the examples with a class, some times: one that holds by turns does not hold."""
        met = await self._met(session, self.examples, of.representative)
        unsteady = self._unsteady.setdefault(of.id, set())
        for _ in range(EXAMPLES_AGAIN):
            again = await self._met(session, self.examples, of.representative)
            unsteady |= {place for place, (one, other) in enumerate(zip(met, again, strict=True)) if one != other}
        self._examples_met[of.id] = [each and place not in unsteady for place, each in enumerate(met)]

    async def _met(
        self, session: TestSession, examples: Sequence[Example], candidate: Candidate | None = None
    ) -> list[bool]:
        """For each example whether it holds, on base or with a candidate."""
        report = await session.examples(examples, EXAMPLE_LIMIT, edits_of(candidate) if candidate else None)
        met = {outcome.unit for outcome in report.outcomes if outcome.status == "passed"}
        return [str(place) in met for place in range(len(examples))]

    def counted(self) -> Count:
        """How the classes stand now."""
        classes, _ = self.standing()
        return count(classes, *self.votes(classes))

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

    def verdict(self, *, stopped: str, bill: Bill, notes: Sequence[str] = (), interrupted: bool = False) -> Verdict:
        """The best that can be said now. notes: more that its reader must know."""
        _, dropped = self.standing()
        counted = self.counted()
        cost = {"wall_s": round(bill.wall_s, 3), "stages": {name: asdict(each) for name, each in bill.stages.items()}}
        more = self._unmended(counted) if counted.standings else []
        return decide(
            counted,
            dropped,
            stopped=stopped,
            cost=cost,
            notes=[*self._left(interrupted=interrupted), *self.notes(), *more, *notes],
        )

    def votes(self, classes: Sequence[EquivalenceClass]) -> tuple[list[Probe], list[Ballot]]:
        """Everything that may vote, and what is known of these classes."""
        probes, ballots = list(self.probes()), self.ballots(classes)
        for found in (self._answers(classes), self._comparisons(), self.reproductions.votes(classes)):
            probes += found[0]
            ballots += found[1]
        return probes, ballots

    def probes(self) -> tuple[Probe, ...]:
        """The repository's tests and the documented examples."""
        if self.base is None:
            return ()
        kinds: dict[str, ProbeKind] = dict.fromkeys(self.base.failing, "target")
        kinds |= dict.fromkeys(self.base.passing, "regression")
        tests = (Probe(test, kind, flakiness=self.flaky.get(test, 0.0)) for test, kind in kinds.items())
        return (*tests, *(Probe(_name(place, each), "example") for place, each in enumerate(self.examples)))

    def ballots(self, classes: Sequence[EquivalenceClass]) -> list[Ballot]:
        """What is known of each class."""
        if self.base is None:
            return []
        tests = (*self.base.failing, *self.base.passing)
        ballots: list[Ballot] = []
        for each in classes:
            seen = self.cast.get(each.id, {})
            if self.is_proven(each):
                ballots += [Ballot(test, each.id, "passed") for test in tests]
            else:
                ballots += [seen[test] for test in tests if test in seen]
            met = self._examples_met.get(each.id, ())
            for place, (example, passed) in enumerate(zip(self.examples, met, strict=False)):
                said = UNSTEADY if place in self._unsteady[each.id] else ""
                ballots.append(Ballot(_name(place, example), each.id, "passed" if passed else "failed", said))
        return ballots

    def is_proven(self, of: EquivalenceClass) -> bool:
        """Whether it was seen to pass every test before it became a candidate."""
        return any(member.id in self.proven for member in of.members)

    def _answers(self, classes: Sequence[EquivalenceClass]) -> tuple[list[Probe], list[Ballot]]:
        """What was answered to questions: those that give the right result passed. Where none does, none may win."""
        probes = [
            Probe(f"{each.by} says: {each.example}", "regression" if each.choice == NEITHER else each.kind)
            for each in self.answers
        ]
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

    def _unmended(self, counted: Count) -> list[str]:
        """Tests that fail on base and with every candidate, and those of which nobody knows."""
        box = counted.box
        silent = [test for test in self.base.failing if not box.speaks(test)] if self.base else []
        rows = [box.rows[each.of.id] for each in counted.standings if not each.broken] or list(box.rows.values())
        ran = {test for test in silent if all(test in row and row[test].outcome != "unknown" for row in rows)}
        said = [f"no vote, since they fail on base and with every patch: {_few([*filter(ran.__contains__, silent)])}"]
        left = [test for test in silent if test not in ran]
        return said * bool(ran) + [f"they fail on base, and were not run with every patch: {_few(left)}"] * bool(left)


def _few(tests: Sequence[str]) -> str:
    return ", ".join(tests[:3]) + (", …" if len(tests) > 3 else "")


def _name(place: int, example: Example) -> str:
    return f"example {place + 1}: {example.source} is {example.expected}"


def _paths(changes: Sequence[Change]) -> str:
    paths = sorted({printable(change.path) for change in changes})
    return ", ".join(paths[:3]) + (", …" if len(paths) > 3 else "")
