"""Paths and globs as a model writes them: checked by their names alone, before anything in the workspace is touched."""

from __future__ import annotations

import re

from agents.errors import BadPattern, PathRefused
from workspaces.sandbox.contract import WORKSPACE

_BRACES = re.compile(r"\{([^{}]*)\}")
_MOST_ALTERNATIVES = 64


def inside(path: str, *, written: bool = False) -> str:
    """The path below the workspace, `""` for the workspace itself. `written`: it is to be changed.

    An absolute path is taken if it begins with the workspace's own. Raises PathRefused.
    """
    path = path.strip()
    if path == WORKSPACE or path.startswith(WORKSPACE + "/"):
        path = path[len(WORKSPACE) :].lstrip("/")
    if path.startswith(("/", "~")):
        raise PathRefused(f"{path[:200]!r} lies outside of the workspace; give a path below it, such as src/main.py")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise PathRefused(f"{path[:200]!r} may leave the workspace; write it without `..`")
    if any(ord(char) < 32 or 0xD800 <= ord(char) < 0xE000 for char in path):
        raise PathRefused(f"{path[:200]!r} holds characters that no file name here has; give a plain path")
    if len(path) > 3000 or any(len(part.encode()) > 255 for part in parts):
        raise PathRefused(f"{path[:80]!r}… is too long for a path; give a shorter one")
    if written and not parts:
        raise PathRefused("the path is empty; name a file")
    if written and any(part.lower() == ".git" for part in parts):
        raise PathRefused(
            f"{path!r} lies in git's own directory, which no patch may touch; change the files themselves"
        )
    return "/".join(parts)


def names_of(glob: str) -> str:
    """A regular expression for the paths that a glob names, `""` for all.

    `*`, `?` and `[…]` match within a name, `**` any number of directories, `{a,b}` either. A glob without `/` is for the file's
    name, in any directory. Raises BadPattern.
    """
    glob = glob.strip()
    if not glob or glob in ("*", "**", "**/*"):
        return ""
    if glob.startswith(("/", "~")) or ".." in glob.split("/"):
        raise BadPattern(f"the glob {glob[:200]!r} may leave the workspace; write it relative to `path`, without `..`")
    found = "|".join(_alternative(each) for each in _alternatives(glob))
    try:
        re.compile(found)
    except re.error as error:
        raise BadPattern(f"the glob {glob[:200]!r} cannot be read: {error}; an example is src/**/*.py") from error
    return found


def effect_paths(path: object, glob: object) -> tuple[str, ...]:
    """What a tool that looks at the files of a glob below a path reads, as effects name it."""
    top = path.strip().removeprefix(WORKSPACE).strip("/") if isinstance(path, str) else None
    if top is None or (isinstance(path, str) and ".." in path.split("/")):
        return ("**",)
    top = top if top not in ("", ".") else ""
    if not isinstance(glob, str) or not glob.strip() or "{" in glob or ".." in glob.split("/"):
        return (top or "**",)
    glob = glob.strip().removeprefix("./")
    below = glob if "/" in glob else f"**/{glob}"
    return (f"{top}/{below}" if top else below,)


def _alternatives(glob: str) -> list[str]:
    """Without braces."""
    waiting, done = [glob], []
    while waiting:
        each = waiting.pop(0)
        found = _BRACES.search(each)
        if found is None:
            done.append(each)
        else:
            waiting += [each[: found.start()] + part + each[found.end() :] for part in found.group(1).split(",")]
        if len(waiting) + len(done) > _MOST_ALTERNATIVES:
            raise BadPattern(f"the glob {glob[:200]!r} has more than {_MOST_ALTERNATIVES} alternatives; use several")
    return done


def _alternative(glob: str) -> str:
    glob = glob.removeprefix("./")
    if "/" not in glob:
        return rf"(?:[^/]+/)*{_segment(glob)}"
    *directories, name = glob.split("/")
    parts = ["(?:[^/]+/)*" if part == "**" else f"{_segment(part)}/" for part in directories if part]
    return "".join(parts) + (".+" if name in ("**", "") else _segment(name))


def _segment(text: str) -> str:
    """One name of a glob as a regular expression."""
    found = []
    place = 0
    while place < len(text):
        char = text[place]
        closing = text.find("]", place + 2) if char == "[" else -1
        if closing > 0:
            inner = text[place + 1 : closing].replace("\\", "\\\\").replace("[", "\\[")
            found.append(f"[^{inner[1:]}]" if inner[0] in "!^" else f"[{inner}]")
            place = closing
        else:
            found.append({"*": "[^/]*", "?": "[^/]"}.get(char) or re.escape(char))
        place += 1
    return "".join(found)
