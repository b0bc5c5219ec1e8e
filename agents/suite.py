"""The repository's tests vote on candidates that come untested, as far as their ballots may change the winner.

`selection.Lazy` says which class to test next and on what; here it is done: the class's files in a workspace and a sandbox
of their own, in a fresh interpreter. One class is open at a time. What was seen is in the Journal, so that a Run
that goes on repeats nothing. The best few classes that pass are tested to the end, since the tests are not all that may
speak for one of them.

Tests go by how likely they fail with what a class changes (`related`): the closely related ones run first, all others after
them. Where the budget does not last for all tests with the best few classes, those are left out of which it is known that
they import nothing of what any candidate changes, and the Verdict says so.

Regression tests that fail run once more, without those that passed. One that passes then may pass and fail by turns. Where
base does not pass it so each time, it says nothing of any class, and the count begins anew without its vote. Else it runs once
more after those before it: this class passes it if it passes then, and has failed it if not, and it goes on to speak of the
others. One that passes and then fails is the candidate's fault, which shows when the winner's tests run again (`repeat`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence, Set
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, replace

from agents.errors import HarnessFailed, UnusableTests
from agents.evidence import SHAKY
from agents.live import LiveRun
from agents.localise import CheckoutFiles
from agents.related import CLOSE, NEAR, Related
from agents.testrun import BaseRun, Outcome, RunReport
from agents.testrun.baserun import never_ends
from agents.verification import Suite
from memory import Journal
from selection import Ask, Ballot, EquivalenceClass, Lazy, flakiness

CAST = "ballots"  # the Journal's event for ballots; they are in the file store
REPEATED = "repeated"  # its event for a class whose tests ran again
FINALISTS = 4  # classes that pass, about which other evidence is gathered: behaviour, others' tests, a judge
AT_ONCE = 100  # classes whose bounds are compared: it takes the time of each for each that is tested
CHEAP_CPU_S = 5.0  # of a suite that takes less on base, no few are tried first
FIRST = 32  # tests of a class that has run none: those that are likely to fail, for their cost
TIMES = 2  # that a test runs again, on base or with the winner, before it is taken to pass each time
ROOM = 0.5  # of what selection has left, for all tests with the finalists; the rest is for classes that fail, and for asking
MOST = 1_000_000  # at once, of one that has


async def run_suite(live: LiveRun, room_s: float) -> None:
    """Test classes until no ballot can change which are the best FINALISTS. room_s: how long that may take. Raises
    SandboxDied, and what ends a Run."""
    evidence = live.evidence
    classes, _ = evidence.standing()
    if evidence.base is None or all(evidence.is_proven(each) for each in classes):
        return
    risks = await asyncio.to_thread(_relate, live, classes, evidence.base, room_s)
    evidence.cut = True
    for some in by_looks(classes):
        await _finalists(live, some, evidence.base, risks)
        if len(evidence.eligible()) >= FINALISTS and (evidence.counted().shown or not evidence.base.failing):
            break  # the others look less likely
    evidence.cut = False


def by_looks(classes: Sequence[EquivalenceClass]) -> Sequence[tuple[EquivalenceClass, ...]]:
    """The classes, the likeliest first, as many at once as can be weighed against each other in little time."""
    if len(classes) <= AT_ONCE:
        return [tuple(classes)]
    ranked = sorted(classes, key=lambda each: (-(each.probability or 0.0), -len(each.members)))
    return [tuple(ranked[start : start + AT_ONCE]) for start in range(0, len(ranked), AT_ONCE)]


async def _finalists(live: LiveRun, classes: tuple[EquivalenceClass, ...], base: BaseRun, risks: Risks) -> None:
    """Test classes until no ballot can change which of them are the best FINALISTS."""
    ids, eligible, left = {each.id for each in classes}, set[str](), classes
    while left and len(eligible) < FINALISTS:
        while not await _count(live, left, base, risks):
            pass
        before, eligible = eligible, {each.id for each in live.evidence.eligible()} & ids
        if len(eligible) == len(before):
            break  # no other can pass
        left = tuple(each for each in classes if each.id not in eligible)


def _relate(live: LiveRun, classes: tuple[EquivalenceClass, ...], base: BaseRun, room_s: float) -> Risks:
    """How likely each class fails each test; and which tests are left out, where there is no room for all."""
    evidence = live.evidence
    related, changed = _related_to(live, classes, base)
    whole_s = sum(base.outcomes[test].wall_s for test in base.tests)
    to_come = len(live.request.candidates) or live.settings.trajectories
    evidence.left_out = frozenset()
    if min(FINALISTS, to_come) * whole_s > ROOM * room_s and live.checkout is not None:
        everything = frozenset[str]().union(*changed.values())
        seen = frozenset[str]().union(*evidence.cast.values())
        unrelated = related.unrelated(everything, base.passing, CheckoutFiles(live.checkout).read)
        evidence.left_out = unrelated - seen
    by_files = {of: related.risks(of, base.tests) for of in set(changed.values())}
    return {name: by_files[of] for name, of in changed.items()}


def _related_to(
    live: LiveRun, classes: Sequence[EquivalenceClass], base: BaseRun
) -> tuple[Related, Mapping[str, frozenset[str]]]:
    """Which tests are related to what; and the files that each class changes."""
    changes = {each.id: [c for c in each.representative.changes if c.changes] for each in classes}
    related = Related(
        live.imported,
        added={each.path for of in changes.values() for each in of if each.before is None},
        executed=live.evidence.coverage,
        spawning={test for test in base.tests if base.outcomes[test].spawned},
    )
    return related, {name: frozenset(each.path for each in of) for name, of in changes.items()}


def risks_of(live: LiveRun, of: EquivalenceClass, base: BaseRun) -> Mapping[str, float]:
    """How likely a class fails each test."""
    related, changed = _related_to(live, [of], base)
    return related.risks(changed[of.id], base.tests)


async def _count(live: LiveRun, classes: tuple[EquivalenceClass, ...], base: BaseRun, risks: Risks) -> bool:
    """Whether it came to its end: not when a test turned out to be flaky."""
    evidence = live.evidence
    # documented examples are the repair policy's, whose candidates come tested
    tests = [probe for probe in evidence.probes() if probe.kind in ("regression", "target")]
    tests = [probe for probe in tests if probe.id not in evidence.left_out]
    names = {probe.id for probe in tests}
    known = [ballot for ballot in evidence.ballots(classes) if ballot.probe in names]
    costs = {test: 0.01 + base.outcomes[test].cpu_s for test in names}
    plan = Lazy(classes, tests, known, costs=costs, risks=risks)
    before = plan.executions
    by_id = {each.id: each for each in classes}
    ask = plan.next(most=MOST)
    while ask is not None:
        of = by_id[ask.class_id]
        async with suite_on(live, of) as suite:
            while ask is not None and ask.class_id == of.id:
                ballots = await _run(suite, base, ask, risks[of.id], begun=of.id in evidence.cast)
                ballots, flaky = await _again(live, suite, base, ballots)
                evidence.flaky |= flaky
                cast = [ballot for ballot in ballots if ballot.probe not in flaky]
                evidence.cast.setdefault(of.id, {}).update({ballot.probe: ballot for ballot in cast})
                journal_ballots(live, of, cast, flaky)
                if flaky:
                    return False
                for ballot in cast:
                    plan.tell(ballot)
                ask = plan.next(most=MOST)
    if plan.executions > before:
        live.journal.append("counted", {"executions": plan.executions, "full": plan.full})
    return True


@asynccontextmanager
async def suite_on(live: LiveRun, of: EquivalenceClass) -> AsyncIterator[Suite | str]:
    """The tests on the files of a class; or why none of them can run."""
    assert live.tests is not None
    async with AsyncExitStack() as stack:
        try:
            suite: Suite | str = await stack.enter_async_context(live.tests.on(of.representative))
        except (UnusableTests, HarnessFailed) as error:
            suite = str(error)
        yield suite


async def _run(suite: Suite | str, base: BaseRun, ask: Ask, risks: Mapping[str, float], *, begun: bool) -> list[Ballot]:
    """Ballots of an Ask, one at least: of a large suite a few for a class that has not begun; then those of which a failure
    does not end it; then up to the first failure those that are closely related to what it changes, then the rest. The
    tests keep their order, for they may lean on earlier ones. One that hangs on base waits until no other is left."""
    quick = tuple(test for test in ask.probes if not never_ends(base.outcomes[test]))
    ask = replace(ask, probes=quick, ends=ask.ends & set(quick)) if quick else ask
    if isinstance(suite, str):
        return [Ballot(test, ask.class_id, "error", _line(suite)) for test in ask.probes]
    dear = sum(base.outcomes[test].cpu_s for test in ask.probes) >= CHEAP_CPU_S
    whole = begun or not dear
    asked = set(ask.probes) - ask.ends or _related(ask, base, risks, dear) if whole else set(ask.probes[:FIRST])
    stop = whole and asked <= ask.ends
    collected = set(suite.tests)
    wanted = [test for test in base.tests if test in asked]
    limits = {test: base.generous_limit(test) for test in wanted if test in collected}
    report = await suite.run(limits, stop=stop) if limits else RunReport(())
    ballots = {each.unit: _ballot(each, ask.class_id) for each in report.outcomes}
    for test in wanted:
        if test not in limits:
            ballots[test] = Ballot(test, ask.class_id, "error", "it is not collected any more")
    if report.refused is not None:
        for test in wanted:
            ballots.setdefault(test, Ballot(test, ask.class_id, "unknown", _line(report.refused)))
    return list(ballots.values())


def _related(ask: Ask, base: BaseRun, risks: Mapping[str, float], dear: bool) -> set[str]:
    """Those of an Ask that are the most closely related to what the class changes. Every step is a new interpreter, so
    that small suites have fewer. A test that the class has to mend is as close as can be."""
    for least in (CLOSE, NEAR) if dear else (NEAR,):
        if related := {test for test in ask.probes if test in base.failing or risks[test] >= least}:
            return related
    return set(ask.probes)


def _ballot(outcome: Outcome, class_id: str) -> Ballot:
    if outcome.passed:
        return Ballot(outcome.unit, class_id, "passed")
    said = _line(outcome.text) or outcome.status
    if outcome.timed_out:
        return Ballot(outcome.unit, class_id, "timeout", said)
    return Ballot(outcome.unit, class_id, "error" if outcome.status == "error" else "failed", said)


async def _again(
    live: LiveRun, suite: Suite | str, base: BaseRun, ballots: list[Ballot]
) -> tuple[list[Ballot], dict[str, float]]:
    """Regression tests that failed run again, without those that ran before them. One that passes then is flaky, unless base
    passes it each time. One that does not pass so on base either leans on earlier ones. Where the test is not to blame, all
    before it run with it once more, in their order, as they did on base: that decides. Returns the ballots, and the flaky
    tests."""
    evidence = live.evidence
    failed = {each.probe for each in ballots if each.outcome in ("failed", "error") and each.probe in base.passing}
    failed -= evidence.flaky.keys()
    if isinstance(suite, str) or not (failed := failed & set(suite.tests)):
        return ballots, {}
    passed = await _passing(suite, base, failed)
    # a command always runs whole, and nobody knows which of its cases are flaky on base
    steady = await passing_each_time(live, frozenset(passed)) if live.workers else frozenset()
    flaky = dict.fromkeys(passed - steady, flakiness(1, 1))
    leaning = await _leaning(live, frozenset(failed - passed))
    order = [test for test in base.tests if test in set(suite.tests)]
    unclear = leaning | steady
    last = max((order.index(test) for test in unclear), default=-1)
    mended = await _passing(suite, base, set(order[: last + 1])) & unclear if unclear else set()
    kept = [
        replace(each, outcome="passed", detail=SHAKY if each.probe in steady else "") if each.probe in mended else each
        for each in ballots
    ]
    return kept, flaky


async def passing_each_time(live: LiveRun, tests: frozenset[str]) -> frozenset[str]:
    """Those of some tests that pass on base each time, run as they run again here."""
    assert live.tests is not None
    for _ in range(TIMES):
        tests = tests & frozenset(await live.tests.alone(tests)) if tests else tests
    return tests


async def _leaning(live: LiveRun, tests: frozenset[str]) -> Set[str]:
    """Those of some tests that do not pass on base without the others."""
    assert live.tests is not None
    alone = live.evidence.alone
    if tests and tests not in alone:
        alone[tests] = await live.tests.alone(tests)
    return tests - alone[tests] if tests else tests


async def _passing(suite: Suite, base: BaseRun, tests: set[str]) -> set[str]:
    limits = {test: base.generous_limit(test) for test in base.tests if test in tests}
    report = await suite.run(limits, again=True)
    return {outcome.unit for outcome in report.outcomes if outcome.passed}


def journal_ballots(live: LiveRun, of: EquivalenceClass, cast: Sequence[Ballot], flaky: Mapping[str, float]) -> None:
    """Write down what was seen of a class."""
    failed = {ballot.probe: ballot.detail for ballot in cast if ballot.outcome != "passed"}
    digest = live.store.files.put(json.dumps([asdict(ballot) for ballot in cast]).encode())
    live.journal.append(
        CAST,
        {
            "class": of.id,
            "candidate": of.representative.id,
            "run": len(cast),
            "failed": dict(list(failed.items())[:_SHOWN]),
            "flaky": dict(flaky),
            "ballots": digest,
        },
    )


def recall_ballots(live: LiveRun) -> None:
    """What earlier processes saw; what they could not see is run again."""
    for event in Journal(live.store, live.id).events():
        if event.kind == REPEATED:
            live.evidence.repeated.add(event.data["class"])
        if event.kind == CAST:
            ballots = [Ballot(**each) for each in json.loads(live.store.files.get(event.data["ballots"]))]
            seen = {each.probe: each for each in ballots if each.outcome != "unknown"}
            live.evidence.cast.setdefault(event.data["class"], {}).update(seen)
            live.evidence.flaky |= event.data["flaky"]


def _line(text: str) -> str:
    return " ".join(text.split())[:200]


Risks = Mapping[str, Mapping[str, float]]  # class id -> test -> how likely it fails it, from 0 to 1
_SHOWN = 20  # failed tests in the Journal
