"""The model behind one or several servers: `complete` is the whole loop of a call."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from time import monotonic

from agents.errors import AnswerLost, EndpointDown, ModelError, NoSuchModel, ServerFailed, Throttled, Unreachable
from agents.models.account import Account
from agents.models.assemble import Assembly
from agents.models.endpoint import Endpoint
from agents.models.metrics import ServerLoad, read_load
from agents.models.router import Router, place
from agents.models.turn import ModelAnswer, ModelRequest, OnDelta


@dataclass(frozen=True, slots=True)
class Retry:
    """When a failed call is made again.

    losses: how many answers may be lost (they may cost tokens), or servers fail over the request, before it is given up.
    patience_s: how long servers that are away (they restart, they throttle) are waited for, since the call began or its last
    answer was lost. A wait is drawn between 0 and first_s * 2**failures, at most longest_s, so that trajectories that failed
    together do not come back together.
    Source: M. Brooker, Exponential Backoff and Jitter, AWS Architecture Blog, 2015.
    """

    losses: int = 4
    patience_s: float = 180.0
    first_s: float = 0.5
    longest_s: float = 15.0

    def wait_s(self, failures: int) -> float:
        """Seconds to wait after so many failures."""
        return random.uniform(0, min(self.longest_s, self.first_s * 2 ** min(failures, 20)))  # noqa: S311 (no secret)


class ServedModel:
    """A model on servers that speak the OpenAI protocol, its calls on the bill."""

    def __init__(self, endpoints: Sequence[Endpoint], account: Account, *, retry: Retry | None = None) -> None:
        self.name = endpoints[0].model
        self._account = account
        self._retry = retry or Retry()
        self._router = Router(endpoints)

    async def open(self) -> None:
        """Find out what the servers are. Raises ModelError when none is usable, or one lacks the model."""
        errors: list[ModelError] = []
        for endpoint in self._router.endpoints:
            try:
                facts = await endpoint.learn()
            except Unreachable as error:  # its siblings may do
                errors.append(error)
                continue
            except (ServerFailed, Throttled):  # it is there: a call waits for it
                continue
            if facts.models is not None and endpoint.model not in facts.models:
                has = ", ".join(sorted(facts.models)[:20]) or "none"
                raise NoSuchModel(f"{endpoint.name} has no model {endpoint.model!r}; it has {has}")
            if facts.vllm and (load := await read_load(endpoint)) is not None:
                endpoint.set_replicas(load.engines)
        if len(errors) == len(self._router.endpoints):
            raise errors[0]

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return self._router.endpoints

    @property
    def context_tokens(self) -> int | None:
        """Tokens of prompt and answer together: the least of the servers' limits; None when none says it."""
        return min((each.context for each in self._router.endpoints if each.context), default=None)

    async def complete(self, request: ModelRequest, *, on_delta: OnDelta | None = None) -> ModelAnswer:
        """Ask, and ask again where that can help. Raises ModelError, LimitExceeded."""
        started, failures, losses = monotonic(), Counter[str](), 0
        until = started + self._retry.patience_s
        last: ModelError | None = None
        for attempt in count(1):
            endpoint = await self._router.choose(request.issue, failures, until)
            if endpoint is None:
                raise self._all_away(last)
            try:
                with self._router.calling(endpoint, failures) as answers:
                    answer = await self._ask(endpoint, request, attempt, on_delta, Assembly(answers))
                return replace(answer, seconds=monotonic() - started)
            except (EndpointDown, AnswerLost) as error:
                last = error
                away = isinstance(error, (Unreachable, Throttled))
                losses += not away
                if losses >= self._retry.losses or (away and monotonic() >= until):
                    raise
                if not away:  # the server was there, however long its answer took
                    until = monotonic() + self._retry.patience_s
            if all(failures[each.name] for each in self._router.endpoints):  # one that did not fail is asked at once
                await asyncio.sleep(self._retry.wait_s(failures.total()))
        raise AssertionError("count() has no end")

    async def load(self, issue: str) -> ServerLoad | None:
        """The load of the server that an issue's calls go to, if it says so (vLLM does)."""
        return await read_load(self._router.order(issue)[0])

    async def close(self) -> None:
        """Close the connections."""
        for endpoint in self._router.endpoints:
            await endpoint.close()

    async def _ask(
        self, endpoint: Endpoint, request: ModelRequest, attempt: int, on_delta: OnDelta | None, assembly: Assembly
    ) -> ModelAnswer:
        async with self._account.call(request, model=self.name, endpoint=endpoint.name, attempt=attempt) as spend:
            spend.partial = lambda: assembly.spent(spend.estimate)
            spend.answer = await endpoint.call(
                request,
                assembly,
                on_delta=on_delta,
                attempt=attempt,
                estimate=spend.estimate,
                replica=place(request.issue, endpoint.name),
            )
            return spend.answer

    def _all_away(self, last: ModelError | None) -> EndpointDown:
        """What an endpoint said that is left alone: to this call, else to another one."""
        if isinstance(last, EndpointDown):
            return last
        if (said := self._router.said) is not None:
            return type(said)(str(said), said.after_s)
        names = ", ".join(endpoint.name for endpoint in self._router.endpoints)
        return Unreachable(f"{names}: failed too often to be asked again in time; is the server running?")
