"""Which statements of the repository ran, line by line, while one unit ran.

`sys.settrace` with a local trace function only for code of the repository, so that the rest runs at its own speed. A
unit that never ends is told as well: at its CPU limit the lines seen so far are sent, and the process ends.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

LIBRARIES = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)


def in_repository(file: str, root: str) -> bool:
    """Whether a code object's file belongs to the repository and not to a library installed below it."""
    return file.startswith(root + os.sep) and not any(part in file for part in LIBRARIES)


class Lines:
    def __init__(self, root: str) -> None:
        self._root = root
        self._by_file: dict[str, set[int]] = {}
        self._local: dict[str, Any] = {}

    def begin(self, give_up: Callable[[], None]) -> None:
        """Forget what was seen; at the CPU limit, call `give_up`, which ends the process."""
        self._by_file.clear()
        self._local.clear()
        self._give_up = give_up

    def around(self, execute: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
        def traced() -> dict[str, Any]:
            signal.signal(signal.SIGPROF, self._late)
            sys.settrace(self._enter)
            threading.settrace(self._enter)
            try:
                record = execute()
            finally:
                sys.settrace(None)
                threading.settrace(None)
                signal.signal(signal.SIGPROF, signal.SIG_DFL)
            record["lines"] = self.seen()
            return record

        return traced

    def seen(self) -> dict[str, list[int]]:
        return {os.path.relpath(file, self._root): sorted(lines) for file, lines in self._by_file.items() if lines}

    def _late(self, signum: int, frame: Any) -> None:
        sys.settrace(None)
        self._give_up()

    def _enter(self, frame: Any, event: str, argument: Any) -> Any:
        file = frame.f_code.co_filename
        if file not in self._local:
            self._local[file] = self._tracer(file) if in_repository(file, self._root) else None
        return self._local[file]

    def _tracer(self, file: str) -> Any:
        add = self._by_file.setdefault(file, set()).add

        def local(frame: Any, event: str, argument: Any) -> Any:
            if event == "line":
                add(frame.f_lineno)
            return local

        return local
