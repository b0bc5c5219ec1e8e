"""The account of a Run: reserve before every spend, settle after it.

The invariant, at every moment, with many tasks, processes and hosts at once and after a crash: settled + reserved <= budget.
It holds because a book (`book.py`: SQLite for one machine, Redis for several) adds a reservation in one step, and as long
as nobody spends more than was reserved; who holds something by the second reserves all that is left of it, and stops in
time. What a dead process had reserved is released when the Run's Ledger is next opened, or when it is in somebody's way.

The book is written first, then the Journal. Killed between the two, a spend stands in the book, whose next Ledger tells the
Journal of it. Where the book fails, the Journal is written all the same, and the next Ledger tells the book. Each entry has
an id, under which it counts once, however often it was told.
"""

from __future__ import annotations

import logging
import math
import secrets
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from memory.bill import BILLED, SETTLED, Bill, bill_of, spends_of
from memory.book import ALL_LEFT, Book, Spend, SqliteBook, fits
from memory.budget import KINDS, NO_LIMIT, Amounts, Budget, Units
from memory.errors import LedgerUnusable, LimitExceeded, StoreUnusable
from memory.journal import Journal
from memory.redis_book import WAIT_S, RedisBook
from memory.store import Store

SEARCH = "search"  # the stage in which candidates are made
SELECTION = "selection"  # the stage whose share is set aside from the start
LEFT_OPEN = "reservations.left"  # their ids; who reserved them could not tell the book, and is done
SELECTION_PERCENT = 15  # of wall and sandbox seconds: enough to re-run the tests for the finalists
_OTHERS = {"sandbox_s": 100 - SELECTION_PERCENT, "tokens": 100 - SELECTION_PERCENT, "usd": 100 - SELECTION_PERCENT}


@dataclass(frozen=True, slots=True)
class Reservation:
    """What was set aside for one spend; give it back to `settle` or `release`."""

    id: str
    stage: str
    amounts: Amounts


class Ledger:
    """The account of one Run within one Budget.

    url: of the Redis that keeps the book; the Store does without one. store: None on a host that does not keep the Run's
    Journal; what is settled there, the Journal is told by the Ledger of the host that does. wait_s: how long that Redis may
    take to answer. wall_used_s: by processes before. Raises StoreUnusable, LedgerUnusable, as every method does.
    """

    def __init__(
        self,
        store: Store | None,
        run_id: str,
        budget: Budget,
        *,
        url: str | None = None,
        wait_s: float = WAIT_S,
        wall_used_s: float = 0.0,
    ) -> None:
        self.budget = budget
        self._started = time.monotonic() - wall_used_s
        self._journal = Journal(store, run_id) if store is not None else None
        self._book = _book(store, run_id, url, wait_s)
        self._open: set[str] = set()
        self._least: dict[str, int] = {}
        try:
            self._agree()
            self._book.open(restored=self._journal is not None)
            self._book.release_the_dead()
        except BaseException:
            self._book.close()
            raise

    @property
    def wall_used_s(self) -> float:
        return time.monotonic() - self._started

    def wall_left_s(self, stage: str) -> float:
        """Seconds until the Run must end; for every stage but selection, until selection must begin."""
        return self._wall_s(stage) - self.wall_used_s

    def reserve(self, stage: str, amounts: Amounts, *, all_of: str | None = None) -> Reservation:
        """Set `amounts` aside for `stage`, and all that is left to it of the kind `all_of` (where that has a limit).

        Raises LimitExceeded, and sets nothing aside, when they do not fit, or nothing of that kind is left."""
        if self.wall_left_s(stage) <= 0:
            raise LimitExceeded("wall_s", self._wall_s(stage), self.wall_used_s, stage)
        caps, units = self._caps(stage), amounts.units()
        whole = [kind == all_of and cap != NO_LIMIT for kind, cap in zip(KINDS, caps, strict=True)]
        asked = tuple(ALL_LEFT if all_ else each for all_, each in zip(whole, units, strict=True))
        for kind, each in zip(KINDS, units, strict=True):
            if each:
                self._least[kind] = min(each, self._least.get(kind, each))
        id = secrets.token_hex(8)
        self._open.add(id)  # it may be granted although its answer is lost
        answer = self._book.reserve(id, stage, asked, caps)
        if answer.granted is None and self._book.release_the_dead():
            answer = self._book.reserve(id, stage, asked, caps)
        if answer.granted is None:
            self._open.discard(id)
            lacks = next(
                place for place in range(len(KINDS)) if not fits(asked[place], answer.used[place], caps[place])
            )
            limit, used = (Amounts.of_units(each).as_dict()[KINDS[lacks]] for each in (caps, answer.used))
            raise LimitExceeded(KINDS[lacks], limit, used, stage)
        return Reservation(id, stage, Amounts.of_units(answer.granted))

    def settle(self, reservation: Reservation, spent: Amounts) -> None:
        """Replace a reservation by what was spent; more than was reserved is written down all the same."""
        if reservation.id not in self._open:
            raise ValueError(f"reservation {reservation.id} of stage {reservation.stage} is no longer open")
        spend = Spend(reservation.id, reservation.stage, spent.units())
        try:
            self._book.settle(spend)
        finally:
            self._tell(spend)
        self._open.discard(reservation.id)

    def release(self, reservation: Reservation) -> None:
        """Give a reservation back unspent. Harmless when it is already settled or released."""
        self._book.release(reservation.id)
        self._open.discard(reservation.id)

    def left(self, kind: str, stage: str) -> float:
        """What a stage can still reserve of a kind other than wall_s; infinite without a limit."""
        cap = self._caps(stage)[KINDS.index(kind)]
        if cap == NO_LIMIT:
            return math.inf
        self._book.release_the_dead()
        left = [max(0, cap - used) for used in self._book.used()]
        return Amounts.of_units(left).as_dict()[kind]

    def is_short_of(self, kind: str, stage: str) -> bool:
        """Whether less of a kind is left to a stage than anything that this Ledger was asked for of it."""
        return (
            kind in self._least
            and self.left(kind, stage) < Amounts.of_units([self._least.get(each, 0) for each in KINDS]).as_dict()[kind]
        )

    def bill(self) -> Bill:
        """What is settled so far, by whomever."""
        return Bill.of(self._book.settled(), self.wall_used_s)

    def final_bill(self) -> Bill:
        """The Bill at the end of this process's work, journaled, so that the Journal alone gives it again."""
        assert self._journal is not None, "the host that keeps the Journal makes the final bill"
        try:
            self._agree()
        except LedgerUnusable as error:  # all that was settled here is in the Journal
            self._journal.append("note", {"text": f"what other hosts spent may not be on the bill: {error}"})
        self._journal.append(BILLED, {"wall_s": self.wall_used_s})
        return bill_of(self._journal.events())

    def close(self) -> None:
        """Release what is still reserved here, and let go of the book."""
        try:
            for id in tuple(self._open):
                self._book.release(id)
        except (LedgerUnusable, StoreUnusable) as error:  # the next Ledger of the Run does it
            if self._journal is not None and isinstance(error, LedgerUnusable):
                self._journal.append(LEFT_OPEN, {"ids": sorted(self._open)})
            logging.getLogger(__name__).warning("reservations are left: %s", error)
        finally:
            self._book.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _agree(self) -> None:
        """Tell the Journal what stands only in the book, and the book what stands only in the Journal."""
        if self._journal is None:
            return
        journaled = spends_of(self._journal.of_kind(SETTLED))
        booked = {spend.id: spend for spend in self._book.settled()}
        for id in booked.keys() - journaled.keys():
            self._tell(booked[id])
        for id in journaled.keys() - booked.keys():
            self._book.settle(journaled[id])
        for event in self._journal.of_kind(LEFT_OPEN):
            for id in set(event.data["ids"]) - journaled.keys():
                self._book.release(id)

    def _tell(self, spend: Spend) -> None:
        if self._journal is not None:
            amounts = Amounts.of_units(spend.units).as_dict()
            self._journal.append(SETTLED, {"id": spend.id, "stage": spend.stage, **amounts})

    def _caps(self, stage: str) -> Units:
        return self.budget.caps({} if stage == SELECTION else _OTHERS)

    def _wall_s(self, stage: str) -> float:
        limit = self.budget.limit("wall_s")
        return limit if stage == SELECTION else limit * (100 - SELECTION_PERCENT) / 100


def _book(store: Store | None, run_id: str, url: str | None, wait_s: float) -> Book:
    if url is not None:
        return RedisBook(url, run_id, wait_s=wait_s)
    if store is None:
        raise ValueError("a ledger without a Store needs the address of a Redis")
    return SqliteBook(store, run_id)
