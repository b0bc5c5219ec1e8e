"""What outlives a process: the Journal (what happened), the Ledger (what it cost), the file store (bytes by content).

store = Store.open(state_dir)           one SQLite file, shared by all processes of this user
run_id = Runs(store).create(request)    a row for each Run; everything else about it derives from its Journal
journal = Journal(store, run_id)        append-only events
ledger = Ledger(store, run_id, budget)  reserve before, settle after: settled + reserved <= budget, always (SQLite or Redis)
teller = open_teller(store, run_id, …)  the same Ledger for the tasks of an event loop, which a slow server must not hold up
bill_of(journal.events())               what the Run cost, from its Journal alone
digest = store.files.put(data)          content-addressed bytes (patches, logs)
Cache(path)                             bytes by key, bounded: what is lost is made again
"""

from memory.bill import Bill, bill_of
from memory.budget import Amounts, Budget
from memory.cache import Cache
from memory.errors import (
    BudgetSyntaxError,
    LedgerLost,
    LedgerUnusable,
    LimitExceeded,
    MemoryRoomError,
    NotResumable,
    StoreUnusable,
    UnknownRun,
)
from memory.files import FileStore, write_whole
from memory.journal import OPENED, Event, Journal
from memory.ledger import SEARCH, SELECTION, SELECTION_PERCENT, Ledger, Reservation
from memory.processes import process_started
from memory.runs import RunRecord, Runs
from memory.store import Store
from memory.teller import Teller, open_teller

__all__ = [
    "OPENED",
    "SEARCH",
    "SELECTION",
    "SELECTION_PERCENT",
    "Amounts",
    "Bill",
    "Budget",
    "BudgetSyntaxError",
    "Cache",
    "Event",
    "FileStore",
    "Journal",
    "Ledger",
    "LedgerLost",
    "LedgerUnusable",
    "LimitExceeded",
    "MemoryRoomError",
    "NotResumable",
    "Reservation",
    "RunRecord",
    "Runs",
    "Store",
    "StoreUnusable",
    "Teller",
    "UnknownRun",
    "bill_of",
    "open_teller",
    "process_started",
    "write_whole",
]
