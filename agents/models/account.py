"""Every call of a model is paid for: reserve before it, settle after it, and journal what happened.

An answer that was settled is journaled as a whole, so that a resumed Run finds it there (`recall.py`) and does not pay
twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

from agents.models.secrets import Secrets
from agents.models.turn import ModelAnswer, ModelRequest, Prices, Usage, request_hash, size_of
from memory import Amounts, Journal, Teller

CALLED = "model.called"  # a call that was answered and settled
FAILED = "model.failed"  # a call that was not; what had come is settled all the same
_ENDED = ("CancelledError", "RecordEnded", "LimitExceeded")  # the Run did, or its record
_FIRST_GUESS = 0.4  # tokens for each byte of a prompt: more than what common tokenizers make of code
_MARGIN = 1.05


def failed_calls(journal: Journal) -> list[str]:
    """In a sentence, how many calls of a Run's models were not answered, and the last reason; none where all were."""
    calls = [event for event in journal.events() if event.kind in (CALLED, FAILED)]
    failed = [event.data for event in calls if event.kind == FAILED and event.data["error"] not in _ENDED]
    if not failed:
        return []
    return [f"{len(failed)} of {len(calls)} calls of the model failed, the last one with: {failed[-1]['why']}"]


class Spend:
    """One call under way. estimate: prompt tokens, as far as can be told before it.

    `partial` says what has come so far; the client sets it.
    """

    def __init__(self, estimate: int) -> None:
        self.estimate = estimate
        self.partial: Callable[[], Usage | None] = lambda: None
        self.answer: ModelAnswer | None = None


class Account:
    """The one way from a Run's models to its Ledger and Journal."""

    def __init__(
        self,
        ledger: Teller,
        journal: Journal,
        *,
        prices: Prices | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        self._ledger = ledger
        self._journal = journal
        self._prices = prices or Prices()
        self._secrets = secrets or Secrets()
        self._tokens_per_byte: float | None = None
        self.refuses = True  # what does not fit the budget

    @asynccontextmanager
    async def call(self, request: ModelRequest, *, model: str, endpoint: str, attempt: int) -> AsyncIterator[Spend]:
        """Hold the tokens of one call while it is made; the caller puts the answer into the Spend.

        Raises LimitExceeded before the call when they do not fit the budget, if the account refuses anything.
        """
        size = size_of(request)
        spend = Spend(self._estimate(size))
        most = Usage(spend.estimate, request.n * request.max_tokens) if self.refuses else Usage(0, 0)
        reservation = await self._ledger.reserve(request.stage, self._amounts(most))
        about = {
            "stage": request.stage,
            "trajectory": request.trajectory,
            "step": request.step,
            "model": model,
            "endpoint": endpoint,
            "attempt": attempt,
        }
        started = monotonic()
        try:
            yield spend
        except BaseException as error:
            usage = spend.partial()
            if usage is None:
                await self._ledger.release(reservation)
            else:
                await self._ledger.settle(reservation, self._amounts(usage))
            why = {"error": type(error).__name__, "why": self._secrets.clean(" ".join(str(error).split()))}
            self._journal.append(FAILED, about | why | self._figures(usage, monotonic() - started))
            raise
        answer = spend.answer
        assert answer is not None, "a call that ended well has an answer"
        try:
            await self._ledger.settle(reservation, self._amounts(answer.usage))
        finally:  # whatever ends the task: it was paid for
            self._learn(answer.usage, size)
            self._journal.append(
                CALLED, about | self._figures(answer.usage, answer.seconds) | self._content(request, answer, model)
            )

    def _content(self, request: ModelRequest, answer: ModelAnswer, model: str) -> dict[str, Any]:
        return {
            "first_token_s": round(answer.first_token_s, 3),
            "finish": [choice.finish for choice in answer.choices],
            "cut": answer.cut,
            "request": request_hash(request.asked(), model),
            "answer": self._secrets.clean_data(answer.as_json()),
        }

    def _figures(self, usage: Usage | None, seconds: float) -> dict[str, Any]:
        tokens: Mapping[str, Any] = {}
        if usage is not None:
            tokens = {"prompt": usage.prompt, "cached": usage.cached, "completion": usage.completion}
        estimated = {"estimated": True} if usage is not None and usage.estimated else {}
        usd = None if usage is None else self._prices.usd(usage)
        return {"tokens": {**tokens, **estimated}, "usd": usd, "seconds": round(seconds, 3)}

    def _amounts(self, usage: Usage) -> Amounts:
        return Amounts(tokens=usage.total, usd=self._prices.usd(usage) or 0.0)

    def _estimate(self, size: int) -> int:
        rate = _FIRST_GUESS if self._tokens_per_byte is None else self._tokens_per_byte * _MARGIN
        return int(size * rate) + 16

    def _learn(self, usage: Usage, size: int) -> None:
        """Tokens for each byte, the highest of late: it falls by a part of the difference, and rises at once."""
        if usage.estimated or usage.prompt <= 0:
            return
        seen, known = usage.prompt / size, self._tokens_per_byte
        self._tokens_per_byte = seen if known is None or seen > known else known + (seen - known) / 8
