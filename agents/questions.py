"""Questions about what candidates do: the call on which those that are left differ most, put into words, and its answer.

The inputs were found when the candidates' behaviours were compared; only the chosen one is shown, with each candidate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agents.repair.behaviour import Split, edits_of
from agents.testrun import Limit, TestSession
from memory import Event, Journal
from selection import NEITHER, EquivalenceClass, ProbeKind, Question, QuestionAnswer, ask, rank_inputs

ASKED, ANSWERED = "question", "answer"
_LOOKED_AT = 12  # inputs that are shown until one can be asked about
_CALL = Limit(1.0, 10.0)
_NO_END = "it does not end"


class Asker(Protocol):
    """Whoever may know. Returns the place of the right answer, NEITHER, or None when it does not know."""

    async def __call__(self, question: Question, /) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Answered:
    """A question, the reply (a place or NEITHER), and who gave it."""

    question: Question
    choice: int
    by: str
    kind: ProbeKind = "example"  # as good as a documented one; a judge's is only its word

    @property
    def example(self) -> str:
        """What is known now, in words."""
        answers = self.question.answers
        if self.choice == NEITHER:
            return f"{self.question.call} is none of {', '.join(each.result for each in answers)}"
        return f"{self.question.call} is {answers[self.choice].result}"

    def passed(self, class_id: str) -> bool:
        """Whether a class gives what was said to be right."""
        return self.choice != NEITHER and class_id in self.question.answers[self.choice].classes


async def next_question(
    session: TestSession,
    splits: Sequence[Split],
    rivals: Mapping[EquivalenceClass, float],
    asked: Sequence[Question],
) -> Question | None:
    """The best question that was not asked about `rivals` (with their weights), None when there is none: no input is
    known on which they differ in a way that a person can read."""
    weights = {each.id: weight for each, weight in rivals.items()}
    ids = {each.representative.id: each.id for each in rivals}
    known = [
        (split, {ids[name]: result for name, result in split.results.items() if name in ids})
        for split in splits
        if ids.keys() <= split.results.keys()
    ]
    order = rank_inputs([results for _, results in known], [len(split.input) for split, _ in known], weights)
    calls = {each.call for each in asked}
    for place in order[:_LOOKED_AT]:
        question = await _in_words(session, known[place][0], rivals, weights)
        if question is not None and question.call not in calls:
            return question
    return None


async def _in_words(
    session: TestSession, split: Split, rivals: Iterable[EquivalenceClass], weights: Mapping[str, float]
) -> Question | None:
    results: dict[str, str] = {}
    call = ""
    for each in rivals:
        report = await session.show(split.function, [split.input], _CALL, edits_of(each.representative))
        outcome = report.outcomes[0] if report.outcomes else None
        if outcome is None or not (outcome.timed_out or outcome.passed):
            return None
        results[each.id] = _NO_END if outcome.timed_out else outcome.text
        call = call or outcome.call
    return ask(call, results, weights) if call else None


def tell_asked(journal: Journal, question: Question) -> None:
    """The event after which a Run waits for an answer."""
    journal.append(ASKED, {"call": question.call, "answers": [each.result for each in question.answers]})


def tell_answered(journal: Journal, question: Question, choice: int | None, by: str, judge_step: int) -> None:
    """The event of an answer, with the whole question, so that a Run that goes on need not ask again."""
    answers = [{"result": each.result, "classes": list(each.classes)} for each in question.answers]
    journal.append(
        ANSWERED, {"call": question.call, "answers": answers, "choice": choice, "by": by, "judge_step": judge_step}
    )


def answered_before(events: Sequence[Event]) -> list[tuple[Question, int | None, str]]:
    """What a Journal holds of questions that were answered, in their order."""
    return [_read(event.data) for event in events if event.kind == ANSWERED]


def _read(data: Mapping[str, Any]) -> tuple[Question, int | None, str]:
    answers = tuple(QuestionAnswer(each["result"], tuple(each["classes"])) for each in data["answers"])
    return Question(data["call"], answers), data["choice"], data["by"]
