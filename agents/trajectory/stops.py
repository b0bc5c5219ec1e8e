"""When a trajectory goes on, and when it ends. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from agents.trajectory.said import Said


@dataclass(frozen=True, slots=True)
class Limits:
    """rounds: of edits followed by tests (voting over candidates peaks at four: CodeMonkeys, 2025). turns: of any kind.
    repairs: answers in a row that are no plan before the turn counts as failed. failures: failed turns before the
    trajectory ends."""

    rounds: int = 4
    turns: int = 40
    repairs: int = 2
    failures: int = 2
    repeats: int = 2  # turns in a row with the same plan and the same diff

    @property
    def twice(self) -> Limits:
        """For a trajectory that goes on after these had ended it."""
        return replace(self, rounds=2 * self.rounds, turns=2 * self.turns)


@dataclass(frozen=True, slots=True)
class Standing:
    """What counts towards the limits. tested: the diff that was tested last; last: the last turn's plan and diff."""

    turns: int = 0
    rounds: int = 0
    repairs: int = 0
    failures: int = 0
    repeats: int = 0
    tested: str = ""
    last: str = ""
    condensed: bool = False
    unchanged_finish: int = 0

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Standing:
        return cls(**data)

    def as_data(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def after(self, said: Said, patch: str) -> Standing:
        """After a turn that left this diff."""
        same = f"{said.plan_text.strip()}\0{patch}"
        now = replace(
            self,
            turns=self.turns + 1,
            repairs=0 if said.compiled else self.repairs + 1,
            repeats=self.repeats + 1 if said.compiled and same == self.last else 0,
            last=same,
            unchanged_finish=self.unchanged_finish + (said.end == "finish" and not patch),
        )
        if said.tested and patch and patch != self.tested:
            now = replace(now, rounds=self.rounds + 1, tested=patch)
        return now


@dataclass(frozen=True, slots=True)
class Step:
    """cut: nothing but a limit of rounds or turns ends it; it could go on."""

    next: Literal["turn", "condense", "finish"]
    why: str = ""
    cut: bool = False


def next_step(standing: Standing, said: Said, limits: Limits, *, room: bool) -> Step:
    """room: another turn fits into the model's context."""
    if said.stop:
        return Step("finish", said.stop)
    changed = standing.last.rpartition("\0")[2]
    if said.end == "finish" and said.ok and (changed or standing.unchanged_finish > 1):
        return Step("finish", "finished" if changed else "finished without a change")
    if standing.repairs > limits.repairs * limits.failures:
        return Step("finish", "the model's answers are no plans")
    if standing.repeats >= limits.repeats:
        return Step("finish", "no progress: the same plan and the same diff again and again")
    if not room and standing.condensed:
        return Step("finish", "the context is full again")
    if standing.rounds >= limits.rounds and said.tested and not said.tests_ok:
        return Step("finish", f"{limits.rounds} rounds of edits and tests", cut=True)
    if standing.turns >= limits.turns:
        return Step("finish", f"{limits.turns} turns", cut=True)
    if not room:
        return Step("condense")
    return Step("turn")
