"""`edit`, `create`, `delete` and `apply_patch`: read what is there, decide here, write all of it or nothing.

To compare and to parse large files takes seconds, so that is done in threads.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from agents.errors import EditRefused, PathRefused, Unparsable
from agents.tools.encoding import decoded, is_binary, unified
from agents.tools.files import WorkspaceFiles, Written, unparsable
from agents.tools.parsable import checked
from agents.tools.patch import FilePatch, patched, read_patch
from agents.tools.paths import inside
from agents.tools.replace import replace_once
from agents.tools.results import Change

_AROUND = 3  # lines shown before and after a change
_MOST_SHOWN = 40


class Changes:
    """Changes to the files of one workspace. All raise PathRefused, EditRefused, Unparsable; the files are then as they were."""

    def __init__(self, files: WorkspaceFiles) -> None:
        self._files = files

    async def edit(self, path: str, search: str, replacement: str) -> Change:
        path = inside(path, written=True)
        before = await self._files.read(path)
        if is_binary(before):
            raise EditRefused(f"{path} is a binary file, which edit does not change; use run for that")
        new = await asyncio.to_thread(replace_once, path, decoded(before), search, replacement)
        await self._write([await asyncio.to_thread(checked, path, before, new.data)])
        return _change("edited", (path,), new.data, new.line, new.end_line)

    async def create(self, path: str, content: str, *, overwrite: bool) -> Change:
        path = inside(path, written=True)
        before = await self._existing(path)
        if before is not None and not overwrite:
            raise PathRefused(f"{path} exists already; change it with edit, or give overwrite=True")
        data = _encoded(path, content)
        await self._write([await asyncio.to_thread(checked, path, before, data)])
        return Change(paths=(path,), done="created")

    async def delete(self, path: str) -> Change:
        path = inside(path, written=True)
        await self._files.write([Written(path, await self._files.read(path, 1 << 27), None)])
        return Change(paths=(path,), done="deleted")

    async def patch(self, text: str) -> Change:
        """Patches of one file follow each other; nothing is written before all of them fit."""
        files = await asyncio.to_thread(read_patch, text)
        before: dict[str, bytes | None] = {}
        for path in dict.fromkeys(path for file in files for path in (file.old, file.new) if path):
            before[path] = await self._existing(path)
        changes, first = await asyncio.to_thread(_all_patched, files, before)
        await self._write(changes)
        paths = tuple(each.path for each in changes)
        after = next((each.after for each in changes if each.path == first[0]), None)
        if after is None or not first[1]:
            return Change(paths=paths, done="patched")
        return _change("patched", paths, after, first[1], first[1])

    async def _existing(self, path: str) -> bytes | None:
        """A file's bytes; None if there is none."""
        try:
            return await self._files.read(path)
        except PathRefused as refused:
            if refused.missing:
                return None
            raise

    async def _write(self, changes: list[Written]) -> None:
        """With the faulty line itself in the refusal."""
        try:
            await self._files.write(changes)
        except Unparsable as error:
            after = next((each.after for each in changes if each.path == error.path), None) or b""
            lines = decoded(after).shown.split("\n")
            source = lines[error.line - 1] if 0 < error.line <= len(lines) else ""
            raise unparsable(error.path, error.line, error.what, source[:200]) from None


def _all_patched(files: list[FilePatch], before: dict[str, bytes | None]) -> tuple[list[Written], tuple[str, int]]:
    """What is to be written, and the first file that is there afterwards with the line where its first hunk begins, or 0."""
    after = dict(before)
    executable: dict[str, bool] = {}
    renamed: dict[str, str] = {}
    first = ("", 0)
    for file in files:
        new, begins = _patched(file, after)
        if file.old is not None and file.old != file.new:
            after[file.old] = None
            if file.new is not None:
                renamed[file.new] = renamed.get(file.old, file.old)
        if file.new is not None:
            after[file.new] = new
            if file.executable is not None:
                executable[file.new] = file.executable
            first = first if first[0] else (file.new, begins[0] if begins else 0)
    changes = [
        replace(_written(path, before[path], new), executable=executable.get(path), renamed=renamed.get(path, ""))
        for path, new in after.items()
        if new != before[path] or (new is not None and path in executable)
    ]
    if not changes:
        raise EditRefused("the patch changes nothing; the files are like this already")
    return changes, first


def _patched(file: FilePatch, contents: dict[str, bytes | None]) -> tuple[bytes | None, list[int]]:
    """What a file's patch makes of it (None: it is removed), and where its hunks begin."""
    old = contents[file.old] if file.old else None
    if file.old and old is None:
        raise EditRefused(f"the patch changes {file.old}, which does not exist; find_files shows what there is")
    if file.new and file.new != file.old and contents[file.new] is not None:
        raise EditRefused(f"the patch creates {file.new}, which exists already; patch it instead, or delete it first")
    if old is not None and is_binary(old):
        raise EditRefused(f"{file.old} is a binary file, which apply_patch does not change; use run for that")
    text = decoded(old) if old is not None else None
    content, begins = patched(file, text)
    if file.new is None:
        if content.strip():
            raise EditRefused(f"the patch deletes {file.old}, but not all of its lines; use delete")
        return None, begins
    try:
        return (text.encoded(content) if text else _encoded(file.new, content)), begins
    except UnicodeEncodeError as error:
        bad = error.object[error.start : error.start + 1]
        raise EditRefused(f"{file.new} has an encoding without {bad!r}; write the new lines without it") from error


def _written(path: str, before: bytes | None, after: bytes | None) -> Written:
    return Written(path, before, after) if after is None else checked(path, before, after)


def _encoded(path: str, content: str) -> bytes:
    try:
        return content.encode("utf-8")
    except UnicodeEncodeError as error:
        bad = error.object[error.start : error.start + 1]
        raise EditRefused(f"the text for {path} holds {bad!r}, which is no character; write it without") from error


def _change(done: str, paths: tuple[str, ...], data: bytes, line: int, end_line: int) -> Change:
    """With the new lines and some around them."""
    lines = unified(decoded(data).shown).removesuffix("\n").split("\n")
    first = max(1, line - _AROUND)
    last = min(len(lines), end_line + _AROUND, first + _MOST_SHOWN)
    text = "\n".join(lines[first - 1 : last])
    return Change.model_validate(
        {"paths": paths, "done": done, "line": line, "end_line": end_line, "text": text, "first": first}
    )
