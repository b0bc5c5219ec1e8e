"""The append-only record of a Run: the only truth about what happened."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from memory.store import Store

TAKEN = "run.taken"  # a process will go on with the Run; no other may
OPENED = "run.opened"  # a process begins to work on the Run
_APPEND = """INSERT INTO events (run_id, seq, at, kind, data)
SELECT ?, coalesce(max(seq), 0) + 1, ?, ?, ? FROM events WHERE run_id = ? RETURNING seq"""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. seq: 1, 2, 3, … within the Run. at: seconds since the epoch."""

    seq: int
    at: float
    kind: str
    data: Mapping[str, Any]

    def as_json(self) -> str:
        """One line of `journal.jsonl`."""
        return json.dumps({"seq": self.seq, "at": round(self.at, 6), "kind": self.kind, **self.data})


class Journal:
    """The events of one Run."""

    def __init__(self, store: Store, run_id: str) -> None:
        self._store = store
        self.run_id = run_id
        self._listeners: list[Callable[[Event], None]] = []

    def append(self, kind: str, data: Mapping[str, Any] | None = None) -> Event:
        """Write one event; it is durable when this returns. `data` must be JSON: no bytes, no objects."""
        text, at = json.dumps(data or {}), time.time()
        ((seq,),) = self._store.write(_APPEND, self.run_id, at, kind, text, self.run_id)
        event = Event(seq, at, kind, json.loads(text))
        for listener in self._listeners:
            listener(event)
        return event

    def record(self, kind: str, **data: Any) -> None:
        """The same as `append`, in the form that the scheduler calls."""
        self.append(kind, data)

    def on_event(self, listener: Callable[[Event], None]) -> None:
        """Call `listener` after each event that this object writes."""
        self._listeners.append(listener)

    def events(self, after: int = 0) -> list[Event]:
        """The events with a seq above `after`, in order, whoever wrote them."""
        return self._read("seq > ? ORDER BY seq", after)

    def worked_s(self) -> float:
        """Seconds that processes have worked on the Run; the time between a crash and a resumption does not count."""
        return worked_s(self.events())

    def of_kind(self, kind: str) -> list[Event]:
        """The events of one kind, in order."""
        return self._read("kind = ? ORDER BY seq", kind)

    def last(self, *kinds: str) -> Event | None:
        """The newest event of one of these kinds."""
        marks = ", ".join("?" * len(kinds))
        newest = self._read(f"kind IN ({marks}) ORDER BY seq DESC LIMIT 1", *kinds)
        return newest[0] if newest else None

    def _read(self, where: str, *values: object) -> list[Event]:
        columns = "SELECT seq, at, kind, data FROM events WHERE run_id = ? AND "
        rows = self._store.query(columns + where, self.run_id, *values)
        return [Event(seq, at, kind, json.loads(data)) for seq, at, kind, data in rows]


def worked_s(events: Sequence[Event]) -> float:
    """Seconds between the events of a Run, but for those before a process takes or opens it."""
    return sum(now.at - before.at for before, now in pairwise(events) if now.kind not in (TAKEN, OPENED))
