"""The list of Runs, and what their Journals say of them."""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass
from typing import Any, Literal

from memory.errors import NotResumable, UnknownRun
from memory.journal import OPENED, TAKEN, Journal
from memory.processes import process_started
from memory.store import Store

State = Literal["running", "needs_input", "resolved", "unresolved", "failed", "interrupted"]
_ENDS: dict[str, State] = {"run.failed": "failed", "run.interrupted": "interrupted"}


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One Run as its Journal tells it. state: "needs_input" while it waits for the answer to the question in `question`;
    "interrupted" also when its process died without a word."""

    id: str
    created_at: float
    state: State
    request: dict[str, Any]
    verdict: dict[str, Any] | None
    error: str | None
    question: dict[str, Any] | None = None


class Runs:
    """Create, find and list Runs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, request: dict[str, Any]) -> str:
        """A new Run that this process owns; its first event, `run.started`, holds the request."""
        run_id = time.strftime("%m%d-%H%M%S-", time.gmtime()) + secrets.token_hex(3)
        pid = os.getpid()
        with self._store.transaction() as connection:
            connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?)", (run_id, time.time(), pid, process_started(pid)))
        Journal(self._store, run_id).append("run.started", request)
        return run_id

    def find(self, prefix: str) -> RunRecord:
        """The Run whose id begins with `prefix`; "last" is the newest. Raises UnknownRun."""
        if prefix == "last":
            found = self._store.query("SELECT id FROM runs ORDER BY created_at DESC LIMIT 1")
        else:
            rows = "SELECT id FROM runs WHERE substr(id, 1, ?) = ?"
            found = self._store.query(rows, len(prefix), prefix) if prefix.isascii() else []  # as ids are
        if not prefix or len(found) != 1:
            many = ", ".join(row[0] for row in found[:3])
            why = f"fits several Runs ({many}, …): write more of it" if many else "is no Run's id: see `runoff runs`"
            raise UnknownRun(f"run {prefix!r} {why}")
        return self._record(found[0][0])

    def reopen(self, prefix: str) -> RunRecord:
        """Take over an interrupted Run, so that this process owns it. Raises UnknownRun, NotResumable."""
        with self._store.transaction() as connection:
            record = self.find(prefix)
            if record.state != "interrupted":
                raise NotResumable(f"run {record.id} is {record.state}; only an interrupted one can go on")
            pid = os.getpid()
            connection.execute(
                "UPDATE runs SET pid = ?, pid_started = ? WHERE id = ?", (pid, process_started(pid), record.id)
            )
            Journal(self._store, record.id).append(TAKEN)
        return record

    def list(self, limit: int = 50) -> list[RunRecord]:
        """The newest Runs first."""
        rows = self._store.query("SELECT id FROM runs ORDER BY created_at DESC LIMIT ?", limit)
        return [self._record(row[0]) for row in rows]

    def _record(self, run_id: str) -> RunRecord:
        ((created_at, pid, pid_started),) = self._store.query(
            "SELECT created_at, pid, pid_started FROM runs WHERE id = ?", run_id
        )
        journal = Journal(self._store, run_id)
        started = journal.last("run.started")
        verdict = journal.last("verdict")
        ended = journal.last("run.finished", TAKEN, OPENED, *_ENDS)
        asked = journal.last("question", "answer", TAKEN, OPENED)
        question = dict(asked.data) if asked is not None and asked.kind == "question" else None
        error: str | None = None
        state: State
        if ended is None or ended.kind in (TAKEN, OPENED):
            alive = process_started(pid) == pid_started
            state = "interrupted" if not alive else "needs_input" if question else "running"
        elif ended.kind == "run.finished":
            state = "resolved" if verdict is not None and verdict.data["winner"] else "unresolved"
        else:
            state, error = _ENDS[ended.kind], ended.data.get("error")
        return RunRecord(
            id=run_id,
            created_at=created_at,
            state=state,
            request=dict(started.data) if started else {},
            verdict=dict(verdict.data) if verdict else None,
            error=error,
            question=question if state == "needs_input" else None,
        )
