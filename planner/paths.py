"""Paths and globs of effects: what they name, and whether two of them may name the same file.

Comparisons are of names, segment by segment, and err on the side of "may": an edge too many costs time, one too few the result.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

Segments = tuple[str, ...]
MOST_SEGMENTS = 32  # of a glob that is compared
LONGEST_SEGMENT = 255  # characters of each
_special = re.compile(r"[*?[]").search


def segments(path: str) -> Segments:
    """`src//./a.py` -> ("src", "a.py"). The workspace itself, and whatever may lie outside of it, is ()."""
    parts = path.split("/")
    if ".." in parts or path.startswith(("/", "~")):
        return ()
    return tuple([part for part in parts if part and part != "."])


def is_glob(parts: Segments) -> bool:
    return _special("/".join(parts)) is not None


def literal(parts: Segments) -> Segments:
    """The directory below which everything lies that a glob names."""
    if is_glob(parts):
        return parts[: next(place for place, part in enumerate(parts) if _special(part))]
    return parts


def is_long(glob: Segments) -> bool:
    """Whether a glob is longer than any that is compared."""
    return len(glob) > MOST_SEGMENTS or any(len(part) > LONGEST_SEGMENT for part in glob)


def simplified(parts: Segments) -> Segments:
    """Without a `**` before another one, which says nothing, or at the end: a path stands for everything below it anyway."""
    if "**" not in parts:
        return parts
    return tuple([part for part, after in zip(parts, (*parts[1:], "**"), strict=True) if (part, after) != ("**", "**")])


def may_overlap(glob: Segments, path: Segments) -> bool:
    """Whether something that a simplified glob names may be the path, lie below it or hold it. Each segment of the one is
    compared with each of the other at most once."""
    states = _with_skips({0}, glob)
    for part in path:
        if len(glob) in states:
            return True  # the glob names a directory above
        states = _with_skips({after for state in states for after in _steps(glob[state], state, part)}, glob)
        if not states:
            return False
    return True


def _steps(pattern: str, state: int, part: str) -> tuple[int, ...]:
    if pattern == "**":
        return (state,)
    return (state + 1,) if pattern == part or _may_match(pattern, part) else ()


def _may_match(pattern: str, part: str) -> bool:
    """Whether a pattern may match a name. Brackets are read differently (`[^a]` is a negation for a shell only, and not
    everywhere): what follows the first one counts as anything."""
    before, bracket, _ = pattern.partition("[")
    return fnmatchcase(part, before + "*" if bracket else pattern)


def _with_skips(states: set[int], glob: Segments) -> set[int]:
    """`**` may stand for no segment at all."""
    for state in sorted(states):
        after = state
        while after < len(glob) and glob[after] == "**":
            after += 1
            states.add(after)
    return states
