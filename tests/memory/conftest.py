"""Both books of the Ledger, real ones: SQLite, and the Redis of this machine, where each test deletes its own keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memory import Budget, Ledger, Runs, Store

REDIS = "redis://127.0.0.1:6379/0"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "state") as store:
        yield store


def drop(runs: list[str]) -> None:
    from redis import Redis

    with Redis.from_url(REDIS) as client:
        for run in runs:
            for key in client.scan_iter(f"runoff:{{{run}}}:*"):
                client.delete(key)


class Account:
    """One Run's account. `ledger()` opens it, as a process of the Run does; `url` is None on SQLite."""

    def __init__(self, store: Store, url: str | None) -> None:
        self.store = store
        self.url = url
        self.run_id = Runs(store).create({})
        self._opened: list[Ledger] = []

    def ledger(self, budget: Budget, *, wall_used_s: float = 0.0) -> Ledger:
        ledger = Ledger(self.store, self.run_id, budget, url=self.url, wall_used_s=wall_used_s)
        self._opened.append(ledger)
        return ledger

    def arguments(self) -> list[str]:
        """For a program that opens the same account: state directory, run, address."""
        return [str(self.store.state_dir), self.run_id, self.url or ""]

    def close(self) -> None:
        for ledger in self._opened:
            ledger.close()
        if self.url is not None:
            drop([self.run_id])


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.redis)])
def account(request: pytest.FixtureRequest, store: Store) -> Iterator[Account]:
    account = Account(store, REDIS if request.param == "redis" else None)
    yield account
    account.close()
