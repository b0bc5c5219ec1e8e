"""Which endpoint a call goes to: all calls of an issue to one, so that its prefix stays in one cache."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic

from agents.errors import EndpointDown
from agents.models.breaker import Breaker
from agents.models.endpoint import Endpoint
from agents.models.faults import blames_endpoint


class Router:
    """Endpoints with a breaker each. An issue's first choice is fixed by its name (rendezvous hashing). said: by the
    endpoint that did not begin to answer last.

    Source: Thaler and Ravishankar, A Name-Based Mapping Scheme for Rendezvous, 1996: when an endpoint goes, only its issues
    move.
    """

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self.endpoints = tuple(endpoints)
        self._breakers = {endpoint.name: Breaker() for endpoint in endpoints}
        self._changed = asyncio.Event()
        self.said: EndpointDown | None = None

    def order(self, issue: str) -> list[Endpoint]:
        """The endpoints, an issue's own first."""
        return sorted(self.endpoints, key=lambda endpoint: place(issue, endpoint.name))

    async def choose(self, issue: str, failures: Counter[str], until: float) -> Endpoint | None:
        """The best endpoint that may be called; waits for one until then (monotonic), and gives None when none comes.

        failures: how often each failed this very call; those that failed less come first.
        """
        while True:
            order = sorted(self.order(issue), key=lambda endpoint: failures[endpoint.name])
            waits = [self._breakers[endpoint.name].wait_s() for endpoint in order]
            for endpoint, wait_s in zip(order, waits, strict=True):
                if wait_s <= 0:
                    return endpoint
            soonest, left = min(waits), until - monotonic()
            if left <= 0 or left < soonest < float("inf"):
                return None
            self._changed.clear()
            try:
                async with asyncio.timeout(min(soonest, left)):
                    await self._changed.wait()
            except TimeoutError:
                continue

    @contextmanager
    def calling(self, endpoint: Endpoint, failures: Counter[str]) -> Iterator[Callable[[], None]]:
        """Keep the books of an endpoint's breaker while it is called. Gives what is to be called when the answer begins."""
        breaker = self._breakers[endpoint.name]

        def answers() -> None:
            breaker.answers()
            self._changed.set()

        trial = breaker.begin()
        try:
            yield answers
        except BaseException as error:
            if blames_endpoint(error):
                failures[endpoint.name] += 1
                breaker.failed()
                if isinstance(error, EndpointDown):
                    self.said = error
                    breaker.hold(error.after_s or 0.0)
            else:
                breaker.abandoned(trial)
            raise
        else:
            breaker.succeeded()
        finally:
            self._changed.set()


def place(issue: str, name: str) -> int:
    """Where a name stands in an issue's order: the lowest is first. The same in every process."""
    return int.from_bytes(hashlib.blake2b(f"{issue}\0{name}".encode(), digest_size=8).digest())
