"""The runoff: candidates that passed everything and still differ are told apart by asking, three questions at most.

Examples that somebody wrote down have voted before. What is left is asked of whoever may know, the cheapest first, until
one of them does; the next question is about those that are then still in the running.
"""

from __future__ import annotations

from collections.abc import Sequence

from agents.held import held
from agents.live import LiveRun
from agents.questions import Answered, Asker, answered_before, next_question, tell_answered, tell_asked
from memory import SELECTION
from selection import MOST_QUESTIONS


async def run_off(live: LiveRun, askers: Sequence[tuple[str, Asker]]) -> None:
    """Ask until one behaviour is left, nobody knows, or nothing can be asked. askers: who, by name, in order;
    without any the first question is only put into the verdict.

    Raises LimitExceeded when selection's share is used up."""
    evidence = live.evidence
    while live.workers and len(evidence.asked) < MOST_QUESTIONS and (rivals := evidence.rivals()):
        weights = dict.fromkeys((each.id for each in rivals), 1.0)
        async with held(live, SELECTION):
            question = await next_question(live.workers[0], evidence.splits, rivals, weights, evidence.asked)
        if question is None or not askers:
            evidence.unanswered = question
            return
        tell_asked(live.journal, question)
        evidence.asked.append(question)
        for by, asker in askers:
            choice = await asker(question)
            if choice is not None:
                evidence.answers.append(Answered(question, choice, by))
                break
        tell_answered(live.journal, question, choice, by)


def restore_answers(live: LiveRun) -> None:
    """What was answered before this process took the Run over."""
    for question, choice, by in answered_before(live.journal.events()):
        live.evidence.asked.append(question)
        if choice is not None:
            live.evidence.answers.append(Answered(question, choice, by))
