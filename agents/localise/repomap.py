"""A map of the repository for the shared prefix of an issue's prompts: the best files in detail, the rest by name. Pure.

The same files, ranking and budget give the same bytes, always: the prefix cache of a model server depends on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from posixpath import dirname

from agents.localise.cache import FactsCache
from agents.localise.facts import Facts
from agents.localise.index import Index, index
from agents.localise.ranking import Ranking
from agents.localise.sources import Sources

DETAIL = 0.55  # share of the budget for files with signatures
OUTLINE = 0.2  # share of it for files with the names that they define; what these leave over goes to the rest
DETAILED, OUTLINED = 20, 60  # files at most
_CUT = "…\n"


def repository_map(
    files: Mapping[str, str] | Sources | Index, ranking: Ranking, budget_chars: int, *, cache: FactsCache | None = None
) -> str:
    """At most `budget_chars` characters (0 or more): the first files of the ranking with their classes and signatures, further
    ones with the names that they define, and all folders with their files. Ranked files that do not exist are left out."""
    repository = files if isinstance(files, Index) else index(files, cache)
    ranked = [each for each in ranking if each.path in repository.facts]
    written: list[str] = []
    left = budget_chars
    shown = 0
    for heading, share, most, render in (
        ("# Likely files\n", DETAIL, DETAILED, _detailed),
        ("# Further files\n", OUTLINE, OUTLINED, _outlined),
    ):
        room = min(left, int(budget_chars * share)) - len(heading)
        pieces: list[str] = []
        for each in ranked[shown : shown + most]:
            marked = frozenset(one.symbol.qualified for one in each.symbols)
            text = render(each.path, repository.facts[each.path], marked, max(0, room))
            if not text:
                break
            pieces.append(text)
            room -= len(text)
            shown += 1
        if pieces:
            written += [heading, *pieces]
            left -= len(heading) + sum(map(len, pieces))
    written.append(_folders(repository.paths, ranking, left))
    return "".join(written)


def _detailed(path: str, facts: Facts, marked: frozenset[str], room: int) -> str:
    """A file with its signatures, those that the issue points at with a `*`. When it is too long for the room: without the
    methods that the issue does not point at; and still too long, cut."""
    everything = list(_signatures(facts, marked, marked_only=False))
    head = f"{path}\n"
    for signatures in (everything, list(_signatures(facts, marked, marked_only=True))):
        text = head + "".join(signatures)
        if len(text) <= min(room, 2500):
            return text
    kept = head
    for line in signatures:
        if len(kept) + len(line) + len(_CUT) > min(room, 2500):
            break
        kept += line
    return kept + _CUT if kept != head else ""


def _signatures(facts: Facts, marked: frozenset[str], *, marked_only: bool) -> Iterator[str]:
    for symbol in facts.symbols:
        depth = symbol.parent.count(".") + 1 if symbol.parent else 0
        pointed = symbol.qualified in marked
        if not pointed and (depth > 1 or (marked_only and depth == 1)):
            continue
        lines = f"{symbol.line}-{symbol.end_line}" if symbol.end_line > symbol.line else f"{symbol.line}"
        yield f"{'*' if pointed else ' '} {'  ' * depth}{symbol.signature}  [{lines}]\n"


def _outlined(path: str, facts: Facts, marked: frozenset[str], room: int) -> str:
    """A file with its top-level names, in one line."""
    names = [symbol.name for symbol in facts.symbols if not symbol.parent]
    line = f"{path}: {' '.join(dict.fromkeys(names))}" if names else path
    line = line if len(line) <= 300 else f"{line[:298].rpartition(' ')[0]} …"
    return f"{line}\n" if len(line) < room else ""


def _folders(paths: tuple[str, ...], ranking: Ranking, room: int) -> str:
    """All folders in order: with their files' names as far as the room goes, those of the best files first; the others with
    the number of their files; and where even that is too long, no more than the room holds."""
    heading = "# All files\n"
    groups: dict[str, list[str]] = {}
    for path in sorted(paths):
        groups.setdefault(dirname(path), []).append(path.rpartition("/")[2])
    lines = {folder: f"{folder or '.'}/: {len(members)} files\n" for folder, members in groups.items()}
    best = list(
        dict.fromkeys([*(dirname(each.path) for each in ranking if dirname(each.path) in groups), *sorted(groups)])
    )
    left = room - len(heading) - sum(map(len, lines.values()))
    while left < 0 and best:
        left += len(lines.pop(best.pop())) - (len(_CUT) if len(lines) == len(groups) - 1 else 0)
    for folder in best:
        named = f"{folder or '.'}/: {' '.join(groups[folder])}\n"
        more = len(named) - len(lines[folder])
        if more <= left:
            lines[folder] = named
            left -= more
    if left < 0 or not lines:
        return ""
    return heading + "".join(lines[folder] for folder in sorted(lines)) + (_CUT if len(lines) < len(groups) else "")
