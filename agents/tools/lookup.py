"""`outline`, `find_symbol` and `find_references`: the sandbox finds the files that hold a name, the host parses those alone.

So nothing has to be indexed before the first question: of 2,000 files only those are parsed in which the name stands at all, each
content once (`Definitions` may be shared by all trajectories of a Run).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence

from agents.errors import BadPattern, PathRefused
from agents.tools.files import WorkspaceFiles
from agents.tools.languages import LANGUAGES, LARGEST_PARSED, SUFFIXES, Syntax, syntax_of
from agents.tools.results import OutlineResult, Reference, References, Symbol, SymbolList
from agents.tools.symbols import Definition, Definitions, TooHard, faults, references

_MOST_NEAR = 10
_LONGEST_S = 20.0  # of CPU time, for one question
_SUFFIXES = tuple(SUFFIXES)
KNOWN = ", ".join(syntax.name for syntax in LANGUAGES)


class Lookup:
    """Questions about names in one workspace."""

    def __init__(self, files: WorkspaceFiles, cache: Definitions) -> None:
        self._files = files
        self._cache = cache

    async def outline(self, path: str) -> OutlineResult:
        syntax = syntax_of(path)
        if syntax is None:
            raise PathRefused(f"{path} is in none of the languages whose outline is known ({KNOWN}); read it")
        data = await self._files.read(path, LARGEST_PARSED)
        try:
            found = await asyncio.to_thread(self._cache.of, syntax, data)
            broken = await asyncio.to_thread(faults, syntax, data)
        except TooHard as error:
            raise PathRefused(f"{path} has no outline: {error}; search it with grep") from error
        note = f"line {broken[0].line} cannot be parsed, so this may not be all" if broken else ""
        symbols = tuple(_symbol(path, each) for each in found)
        return OutlineResult(path=path, language=syntax.name, symbols=symbols, note=note)

    async def symbol(self, name: str, path: str, limit: int) -> SymbolList:
        """By the last name, or by as much of the dotted name as is given (`::`, `#` and `->` count as dots)."""
        name, last = _names(name)
        files, left_out = await self._files.with_word(last, path, _SUFFIXES, LARGEST_PARSED)
        found = await asyncio.to_thread(self._defined, files)
        chosen = [each for each in found if each.name == name or each.name.endswith("." + name)]
        note = _left_out(left_out)
        if chosen:
            chosen.sort(key=lambda each: (each.name != name, _is_value(each)))
            return SymbolList(symbols=tuple(chosen[:limit]), total=len(chosen), note=note)
        near = [each for each in found if each.name.rpartition(".")[2] == last]
        if not near:
            files, left_out = await self._files.with_word(last, path, _SUFFIXES, LARGEST_PARSED, part=True)
            found = await asyncio.to_thread(self._defined, files)
            near = [each for each in found if last.lower() in each.name.rpartition(".")[2].lower()]
            note = _left_out(left_out)
        near.sort(key=lambda each: (_is_value(each), len(each.name)))
        return SymbolList(symbols=(), total=0, near=tuple(near[:_MOST_NEAR]), note=note)

    async def references(self, name: str, path: str, limit: int) -> References:
        _, name = _names(name)
        files, left_out = await self._files.with_word(name, path, _SUFFIXES, LARGEST_PARSED)
        found = await asyncio.to_thread(_used, files, name, limit + 1)
        shown = tuple(found[:limit])
        return References(references=shown, complete=len(found) <= limit, note=_left_out(left_out))

    def _defined(self, files: Sequence[tuple[str, bytes]]) -> list[Symbol]:
        found = []
        for path, syntax, data in _parsable(files):
            with contextlib.suppress(TooHard):
                found += [_symbol(path, each) for each in self._cache.of(syntax, data)]
        return found


def _names(name: str) -> tuple[str, str]:
    """A name with dots, and its last part."""
    for separator in ("::", "->", "#"):
        name = name.replace(separator, ".")
    dotted = name.strip().removesuffix("()").strip(".")
    last = dotted.rpartition(".")[2].strip()
    if not last or any(char.isspace() for char in last):
        raise BadPattern(f'{name!r} is no name; give one such as "parse" or "Parser.parse", or use grep for a text')
    return dotted, last


def _used(files: Sequence[tuple[str, bytes]], name: str, enough: int) -> list[Reference]:
    found: list[Reference] = []
    for path, syntax, data in _parsable(files):
        with contextlib.suppress(TooHard):
            found += [
                Reference(path=path, line=each.line, kind=each.kind, within=each.within, text=each.text)
                for each in references(syntax, data, name)
            ]
        if len(found) >= enough:
            break
    return found


def _parsable(files: Sequence[tuple[str, bytes]]) -> Iterator[tuple[str, Syntax, bytes]]:
    """Files with their languages, until the time for one question is used up (a thread cannot be stopped from outside)."""
    end = time.thread_time() + _LONGEST_S
    for path, data in files:
        syntax = syntax_of(path)
        if syntax is not None and time.thread_time() < end:
            yield path, syntax, data


def _symbol(path: str, found: Definition) -> Symbol:
    return Symbol(
        path=path,
        name=found.name,
        kind=found.kind,
        line=found.line,
        end_line=found.end_line,
        signature=found.signature,
    )


def _is_value(symbol: Symbol) -> bool:
    return symbol.kind in ("variable", "constant", "field")


def _left_out(files: int) -> str:
    return f"{files} more files hold the name, too many to look at; give a path" if files else ""
