"""Where the entries of a Run's Ledger are kept: the contract, and the book in the Store's SQLite file.

A book knows no Budget: it is told how much of each kind may be in it, settled and reserved together, and adds an entry in one
step that no other process can come between. Which entries it is told to make, and what they mean, is the Ledger's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from memory.budget import KINDS, Units
from memory.processes import lives, this_process
from memory.store import Store

ALL_LEFT = -1  # in the place of an amount: as much as there is room for


@dataclass(frozen=True, slots=True)
class Spend:
    """A settled entry. id: no other entry ever has it."""

    id: str
    stage: str
    units: Units


@dataclass(frozen=True, slots=True)
class Answer:
    """What a book says to a reservation. granted: None when it does not fit. used: settled and reserved before it."""

    granted: Units | None
    used: Units


class Book(Protocol):
    """The entries of one Run. Every step may be repeated, after its answer was lost, without being taken twice.

    Each raises StoreUnusable or LedgerUnusable when the book cannot be read or written.
    """

    def open(self, *, restored: bool) -> None:
        """Begin to keep the Run here; what is there already stays. restored: all that was settled before has been put
        there; without it, the book must have been kept without a break. Raises LedgerLost."""

    def reserve(self, id: str, stage: str, asked: Units, caps: Units) -> Answer:
        """Reserve, when used + asked <= caps for each kind of which something is asked. ALL_LEFT asks for caps - used,
        which must be more than nothing."""

    def settle(self, spend: Spend) -> None:
        """Put a spend in the place of its reservation, and down all the same when that is gone. Harmless when it is settled."""

    def release(self, id: str) -> None:
        """Strike a reservation. Harmless when it is settled or gone."""

    def release_the_dead(self) -> int:
        """Strike the reservations of processes that have died; returns how many there were."""

    def used(self) -> Units:
        """What is settled and reserved."""

    def settled(self) -> list[Spend]:
        """What was spent, in the order of the reservations."""

    def close(self) -> None:
        """Let go of what is open; the entries stay."""


def fits(asked: int, used: int, cap: int) -> bool:
    """The rule of `reserve`, for one kind. Of what is not asked for, more may be used than there is room for."""
    return asked == 0 or used + (1 if asked == ALL_LEFT else asked) <= cap


_COLUMNS = "tokens, nano_usd, sandbox_us, candidates"  # the KINDS, in their units
_NEWS = ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS.split(", "))
_INSERT = f"INSERT INTO entries (run_id, id, stage, owner, state, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_SETTLE = f"{_INSERT} ON CONFLICT (run_id, id) DO UPDATE SET state = 'settled', {_NEWS} WHERE state = 'reserved'"
_USED = f"SELECT {_COLUMNS} FROM sums WHERE run_id = ?"  # noqa: S608 (column names)
_SETTLED = f"SELECT id, stage, {_COLUMNS} FROM entries WHERE run_id = ? AND state = 'settled' ORDER BY number"  # noqa: S608
_RESERVED = "FROM entries WHERE run_id = ? AND state = 'reserved'"


class SqliteBook:
    """The book of processes on one machine, which can see each other live."""

    def __init__(self, store: Store, run_id: str) -> None:
        self._store = store
        self._run_id = run_id
        self._owner = this_process()

    def open(self, *, restored: bool) -> None:
        pass  # a file forgets nothing

    def reserve(self, id: str, stage: str, asked: Units, caps: Units) -> Answer:
        with self._store.transaction() as connection:
            used = self.used()
            if not all(map(fits, asked, used, caps)):
                return Answer(None, used)
            rooms = [cap - taken for cap, taken in zip(caps, used, strict=True)]
            granted = tuple(room if each == ALL_LEFT else each for each, room in zip(asked, rooms, strict=True))
            connection.execute(_INSERT, (self._run_id, id, stage, self._owner, "reserved", *granted))
        return Answer(granted, used)

    def settle(self, spend: Spend) -> None:
        values = (self._run_id, spend.id, spend.stage, self._owner, "settled", *spend.units)
        with self._store.transaction() as connection:
            connection.execute(_SETTLE, values)

    def release(self, id: str) -> None:
        with self._store.transaction() as connection:
            connection.execute(f"DELETE {_RESERVED} AND id = ?", (self._run_id, id))

    def release_the_dead(self) -> int:
        owners = self._store.query(f"SELECT DISTINCT owner {_RESERVED}", self._run_id)
        dead = [owner for (owner,) in owners if not lives(owner)]
        if not dead:
            return 0
        with self._store.transaction() as connection:
            delete = f"DELETE {_RESERVED} AND owner = ?"
            return sum(connection.execute(delete, (self._run_id, owner)).rowcount for owner in dead)

    def used(self) -> Units:
        sums = self._store.query(_USED, self._run_id)  # kept by triggers: an account may have many entries
        return tuple(sums[0]) if sums else (0,) * len(KINDS)

    def settled(self) -> list[Spend]:
        rows = self._store.query(_SETTLED, self._run_id)
        return [Spend(id, stage, tuple(units)) for id, stage, *units in rows]

    def close(self) -> None:
        pass
