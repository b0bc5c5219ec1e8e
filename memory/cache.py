"""Bytes by key on disk, bounded: the least recently used go first. One SQLite file, which many processes may share.

What is lost is only made again, so a cache that cannot be read or written (a full disk, a damaged file) forgets, and
says so once.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (
    key TEXT PRIMARY KEY, value BLOB NOT NULL, size INTEGER NOT NULL, used_at REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS by_use ON kept (used_at, size);
"""
_LARGEST_SHARE = 4  # a value may take a quarter of the room


class Cache:
    """path: of the file, whose directory exists. most_bytes: of all values together."""

    def __init__(self, path: Path, most_bytes: int = 256 << 20) -> None:
        self._path = path
        self._most = most_bytes
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._failed = False

    async def get(self, key: str) -> bytes | None:
        """The value, or None when it is not, or no longer, there."""
        return await asyncio.to_thread(self._guarded, lambda connection: _get(connection, key))

    async def put(self, key: str, value: bytes) -> None:
        """Keep a value; one that is too large for the room is not kept."""
        if len(value) * _LARGEST_SHARE <= self._most:
            await asyncio.to_thread(self._guarded, lambda connection: _put(connection, key, value, self._most))

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _guarded(self, step: Callable[[sqlite3.Connection], bytes | None]) -> bytes | None:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = _open(self._path)
                return step(self._connection)
            except sqlite3.Error as error:
                if not self._failed:
                    logging.getLogger(__name__).warning("the cache %s cannot be used: %s", self._path, error)
                self._failed = True
                return None


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=OFF")
    connection.executescript(_SCHEMA)
    return connection


def _get(connection: sqlite3.Connection, key: str) -> bytes | None:
    values = (time.time(), key)
    found = connection.execute("UPDATE kept SET used_at = ? WHERE key = ? RETURNING value", values).fetchone()
    return bytes(found[0]) if found else None


def _put(connection: sqlite3.Connection, key: str, value: bytes, most_bytes: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?)", (key, value, len(value), time.time()))
        (size,) = connection.execute("SELECT sum(size) FROM kept").fetchone()
        while size > most_bytes:
            oldest, length = connection.execute("SELECT key, size FROM kept ORDER BY used_at LIMIT 1").fetchone()
            connection.execute("DELETE FROM kept WHERE key = ?", (oldest,))
            size -= length
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
