"""What localisation knows of one file, whatever the issue: its terms, its symbols, what it imports.

Facts depend on a file's content and language alone, so they are kept by content digest (`cache.py`). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from selection.grammars import LANGUAGES

VERSION = 1  # raise it when anything below, in terms.py, grammars.py or extract.py gives other facts

GRAMMARS: Mapping[str, str] = {
    ".py": "python",
    ".pyi": "python",
    ".pyx": "python",  # Cython: what is not Python is skipped
    ".pxi": "python",
    ".pxd": "python",
    **LANGUAGES,
}
PLAIN_CODE = frozenset(
    {".c", ".h", ".cc", ".cpp", ".hpp", ".cs", ".kt", ".scala", ".rb", ".php", ".swift", ".vue", ".sh"}
)
TEXT = frozenset(
    {
        ".md",
        ".rst",
        ".txt",
        ".toml",
        ".ini",
        ".cfg",
        ".yaml",
        ".yml",
        ".json",
        ".html",
        ".css",
        ".sql",
        ".xml",
        ".jinja",
    }
    | {".tpl", ".po", ""}
)
SIGNATURE = 160  # characters of a signature that are kept


@dataclass(frozen=True, slots=True)
class Symbol:
    """A definition. kind: "class", "function" or "method". Lines count from 1, both ends belong to it. parent: the symbol
    around it, dotted, or "". signature: one line, as in the source, without the body."""

    name: str
    kind: str
    line: int
    end_line: int
    signature: str
    parent: str = ""

    @property
    def qualified(self) -> str:
        return f"{self.parent}.{self.name}" if self.parent else self.name


@dataclass(frozen=True, slots=True)
class Facts:
    """code: terms of the whole text. prose: terms of comments and docstrings alone. imports: what the file imports, as its
    language writes it (Python: dotted, relative ones with their leading dots)."""

    code: Mapping[str, int]
    prose: Mapping[str, int]
    symbols: tuple[Symbol, ...] = ()
    imports: tuple[str, ...] = ()

    def to_json(self) -> list[Any]:
        symbols = [[s.name, s.kind, s.line, s.end_line, s.signature, s.parent] for s in self.symbols]
        return [dict(self.code), dict(self.prose), symbols, list(self.imports)]

    @classmethod
    def from_json(cls, data: list[Any]) -> Facts:
        code, prose, symbols, imports = data
        return cls(code, prose, tuple(Symbol(*each) for each in symbols), tuple(imports))


@lru_cache(maxsize=1 << 16)
def suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def is_code(path: str) -> bool:
    """Whether a file holds a program (rather than documentation or configuration)."""
    kind = suffix(path)
    return kind in GRAMMARS or kind in PLAIN_CODE


def is_known(path: str) -> bool:
    """Whether localisation reads such a file at all."""
    return is_code(path) or suffix(path) in TEXT
