"""One command, as the supervisor sees it."""

from __future__ import annotations

import errno
import os
from typing import Any


class Execution:
    """One command: its pipes, seen from the supervisor, and how much of its output was passed on."""

    def __init__(self, number: int, request: dict[str, Any]) -> None:
        self.number = number
        self.left = {b"o": request["output_limit"], b"e": request["output_limit"]}
        self.unlimited = request.get("stream", False)  # standard output is a conversation: every byte is passed on
        self.truncated = False
        self.pipes: dict[int, str] = {}  # read end -> kind of frame
        self.stdin = -1
        self.input = b""
        self.input_ended = False
        self.control = -1
        self.status = -1


def kill_request(execution: Execution) -> None:
    try:
        os.write(execution.control, b"k")
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise
