"""Why pytest ended before the first test, found in what it printed."""

from __future__ import annotations

LONGEST = 500  # characters
WRONG_OPTION = ": error: "  # argparse: "python -m pytest: error: unrecognized arguments: --fast"
CONFTEST = "ImportError while loading conftest "


def reason(text: str) -> str:
    """What pytest calls an error, a conftest with its exception, or else the last line that says something."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    errors = [line[len("ERROR: ") :] for line in lines if line.startswith("ERROR: ")]
    if errors and errors[0].startswith("usage: "):
        errors = [line.partition(WRONG_OPTION)[2] for line in lines if WRONG_OPTION in line]
    if not errors:
        errors = _conftest(lines)
    if not errors:
        errors = [line.strip("! ") for line in lines if line.startswith("!!!")] or lines[-1:]
    found = "; ".join(errors) or "it printed nothing"
    return found[:LONGEST] + ("…" if len(found) > LONGEST else "")


def _conftest(lines: list[str]) -> list[str]:
    """Of a conftest that cannot be imported: which one it is, and the lines of the exception, which pytest marks."""
    named = [line for line in lines if line.startswith(CONFTEST)]
    raised = [line[len("E ") :] for line in lines if line.startswith("E ")]
    return [f"{named[0].rstrip('.')}: {' '.join(raised)}"] if named and raised else []
