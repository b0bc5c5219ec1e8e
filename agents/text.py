"""Text that becomes an argument of a program and a line of JSON: neither can hold every Python string."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

_UNUSABLE = re.compile("[\0\ud800-\udfff]")


def usable_text(text: str) -> str:
    """The text as it is. Raises ValueError where it holds a NUL, or a lone surrogate (as of bytes that are not UTF-8)."""
    if found := _UNUSABLE.search(text):
        raise ValueError(f"{text[:80]!a} holds {found[0]!a}, which is no character; write it without that")
    return text


Text = Annotated[str, AfterValidator(usable_text)]
