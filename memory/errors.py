"""Everything that can go wrong in this room.

MemoryRoomError
├── LimitExceeded(kind, limit, used, where)   a limit of the Run is reached: no retry within the same Budget
├── BudgetSyntaxError                         a budget that cannot be read: bad input (also a ValueError)
├── UnknownRun                                no Run, or more than one, has that id (also a LookupError)
├── NotResumable                              the Run has ended, or another process works on it
├── StoreUnusable                             the state directory cannot be read or written: mend it, then retry
└── LedgerUnusable                            the shared ledger cannot be reached or used: mend it, then resume the Run
    └── LedgerLost                            it has forgotten what it had promised: resume the Run
"""

from __future__ import annotations

from pathlib import Path
from typing import Self


class MemoryRoomError(Exception):
    """The root of this room's errors."""


class LimitExceeded(MemoryRoomError):
    """A limit of the Run is reached. Every limit in Runoff that ends work raises this one.

    kind: what is limited ("wall_s", "candidates", "tokens", "usd", "sandbox_s").
    limit, used: in that kind's unit; `used` counts what is settled and reserved.
    where: the stage that asked for more.
    said: why it is reached, where that is more than that all of it is used.
    """

    def __init__(self, kind: str, limit: float, used: float, where: str, said: str = "") -> None:
        name, unit = (
            (kind.removesuffix("_s"), " s") if kind.endswith("_s") else (kind, "")
        )  # as a budget's text names it
        said = said or f"the budget's {name} is used up ({used:g} of {limit:g}{unit})"
        super().__init__(f"{where}: {said}")
        self.kind = kind
        self.limit = limit
        self.used = used
        self.where = where


class BudgetSyntaxError(MemoryRoomError, ValueError):
    """A budget text that cannot be read."""


class UnknownRun(MemoryRoomError, LookupError):
    """No Run has that id, or the prefix fits several."""


class NotResumable(MemoryRoomError):
    """The Run has ended, or another process works on it."""


class StoreUnusable(MemoryRoomError, OSError):
    """The state directory or its database cannot be used."""

    @classmethod
    def because(cls, state_dir: Path, what: str, error: Exception) -> Self:
        """The state could not be opened, read or written; the remedy is that of the cause."""
        full = any(words in str(error) for words in ("is full", "No space left", "quota exceeded"))
        remedy = "make room there, or set RUNOFF_STATE_DIR to a larger disk"
        if not full:
            remedy = "make it writable, or name another directory with RUNOFF_STATE_DIR"
        return cls(
            f"the state in {state_dir} cannot be {what}: {error}{'; no space is left' if full else ''}; {remedy}"
        )


class LedgerUnusable(MemoryRoomError, OSError):
    """The shared ledger cannot be reached or used. The library's own retries are over."""


class LedgerLost(LedgerUnusable):
    """The shared ledger was started again, or has lost the Run's account: it may have forgotten reservations."""
