"""A patch in git's format from contents before and after, computed without git."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterator, Sequence

from selection import Change

_QUOTED = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 34: '"', 92: "\\"}


def git_patch(changes: Sequence[Change]) -> bytes:
    """One patch of changed (not created, not deleted) files, that `git apply` takes byte for byte."""
    return b"".join(_file(change) for change in sorted(changes, key=lambda change: change.path))


def patch_id(patch: bytes) -> str:
    return hashlib.sha256(patch).hexdigest()[:12]


def _file(change: Change) -> bytes:
    if change.before is None or change.after is None:
        raise ValueError(f"{change.path}: only changes of existing files are written here")
    old, new = _name("a/" + change.path), _name("b/" + change.path)
    head = [f"diff --git {old} {new}", f"--- {old}{_tab(old)}", f"+++ {new}{_tab(new)}"]
    hunks = list(difflib.unified_diff(_lines(change.before), _lines(change.after), n=3))[2:]  # its own two head lines
    return "\n".join(head).encode() + b"\n" + b"".join(_written(hunks))


def _lines(data: bytes) -> list[str]:
    """Lines as git sees them: only LF ends one; every byte is one character."""
    return re.findall(r"[^\n]*\n|[^\n]+", data.decode("latin-1"))


def _written(hunks: list[str]) -> Iterator[bytes]:
    for line in hunks:
        yield line.encode("latin-1")
        if not line.endswith("\n"):
            yield b"\n\\ No newline at end of file\n"


def _tab(name: str) -> str:
    """git ends a name with a tab where it holds a space, so that it is not taken for a date."""
    return "\t" if " " in name and not name.startswith('"') else ""


def _name(path: str) -> str:
    data = path.encode("utf-8", "surrogateescape")
    if all(32 <= byte < 127 and byte not in _QUOTED for byte in data):
        return path
    return '"' + "".join(_escaped(byte) for byte in data) + '"'


def _escaped(byte: int) -> str:
    if byte in _QUOTED:
        return "\\" + _QUOTED[byte]
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"
