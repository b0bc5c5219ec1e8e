"""Answers that were paid for before a crash are not asked for again: the Journal has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.models.account import CALLED
from agents.models.metrics import ServerLoad
from agents.models.turn import Delta, ModelAnswer, ModelRequest, OnDelta, request_hash
from memory import Journal

if TYPE_CHECKING:
    from agents.models import Model

BEGAN = "model.began"  # a Run's first process opened a model


class Recalling:
    """A model that looks first into what this Run's Journal held when it was opened.

    An answer counts when trajectory, step and question are the same; it costs nothing and is not journaled anew. How much is
    asked follows from the context: a Run that goes on keeps to what it began with, whatever its server says now.
    """

    def __init__(self, inner: Model, journal: Journal) -> None:
        self._inner = inner
        self.name = inner.name
        began = (event.data for event in journal.of_kind(BEGAN) if event.data["model"] == self.name)
        opened = next(began, None) or journal.append(BEGAN, {"model": self.name, "context": inner.context_tokens}).data
        self.context_tokens: int | None = opened["context"]
        self._known: dict[tuple[str, int], dict[str, Any]] = {}  # of each step, the question's hash: the answer
        for event in journal.of_kind(CALLED):
            if event.data["model"] == self.name:
                answers = self._known.setdefault((event.data["trajectory"], event.data["step"]), {})
                answers[event.data["request"]] = event.data["answer"]

    async def complete(self, request: ModelRequest, *, on_delta: OnDelta | None = None) -> ModelAnswer:
        """The answer of before, its texts in one piece each, or a new one."""
        answers = self._known.get((request.trajectory, request.step))
        known = answers.get(request_hash(request.asked(), self.name)) if answers else None
        if known is None:
            return await self._inner.complete(request, on_delta=on_delta)
        answer = ModelAnswer.from_json(known)
        if on_delta is not None:
            for index, choice in enumerate(answer.choices):
                on_delta(Delta(choice.text, index))
        return answer

    async def load(self, issue: str) -> ServerLoad | None:
        return await self._inner.load(issue)

    async def close(self) -> None:
        await self._inner.close()
