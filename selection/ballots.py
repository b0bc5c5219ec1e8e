"""Probes and their Ballots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["passed", "failed"]
ProbeKind = Literal["regression", "target", "example"]


@dataclass(frozen=True, slots=True)
class Probe:
    """A test that may vote.

    regression: it passes on base, and must go on passing. target: it fails on base, and is what the issue is about.
    example: a documented example (a docstring, the issue's text) with the result that it promises.
    """

    id: str
    kind: ProbeKind


@dataclass(frozen=True, slots=True)
class Ballot:
    """What one Probe says of one equivalence class."""

    probe: str
    class_id: str
    outcome: Outcome
    detail: str = ""  # why it failed, in one line
