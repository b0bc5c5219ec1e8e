"""The host's end of `inside.py`: files of the workspace, found, searched, read and written inside the sandbox.

The answers come from where the repository's own code runs, so they are checked word by word, and their bytes are only data.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from agents.errors import BadPattern, EditRefused, PathRefused, ToolError, ToolsUnusable, ToolTimeout, Unparsable
from agents.tools.results import File, Hit
from workspaces.sandbox.contract import WORKSPACE, Sandbox

LARGEST_READ = 8 << 20  # bytes of one file
TIMEOUT_S = 30.0
_OUTPUT = 48 << 20  # bytes of an answer
_ROOM = 24 << 20  # bytes of all files in one answer
T = TypeVar("T")
Count = Annotated[int, Field(ge=0)]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Found(_Answer):
    """total: in all, of which `files` are the first: (path, bytes)."""

    files: tuple[tuple[str, Count], ...]
    total: Count

    def as_files(self) -> tuple[File, ...]:
        return tuple(File(path=path, size=size) for path, size in self.files)


class Grepped(_Answer):
    hits: tuple[Hit, ...]
    total: Count
    files: Count
    too_large: Count
    searched: Count


class _Entry(_Answer):
    path: str
    size: Count
    mode: Count
    refused: str = ""


class _Contents(_Answer):
    files: tuple[_Entry, ...]
    left_out: Count = 0


class _Told(_Answer):
    kind: str
    path: str
    detail: str = ""
    leads_to: str = ""
    line: Count = 0
    size: Count = 0
    limit: Count = 0


@dataclass(frozen=True, slots=True)
class Written:
    """One file to be written. before: its bytes as they were read, None: it must not exist. after: None: it is removed.
    python: its syntax is checked by the sandbox's interpreter; `tolerant`: unless the old file was broken, too. executable:
    whether it may be executed then; None: as before. renamed: the file that it was, changed with it, whose mode it keeps."""

    path: str
    before: bytes | None
    after: bytes | None
    python: bool = False
    tolerant: bool = False
    executable: bool | None = None
    renamed: str = ""


class WorkspaceFiles:
    """The files of one sandbox's workspace. Every method raises ToolError for what the caller can mend, ToolsUnusable where the
    sandbox cannot run Python, and SandboxDied."""

    def __init__(self, sandbox: Sandbox, python: str = "python3") -> None:
        self._sandbox = sandbox
        self._python = python

    async def find(self, path: str, names: str, limit: int) -> Found:
        """names: a regular expression for paths below `path`; "" for all."""
        answer, _ = await self._ask({"op": "find", "path": path, "names": names, "limit": limit})
        return self._checked(_found, answer)

    async def grep(
        self, path: str, names: str, pattern: str, *, ignore_case: bool, context: int, limit: int
    ) -> Grepped:
        facts = {"pattern": pattern, "ignore_case": ignore_case, "context": context, "limit": limit}
        answer, _ = await self._ask({"op": "grep", "path": path, "names": names, **facts})
        return self._checked(_grepped, answer)

    async def read(self, path: str, limit: int = LARGEST_READ) -> bytes:
        answer, blob = await self._ask({"op": "read", "paths": [path], "limit": limit})
        return self._split(answer, blob)[0][1]

    async def read_some(self, paths: Sequence[str], limit: int = LARGEST_READ) -> dict[str, bytes]:
        """Those of the paths that can be read."""
        if not paths:
            return {}
        if len(paths) == 1:
            try:
                return {paths[0]: await self.read(paths[0], limit)}
            except ToolError:
                return {}
        answer, blob = await self._ask({"op": "read", "paths": list(paths), "limit": limit})
        return dict(self._split(answer, blob))

    async def with_word(
        self, word: str, path: str, suffixes: Iterable[str], limit: int, *, part: bool = False
    ) -> tuple[list[tuple[str, bytes]], int]:
        """Files below `path` that hold a word, with their bytes, and how many more there was no room for. `part`: as a part of
        a longer word, in any case."""
        facts = {"word": word, "path": path, "suffixes": sorted(suffixes), "limit": limit, "room": _ROOM, "part": part}
        answer, blob = await self._ask({"op": "word", **facts})
        return self._split(answer, blob), self._checked(_contents, answer).left_out

    async def write(self, changes: Sequence[Written]) -> None:
        """Make all the changes or none. Raises PathRefused, EditRefused, Unparsable."""
        told = [
            {
                "path": each.path,
                "expect": None if each.before is None else hashlib.sha256(each.before).hexdigest(),
                "size": None if each.after is None else len(each.after),
                "python": each.python,
                "tolerant": each.tolerant,
                "executable": each.executable,
                "renamed": each.renamed,
            }
            for each in changes
        ]
        await self._ask({"op": "write", "changes": told}, b"".join(each.after or b"" for each in changes))

    async def _ask(self, request: Mapping[str, Any], blob: bytes = b"") -> tuple[Any, bytes]:
        argv = [self._python, "-I", "-S", "-c", _program()]
        line = json.dumps({"root": WORKSPACE, **request}).encode() + b"\n"
        result = await self._sandbox.exec(argv, stdin=line + blob, timeout_s=TIMEOUT_S, output_limit=_OUTPUT)
        if result.timed_out:
            raise ToolTimeout(
                f"it took longer than {TIMEOUT_S:.0f} s and was ended; narrow it with a path, or give a simpler pattern"
            )
        if result.exit_code != 0 or result.truncated:
            said = result.stderr.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1][:300]
            raise ToolsUnusable(
                f"{self._python} in the sandbox cannot run the tools' program (exit code {result.exit_code}: "
                f"{said or 'it said nothing'}); Python 3.8 or newer is needed there"
            )
        head, _, body = result.stdout.partition(b"\n")
        try:
            answer = json.loads(head)
            refused = answer.get("refused")
        except (ValueError, AttributeError, RecursionError) as error:
            raise _nonsense(error) from error
        if refused is not None:
            raise _error(self._checked(_told, refused))
        return answer, body

    def _split(self, answer: Any, blob: bytes) -> list[tuple[str, bytes]]:
        entries = [each for each in self._checked(_contents, answer).files if not each.refused]
        if sum(each.size for each in entries) != len(blob):
            raise _nonsense("sizes that do not fit its bytes")
        found = []
        start = 0
        for each in entries:
            found.append((each.path, blob[start : start + each.size]))
            start += each.size
        return found

    @staticmethod
    def _checked(adapter: TypeAdapter[T], value: Any) -> T:
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            raise _nonsense(error) from error


_found: TypeAdapter[Found] = TypeAdapter(Found)
_grepped: TypeAdapter[Grepped] = TypeAdapter(Grepped)
_contents: TypeAdapter[_Contents] = TypeAdapter(_Contents)
_told: TypeAdapter[_Told] = TypeAdapter(_Told)


@functools.cache
def _program() -> str:
    return resources.files("agents.tools").joinpath("inside.py").read_text("utf-8")


def _nonsense(what: object) -> ToolsUnusable:
    return ToolsUnusable(
        f"the tools' program in the sandbox answered nonsense ({str(what)[:300]}); use a fresh sandbox"
    )


def _error(told: _Told) -> ToolError:
    """What the program refused, in words that say what to do next."""
    path = told.path or "the workspace"
    if told.kind == "link":
        if told.leads_to:
            return PathRefused(f"{path} is a link to {told.leads_to}; use that path")
        return PathRefused(
            f"{path} is a link that leads out of the workspace or to nothing; use a file of the workspace"
        )
    if told.kind == "syntax":
        return unparsable(path, told.line, told.detail)
    if told.kind == "pattern":
        return BadPattern(
            f"the pattern is no regular expression: {told.detail}; put a \\ before characters that have a meaning of their "
            "own, or set literal=True"
        )
    if told.kind == "changed":
        return EditRefused(f"{path} was changed by something else at the same time; nothing was written: read it again")
    is_glob = ", and a glob goes into `glob`" if any(char in path for char in "*?[{") else ""
    words = {
        "missing": f"there is no {path}; find_files shows what there is{is_glob}",
        "exists": f"{path} exists already; change it with edit, or give create overwrite=True",
        "directory": f"{path} is a directory; name a file in it (find_files shows them)",
        "not-a-file": f"{path} is no regular file; name another",
        "no-directory": f"there is no directory {path}",
        "too-large": f"{path} has {told.size} bytes, more than the {told.limit} that can be read; search it with grep",
        "denied": f"{path} cannot be used: {told.detail or 'permission denied'}; nothing was changed",
    }
    return PathRefused(words.get(told.kind, f"{path} cannot be used ({told.kind})"), missing=told.kind == "missing")


def unparsable(path: str, line: int, what: str, source: str = "") -> Unparsable:
    """The refusal of a change that would break a file."""
    shown = f"\n{line:>6}  {source}" if source else ""
    return Unparsable(
        f"{path} would not parse any more: {what} in line {line} of the new text; the file is unchanged: "
        f"mend the change and send it again{shown}",
        path,
        line,
        what,
    )
