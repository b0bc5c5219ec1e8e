"""A model without a server (scripted, replay), with its calls on the bill like those of any other."""

from __future__ import annotations

from typing import Protocol

from agents.models.account import Account
from agents.models.metrics import ServerLoad
from agents.models.turn import Delta, ModelAnswer, ModelRequest, OnDelta


class Answers(Protocol):
    """Says what to answer, and nothing more."""

    @property
    def name(self) -> str: ...

    @property
    def endpoint(self) -> str: ...

    @property
    def context_tokens(self) -> int | None: ...

    async def answer(self, request: ModelRequest) -> ModelAnswer: ...


class Metered:
    """Turns what only answers into a Model."""

    def __init__(self, inner: Answers, account: Account) -> None:
        self._inner = inner
        self._account = account
        self.name = inner.name
        self.context_tokens = inner.context_tokens

    async def complete(self, request: ModelRequest, *, on_delta: OnDelta | None = None) -> ModelAnswer:
        """The answer, its texts in one piece each. Raises ModelError, LimitExceeded."""
        async with self._account.call(request, model=self.name, endpoint=self._inner.endpoint, attempt=1) as spend:
            spend.answer = await self._inner.answer(request)
        if on_delta is not None:
            for index, choice in enumerate(spend.answer.choices):
                on_delta(Delta(choice.text, index))
        return spend.answer

    async def load(self, issue: str) -> ServerLoad | None:
        """There is no server."""
        return None

    async def close(self) -> None:
        """Nothing is held open."""
