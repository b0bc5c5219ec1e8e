"""The statements that most plans are made of, read by patterns: to build Python's syntax tree takes most of a compilation's time.

These are: one call whose arguments are texts without escapes, whole numbers, True, False, None, references, f-strings of
references, and flat lists of all that, in ASCII. Of everything else, faults included, nothing is said here: `parse` reads
it with Python's own parser. Both give the same for what both read.
"""

from __future__ import annotations

import re
from keyword import iskeyword
from typing import Any

from planner.parsed import ENDS, Parsed, Spot, TextPlace, indent, joined
from planner.plan import Reference, Template
from planner.statements import Statement

_NAME = r"[A-Za-z][A-Za-z0-9_]*+"
_NUMBER = r"-?(?:0|[1-9][0-9]{0,17}+)"
_TEXT = r"""(?:"[^"\\\n\r\0]*+"|'[^'\\\n\r\0]*+')"""
_PARTS = rf"(?:\.{_NAME}|\[(?:{_NUMBER}|{_TEXT})\])*+"
_VALUE = rf"(?P<text>{_TEXT})|f(?P<template>{_TEXT})|(?P<number>{_NUMBER})|(?P<name>{_NAME})(?P<parts>{_PARTS})"
_THEN = r"[ \t\n]*+(?:,[ \t\n]*+|(?=[)\]]))"

_head = re.compile(rf"[ \t\f]*+(?:({_NAME})[ \t]*+=[ \t]*+)?({_NAME})\([ \t\n]*+").match
_argument = re.compile(rf"({_NAME})[ \t]*+=[ \t]*+(?:(?:{_VALUE}){_THEN}|\[[ \t\n]*+)").match
_item = re.compile(rf"(?:{_VALUE}){_THEN}").match
_list_end = re.compile(rf"\]{_THEN}").match
_slot = re.compile(rf"\{{({_NAME})({_PARTS})\}}").finditer
_part = re.compile(rf"\.({_NAME})|\[(?:({_NUMBER})|({_TEXT}))\]").findall
_CONSTANTS = {"True": True, "False": False, "None": None}


class _OtherError(Exception):
    """The statement is not one of these."""


def read(statement: Statement) -> Parsed | None:
    """The statement, if it is one of these."""
    if statement.fault or not statement.text.isascii():
        return None
    try:
        return _Reader(statement).read()
    except _OtherError:
        return None


class _Reader:
    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._uses: list[tuple[Reference, Spot]] = []

    def read(self) -> Parsed:
        text = self._statement.text
        head = _head(text)
        if head is None:
            raise _OtherError
        name, tool = head.groups()
        if iskeyword(tool) or (tool not in ENDS if name is None else iskeyword(name)):
            raise _OtherError
        arguments: dict[str, Any] = {}
        places: dict[str, Spot] = {}
        place, last = head.end(), len(text) - 1
        while place < last:
            found = _argument(text, place)
            if found is None or found[1] in arguments or iskeyword(found[1]):
                raise _OtherError
            if found.lastgroup:
                arguments[found[1]], begin = self._value(found)
                place = found.end()
            else:
                begin = text.index("[", place)
                arguments[found[1]], place = self._list(found.end())
            places[found[1]] = TextPlace(self._statement, begin)
        if place != last or text[last] != ")":
            raise _OtherError
        whole, call = TextPlace(self._statement, indent(text)), TextPlace(self._statement, head.start(2))
        return Parsed(name, tool, arguments, self._statement.line, whole, call, places, self._uses)

    def _value(self, found: re.Match[str]) -> tuple[Any, int]:
        """A value, and where it begins."""
        kind = found.lastgroup
        if kind == "text":
            return found["text"][1:-1], found.start("text")
        if kind == "number":
            return int(found["number"]), found.start("number")
        if kind == "template":
            begin = found.start("template")
            return self._template(found["template"][1:-1], begin + 1), begin - 1
        name, begin = found["name"], found.start("name")
        if name in _CONSTANTS and not found["parts"]:
            return _CONSTANTS[name], begin
        return self._reference(name, found["parts"], begin), begin

    def _list(self, place: int) -> tuple[list[Any], int]:
        """The values of a list, and where it ends."""
        values: list[Any] = []
        while found := _item(self._statement.text, place):
            values.append(self._value(found)[0])
            place = found.end()
        end = _list_end(self._statement.text, place)
        if end is None:
            raise _OtherError
        return values, end.end()

    def _template(self, text: str, begin: int) -> str | Template:
        parts: list[str | Reference] = []
        place = 0
        for slot in _slot(text):
            parts += [text[place : slot.start()], self._reference(slot[1], slot[2], begin + slot.start())]
            place = slot.end()
        parts.append(text[place:])
        if any("{" in part or "}" in part for part in parts if isinstance(part, str)):
            raise _OtherError
        return joined([part for part in parts if part != ""])

    def _reference(self, name: str, parts: str, begin: int) -> Reference:
        path: list[tuple[str, str | int]] = []
        for field, number, key in _part(parts) if parts else ():
            if field:
                path.append(("field", field))
            else:
                path.append(("index", int(number) if number else key[1:-1]))
        if iskeyword(name) or any(kind == "field" and iskeyword(str(part)) for kind, part in path):
            raise _OtherError
        reference = Reference(name, tuple(path))
        self._uses.append((reference, TextPlace(self._statement, begin)))
        return reference
