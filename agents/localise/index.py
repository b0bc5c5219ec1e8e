"""A repository as localisation sees it: the facts of every file, who defines which name, who imports whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from agents.localise.bm25 import Field
from agents.localise.cache import FactsCache
from agents.localise.extract import gather
from agents.localise.facts import Facts, Symbol, suffix
from agents.localise.graph import Modules, imports
from agents.localise.sources import Sources, Texts
from agents.localise.terms import expand, path_terms


@dataclass(frozen=True)
class Index:
    """facts: path -> facts, in the order of the paths."""

    sources: Sources
    facts: Mapping[str, Facts]

    @cached_property
    def paths(self) -> tuple[str, ...]:
        return tuple(self.facts)

    @cached_property
    def modules(self) -> Modules:
        return Modules(self.facts)

    @cached_property
    def imports(self) -> Mapping[str, tuple[str, ...]]:
        return imports(self.named, self.modules)

    @property
    def named(self) -> Mapping[str, tuple[str, ...]]:
        """What each file imports, as its language writes it."""
        return {path: facts.imports for path, facts in self.facts.items()}

    @cached_property
    def definitions(self) -> Mapping[str, tuple[tuple[str, Symbol], ...]]:
        """name -> every (file, symbol) that defines it."""
        found: dict[str, list[tuple[str, Symbol]]] = {}
        for path, facts in self.facts.items():
            for symbol in facts.symbols:
                found.setdefault(symbol.name, []).append((path, symbol))
        return {name: tuple(each) for name, each in found.items()}

    @cached_property
    def by_name(self) -> Mapping[str, tuple[str, ...]]:
        """Last part of a path -> the paths that end in it."""
        found: dict[str, list[str]] = {}
        for path in self.facts:
            found.setdefault(PurePosixPath(path).name, []).append(path)
        return {name: tuple(each) for name, each in found.items()}

    def fields(self, code: float, prose: float, path: float, defined: float) -> list[Field]:
        """The fields of BM25 with these weights, files in the order of `paths`."""
        return [
            Field(code, [facts.code for facts in self.facts.values()]),
            Field(prose, [facts.prose for facts in self.facts.values()]),
            Field(path, self._path_terms),
            Field(defined, self._defined_terms),
        ]

    @cached_property
    def _path_terms(self) -> list[Mapping[str, int]]:
        return [path_terms(path) for path in self.facts]

    @cached_property
    def _defined_terms(self) -> list[Mapping[str, int]]:
        return [expand(dict.fromkeys((s.name for s in facts.symbols), 1)) for facts in self.facts.values()]


def index(files: Mapping[str, str] | Sources, cache: FactsCache | None = None) -> Index:
    """Read a repository: from the cache what is known there, the rest anew. About 1.5 ms of CPU for a new file."""
    sources = files if not isinstance(files, Mapping) else Texts(files)
    paths = sorted(sources.paths())
    keys = {path: f"{sources.digest(path)}{suffix(path)}" for path in paths}
    known = cache.get(dict.fromkeys(keys.values())) if cache is not None else {}
    new: dict[str, Facts] = {}
    facts: dict[str, Facts] = {}
    for path, key in keys.items():
        found = known.get(key) or new.get(key)
        if found is None:
            found = new[key] = gather(path, sources.read(path))
        facts[path] = found
    if cache is not None and new:
        cache.put(new)
    return Index(sources, facts)
