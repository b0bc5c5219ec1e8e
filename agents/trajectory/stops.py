"""When a trajectory goes on, and when it ends. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from agents.trajectory.said import Said

_KEPT = 64  # plans, and diffs
_DONE = "you have done this already, and nothing has changed since"
_FAILED = "you have tested this diff already, and it failed"


@dataclass(frozen=True, slots=True)
class Limits:
    """rounds: of edits followed by tests (voting over candidates peaks at four: CodeMonkeys, 2025); those of nothing but tests
    of its own do not count. turns: of any kind. repairs: answers in a row that are no plan before the turn counts as failed.
    failures: failed turns before the trajectory ends."""

    rounds: int = 4
    turns: int = 40
    repairs: int = 2
    failures: int = 2
    repeats: int = 2  # see Standing; after the first one the model is told

    @property
    def twice(self) -> Limits:
        """For a trajectory that goes on after these had ended it."""
        return replace(self, rounds=2 * self.rounds, turns=2 * self.turns)


@dataclass(frozen=True, slots=True)
class Standing:
    """What counts towards the limits. repeats: turns that did again what was done, with nothing new in the diff between:
    the same plan (`plans`: digests of those since `patch`, the last turn's diff, came to be), or tests of a diff that had
    failed and was left (`failed`). tested: `patch`, if it was tested. told: what to say of it, this once."""

    turns: int = 0
    rounds: int = 0
    repairs: int = 0
    repeats: int = 0
    patch: str = ""
    plans: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    tested: str = ""
    told: str = ""
    condensed: bool = False
    unchanged_finish: int = 0

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Standing:
        return cls(**{**data, "plans": tuple(data.get("plans", ())), "failed": tuple(data.get("failed", ()))})

    def as_data(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def after(self, said: Said, patch: str, *, mends: bool = True) -> Standing:
        """After a turn that left this diff. mends: it is more than tests that the trajectory added."""
        now = replace(
            self if patch == self.patch else self._changed(patch),
            turns=self.turns + 1,
            repairs=0 if said.compiled else self.repairs + 1,
            unchanged_finish=self.unchanged_finish + (said.end == "finish" and not patch),
            told="",
        )
        return (now._planned(_digest(said)) if said.compiled else now)._tested(said, mends)

    def _changed(self, patch: str) -> Standing:
        known = not patch or patch in self.failed
        return replace(self, patch=patch, plans=(), tested="", repeats=self.repeats if known else 0)

    def _planned(self, plan: str) -> Standing:
        return self._repeated(_DONE) if plan in self.plans else replace(self, plans=(*self.plans, plan)[-_KEPT:])

    def _tested(self, said: Said, mends: bool) -> Standing:
        if not (said.tested and self.patch and self.patch != self.tested):
            return self
        now = replace(self, rounds=self.rounds + mends, tested=self.patch)
        if said.tests_ok:
            return now
        if self.patch in self.failed:
            return now._repeated(_FAILED)
        return replace(now, failed=(*self.failed, self.patch)[-_KEPT:])

    def _repeated(self, told: str) -> Standing:
        return replace(self, repeats=self.repeats + 1, told=told)

    @property
    def after_condensing(self) -> Standing:
        """What was read is out of the conversation, and may be read again; there is no second time."""
        return replace(self, plans=(), condensed=True)


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
    if said.end == "finish" and said.ok and (standing.patch or standing.unchanged_finish > 1):
        return Step("finish", "finished" if standing.patch else "finished without a change")
    if standing.repairs > limits.repairs * limits.failures:
        return Step("finish", "the model's answers are no plans")
    if standing.told and standing.repeats >= limits.repeats:
        return Step("finish", f"no progress: {standing.told}")
    if not room and standing.condensed:
        return Step("finish", "the context is full again")
    if standing.rounds >= limits.rounds and said.tested and not said.tests_ok:
        return Step("finish", f"{limits.rounds} rounds of edits and tests", cut=True)
    if standing.turns >= limits.turns:
        return Step("finish", f"{limits.turns} turns", cut=True)
    if not room:
        return Step("condense")
    return Step("turn")


def _digest(said: Said) -> str:
    """Of a plan, whatever names it gives to its results."""
    calls = "\n".join(call.removeprefix(f"{name} = ") for name, call, _ in said.results)
    return hashlib.blake2b(f"{calls}\n{said.end}".encode("utf-8", "replace"), digest_size=8).hexdigest()
