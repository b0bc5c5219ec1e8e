"""`python -m api` is the `runoff` program."""

import sys


def main() -> None:
    """The `runoff` program. A Ctrl-C before anything has begun ends it without a word."""
    try:
        from api.cli import main as command_line  # most of a second of imports

        command_line()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
