"""A file's bytes as text and back, so that what an edit does not touch stays byte for byte as it was."""

from __future__ import annotations

import codecs
import re
from bisect import bisect_left
from dataclasses import dataclass

_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", re.MULTILINE)
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass(frozen=True, slots=True)
class Text:
    """A file's text and the codec that gives its bytes back."""

    content: str
    codec: str

    @property
    def shown(self) -> str:
        """As a reader sees it: no mark at the beginning, lines that end with a newline alone."""
        return unified(self.content).removeprefix("\ufeff")

    def encoded(self, content: str) -> bytes:
        """Another content of the same file. Raises UnicodeEncodeError for characters that its encoding does not have."""
        return content.encode(self.codec)


def decoded(data: bytes) -> Text:
    """UTF-8 if it can be, else what the file says of itself, else latin-1, in which every byte is a character."""
    for codec in ("utf-8", *_said(data)):
        try:
            content = data.decode(codec)
            if content.encode(codec) == data:
                return Text(content, codec)
        except (UnicodeError, LookupError):
            continue
    return Text(data.decode("latin-1"), "latin-1")


def _said(data: bytes) -> list[str]:
    for mark, codec in _MARKS[1:]:
        if data.startswith(mark):
            return [codec]
    found = _COOKIE.search(b"\n".join(data.split(b"\n", 2)[:2]))
    return [found.group(1).decode("ascii", "replace")] if found else []


def is_binary(data: bytes) -> bool:
    """Whether it is no text that an editor would show."""
    return b"\0" in data[:8192] and not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))


def unified(text: str) -> str:
    """With newlines alone."""
    return text.replace("\r\n", "\n")


class Newlines:
    """Places in a text with newlines alone, as places in the text as it is."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._returns: list[int] = []  # for each CRLF, the place of its newline in the unified text
        place = text.find("\r\n")
        while place >= 0:
            self._returns.append(place - len(self._returns))
            place = text.find("\r\n", place + 2)

    def original(self, place: int) -> int:
        """A place before a newline that was CRLF is the place before its carriage return."""
        return place + bisect_left(self._returns, place)

    def near(self, start: int, end: int) -> str:
        """The line ending of a part of the text as it is: its own, else that of the line it stands in, else the file's first."""
        for part in (self._text[start:end], self._text[end:], self._text[:start]):
            newline = part.find("\n")
            if newline >= 0:
                return "\r\n" if newline > 0 and part[newline - 1] == "\r" else "\n"
        return "\n"
