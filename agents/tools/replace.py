"""`edit`: one text in a file, replaced if it stands there exactly once; if not, what stands there instead. Pure."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from agents.errors import EditRefused
from agents.tools.encoding import Newlines, Text, unified

_SHOWN = 3  # nearest places
_SHOWN_LINES = 12  # of one place
_WEIGHED = 24  # places that are compared with the text
_BY_LETTERS = 300  # characters; longer texts are compared word by word, for which the time grows less
_BY_WORDS = 1500  # characters; of longer ones only whole lines count
_MOST_PLACES = 10
_NUMBERED = re.compile(r"^ *\d+(?:\t|  |[:|] ?)", re.MULTILINE)
_WORD = re.compile(r"\w+")
_TOKEN = re.compile(r"\w+|\S")


@dataclass(frozen=True, slots=True)
class Replaced:
    """A file's new bytes, and the lines in them that are new."""

    data: bytes
    line: int
    end_line: int


def replace_once(path: str, file: Text, search: str, replacement: str) -> Replaced:
    """Replace the one place where `search` stands; everything else stays byte for byte.

    Lines in both texts may end in either way: the new ones end as those around them do. Raises EditRefused.
    """
    search, replacement = unified(search), unified(replacement)
    text = unified(file.content)
    if not search:
        raise EditRefused("the search text is empty; give the text to replace, or use create for a new file")
    if search == replacement:
        raise EditRefused("the replacement equals the search text, so nothing would change; give the new text")
    places = _places(text, search)
    if len(places) != 1:
        raise EditRefused(_several(path, text, search, places) if places else _absent(path, text, search))
    start = places[0]
    newlines = Newlines(file.content)
    begin, end = newlines.original(start), newlines.original(start + len(search))
    new = replacement.replace("\n", newlines.near(begin, end))
    content = file.content[:begin] + new + file.content[end:]
    line = text.count("\n", 0, start) + 1
    try:
        data = file.encoded(content)
    except UnicodeEncodeError as error:
        bad = error.object[error.start : error.start + 1]
        raise EditRefused(
            f"{path} is encoded as {file.codec}, which has no {bad!r}; write the replacement without it"
        ) from error
    return Replaced(data, line, line + max(0, replacement.removesuffix("\n").count("\n")))


def _places(text: str, search: str) -> list[int]:
    """Where it begins, overlaps included."""
    places: list[int] = []
    place = text.find(search)
    while place >= 0:
        places.append(place)
        place = text.find(search, place + 1)
    return places


def _several(path: str, text: str, search: str, places: list[int]) -> str:
    numbers = [text.count("\n", 0, place) + 1 for place in places[:_MOST_PLACES]]
    more = ", …" if len(places) > _MOST_PLACES else ""
    lines = text.split("\n")
    shown = "".join(f"\n{number:>6}  {lines[number - 1][:160]}" for number in numbers[:_SHOWN])
    return (
        f"the search text stands {len(places)} times in {path} (lines {', '.join(map(str, numbers))}{more}), so nothing was "
        f"changed; add lines before or after it until it is there only once{shown}"
    )


def _absent(path: str, text: str, search: str) -> str:
    """Why it is not there, as far as that can be told, and what is most like it."""
    said = f"the search text does not stand in {path}, so nothing was changed"
    without = _NUMBERED.sub("", search)
    if without != search and len(_NUMBERED.findall(search)) == search.removesuffix("\n").count("\n") + 1:
        if without in text:
            return f"{said}; it begins its lines with line numbers, which are not in the file: leave them out"
        search = without
    if text[-1:] not in ("", "\n") and search in f"{text}\n":
        return f"{said}; the file ends there without a newline: leave the last line break out"
    lines, wanted = text.split("\n"), search.strip("\n").split("\n")
    same = _same_but_for_spaces(lines, wanted)
    if same and all(lines[start : start + len(wanted)] != wanted for start in same):
        return f"{said}; " + _spaces(lines, wanted, same)
    span = _same_but_for_empty_lines(lines, wanted)
    if span:
        return f"{said}; only empty lines differ; the file has:\n{_shown(lines, span.start, len(span))}"
    near = _nearest(lines, wanted)
    if not near:
        return f"{said}, nor anything like it; read the file, then copy the text from it"
    shown = "\n".join(_shown(lines, start, len(wanted)) for start in near)
    return f"{said}; copy it from the file. The nearest places:\n{shown}"


def _same_but_for_spaces(lines: list[str], wanted: list[str]) -> list[int]:
    """Where the same lines begin if spaces do not count."""
    plain = ["".join(line.split()) for line in lines]
    sought = ["".join(line.split()) for line in wanted]
    if not any(sought):
        return []
    last = len(plain) - len(sought)
    return [
        start for start in range(last + 1) if plain[start] == sought[0] and plain[start : start + len(sought)] == sought
    ]


def _same_but_for_empty_lines(lines: list[str], wanted: list[str]) -> range | None:
    """The first lines that are the same if empty ones do not count, with one more on either side."""
    full = [at for at, line in enumerate(lines) if line.strip()]
    sought = [line for line in wanted if line.strip()]
    for place in range(len(full) - len(sought) + 1 if sought else 0):
        found = full[place : place + len(sought)]
        if lines[found[0]] == sought[0] and [lines[at] for at in found] == sought:
            return range(max(0, found[0] - 1), min(len(lines), found[-1] + 2))
    return None


def _spaces(lines: list[str], wanted: list[str], places: list[int]) -> str:
    start = places[0]
    differs = next((at for at, line in enumerate(wanted) if lines[start + at] != line), 0)
    also = f" (also in lines {', '.join(str(place + 1) for place in places[1:_SHOWN])})" if len(places) > 1 else ""
    return (
        f"only spaces differ, first in line {start + differs + 1}{also}:\n  the file has {lines[start + differs]!r}\n"
        f"  you wrote    {wanted[differs]!r}\n{_shown(lines, start, len(wanted))}"
    )


def _nearest(lines: list[str], wanted: list[str]) -> list[int]:
    """Where the most similar windows begin, the best first: by the words that they share, then by their letters
    or, in a long text, the order of the words."""
    size = len(wanted)
    sought = set(_WORD.findall("\n".join(wanted)))
    stripped = {line.strip() for line in wanted if line.strip()}
    words = [set(_WORD.findall(line)) & sought for line in lines]
    weights = [
        2.0 * (line.strip() in stripped) + len(found) / (1 + len(sought))
        for line, found in zip(lines, words, strict=True)
    ]
    windows = max(1, len(lines) - size + 1)
    total = sum(weights[:size])
    scores = [(total, 0)]
    for start in range(1, windows):
        total += weights[start + size - 1] - weights[start - 1]
        scores.append((total, start))
    scores.sort(key=lambda each: (-each[0], each[1]))
    target = "\n".join(line.strip() for line in wanted)
    weighed = []
    for score, start in scores[:_WEIGHED]:
        window = "\n".join(line.strip() for line in lines[start : start + size])
        ratio = _likeness(target, window) if len(target) < _BY_WORDS else score
        if score > 0.01 and ratio > 0.4:
            weighed.append((ratio, start))
    best: list[int] = []
    for _, start in sorted(weighed, key=lambda each: (-each[0], each[1])):
        if all(abs(start - other) >= size for other in best):
            best.append(start)
    return best[:_SHOWN]


def _likeness(target: str, window: str) -> float:
    """From 0 to 1."""
    window = window[: 2 * _BY_WORDS]
    if len(target) < _BY_LETTERS:
        return difflib.SequenceMatcher(None, target, window, autojunk=False).ratio()
    return difflib.SequenceMatcher(None, _TOKEN.findall(target), _TOKEN.findall(window), autojunk=False).ratio()


def _shown(lines: list[str], start: int, size: int) -> str:
    shown = lines[start : start + min(size, _SHOWN_LINES)]
    rest = f"\n        … {size - _SHOWN_LINES} more lines" if size > _SHOWN_LINES else ""
    return "\n".join(f"{number:>6}  {line[:200]}" for number, line in enumerate(shown, start=start + 1)) + rest
