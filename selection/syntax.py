"""When two sources are the same program but for form."""

from __future__ import annotations

from selection.grammars import language, words
from selection.pythonic import Program, program


class Unparsable(Exception):
    """The source is not Python (as this interpreter reads it)."""


class TooDeep(Unparsable):
    """The source is nested too deeply for Python's parser; whether it is right is not known."""


def python(source: bytes) -> Program:
    """Read a Python source. Raises Unparsable."""
    try:
        return program(source)
    except (SyntaxError, ValueError) as error:
        raise Unparsable(str(error) or type(error).__name__) from error
    except (RecursionError, MemoryError) as error:
        raise TooDeep(str(error) or type(error).__name__) from error


def normalised(path: str, source: bytes) -> bytes:
    """A form that is equal for sources of one language only if they are the same program. Raises Unparsable for Python
    alone: other grammars do not know every dialect, so what they cannot read, and what has no grammar here, is compared by its
    lines. White space within these, or before them, means something (YAML, Makefiles, a string); behind them it does not."""
    if path.endswith((".py", ".pyi")):
        return python(source).digest
    name = language(path)
    found = words(name, source.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")) if name else None
    return found or _lines(source)


def _lines(source: bytes) -> bytes:
    if b"\0" in source:
        return source  # no text
    return b"\n".join(line.rstrip(b" \t\r") for line in source.split(b"\n")).rstrip(b"\n")
