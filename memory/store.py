"""The one SQLite file under the state directory, and the connections to it.

Write-ahead logging with `synchronous=NORMAL`: a transaction that was committed survives any crash of the process; after
a power cut the file is consistent and may lack the last few transactions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from memory.errors import StoreUnusable
from memory.files import FileStore

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, created_at REAL NOT NULL, pid INTEGER NOT NULL, pid_started TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS events (
    run_id TEXT NOT NULL REFERENCES runs (id), seq INTEGER NOT NULL, at REAL NOT NULL,
    kind TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (run_id, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (
    number INTEGER PRIMARY KEY, run_id TEXT NOT NULL REFERENCES runs (id), id TEXT NOT NULL, stage TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('reserved', 'settled')), owner TEXT NOT NULL,
    tokens INTEGER NOT NULL, nano_usd INTEGER NOT NULL, sandbox_us INTEGER NOT NULL, candidates INTEGER NOT NULL,
    UNIQUE (run_id, id)
) STRICT;
CREATE INDEX IF NOT EXISTS reserved_entries ON entries (run_id, owner) WHERE state = 'reserved';
CREATE TABLE IF NOT EXISTS sums (
    run_id TEXT PRIMARY KEY, tokens INTEGER NOT NULL, nano_usd INTEGER NOT NULL, sandbox_us INTEGER NOT NULL,
    candidates INTEGER NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS entry_added AFTER INSERT ON entries BEGIN
    INSERT OR IGNORE INTO sums VALUES (new.run_id, 0, 0, 0, 0);
    UPDATE sums SET tokens = tokens + new.tokens, nano_usd = nano_usd + new.nano_usd,
        sandbox_us = sandbox_us + new.sandbox_us, candidates = candidates + new.candidates WHERE run_id = new.run_id;
END;
CREATE TRIGGER IF NOT EXISTS entry_changed AFTER UPDATE ON entries BEGIN
    UPDATE sums SET tokens = tokens + new.tokens - old.tokens, nano_usd = nano_usd + new.nano_usd - old.nano_usd,
        sandbox_us = sandbox_us + new.sandbox_us - old.sandbox_us,
        candidates = candidates + new.candidates - old.candidates WHERE run_id = new.run_id;
END;
CREATE TRIGGER IF NOT EXISTS entry_struck AFTER DELETE ON entries BEGIN
    UPDATE sums SET tokens = tokens - old.tokens, nano_usd = nano_usd - old.nano_usd,
        sandbox_us = sandbox_us - old.sandbox_us, candidates = candidates - old.candidates WHERE run_id = old.run_id;
END;
"""


class Store:
    """All persistent state of one user on one machine. Not shared between threads; open one for each."""

    def __init__(self, state_dir: Path, connection: sqlite3.Connection) -> None:
        self.state_dir = state_dir
        self._connection = connection
        self.files = FileStore(state_dir / "files")

    @classmethod
    def open(cls, state_dir: Path) -> Self:
        """Open or create the state under `state_dir`. Raises StoreUnusable when it cannot be written."""
        path = state_dir / "runoff.db"
        try:
            state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            connection = sqlite3.connect(path, timeout=30, isolation_level=None)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA foreign_keys=ON")
            connection.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise StoreUnusable.because(state_dir, "opened", error) from error
        return cls(state_dir, connection)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One write transaction, begun at once so that what it reads cannot change before it writes."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise StoreUnusable.because(self.state_dir, "written", error) from error

    def write(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """One statement that writes, a transaction of its own; the rows that it returns."""
        return self._execute(sql, values, "written")

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Read rows."""
        return self._execute(sql, values, "read")

    def _execute(self, sql: str, values: tuple[object, ...], what: str) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            raise StoreUnusable.because(self.state_dir, what, error) from error

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
