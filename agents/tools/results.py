"""What each tool gives: fields that a plan may refer to (`body.text`, `hits[0].path`), and one text for the observation.

A result that is mainly a list can be indexed itself: `hits[0]` is `hits.hits[0]`. `more` is the id under which the whole text
is kept when it is too long to show.
"""

from __future__ import annotations

import itertools
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agents.tools.output import cut_middle


class Part(BaseModel):
    """A value inside a result."""

    model_config = ConfigDict(frozen=True)


class Result(Part):
    """The root of all results."""

    more: str = ""

    def whole_text(self) -> str:
        """All of it, however long."""
        raise NotImplementedError

    def as_text(self) -> str:
        """For the observation: at most about `output.LONGEST` characters."""
        return cut_middle(self.whole_text(), more=self.more)


class Indexed(Result):
    """A result that is mainly one list."""

    def items(self) -> tuple[Part, ...]:
        raise NotImplementedError

    def __getitem__(self, place: int) -> Any:
        return self.items()[place]


class Hit(Part):
    path: str
    line: int
    text: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


class Hits(Indexed):
    """total: hits in all, of which `hits` are the first. files: how many files hold them."""

    hits: tuple[Hit, ...]
    total: int
    files: int
    note: str = ""

    def items(self) -> tuple[Part, ...]:
        return self.hits

    def whole_text(self) -> str:
        lines: list[str] = []
        for path, hits in itertools.groupby(self.hits, lambda hit: hit.path):
            lines += [path, *_marked(list(hits))]
        if self.total > len(self.hits):
            left = f"{len(self.hits)} of {self.total} hits in {self.files} files; narrow it with path, glob or a longer pattern"
            lines.append(left)
        elif not self.hits:
            lines.append("no hits")
        return "\n".join([*lines, *filter(None, [self.note])])


def _marked(hits: list[Hit]) -> list[str]:
    """The lines of one file that its hits show, each once and in order, with gaps where the hits have lines around them."""
    shown: dict[int, str] = {}
    for hit in hits:
        for number, text in enumerate((*hit.before, hit.text, *hit.after), start=hit.line - len(hit.before)):
            shown.setdefault(number, f"{number:>6}- {text}")
    shown |= {hit.line: f"{hit.line:>6}: {hit.text}" for hit in hits}
    around = any(hit.before or hit.after for hit in hits)
    lines: list[str] = []
    for number in sorted(shown):
        if lines and around and number - 1 not in shown:
            lines.append("  --")
        lines.append(shown[number])
    return lines


class File(Part):
    path: str
    size: int


class Files(Indexed):
    files: tuple[File, ...]
    total: int

    def items(self) -> tuple[Part, ...]:
        return self.files

    def whole_text(self) -> str:
        lines = [file.path for file in self.files]
        if self.total > len(self.files):
            lines.append(f"{len(self.files)} of {self.total} files; narrow it with path or glob")
        return "\n".join(lines) or "no files"


class Body(Result):
    """A part of a file. text: without line numbers. last: 0 when nothing is shown. lines: in the whole file."""

    path: str
    text: str
    first: int
    last: int
    lines: int

    def whole_text(self) -> str:
        if not self.last:
            return f"{self.path} is empty" if not self.lines else f"{self.path} has only {self.lines} lines"
        shown = self.text.removesuffix("\n").split("\n")
        numbered = [f"{number:>6}  {line}" for number, line in enumerate(shown, start=self.first)]
        if self.last < self.lines:
            numbered.append(f"({self.lines} lines in all; read on with first={self.last + 1})")
        return "\n".join([f"{self.path}, lines {self.first}-{self.last} of {self.lines}", *numbered])


class Symbol(Part):
    """A definition. name: dotted, with those around it. line, end_line: from 1, both included."""

    path: str
    name: str
    kind: str
    line: int
    end_line: int
    signature: str


class SymbolList(Indexed):
    """total: in all, of which `symbols` are the first. near: definitions with a similar name, where
    none has the one asked for."""

    symbols: tuple[Symbol, ...]
    total: int
    near: tuple[Symbol, ...] = ()
    note: str = ""

    def items(self) -> tuple[Part, ...]:
        return self.symbols

    def whole_text(self) -> str:
        lines = [_located(each) for each in self.symbols]
        if not lines:
            lines.append("no definition has that name" + ("; similar ones:" if self.near else ""))
        lines += [_located(each) for each in self.near]
        if self.total > len(self.symbols):
            lines.append(f"{len(self.symbols)} of {self.total} definitions; narrow it with path")
        return "\n".join([*lines, *filter(None, [self.note])])


def _located(symbol: Symbol) -> str:
    return f"{symbol.path}:{symbol.line}-{symbol.end_line} {symbol.kind} {symbol.name}: {symbol.signature}"


class OutlineResult(Indexed):
    path: str
    language: str
    symbols: tuple[Symbol, ...]
    note: str = ""

    def items(self) -> tuple[Part, ...]:
        return self.symbols

    def whole_text(self) -> str:
        lines = [f"{self.path} ({self.language})"]
        for each in self.symbols:
            span = f"{each.line}-{each.end_line}" if each.end_line > each.line else f"{each.line}"
            lines.append(f"{span:>12}  {'  ' * each.name.count('.')}{each.signature}")
        if not self.symbols:
            lines.append("it defines nothing")
        return "\n".join([*lines, *filter(None, [self.note])])


class Reference(Part):
    """A use of a name. kind: "call", "import" or "use". within: the definition around it, "" at the top of the file."""

    path: str
    line: int
    kind: str
    within: str
    text: str


class References(Indexed):
    references: tuple[Reference, ...]
    complete: bool
    note: str = ""

    def items(self) -> tuple[Part, ...]:
        return self.references

    def whole_text(self) -> str:
        lines = []
        for each in self.references:
            within = f" in {each.within}" if each.within else ""
            lines.append(f"{each.path}:{each.line} {each.kind}{within}: {each.text}")
        if not lines:
            lines.append("no references")
        if not self.complete:
            lines.append("there are more; narrow it with path")
        return "\n".join([*lines, *filter(None, [self.note])])


class Change(Result):
    """One or more files were written. line, end_line: what is new in the (first) file. text: those lines and some around."""

    paths: tuple[str, ...]
    done: Literal["edited", "created", "deleted", "patched"]
    line: int = 0
    end_line: int = 0
    text: str = ""
    first: int = 0  # the line with which `text` begins

    def whole_text(self) -> str:
        where = f", lines {self.line}-{self.end_line}" if self.line else ""
        lines = [f"{self.done} {', '.join(self.paths)}{where}"]
        if self.text:
            shown = self.text.removesuffix("\n").split("\n")
            lines += [f"{number:>6}  {line}" for number, line in enumerate(shown, start=self.first)]
        return "\n".join(lines)


class CommandResult(Result):
    """output: standard output and standard error as they came, cut in the middle when long."""

    exit_code: int
    output: str
    timed_out: bool = False
    wall_s: float = 0.0

    def whole_text(self) -> str:
        ended = (
            f"ended at its time limit, after {self.wall_s:.0f} s" if self.timed_out else f"exit code {self.exit_code}"
        )
        return f"{ended}\n{self.output}" if self.output else f"{ended}, no output"


Status = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]


class TestOutcome(Part):
    """traceback: the repository's lines that led to the failure, the innermost last."""

    __test__ = False

    name: str
    status: Status
    message: str = ""
    traceback: str = ""
    timed_out: bool = False
    wall_s: float = 0.0


class TestReport(Result):
    """ok: something ran, and nothing failed. failures: in detail; passes, skips: names. problem: why (some) tests could not run.

    exit_code, output: of a runner that is a command; None and "" for pytest.
    """

    __test__ = False

    ok: bool
    passed: int
    failed: int
    skipped: int
    failures: tuple[TestOutcome, ...] = ()
    passes: tuple[str, ...] = ()
    skips: tuple[str, ...] = ()
    problem: str = ""
    exit_code: int | None = None
    output: str = ""

    def whole_text(self) -> str:
        counts = f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"
        if self.exit_code is not None:
            known = self.passed + self.failed + self.skipped
            counts = f"exit code {self.exit_code}" + (f", {counts}" if known else "")
        lines = [counts]
        if self.problem:
            lines.append(f"problem: {self.problem}")
        for each in self.failures:
            lines.append(f"{each.status.upper()} {each.name}: {each.message}".rstrip(": "))
            lines += [f"    {line}" for line in each.traceback.splitlines()]
        if self.passes and len(self.passes) <= _NAMED:
            lines.append("passed: " + ", ".join(self.passes))
        if self.skips and len(self.skips) <= _NAMED:
            lines.append("skipped: " + ", ".join(self.skips))
        return "\n".join([*lines, *filter(None, [self.output])])


_NAMED = 20  # tests that passed are named up to this many


class DiffResult(Result):
    """text: the change since the base commit, cut in the middle when long. skipped: what no patch can hold, and why."""

    files: tuple[str, ...]
    text: str
    skipped: tuple[str, ...] = ()

    def whole_text(self) -> str:
        return "\n".join([self.text or "nothing is changed", *(f"left out: {each}" for each in self.skipped)])


class Noted(Part):
    topic: str
    text: str


class NoteList(Indexed):
    notes: tuple[Noted, ...]

    def items(self) -> tuple[Part, ...]:
        return self.notes

    def whole_text(self) -> str:
        return "\n".join(f"{each.topic}: {each.text}" for each in self.notes) or "no notes"


class NoteResult(Result):
    topic: str
    kept: bool

    def whole_text(self) -> str:
        return f"noted under {self.topic}" if self.kept else f"forgot {self.topic}"


class MoreResult(Result):
    """text: characters `start` to `end` of `length`."""

    text: str
    start: int
    end: int
    length: int

    def whole_text(self) -> str:
        rest = (
            f"\n[{self.length - self.end} characters follow; start={self.end} reads on]"
            if self.end < self.length
            else ""
        )
        return self.text + rest

    def as_text(self) -> str:
        return self.whole_text()  # it was cut already


# What the compiler is told: the result itself or, for an index, its list.
HitsType = Annotated[Hits | tuple[Hit, ...], Field(union_mode="left_to_right")]
FilesType = Annotated[Files | tuple[File, ...], Field(union_mode="left_to_right")]
SymbolListType = Annotated[SymbolList | tuple[Symbol, ...], Field(union_mode="left_to_right")]
OutlineType = Annotated[OutlineResult | tuple[Symbol, ...], Field(union_mode="left_to_right")]
ReferencesType = Annotated[References | tuple[Reference, ...], Field(union_mode="left_to_right")]
NoteListType = Annotated[NoteList | tuple[Noted, ...], Field(union_mode="left_to_right")]
