"""The three things that a judge does, each one question to a model: answer, write tests, compare.

Its calls are on the bill of the selection stage. What a model cannot say, or says in a form that cannot be read, is None:
a judge that fails never decides anything.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Sequence
from typing import Any

from agents.errors import ModelError
from agents.judge.letters import probabilities
from agents.judge.prompts import LETTERS, asked, compare, which, write_tests
from agents.models import Choice, Model, ModelRequest
from memory import SELECTION, Journal
from selection import Question

NAME = "judge"  # whose calls they are in the record and the journal
SURE = 0.7  # the least probability, in both orders together, with which an answer counts
VOTES = 5  # of one order at most, where the server gives no log probabilities
_LETTER_TOKENS = 2048  # a model that reasons first needs some
_TOP = 8
_FENCE = re.compile(r"```(?:python|py)?[ \t]*\r?\n(.*?)```", re.DOTALL)


class Judge:
    """One Run's judge. answer_tokens: the most that a test file may have."""

    def __init__(self, model: Model, issue: str, journal: Journal, *, run_id: str, answer_tokens: int) -> None:
        self._model = model
        self._issue = issue
        self._journal = journal
        self._run_id = run_id
        self._answer_tokens = answer_tokens
        self.step = 0  # of its next call

    async def answer(self, question: Question, /) -> int | None:
        """Which answer is right, None when the judge is not sure. Raises LimitExceeded."""
        results = [each.result for each in question.answers][: len(LETTERS)]
        forward = await self._letter(which(question.call, results), len(results))
        backward = forward and await self._letter(which(question.call, results[::-1]), len(results))
        if forward is None or backward is None:
            return None
        both = [(one + other) / 2 for one, other in zip(forward, backward[::-1], strict=True)]
        best = max(range(len(both)), key=both.__getitem__)
        return best if both[best] >= SURE else None

    async def prefers_first(self, first: bytes, second: bytes) -> float | None:
        """The probability that the first of two patches is the better one, both orders together; None when it was not
        said. Raises LimitExceeded."""
        forward = await self._letter(compare(first, second), 2)
        backward = forward and await self._letter(compare(second, first), 2)
        if forward is None or backward is None:
            return None
        return (forward[0] + backward[1]) / 2

    async def write_tests(self, patches: Sequence[bytes]) -> bytes | None:
        """A test file that is to tell these patches apart; None when there is none. Raises LimitExceeded."""
        said = await self._ask(write_tests(patches), self._answer_tokens)
        found = _FENCE.search(said.text) if said else None
        if found is None:
            return None
        try:
            ast.parse(found[1])
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        return found[1].encode("utf-8", "replace")

    async def _letter(self, question: str, count: int) -> tuple[float, ...] | None:
        """The probability of each letter. One answer, where it tells probabilities; else votes, until the most frequent
        letter can no longer change."""
        tokens = min(_LETTER_TOKENS, self._answer_tokens)
        said = await self._ask(question, tokens, logprobs=_TOP)
        first = probabilities(said, count) if said else None
        if said is None or first is None or said.logprobs:
            return first
        votes = [first]
        while not _decided(votes):
            said = await self._ask(question, tokens, temperature=0.7, seed=len(votes))
            vote = probabilities(said, count) if said else None
            if vote is None:
                return None
            votes.append(vote)
        return tuple(sum(column) / len(votes) for column in zip(*votes, strict=True))

    async def _ask(self, question: str, tokens: int, **options: Any) -> Choice | None:
        request = ModelRequest(
            asked(self._issue, question),
            max_tokens=tokens,
            stage=SELECTION,
            issue=self._run_id,
            trajectory=NAME,
            step=self.step,
            **options,
        )
        self.step += 1
        try:
            return (await self._model.complete(request)).choices[0]
        except ModelError as error:
            self._journal.append("note", {"text": f"the judge has no answer: {error}"})
            return None


def _decided(votes: Sequence[tuple[float, ...]]) -> bool:
    """Whether the most frequent letter can no longer change."""
    best, second, *_ = sorted((math.fsum(column) for column in zip(*votes, strict=True)), reverse=True)
    return best - second > VOTES - len(votes)
