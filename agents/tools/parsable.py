"""Whether a change breaks a file that could be parsed, or breaks one further that could not. Pure."""

from __future__ import annotations

import json
import tomllib
from collections import Counter

from agents.tools.files import Written, unparsable
from agents.tools.languages import Syntax, syntax_of
from agents.tools.symbols import Fault, TooHard, faults

_COMMENTED_JSON = ("tsconfig", "jsconfig", ".eslintrc", "devcontainer", "settings", "launch", "tasks")


def checked(path: str, before: bytes | None, after: bytes) -> Written:
    """The change, if it may be made as far as the host can tell. Raises Unparsable.

    Python is checked by the sandbox's own interpreter when it is written: that is the Python which will run it. The grammar
    here then only decides about files that were broken before.
    """
    syntax = syntax_of(path)
    if syntax is None:
        _check_data(path, before, after)
        return Written(path, before, after)
    try:
        worse = _worse(faults(syntax, before) if before is not None else (), faults(syntax, after))
    except TooHard:
        worse = None
    if syntax.name == "python":
        return Written(path, before, after, python=True, tolerant=worse is None)
    if worse is not None:
        raise unparsable(path, worse.line, _said(worse, syntax), worse.text)
    return Written(path, before, after)


def _worse(old: tuple[Fault, ...], new: tuple[Fault, ...]) -> Fault | None:
    """The first fault that was not there before."""
    if len(new) <= len(old) and sum(each.size for each in new) <= sum(each.size for each in old):
        return None
    known = Counter((each.text, each.missing) for each in old)
    for each in new:
        if known[each.text, each.missing] > 0:
            known[each.text, each.missing] -= 1
        else:
            return each
    return None


def _said(fault: Fault, syntax: Syntax) -> str:
    if fault.missing:
        return f"{syntax.name} syntax error: {fault.missing!r} is missing"
    return f"{syntax.name} syntax error: {fault.near!r} does not fit"


def _check_data(path: str, before: bytes | None, after: bytes) -> None:
    """JSON and TOML, where the file was such before or is new."""
    name = path.rpartition("/")[2].lower()
    if name.endswith(".json") and not name.startswith(_COMMENTED_JSON):
        read = _json
    elif name.endswith(".toml"):
        read = _toml
    else:
        return
    fault = read(after)
    if fault is not None and (before is None or read(before) is None):
        raise unparsable(path, *fault)


def _json(data: bytes) -> tuple[int, str] | None:
    try:
        json.loads(data)
    except json.JSONDecodeError as error:
        return error.lineno, f"no JSON: {error.msg}"
    except (ValueError, RecursionError) as error:
        return 1, f"no JSON: {error}"
    return None


def _toml(data: bytes) -> tuple[int, str] | None:
    try:
        tomllib.loads(data.decode("utf-8").replace("\r\n", "\n"))
    except (ValueError, RecursionError) as error:
        place = str(error).rpartition("(at line ")[2].split(",")[0]
        return int(place) if place.isdigit() else 1, f"no TOML: {error}"
    return None
