"""`python -m api` is the `runoff` program."""

import os
import signal
import sys
from types import FrameType


def main() -> None:
    """The `runoff` program. A Ctrl-C before anything has begun ends it without a word."""
    before = signal.signal(signal.SIGINT, _quietly)  # some of the imports make another error of a Ctrl-C
    from api.cli import main as command_line  # most of a second

    signal.signal(signal.SIGINT, before)
    try:
        command_line()
    except KeyboardInterrupt:
        sys.exit(130)


def _quietly(number: int, frame: FrameType | None) -> None:
    os._exit(130)


if __name__ == "__main__":
    main()
