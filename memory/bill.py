"""What a Run cost, as its Ledger says it, and again from its Journal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from memory.book import Spend
from memory.budget import Amounts
from memory.journal import OPENED, Event, worked_s

SETTLED = "spend.settled"  # an entry of the Ledger: its id, stage and Amounts
BILLED = "run.billed"  # the end of the work of a process: the wall seconds of the Run so far


@dataclass(frozen=True, slots=True)
class Bill:
    """What was spent, by stage, and the wall seconds of the whole Run."""

    stages: dict[str, Amounts]
    wall_s: float

    @property
    def total(self) -> Amounts:
        return sum(self.stages.values(), Amounts())

    @classmethod
    def of(cls, spends: Iterable[Spend], wall_s: float) -> Bill:
        stages: dict[str, Amounts] = {}
        for spend in spends:
            stages[spend.stage] = stages.get(spend.stage, Amounts()) + Amounts.of_units(spend.units)
        return cls(stages, wall_s)


def bill_of(events: Iterable[Event]) -> Bill:
    """The Bill of a Run from its events alone: to the last unit what the Ledger said at the end of it.

    A Run whose last process was killed has worked as long as its events show."""
    events = list(events)
    last = next((event for event in reversed(events) if event.kind in (OPENED, BILLED)), None)
    wall_s = last.data["wall_s"] if last is not None and last.kind == BILLED else worked_s(events)
    return Bill.of(spends_of(events).values(), wall_s)


def spends_of(events: Iterable[Event]) -> dict[str, Spend]:
    """The settled entries by id. One may be told twice (see `ledger.py`), and counts once."""
    spends: dict[str, Spend] = {}
    for event in events:
        if event.kind == SETTLED:
            data = dict(event.data)
            id, stage = data.pop("id"), data.pop("stage")
            spends.setdefault(id, Spend(id, stage, Amounts(**data).units()))
    return spends
