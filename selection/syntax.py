"""When two sources are the same program but for form."""

from __future__ import annotations

import re

from selection.grammars import language, words
from selection.pythonic import Program, program


class Unparsable(Exception):
    """The source is not Python (as this interpreter reads it)."""


class Unknown(Unparsable):
    """Whether it is Python is not known: it is nested too deeply for the parser, or a later version may read it."""


_NEWER = re.compile(r"\s*(?:type\s+\w+\s*[=\[]|class\s+\w+\s*\[|(?:async\s+)?def\s+\w+\s*\[)")  # 3.12
_NEWER_SAID = re.compile(r"f-string.*(?:unmatched|cannot include|expecting '}')|multiple exception types")  # 3.12, 3.14
_TEMPLATE = re.compile(r"\b(?:t|tr|rt)$", re.IGNORECASE)  # before a quote: 3.14


def python(source: bytes) -> Program:
    """Read a Python source. Raises Unparsable."""
    try:
        return program(source)
    except (SyntaxError, ValueError, LookupError) as error:  # LookupError: it names an encoding that there is not
        raise (Unknown if _may_be_newer(error) else Unparsable)(str(error) or type(error).__name__) from error
    except (RecursionError, MemoryError) as error:
        raise Unknown(str(error) or type(error).__name__) from error


def _may_be_newer(error: Exception) -> bool:
    """Whether a Python later than this interpreter may read it: the tests' own is what counts."""
    if not isinstance(error, SyntaxError):
        return False
    text, at = error.text or "", (error.offset or 1) - 1
    template = error.msg == "invalid syntax" and text[at : at + 1] in ("'", '"') and _TEMPLATE.search(text[:at])
    return bool(template or _NEWER_SAID.match(error.msg) or _NEWER.match(text))


def normalised(path: str, source: bytes) -> bytes:
    """A form that is equal for sources of one language only if they are the same program. Raises Unparsable for Python
    alone: other grammars do not know every dialect, so what they cannot read, and what has no grammar here, is compared by its
    lines. White space within these, or before them, means something (YAML, Makefiles, a string); behind them it does not, but
    for what follows a backslash, and line ends in a script that names its interpreter."""
    if path.endswith((".py", ".pyi")):
        return python(source).digest
    name = language(path)
    found = words(name, source.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")) if name else None
    return found or _lines(source)


def _lines(source: bytes) -> bytes:
    if b"\0" in source:
        return source  # no text
    blanks = b" \t" if source.startswith(b"#!") else b" \t\r"
    return b"\n".join(_without(blanks, line) for line in source.split(b"\n")).rstrip(b"\n")


def _without(blanks: bytes, line: bytes) -> bytes:
    short = line.rstrip(blanks)
    return line.rstrip(b"\r") if short.endswith(b"\\") else short
