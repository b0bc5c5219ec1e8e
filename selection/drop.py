"""What cannot be right, whatever a test says of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from selection.candidates import LINK, Candidate, Change, printable
from selection.syntax import Unknown, Unparsable, normalised


@dataclass(frozen=True, slots=True)
class Dropped:
    """A Candidate that does not stand, and why."""

    candidate: Candidate
    reason: str


def drop(candidates: Iterable[Candidate]) -> tuple[tuple[Candidate, ...], tuple[Dropped, ...]]:
    """Split candidates into those that stand and those that cannot be right, in the order given."""
    standing: list[Candidate] = []
    dropped: list[Dropped] = []
    for candidate in candidates:
        reason = _reason(candidate)
        if reason is None:
            standing.append(candidate)
        else:
            dropped.append(Dropped(candidate, reason))
    return tuple(standing), tuple(dropped)


def is_test(path: str) -> bool:
    """Whether a path is a test or test support by pytest's and unittest's conventions. What Python packages call `test` or
    `testing` is product, for their users' tests (django/test/client.py)."""
    pure = PurePosixPath(path)
    name, folders = pure.name, pure.parts[:-1]
    return (
        "tests" in folders
        or any(part in ("test", "testing") for part in (folders[:1] if name.endswith(".py") else folders))
        or name == "conftest.py"
        or (name.startswith("test_") and name.endswith(".py"))
        or name.endswith("_test.py")
    )


def _reason(candidate: Candidate) -> str | None:
    if candidate.misfit is not None:
        return f"it does not apply: {candidate.misfit}"
    changed = [change for change in candidate.changes if change.changes]
    if not changed:
        return "it changes nothing"
    product = [change for change in changed if not is_test(change.path)]
    if not product:
        return "it changes only tests"
    for change in product:
        broken = _breaks(change)
        if broken:
            return broken
    if not any(_means_something(change) for change in product):
        return "it changes only comments, docstrings or white space"
    return None


def _breaks(change: Change) -> str | None:
    if change.after is None or change.mode_after == LINK:
        return None
    try:
        normalised(change.path, change.after)
    except Unknown:
        return None
    except Unparsable as error:
        if change.before is None or _parses(change.path, change.before):
            return f"{printable(change.path)} no longer parses: {error}"
    return None


def _parses(path: str, source: bytes) -> bool:
    try:
        normalised(path, source)
    except Unparsable:
        return False
    return True


def _means_something(change: Change) -> bool:
    if change.before is None or change.after is None or change.new_mode is not None:
        return True
    try:
        return normalised(change.path, change.before) != normalised(change.path, change.after)
    except Unparsable:
        return True
