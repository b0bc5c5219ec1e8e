"""Frames of tracebacks quoted in an issue, in the styles of Python, JavaScript, Java, Go and Rust. Pure.

Python writes the innermost frame last, the others first; here the innermost always comes first. Of several tracebacks in one
issue the last of a chain ("During handling of the above…") is as likely as the first, so each is turned by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """path: as written, with `/` between its parts (Java: made of package and file name). line: from 1, 0 when unknown.
    function: "" when unknown. depth: 0 is the innermost of its traceback."""

    path: str
    line: int
    function: str
    depth: int


_PATH = r"[^\s\"'<>|():*?]{1,300}?"
_PYTHON = re.compile(r'File "([^"\n]{1,300})", line (\d{1,7})(?:, in ([^\s(]{1,100}))?')
_IPYTHON = re.compile(rf"^({_PATH}\.pyx?) in ([\w<>]{{1,100}})\(", re.M)
_IPYTHON_8 = re.compile(rf"^File ({_PATH}\.pyx?):(\d{{1,7}}),? in ([\w<>.]{{1,100}})\(", re.M)
_PYTEST = re.compile(
    rf"^({_PATH}\.py):(\d{{1,7}}): (?:in (\w{{1,100}})|[\w.]*(?:Error|Exception|Failed|Warning)\b)?", re.M
)
_JAVASCRIPT = re.compile(
    rf"^[ \t]*at (?:(?:async |new )?([^\s(]{{1,200}})[^\n(]{{0,100}}\()?(?:file://)?({_PATH}\.(?:[cm]?[jt]sx?|vue|svelte)):(\d{{1,7}}):\d{{1,7}}\)?",
    re.M,
)
_JAVA = re.compile(
    r"^[ \t]*at (?:[\w.@-]{1,100}/)?((?:[\w$]{1,80}\.){1,20})([\w$<>]{1,100})\((\w{1,100}\.(?:java|kt)):(\d{1,7})\)",
    re.M,
)
_GO = re.compile(rf"^([\w./*()\[\]-]{{1,200}})\([^\n]{{0,300}}\)\n[ \t]+({_PATH}\.go):(\d{{1,7}})", re.M)
_RUST = re.compile(
    rf"(?:panicked at |-->[ \t]*|^[ \t]+at )(?:'[^\n]{{0,300}}', )?({_PATH}\.rs):(\d{{1,7}}):\d{{1,7}}", re.M
)

_APART = 600  # characters between two Python frames that still belong to one traceback


def frames(text: str) -> tuple[Frame, ...]:
    """All frames, the innermost of each traceback first, tracebacks in the order of the text."""
    found: list[Frame] = []
    for pattern, order in (
        (_PYTHON, (1, 2, 3)),
        (_IPYTHON_8, (1, 2, 3)),
        (_IPYTHON, (1, 0, 2)),
        (_PYTEST, (1, 2, 3)),
    ):
        for stack in _stacks(list(pattern.finditer(text))):
            found += _frames(reversed(stack), order)
    for pattern, order in ((_JAVASCRIPT, (2, 3, 1)), (_GO, (2, 3, 1)), (_RUST, (1, 2, 0))):
        for stack in _stacks(list(pattern.finditer(text))):
            found += _frames(stack, order)
    for stack in _stacks(list(_JAVA.finditer(text))):
        for depth, match in enumerate(stack):
            package = match[1].rstrip(".").split(".")[:-1]
            found.append(Frame("/".join([*package, match[3]]), int(match[4]), match[2], depth))
    return tuple(dict.fromkeys(found))


def _stacks(matches: list[re.Match[str]]) -> list[list[re.Match[str]]]:
    """Split the matches where the text between two of them is long, or says that another traceback begins."""
    stacks: list[list[re.Match[str]]] = []
    for match in matches:
        if stacks:
            last = stacks[-1][-1]
            between = match.string[last.end() : match.start()]
            if len(between) <= _APART and "Traceback (most" not in between and "Caused by" not in between:
                stacks[-1].append(match)
                continue
        stacks.append([match])
    return stacks


def _frames(stack: Iterable[re.Match[str]], order: tuple[int, int, int]) -> list[Frame]:
    path, line, function = order
    return [
        Frame(
            match[path].replace("\\", "/"),
            int(match[line]) if line else 0,
            ((match[function] or "") if function else "").rpartition(".")[2],
            depth,
        )
        for depth, match in enumerate(stack)
    ]
