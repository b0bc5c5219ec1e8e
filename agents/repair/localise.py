"""Which statements a failure points at: Ochiai's coefficient over the coverage of failing and passing tests.

    suspiciousness(s) = failed(s) / sqrt(failed * (failed(s) + passed(s)))

A. Ochiai (1957), used for programs by R. Abreu, P. Zoeteweij, A. van Gemund, "On the Accuracy of Spectrum-based Fault
Localization" (2007). Pure.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from selection import is_test

FRAME_SHARE = 0.3  # how far a line in the traceback of a failure moves towards 1


@dataclass(frozen=True, slots=True)
class Suspect:
    """A line that failing tests execute. suspiciousness is in (0, 1]."""

    file: str
    line: int
    suspiciousness: float


@dataclass(frozen=True, slots=True)
class Localisation:
    """Suspects, the most suspicious first; equal ones in the order of the files and lines."""

    suspects: tuple[Suspect, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """The files that hold suspects, the most suspicious first."""
        return tuple(dict.fromkeys(suspect.file for suspect in self.suspects))

    def lines(self, file: str) -> dict[int, float]:
        return {suspect.line: suspect.suspiciousness for suspect in self.suspects if suspect.file == file}


def localise(
    coverage: Mapping[str, Mapping[str, Collection[int]]],
    failing: Collection[str],
    frames: Mapping[str, Sequence[tuple[str, int]]] | None = None,
) -> Localisation:
    """Rank the lines that failing tests execute. coverage: test -> file -> lines. frames: for each failing test the
    (file, line) of its traceback, innermost first. Lines of the tests themselves are not suspects."""
    failed: dict[tuple[str, int], int] = {}
    passed: dict[tuple[str, int], int] = {}
    count = 0
    for test, files in coverage.items():
        counter = failed if test in failing else passed
        count += test in failing
        for file, lines in files.items():
            for line in lines:
                counter[file, line] = counter.get((file, line), 0) + 1
    pointed = {frame for each in (frames or {}).values() for frame in each[:3]}
    suspects = []
    for (file, line), hits in failed.items():
        if is_test(file):
            continue
        value = hits / math.sqrt(count * (hits + passed.get((file, line), 0)))
        if (file, line) in pointed:
            value += FRAME_SHARE * (1 - value)
        suspects.append(Suspect(file, line, value))
    return Localisation(tuple(sorted(suspects, key=lambda each: (-each.suspiciousness, each.file, each.line))))
