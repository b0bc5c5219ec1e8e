from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agents.models import Account, Delta, Endpoint, ModelRequest, Patience, Prices, Retry, ServedModel
from memory import Amounts, Budget, Journal, Ledger, Runs, Store, Teller

QUICK = Retry(losses=3, patience_s=5, first_s=0.01, longest_s=0.05)


@dataclass
class Books:
    """A Run's ledger and journal, and what they say."""

    store: Store
    ledger: Ledger
    journal: Journal
    account: Account = field(init=False)

    def __post_init__(self) -> None:
        self.account = Account(Teller(self.ledger), self.journal, prices=Prices(1.0, 10.0, 0.1))

    @property
    def spent(self) -> Amounts:
        return self.ledger.bill().total

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [dict(event.data) for event in self.journal.events() if event.kind == kind]

    def open_reservations(self) -> int:
        return len(self.store.query("SELECT id FROM entries WHERE state = 'reserved'"))


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    with Store.open(tmp_path / "state") as store:
        run = Runs(store).create({})
        yield Books(store, Ledger(store, run, Budget(tokens=1_000_000)), Journal(store, run))


def asks(text: str = "hi", **more: Any) -> ModelRequest:
    given = {"max_tokens": 50, "stage": "edit", "issue": "i", "trajectory": "t", **more}
    return ModelRequest(messages=[{"role": "user", "content": text}], **given)


def served(
    books: Books,
    *urls: str,
    first_s: float = 20.0,
    between_s: float = 20.0,
    retry: Retry = QUICK,
    key: str | None = None,
) -> ServedModel:
    patience = Patience(first_s, between_s)
    return ServedModel([Endpoint(url, "m", key=key, patience=patience) for url in urls], books.account, retry=retry)


class Heard:
    """What a listener makes of the deltas: a higher attempt voids what came before."""

    def __init__(self) -> None:
        self.attempt = 0
        self.texts: dict[int, str] = {}

    def __call__(self, delta: Delta, /) -> None:
        if delta.attempt > self.attempt:
            self.attempt, self.texts = delta.attempt, {}
        self.texts[delta.choice] = self.texts.get(delta.choice, "") + delta.text
