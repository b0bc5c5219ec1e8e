"""Unified diffs: read as models write them (counts may be wrong), applied where their lines stand exactly. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from agents.errors import EditRefused, PathRefused
from agents.tools.encoding import Newlines, Text, unified
from agents.tools.sections import Section

_HUNK = re.compile(r"^@@+ *(?:-(\d+)(?:,(\d+))?)? *(?:\+(\d+)(?:,(\d+))?)? *@*")
_MOST_FILES = 200
_COMPARED = 50  # first lines of a hunk, by which the place is found where it fits best


@dataclass(slots=True)
class Hunk:
    """line: where (from 1) the old lines are said to begin; if there are none, the line after which the new ones go; None if
    nothing is said. number: of the hunk in its file. lines: each with its sign. no_newline: the signs of the last lines, where
    "\\ No newline at end of file" stood below them."""

    line: int | None
    number: int
    lines: list[tuple[str, str]] = field(default_factory=list)
    no_newline: set[str] = field(default_factory=set)

    @property
    def old(self) -> list[str]:
        return [text for sign, text in self.lines if sign != "+"]

    @property
    def said(self) -> int | None:
        """`line` as a place among the lines of the old file, from 0."""
        if not self.old:
            return self.line
        return self.line - 1 if self.line else None


@dataclass(slots=True)
class FilePatch:
    """old, new: None where the file does not exist before or after. executable: whether it may be executed then; None: as
    before."""

    old: str | None
    new: str | None
    executable: bool | None = None
    hunks: list[Hunk] = field(default_factory=list)


def patched_paths(patch: str) -> tuple[str, ...]:
    """Every path that a patch names; empty if it cannot be read."""
    try:
        files = read_patch(patch)
    except (EditRefused, PathRefused):
        return ()
    return tuple(dict.fromkeys(path for file in files for path in (file.old, file.new) if path))


def read_patch(patch: str) -> list[FilePatch]:
    """Raises EditRefused where it is no unified diff, PathRefused where it leaves the workspace."""
    lines = unified(patch).split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    files: list[FilePatch] = []
    section = Section()
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.startswith(("GIT binary patch", "Binary files ")):
            raise EditRefused("the patch changes a binary file, which apply_patch does not do; use run for that")
        if line.startswith("diff --git "):
            files += _alone(section)
            section = Section(at + 1, line.removeprefix("diff --git "))
        elif section.takes(line):
            pass
        elif _is_header(lines, at):
            old, new = section.named(line[4:], lines[at + 1][4:])
            if old is None and new is None:
                raise EditRefused(f"line {at + 1} of the patch: both names are /dev/null; name the file")
            if section.renamed not in (None, (old, new)):
                files += _alone(section)
            files.append(FilePatch(old, new, section.executable))
            section = Section()
            at += 1
        elif line.startswith("@@"):
            if not files or section.begun:
                raise EditRefused(
                    f"line {at + 1} of the patch: a hunk without a file; write --- and +++ lines above it"
                )
            at = _read_hunk(lines, at, files[-1])
            continue
        elif files and line[:1] in ("+", "-") and line != "-- ":
            raise EditRefused(
                f"line {at + 1} of the patch belongs to no hunk: {line[:80]!r}; write an @@ line above it"
            )
        at += 1
    files += _alone(section)
    if not files:
        raise EditRefused("the patch names no file; write `--- a/path`, `+++ b/path`, `@@ -1,3 +1,4 @@` and the lines")
    if len(files) > _MOST_FILES:
        raise EditRefused(f"the patch changes {len(files)} files, more than {_MOST_FILES}; send it in parts")
    return files


def patched(file: FilePatch, before: Text | None) -> tuple[str, list[int]]:
    """The new content as it will stand in the file, and for each hunk the line where it begins there. Raises EditRefused."""
    path = file.old or file.new or ""
    content = before.content if before else ""
    newlines = Newlines(content)
    text = unified(content)
    old = text.split("\n")
    if old[-1] == "":
        old.pop()  # the text is empty, or ends with a newline
    pieces: list[str] = []
    begins: list[int] = []
    starts = [0]
    for line in old:
        starts.append(starts[-1] + len(line) + 1)
    done = shift = 0
    for hunk in file.hunks:
        place = _place(path, hunk, old, done, shift, created=before is None)
        shift = shift if hunk.said is None else place - hunk.said
        copied = _copied(content, newlines, starts, done, place)
        if copied and not copied.endswith("\n"):  # new lines below a last line without a newline
            copied += newlines.near(len(content), len(content))
        pieces.append(copied)
        begin = newlines.original(min(starts[place], len(text)))
        end = newlines.original(min(starts[place + len(hunk.old)], len(text)))
        begins.append(sum(piece.count("\n") for piece in pieces) + 1)
        pieces.append(_new_lines(hunk, content, newlines, begin, end, at_end=place + len(hunk.old) >= len(old)))
        done = place + len(hunk.old)
    pieces.append(_copied(content, newlines, starts, done, len(old)))
    return "".join(pieces), begins


def _copied(content: str, newlines: Newlines, starts: list[int], first: int, last: int) -> str:
    """Lines `first` to `last` (excluded) as they are."""
    end = len(content) if last >= len(starts) - 1 else newlines.original(starts[last])
    return content[newlines.original(starts[first]) : end] if first < last else ""


def _new_lines(hunk: Hunk, content: str, newlines: Newlines, begin: int, end: int, *, at_end: bool) -> str:
    """A hunk's new lines; those that it only shows keep the ending that they have."""
    newline = newlines.near(begin, end)
    found: list[str] = []
    place = begin
    for sign, text in hunk.lines:
        if sign == "+":
            if found and not found[-1].endswith("\n"):
                found[-1] += newline
            found.append(text + newline)
        else:
            following = content.find("\n", place) + 1 or len(content)
            if sign == " ":
                found.append(content[place:following])
            place = following
    ended = content.endswith("\n") or not content
    bare = "+" in hunk.no_newline or (not ended and not hunk.no_newline and hunk.lines[-1][0] == " ")
    if at_end and found and bare:
        found[-1] = found[-1].removesuffix("\n").removesuffix("\r")
    return "".join(found)


def _place(path: str, hunk: Hunk, old: list[str], done: int, shift: int, *, created: bool) -> int:
    """The line (from 0) at which the hunk's old lines stand: as near as possible to where they are said to be."""
    wanted = hunk.old
    if created or not wanted:
        if created and wanted:
            raise EditRefused(f"the patch creates {path}, but shows lines that are there already; write each with a +")
        return len(old) if hunk.said is None else min(max(done, hunk.said + shift), len(old))
    expected = (hunk.said or 0) + shift
    last = len(old) - len(wanted)
    places = [at for at in range(done, last + 1) if old[at] == wanted[0] and old[at : at + len(wanted)] == wanted]
    if not places:
        raise EditRefused(_misfit(path, hunk, old, expected))
    if hunk.said is None and len(places) > 1:
        numbers = ", ".join(str(at + 1) for at in places[:10])
        raise EditRefused(
            f"hunk {hunk.number} of {path} fits in several places (lines {numbers}); give its line in the @@, or more context"
        )
    return min(places, key=lambda at: (abs(at - expected), at))


def _misfit(path: str, hunk: Hunk, old: list[str], expected: int) -> str:
    """Where the most of the hunk fits, and the first line there that does not."""
    wanted = hunk.old
    if not old:
        return f"{path} is empty, but hunk {hunk.number} of the patch expects lines in it; nothing was changed"
    head = wanted[:_COMPARED]
    fits = [(sum(map(str.__eq__, old[at : at + len(head)], head)), -abs(at - expected), at) for at in range(len(old))]
    best = max(fits)
    said = f"hunk {hunk.number} of the patch does not fit {path}, so nothing was changed"
    if best[0] == 0:
        return f"{said}; none of its lines stand there together: read the file and make the patch anew"
    at = best[2]
    for offset, line in enumerate(wanted):
        has = old[at + offset] if at + offset < len(old) else None
        if has != line:
            shown = "the file ends there" if has is None else f"the file has {has!r}"
            return f"{said}; line {at + offset + 1}: {shown}, the patch expects {line!r}"
    return f"{said}; it fits only before an earlier hunk: put the hunks in the order of the file"


def _read_hunk(lines: list[str], at: int, file: FilePatch) -> int:
    """Read one hunk that begins at a line; returns where the next thing begins. The counts say only what ambiguous lines are."""
    found = _HUNK.match(lines[at])
    line, olds, news = found and found.group(1), found and found.group(2), found and found.group(4)
    hunk = Hunk(int(line) if line else None, len(file.hunks) + 1)
    old, new = int(olds or 1), int(news or 1)
    at += 1
    while at < len(lines):
        text = lines[at]
        if text.startswith("\\"):
            signs = "+-" if hunk.lines and hunk.lines[-1][0] == " " else hunk.lines[-1][0] if hunk.lines else ""
            hunk.no_newline.update(signs)
        elif text[:1] in ("@",) or text.startswith("diff --git ") or _is_header(lines, at):
            break
        elif text == "-- " and old <= 0 and new <= 0:
            break  # a mail's signature
        elif text[:1] in (" ", "+", "-"):
            hunk.lines.append((text[0], text[1:]))
            old -= text[0] != "+"
            new -= text[0] != "-"
        elif text == "" and _goes_on(lines, at):
            hunk.lines.append((" ", ""))  # an empty line whose space was lost
            old, new = old - 1, new - 1
        elif text == "" or (old <= 0 and new <= 0):
            break
        else:
            raise EditRefused(f"line {at + 1} of the patch begins with none of space, + and -: {text[:80]!r}; mend it")
        at += 1
    if not hunk.lines:
        raise EditRefused(f"line {at} of the patch: a hunk without lines; write them below the @@")
    file.hunks.append(hunk)
    return at


def _goes_on(lines: list[str], at: int) -> bool:
    """Whether a hunk's lines follow the empty ones."""
    while at < len(lines) and lines[at] == "":
        at += 1
    return at < len(lines) and lines[at][:1] in (" ", "+", "-") and not _is_header(lines, at) and lines[at] != "-- "


def _is_header(lines: list[str], at: int) -> bool:
    if not lines[at].startswith("--- ") or at + 1 >= len(lines) or not lines[at + 1].startswith("+++ "):
        return False
    return at + 2 >= len(lines) or lines[at + 2].startswith(("@@", "diff --git", "--- ")) or not lines[at + 2].strip()


def _alone(section: Section) -> list[FilePatch]:
    """What a section changes that has no --- and +++ lines: a name, a mode, or an empty file that is made or removed."""
    return [FilePatch(*section.alone(), section.executable)] if section.begun else []
