"""JUnit XML, which nearly every test runner can write: read as data, without entities."""

from __future__ import annotations

from dataclasses import dataclass
from xml.parsers import expat

from agents.tools.results import Status, TestOutcome

MOST_TESTS = 20_000
_LONGEST_MESSAGE = 1500
_STATUS: dict[str, Status] = {"failure": "failed", "error": "error", "skipped": "skipped"}


@dataclass(frozen=True, slots=True)
class JUnit:
    tests: tuple[TestOutcome, ...] = ()


class _Reader:
    def __init__(self) -> None:
        self.tests: list[TestOutcome] = []
        self._case: dict[str, str] | None = None
        self._status: Status = "passed"
        self._message = ""
        self._text: list[str] = []
        self._inside = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "testcase":
            self._case, self._status, self._message, self._text = attributes, "passed", "", []
        elif self._case is not None and tag in _STATUS and self._status == "passed":
            self._status, self._inside = _STATUS[tag], True
            self._message = attributes.get("message", "")

    def text(self, data: str) -> None:
        if self._inside and sum(map(len, self._text)) < _LONGEST_MESSAGE:
            self._text.append(data)

    def end(self, tag: str) -> None:
        if tag in _STATUS:
            self._inside = False
        elif tag == "testcase" and self._case is not None:
            if len(self.tests) < MOST_TESTS:
                self.tests.append(self._outcome(self._case))
            self._case = None

    def _outcome(self, case: dict[str, str]) -> TestOutcome:
        place = case.get("classname") or case.get("file") or ""
        name = case.get("name", "")
        try:
            wall_s = max(0.0, float(case.get("time", "0").replace(",", "")))
        except ValueError:
            wall_s = 0.0
        return TestOutcome(
            name=f"{place}::{name}" if place else name,
            status=self._status,
            message=self._message[:_LONGEST_MESSAGE],
            traceback="".join(self._text).strip()[:_LONGEST_MESSAGE],
            wall_s=wall_s,
        )


def read_junit(data: bytes) -> JUnit:
    """Raises ValueError for what is no such report, or declares entities (a small one can then stand for gigabytes)."""
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.EntityDeclHandler = _refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ValueError(f"it is no XML ({error})") from error
    return JUnit(tuple(reader.tests))


def _refuse(*_: object) -> None:
    raise ValueError("it declares entities")
