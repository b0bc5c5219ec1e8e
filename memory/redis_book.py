"""The book of a Ledger in Redis, for the processes of several hosts. Redis 6.2 or newer, no modules.

Each step is one Lua script (`redis_scripts.py`), which Redis runs whole and alone. A script may be sent again when its answer
was lost: an id is taken once.

The dead: a process says, three times in each lease, that it lives, and loses its reservations when its lease is over. Of
their own host processes know better: there the dead are known at once, and the living whatever their lease. A process that is
cut off from Redis for longer than its lease cannot be told from a dead one; what it settles afterwards is written down all
the same.

A server that was started again, or a replica in its place, may have forgotten what it had promised. It has another run id than
the one with which the account was opened; then nothing more is reserved (LedgerLost) until the Run is resumed.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from memory import redis_scripts as scripts
from memory.book import Answer, Spend
from memory.budget import KINDS, Units
from memory.errors import LedgerLost, LedgerUnusable
from memory.processes import lives, this_process

if TYPE_CHECKING:
    from redis import Redis

LEASE_S = 60.0
WAIT_S = 20.0  # for an answer, in which a step is sent so many times:
_TRIES = 4
_T = TypeVar("_T")


class RedisBook:
    """url: redis://, rediss:// or unix://, a password in it is never shown. lease_s: how long a process that says nothing
    counts as alive. owner: another name than this process's own, for one that stands for a process elsewhere. wait_s: how
    long the server may take to answer; once it did not, as long again nobody else waits for it."""

    def __init__(
        self,
        url: str,
        run_id: str,
        *,
        lease_s: float = LEASE_S,
        prefix: str = "runoff",
        owner: str | None = None,
        wait_s: float = WAIT_S,
    ) -> None:
        self._where = _without_password(url)
        self._client = _client(url, self._where, wait_s / _TRIES)
        self._wait_s = wait_s
        self._silent_until = 0.0
        self._run_id = run_id
        self._lease_ms = round(lease_s * 1000)
        self._owner = owner or this_process()
        self._keys = [f"{prefix}:{{{run_id}}}:{name}" for name in ("account", "reserved", "settled", "leases")]
        self._server = ""
        self._closing = threading.Event()
        self._renewer: threading.Thread | None = None

    def open(self, *, restored: bool) -> None:
        self._server = self._ask(lambda: self._client.info("server")["run_id"])
        if not self._run(scripts.OPEN, self._server, int(restored)):
            raise self._lost()
        if self._renewer is None:
            self._renewer = threading.Thread(target=self._renew, name=f"lease of {self._run_id}", daemon=True)
            self._renewer.start()

    def reserve(self, id: str, stage: str, asked: Units, caps: Units) -> Answer:
        said, *units = self._run(scripts.RESERVE, self._server, self._owner, self._lease_ms, id, stage, *asked, *caps)
        if said == "lost":
            raise self._lost()
        used, granted = tuple(units[: len(KINDS)]), tuple(units[len(KINDS) :])
        return Answer(granted if said == "granted" else None, used)

    def settle(self, spend: Spend) -> None:
        self._run(scripts.SETTLE, spend.id, spend.stage, *spend.units)

    def release(self, id: str) -> None:
        self._run(scripts.RELEASE, id)

    def release_the_dead(self) -> int:
        entries = self._ask(lambda: self._client.hvals(self._keys[1]))
        owners = {json.loads(entry)[0] for entry in entries}
        known = {owner: lives(owner) for owner in owners if owner != self._owner}
        suspects = {owner: alive for owner, alive in known.items() if not alive}
        if not suspects:
            return 0
        return int(
            self._run(scripts.RELEASE_THE_DEAD, json.dumps({each: alive is False for each, alive in suspects.items()}))
        )

    def used(self) -> Units:
        sums = self._ask(lambda: self._client.hmget(self._keys[0], *KINDS))
        return tuple(int(each or 0) for each in sums)

    def settled(self) -> list[Spend]:
        entries = self._ask(lambda: self._client.hgetall(self._keys[2]))
        rows = {str(id): json.loads(entry) for id, entry in entries.items() if entry}
        return [
            Spend(id, stage, tuple(map(int, units)))
            for id, (_, *units, stage) in sorted(rows.items(), key=lambda row: int(row[1][0]))
        ]

    def close(self) -> None:
        self._closing.set()
        if self._renewer is not None:
            self._renewer.join()
        self._client.close()

    def _renew(self) -> None:
        """The sign of life of this process, from a thread of its own, so that a busy program does not lose its lease."""
        failed = False
        while not self._closing.wait(self._lease_ms / 3000):
            try:
                self._run(scripts.RENEW, self._owner, self._lease_ms)
                failed = False
            except LedgerUnusable as error:
                if not failed:
                    logging.getLogger(__name__).warning("this process cannot renew its lease: %s", error)
                failed = True

    def _lost(self) -> LedgerLost:
        return LedgerLost(
            f"the ledger at {self._where} was started again, or has lost the account of run {self._run_id}; what was spent is "
            f"in the run's journal; if the run has not ended, go on with `runoff resume {self._run_id}`"
        )

    def _run(self, script: str, *arguments: str | int) -> Any:
        return self._ask(lambda: self._client.register_script(script)(keys=self._keys, args=list(arguments)))

    def _ask(self, step: Callable[[], _T]) -> _T:
        from redis import RedisError, TimeoutError

        if monotonic() < self._silent_until:
            raise self._unusable(self._no_answer)
        try:
            answer = step()
        except TimeoutError as error:
            self._silent_until = monotonic() + self._wait_s
            raise self._unusable(self._no_answer) from error
        except RedisError as error:
            raise self._unusable(str(error)) from error
        self._silent_until = 0.0
        return answer

    @property
    def _no_answer(self) -> str:
        return f"it did not answer within {self._wait_s:g} s (RUNOFF_LEDGER_S)"

    def _unusable(self, why: str) -> LedgerUnusable:
        return LedgerUnusable(
            f"the ledger at {self._where} cannot be used: {why}; see to that server, or do without RUNOFF_LEDGER; a "
            f"run that has not ended goes on with `runoff resume {self._run_id}`"
        )


def _client(url: str, where: str, wait_s: float) -> Redis:
    try:
        from redis import Redis
        from redis.backoff import ExponentialBackoff
        from redis.retry import Retry
    except ImportError as error:
        raise LedgerUnusable(f"a ledger at {where} needs redis-py: pip install 'runoff[redis]'") from error
    retry = Retry(ExponentialBackoff(cap=1.0, base=0.05), _TRIES - 1)
    try:
        return Redis.from_url(
            url, decode_responses=True, socket_timeout=wait_s, socket_connect_timeout=wait_s, retry=retry
        )
    except ValueError as error:
        raise LedgerUnusable(f"the ledger's address {where} cannot be used: {error}") from error


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
