"""The parent's loop: one request in, a stream of records and one `end` out."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterator
from typing import Any

from .fork import Family
from .orphans import Orphans

TEXT_LIMIT = 1000  # characters of any text that goes to the host
LINE_LIMIT = 512 << 10  # bytes of one record


class Channel:
    """JSON lines over two file descriptors that the tests do not know."""

    def __init__(self, source: int, target: int) -> None:
        os.set_inheritable(source, False)
        os.set_inheritable(target, False)
        self._source = os.fdopen(source, "rb")
        self._target = target

    def requests(self) -> Iterator[dict[str, Any]]:
        for line in self._source:
            yield json.loads(line)

    def send(self, record: dict[str, Any]) -> None:
        line = json.dumps(record).encode() + b"\n"
        if len(line) > LINE_LIMIT:
            record = {key: value for key, value in record.items() if key in ("id", "unit", "event", "status")}
            line = json.dumps(dict(record, text="a record of more than 512 KiB was dropped")).encode() + b"\n"
        view = memoryview(line)
        while view:
            view = view[os.write(self._target, view) :]

    def close_in_child(self) -> None:
        self._source.close()
        os.close(self._target)


def serve(channel: Channel, work: Any) -> None:
    """Answer requests until the host closes the channel.

    `work.body(request)` gives what a child does: a callable that takes the child's `Report` and the units to run.
    """
    gc.collect()
    gc.freeze()  # a child's collector then leaves the parent's pages alone, and shares them
    orphans = Orphans()
    for request in channel.requests():
        family = Family(channel, request, orphans)
        family.run(work.body(request))
