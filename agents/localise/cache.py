"""Facts by content, so that the next issue of a repository reads only what changed.

One SQLite file, shared by all processes of a user. It is a cache: a damaged or locked file costs time, never a run.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from agents.localise.facts import VERSION, Facts

MOST = 200_000  # files that are kept, about 1 KB each; the oldest go first
_AT_ONCE = 500
_log = logging.getLogger(__name__)


class FactsCache:
    """Digest -> facts. Without a path, in memory."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._memory: dict[str, Facts] = {}

    def get(self, keys: Iterable[str]) -> dict[str, Facts]:
        """The facts that are known of these keys."""
        if self._path is None:
            return {key: self._memory[key] for key in keys if key in self._memory}
        found: dict[str, Facts] = {}
        wanted = [f"{VERSION}:{key}" for key in keys]
        try:
            with _connected(self._path) as store:
                for start in range(0, len(wanted), _AT_ONCE):
                    some = wanted[start : start + _AT_ONCE]
                    marks = ",".join("?" * len(some))
                    for key, data in store.execute(f"SELECT key, data FROM facts WHERE key IN ({marks})", some):  # noqa: S608
                        found[key.partition(":")[2]] = Facts.from_json(json.loads(zlib.decompress(data)))
        except (sqlite3.Error, OSError, zlib.error, ValueError, TypeError) as error:
            _log.warning("the cache %s cannot be read (%s); files are read anew", self._path, error)
        return found

    def put(self, facts: Mapping[str, Facts]) -> None:
        if self._path is None:
            self._memory.update(facts)
            return
        rows = [
            (f"{VERSION}:{key}", zlib.compress(json.dumps(each.to_json()).encode(), 1)) for key, each in facts.items()
        ]
        try:
            with _connected(self._path) as store:
                store.executemany("INSERT OR IGNORE INTO facts (key, data) VALUES (?, ?)", rows)
                store.execute("DELETE FROM facts WHERE rowid <= (SELECT max(rowid) FROM facts) - ?", (MOST,))
        except (sqlite3.Error, OSError) as error:
            _log.warning("the cache %s cannot be written (%s)", self._path, error)


class _connected:
    """A connection for one use: committed, then closed."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._store = sqlite3.connect(path, timeout=5)

    def __enter__(self) -> sqlite3.Connection:
        self._store.execute("PRAGMA journal_mode=WAL")
        self._store.execute("CREATE TABLE IF NOT EXISTS facts (id INTEGER PRIMARY KEY, key TEXT UNIQUE, data BLOB)")
        return self._store

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind is None:
            self._store.commit()
        self._store.close()
