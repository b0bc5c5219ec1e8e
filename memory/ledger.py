"""The account of a Run: reserve before every spend, settle after it.

The invariant, at every moment, with many tasks and processes at once and after a crash: settled + reserved <= budget.
It holds because a reservation is one SQLite write transaction that reads the sums and adds the row, as long as nobody
spends more than was reserved; who holds something by the second reserves all that is left of it, and stops in time. What
a dead process had reserved is released when the Run's Ledger is next opened.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass

from memory.budget import KINDS, Amounts, Budget
from memory.errors import LimitExceeded
from memory.runs import process_started
from memory.store import Store

SELECTION = "selection"  # the stage whose share is set aside from the start
SELECTION_SHARE = 0.15  # of wall and sandbox seconds: enough to re-run the tests for the finalists
_SHARED_KINDS = {"wall_s", "sandbox_s", "tokens", "usd"}
_SUMS = ", ".join(f"coalesce(sum({kind}), 0)" for kind in KINDS)


@dataclass(frozen=True, slots=True)
class Reservation:
    """What was set aside for one spend; give it back to `settle` or `release`."""

    id: int
    stage: str
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class Bill:
    """What was spent, by stage, and the wall seconds of the whole Run."""

    stages: dict[str, Amounts]
    wall_s: float

    @property
    def total(self) -> Amounts:
        return sum(self.stages.values(), Amounts())


class Ledger:
    """The account of one Run within one Budget."""

    def __init__(self, store: Store, run_id: str, budget: Budget, *, wall_used_s: float = 0.0) -> None:
        self._store = store
        self._run_id = run_id
        self.budget = budget
        self._started = time.monotonic() - wall_used_s
        self._owner = f"{os.getpid()}@{process_started(os.getpid())}"
        self._release_the_dead()

    @property
    def wall_used_s(self) -> float:
        return time.monotonic() - self._started

    def wall_left_s(self, stage: str) -> float:
        """Seconds until the Run must end; for every stage but selection, until selection must begin."""
        return self._cap("wall_s", stage) - self.wall_used_s

    def reserve(self, stage: str, amounts: Amounts, *, all_of: str | None = None) -> Reservation:
        """Set `amounts` aside for `stage`, and all that is left to it of the kind `all_of` (where that has a limit).

        Raises LimitExceeded, and sets nothing aside, when they do not fit, or nothing of that kind is left."""
        if self.wall_left_s(stage) <= 0:
            raise LimitExceeded("wall_s", self._cap("wall_s", stage), self.wall_used_s, stage)
        asked = amounts.as_dict()
        with self._store.transaction() as connection:
            sums = connection.execute(f"SELECT {_SUMS} FROM spends WHERE run_id = ?", (self._run_id,)).fetchone()  # noqa: S608 (column names)
            for kind, used in zip(KINDS, sums, strict=True):
                cap = self._cap(kind, stage)
                if kind == all_of and not math.isinf(cap):
                    asked[kind] = max(0.0, cap - used)
                    fits = asked[kind] > 0
                else:
                    fits = asked[kind] == 0 or used + asked[kind] <= cap
                if not fits:
                    raise LimitExceeded(kind, cap, used, stage)
            row = connection.execute(
                "INSERT INTO spends (run_id, stage, state, owner, tokens, usd, sandbox_s, candidates) "
                "VALUES (?, ?, 'reserved', ?, ?, ?, ?, ?) RETURNING id",
                (self._run_id, stage, self._owner, *(asked[kind] for kind in KINDS)),
            ).fetchone()
        return Reservation(row[0], stage, Amounts(**asked))  # type: ignore[arg-type]

    def settle(self, reservation: Reservation, spent: Amounts) -> None:
        """Replace a reservation by what was spent; more than was reserved is written down all the same."""
        values = spent.as_dict()
        with self._store.transaction() as connection:
            changed = connection.execute(
                "UPDATE spends SET state = 'settled', tokens = ?, usd = ?, sandbox_s = ?, candidates = ? "
                "WHERE id = ? AND state = 'reserved'",
                (*(values[kind] for kind in KINDS), reservation.id),
            ).rowcount
        if changed != 1:
            raise ValueError(f"reservation {reservation.id} of stage {reservation.stage} is no longer open")

    def release(self, reservation: Reservation) -> None:
        """Give a reservation back unspent. Harmless when it is already settled or released."""
        with self._store.transaction() as connection:
            connection.execute("DELETE FROM spends WHERE id = ? AND state = 'reserved'", (reservation.id,))

    def left(self, kind: str, stage: str) -> float:
        """What a stage can still reserve of a kind other than wall_s; infinite without a limit."""
        sums = self._store.query(f"SELECT {_SUMS} FROM spends WHERE run_id = ?", self._run_id)[0]  # noqa: S608 (column names)
        return max(0.0, self._cap(kind, stage) - float(sums[KINDS.index(kind)]))

    def bill(self) -> Bill:
        """What is settled so far."""
        rows = self._store.query(
            f"SELECT stage, {_SUMS} FROM spends WHERE run_id = ? AND state = 'settled' GROUP BY stage ORDER BY min(id)",  # noqa: S608 (column names)
            self._run_id,
        )
        stages = {stage: Amounts(**dict(zip(KINDS, sums, strict=True))) for stage, *sums in rows}
        return Bill(stages, self.wall_used_s)

    def _cap(self, kind: str, stage: str) -> float:
        limit = self.budget.limit(kind)
        return limit * (1 - SELECTION_SHARE) if kind in _SHARED_KINDS and stage != SELECTION else limit

    def _release_the_dead(self) -> None:
        with self._store.transaction() as connection:
            owners = connection.execute(
                "SELECT DISTINCT owner FROM spends WHERE run_id = ? AND state = 'reserved'", (self._run_id,)
            ).fetchall()
            for (owner,) in owners:
                pid, _, started = owner.partition("@")
                if process_started(int(pid)) != started:
                    connection.execute(
                        "DELETE FROM spends WHERE run_id = ? AND state = 'reserved' AND owner = ?",
                        (self._run_id, owner),
                    )
