"""The tools of one trajectory, as the scheduler calls them: each takes its argument model and gives its result.

    toolbox = Toolbox(sandbox, workspace, PytestTests.like(session), notes=notes, store=files)
    execution = await Scheduler(toolbox.tools).run(plan)

They raise ToolError for what the model can mend. What else they raise (SandboxDied, ToolsUnusable, StoreUnusable) is the
provider's failure, and is not for the model.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

from agents.errors import BadPattern, PathRefused, ToolError
from agents.tools import arguments as a
from agents.tools import results as r
from agents.tools.changes import Changes
from agents.tools.encoding import decoded, is_binary
from agents.tools.files import WorkspaceFiles
from agents.tools.lookup import Lookup
from agents.tools.notes import Notes
from agents.tools.output import LONGEST, Outputs, cut_middle
from agents.tools.paths import inside, names_of
from agents.tools.symbols import Definitions
from agents.tools.testing import TestRunner
from memory.files import FileStore
from workspaces import Patch, Sandbox

Tool = Callable[[Any], Awaitable[Any]]
R = TypeVar("R", bound=r.Result)
_OUTPUT = 4 << 20  # bytes of a command's output
_MOST_LINES = 2000  # that one `read` gives
_MOST_CHARACTERS = 60_000
_MORE = 8000  # characters that one `more` gives
_ROOM = LONGEST - 500  # characters of a text inside a result, so that with what stands around it nothing is cut twice


class HasDiff(Protocol):
    """What the tools need of a Workspace."""

    async def diff(self) -> Patch: ...


class Toolbox:
    """The tools of one trajectory. `python`: the sandbox's interpreter, 3.8 or newer, by which files are read, written and, where
    they are Python, checked. `definitions`: shared by trajectories, so that they parse the same file once."""

    def __init__(
        self,
        sandbox: Sandbox,
        workspace: HasDiff,
        tests: TestRunner,
        *,
        notes: Notes,
        store: FileStore,
        python: str = "python3",
        definitions: Definitions | None = None,
    ) -> None:
        self._sandbox = sandbox
        self._workspace = workspace
        self._tests = tests
        self._notes = notes
        self._outputs = Outputs(store)
        self._files = WorkspaceFiles(sandbox, python)
        self._lookup = Lookup(self._files, definitions or Definitions())
        self._changes = Changes(self._files)
        self._testing = asyncio.Lock()  # two runs in one workspace would see each other's files and ports
        self.tools: Mapping[str, Tool] = {
            "grep": self._whole(self.grep),
            "find_files": self._whole(self.find_files),
            "read": self._whole(self.read),
            "outline": self._whole(self.outline),
            "find_symbol": self._whole(self.find_symbol),
            "find_references": self._whole(self.find_references),
            "edit": self._whole(self.edit),
            "create": self._whole(self.create),
            "delete": self._whole(self.delete),
            "apply_patch": self._whole(self.apply_patch),
            "run": self.run,
            "run_tests": self._whole(self.run_tests),
            "diff": self.diff,
            "note": self.note,
            "recall": self._whole(self.recall),
            "more": self.more,
        }

    async def grep(self, asked: a.Grep) -> r.Hits:
        path = inside(asked.path)
        pattern = re.escape(asked.pattern) if asked.literal else asked.pattern
        if "\n" in asked.pattern:
            raise BadPattern(
                "the pattern holds a line break, and lines are matched one by one; search for one of its lines"
            )
        found = await self._files.grep(
            path,
            names_of(asked.glob),
            pattern,
            ignore_case=asked.ignore_case,
            context=asked.context,
            limit=asked.limit,
        )
        note = f"{found.too_large} files were too large to search" if found.too_large else ""
        if not found.searched and not found.too_large:
            note = "no text file was searched; look at path and glob"
        return r.Hits(hits=found.hits, total=found.total, files=found.files, note=note)

    async def find_files(self, asked: a.FindFiles) -> r.Files:
        found = await self._files.find(inside(asked.path), names_of(asked.glob), asked.limit)
        return r.Files(files=found.as_files(), total=found.total)

    async def read(self, asked: a.Read) -> r.Body:
        path = inside(asked.path)
        first = max(1, asked.first)
        if 0 < asked.last < first:
            raise ToolError(f"last={asked.last} lies before first={first}; give a later one, or 0 for the end")
        data = await self._files.read(path)
        if is_binary(data):
            raise PathRefused(f"{path} is a binary file of {len(data)} bytes, which cannot be shown; use run for it")
        lines = decoded(data).shown.split("\n")
        if lines[-1] == "":
            lines.pop()
        chosen: list[str] = []
        room = _MOST_CHARACTERS
        for line in lines[first - 1 : min(asked.last or len(lines), first - 1 + _MOST_LINES)]:
            room -= len(line) + 1
            if room < 0 and chosen:
                break
            chosen.append(line if len(line) <= _MOST_CHARACTERS else cut_middle(line, _MOST_CHARACTERS))
        last = first - 1 + len(chosen) if chosen else 0
        text = "".join(f"{line}\n" for line in chosen)
        return r.Body(path=path, text=text, first=first, last=last, lines=len(lines))

    async def outline(self, asked: a.Outline) -> r.OutlineResult:
        return await self._lookup.outline(inside(asked.path))

    async def find_symbol(self, asked: a.FindSymbol) -> r.SymbolList:
        return await self._lookup.symbol(asked.name, inside(asked.path), asked.limit)

    async def find_references(self, asked: a.FindReferences) -> r.References:
        return await self._lookup.references(asked.name, inside(asked.path), asked.limit)

    async def edit(self, asked: a.Edit) -> r.Change:
        return await self._changes.edit(asked.path, asked.search, asked.replace)

    async def create(self, asked: a.Create) -> r.Change:
        return await self._changes.create(asked.path, asked.content, overwrite=asked.overwrite)

    async def delete(self, asked: a.Delete) -> r.Change:
        return await self._changes.delete(asked.path)

    async def apply_patch(self, asked: a.ApplyPatch) -> r.Change:
        return await self._changes.patch(asked.patch)

    async def run(self, asked: a.Run) -> r.CommandResult:
        argv = ["/bin/sh", "-c", f"exec 2>&1\n{asked.command}"]
        ended = await self._sandbox.exec(argv, timeout_s=asked.timeout_s, output_limit=_OUTPUT)
        text = (ended.stdout + ended.stderr).decode("utf-8", "replace")
        if ended.truncated:
            text += f"\n[it wrote more than {_OUTPUT} bytes; the rest is lost]"
        output, more = await self._cut(text)
        return r.CommandResult(
            exit_code=ended.exit_code, output=output, timed_out=ended.timed_out, wall_s=ended.wall_s, more=more
        )

    async def run_tests(self, asked: a.RunTests) -> r.TestReport:
        async with self._testing:
            report = await self._tests.run(asked.selector, asked.timeout_s)
        output, more = await self._cut(report.output)
        return report.model_copy(update={"output": output, "more": more})

    async def diff(self, asked: a.Diff) -> r.DiffResult:
        patch = await self._workspace.diff()
        text, more = await self._cut(patch.data.decode("utf-8", "replace"))
        return r.DiffResult(files=patch.files, text=text, skipped=patch.skipped, more=more)

    async def note(self, asked: a.Note) -> r.NoteResult:
        return self._notes.note(asked.topic, asked.text)

    async def recall(self, asked: a.Recall) -> r.NoteList:
        return self._notes.recall(asked.topic)

    async def more(self, asked: a.More) -> r.MoreResult:
        text = await self._outputs.read(asked.id)
        start = min(asked.start, len(text))
        end = min(len(text), start + _MORE)
        return r.MoreResult(text=text[start:end], start=start, end=end, length=len(text))

    async def _cut(self, text: str) -> tuple[str, str]:
        """A text as it is shown, and the id of the whole."""
        if len(text) <= _ROOM:
            return text, ""
        more = await self._outputs.keep(text)
        return cut_middle(text, _ROOM, more), more

    def _whole(self, tool: Callable[[Any], Awaitable[R]]) -> Callable[[Any], Awaitable[R]]:
        """Keep the whole text of a result that is too long to show."""

        async def call(asked: Any) -> R:
            result = await tool(asked)
            text = result.whole_text()
            if len(text) <= LONGEST or result.more:
                return result
            return result.model_copy(update={"more": await self._outputs.keep(text)})

        return call
