"""Text of others (a repository, its tests, a model) as a terminal may be given it: nothing in it is a command.

Control characters of both sets (C0, C1) but newline and tab, marks that turn the direction of writing, and what is no
character at all are shown as escapes.
"""

from __future__ import annotations

import re
from typing import Any

_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(value: Any) -> Any:
    """A text, or all texts within lists and dictionaries (their keys included)."""
    if isinstance(value, str):
        return _COMMANDS.sub(lambda found: ascii(found[0])[1:-1], value)
    if isinstance(value, dict):
        return {plain(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value
