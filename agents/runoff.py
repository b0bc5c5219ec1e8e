"""The runoff: candidates that passed everything and still differ are told apart by whoever may know.

    questions -> written_tests -> comparisons

**questions**: the call on which they differ most is put to the judge, and to the person where that is allowed; three at
most. **written_tests**: the judge writes tests, which run on base and with the finalists. **comparisons**: the judge
compares the finalists two at a time. These are nodes of the root graph; each does nothing once one behaviour is left.
Examples that somebody wrote down have voted before.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any

from langgraph.runtime import Runtime

from agents.evidence import Comparison
from agents.held import held
from agents.live import LiveRun
from agents.questions import Answered, answered_before, next_question, tell_answered, tell_asked
from agents.reproductions import TestFile
from memory import SELECTION, LimitExceeded
from selection import MOST_QUESTIONS, Question

FINALISTS = 3
ROUNDS = 2  # test files that the judge may write
JUDGE, PERSON = "the judge", "the person asked"
TESTS, COMPARED = "judge.tests", "judge.compared"  # the Journal's events


async def questions(state: Any, runtime: Runtime[LiveRun]) -> dict[str, Any]:
    """Ask until one behaviour is left, nobody knows, or nothing can be asked. Where nobody is there to be asked, the
    first question is put into the verdict."""
    live, evidence = runtime.context, runtime.context.evidence
    with _within_the_budget(live):
        while live.workers and len(evidence.asked) < MOST_QUESTIONS and (rivals := evidence.rivals()):
            async with held(live, SELECTION):
                question = await next_question(live.workers[0], evidence.splits, rivals, evidence.asked)
            if question is None or (live.judge is None and live.person is None):
                evidence.unanswered = question
                break
            evidence.asked.append(question)
            choice, by = await _ask(live, question)
            if choice is not None:
                evidence.answers.append(_answered(question, choice, by))
            tell_answered(live.journal, question, choice, by, live.judge.step if live.judge else 0)
    return {}


async def written_tests(state: Any, runtime: Runtime[LiveRun]) -> dict[str, Any]:
    """Let the judge write tests that tell the finalists apart, twice at most."""
    live, evidence = runtime.context, runtime.context.evidence
    if live.judge is None or not live.workers or evidence.base is None:
        return {}
    with _within_the_budget(live):
        written = sum(event.kind == TESTS for event in live.journal.events())
        for number in range(written + 1, ROUNDS + 1):
            finalists = list(evidence.rivals())[:FINALISTS]
            if not finalists:
                break
            content = await live.judge.write_tests([each.representative.patch for each in finalists])
            if content is None:
                break
            file = TestFile(
                _beside_the_tests(evidence.base.tests, f"test_judge_{number}.py"), content, frozenset({"judge"})
            )
            async with held(live, SELECTION):
                await evidence.reproductions.add(live, [file], finalists)
            live.journal.append(
                TESTS,
                {"path": file.path, "file": live.store.files.put(content), "judge_step": live.judge.step},
            )
    return {}


async def comparisons(state: Any, runtime: Runtime[LiveRun]) -> dict[str, Any]:
    """Let the judge compare the finalists, each pair in both orders."""
    live, evidence = runtime.context, runtime.context.evidence
    if live.judge is None:
        return {}
    with _within_the_budget(live):
        for first, second in itertools.combinations(list(evidence.rivals())[:FINALISTS], 2):
            compared = any({first.id, second.id} == {each.first, each.second} for each in evidence.comparisons)
            if compared or not {first, second} <= evidence.rivals().keys():
                continue  # an earlier pair has settled it
            share = await live.judge.prefers_first(first.representative.patch, second.representative.patch)
            if share is not None:
                evidence.comparisons.append(Comparison(first.id, second.id, share))
                told = {"first": first.id, "second": second.id, "first_wins": share, "judge_step": live.judge.step}
                live.journal.append(COMPARED, told)
    return {}


async def restore(live: LiveRun) -> None:
    """What was answered, tested and compared before this process took the Run over."""
    events, evidence = live.journal.events(), live.evidence
    for question, choice, by in answered_before(events):
        evidence.asked.append(question)
        if choice is not None:
            evidence.answers.append(_answered(question, choice, by))
    for event in events:
        if event.kind == COMPARED:
            evidence.comparisons.append(Comparison(event.data["first"], event.data["second"], event.data["first_wins"]))
        if event.kind == TESTS:
            content = live.store.files.get(event.data["file"])
            await evidence.reproductions.add(
                live, [TestFile(event.data["path"], content, frozenset({"judge"}))], evidence.eligible()
            )
        if live.judge is not None:
            live.judge.step = max(live.judge.step, int(event.data.get("judge_step", 0)))


def _answered(question: Question, choice: int, by: str) -> Answered:
    return Answered(question, choice, by, "judge" if by == JUDGE else "example")


async def _ask(live: LiveRun, question: Question) -> tuple[int | None, str]:
    """The reply, and whose it is: the judge's, or when it is not sure that of the person."""
    if live.judge is not None and (choice := await live.judge.answer(question)) is not None:
        return choice, JUDGE
    if live.person is None:
        return None, JUDGE
    tell_asked(live.journal, question)
    return await live.person(question), PERSON


def _beside_the_tests(tests: Sequence[str], name: str) -> str:
    """A path in the directory of the first test: what is imported there is found there."""
    parent = PurePosixPath(tests[0].split("::")[0]).parent if tests else PurePosixPath()
    return str(parent / name)


@contextmanager
def _within_the_budget(live: LiveRun) -> Iterator[None]:
    """When selection's share is used up, what is known decides."""
    try:
        yield
    except LimitExceeded as limit:
        live.journal.append("note", {"text": f"the runoff ended early: {limit}"})
