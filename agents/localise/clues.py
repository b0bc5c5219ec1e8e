"""What an issue says of where to look: tracebacks, paths, dotted names, names of code, and weighted words.

Everything here reads the issue's text alone; whether such a file or symbol exists is for `rank.py` to find. Pure.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from agents.localise.frames import Frame, frames
from agents.localise.terms import IDENTIFIER, STOP, expand

LONGEST = 1 << 16  # characters of an issue that are read; what comes after is pasted output
TITLE = 4.0  # how many times a word of the title counts
QUOTED = 1.5  # how many times a word inside `back quotes` counts
BLOCK = 0.7  # how many times a word of a code block counts: it is precise, but long

_TEMPLATE = re.compile(r"<!--.*?(?:-->|\Z)", re.S)
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[^\n]*\n(.*?)(?:^[ \t]*(?:```|~~~)|\Z)", re.S | re.M)
_INDENTED = re.compile(r"(?:^(?: {4}|\t)[^\n]*\n?|^>>> [^\n]*\n?)+", re.M)
_INLINE = re.compile(r"`([^`\n]{1,200})`")
_SUFFIXES = r"(?:pyi?|pyx|pxd|jsx?|mjs|cjs|tsx?|go|rs|java|kt|c|h|cc|cpp|hpp|rb|php|rst|md|txt|toml|cfg|ini|ya?ml|json|html|css)"
_PATH = re.compile(
    rf"(?<![\w/.\\-])((?:[\w.~@+-]{{1,80}}[/\\]){{0,20}}[\w.+-]{{1,80}}\.{_SUFFIXES})(?![\w/])(?:(?:#L|:)(\d{{1,6}}))?"
)
_BLOB = re.compile(r"https?://[^\s/]+/[^\s/]+/[^\s/]+/(?:blob|tree|raw)/[^\s/]+/([^\s#?)\]>]+)(?:#L(\d{1,6}))?")
_URL = re.compile(r"https?://[^\s)\]>]+")
_DOTTED = re.compile(r"(?<![\w./])[^\W\d]\w{0,80}(?:\.[^\W\d]\w{0,80}){1,10}")
_CALL = re.compile(r"(?<![\w.])([^\W\d]\w{2,80})\(")


@dataclass(frozen=True, slots=True)
class Mention:
    """A path in the issue, as written, with `/` between its parts. line: 0 when none is named."""

    path: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Clues:
    """words, title: term -> weight, of the whole issue and of its title alone. names: identifiers that look like code (of
    two parts, called, in back quotes or code) -> weight. dotted: `a.b.c` -> weight. frames: innermost first."""

    words: Mapping[str, float]
    title: Mapping[str, float]
    names: Mapping[str, float]
    dotted: Mapping[str, float]
    paths: tuple[Mention, ...]
    frames: tuple[Frame, ...]


def clues(issue: str) -> Clues:
    """Read an issue: its first line with a word in it is the title."""
    text = _TEMPLATE.sub("\n", issue.replace("\r\n", "\n")[:LONGEST])
    stacked = frames(text)
    urls = tuple(Mention(path, int(line or 0)) for path, line in _BLOB.findall(text))
    plain = _URL.sub(" ", text)
    title, _, body = plain.strip().partition("\n")
    blocks = _FENCE.findall(body)
    rest = _FENCE.sub("\n", body)
    blocks += _INDENTED.findall(rest)
    prose = _INDENTED.sub("\n", rest)
    quoted = _INLINE.findall(f"{title}\n{prose}")
    code = "\n".join(blocks)

    weighted: defaultdict[str, float] = defaultdict(float)
    for piece, weight in ((title, TITLE), (prose, 1.0), ("\n".join(quoted), QUOTED), (code, BLOCK)):
        for term, count in expand(Counter(IDENTIFIER.findall(piece))).items():
            weighted[term] += weight * min(count, 5)
    return Clues(
        words=dict(weighted),
        title={term: float(count) for term, count in expand(Counter(IDENTIFIER.findall(title))).items()},
        names=_names(title, prose, quoted, code),
        dotted=_dotted(title, prose, code),
        paths=tuple(dict.fromkeys((*urls, *_paths(plain)))),
        frames=stacked,
    )


def _names(title: str, prose: str, quoted: list[str], code: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for piece, weight, all_names in (
        (title, 1.0, False),
        ("\n".join(quoted), 0.9, True),
        (prose, 0.7, False),
        (code, 0.4, True),
    ):
        called = set(_CALL.findall(piece))
        for name in dict.fromkeys(IDENTIFIER.findall(piece)):
            if len(name) > 2 and name.lower() not in STOP and (all_names or name in called or _compound(name)):
                found[name] = max(found.get(name, 0.0), weight)
    return found


def _compound(name: str) -> bool:
    """Whether a word is written as prose does not write words: snake_case, camelCase, CamelCase, or with digits."""
    return (
        "_" in name.strip("_")
        or name.startswith("_")
        or (any(each.isupper() for each in name[1:]) and not name.isupper())
    )


def _dotted(title: str, prose: str, code: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for piece, weight in ((title, 1.0), (prose, 0.8), (code, 0.5)):
        for name in dict.fromkeys(_DOTTED.findall(piece)):
            found[name] = max(found.get(name, 0.0), weight)
        for source, names in re.findall(r"^[ \t>.]*from[ \t]+([\w.]+)[ \t]+import[ \t]+([\w, \t]+)", piece, re.M):
            for name in re.findall(r"\w+", names):
                found[f"{source}.{name}"] = max(found.get(f"{source}.{name}", 0.0), weight)
    return found


def _paths(text: str) -> list[Mention]:
    return [Mention(path.replace("\\", "/"), int(line or 0)) for path, line in _PATH.findall(text)]
