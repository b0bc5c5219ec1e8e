"""A Candidate: a patch, where it came from, and nothing that says whether it is right."""

from __future__ import annotations

from dataclasses import dataclass

PLAIN, LINK = "100644", "120000"


def printable(path: str) -> str:
    """A path whose bytes are not UTF-8, in a form that JSON can hold."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True)
class Change:
    """One file of a patch: its whole content on base and with the patch; None where the file does not exist. Modes in git's
    words: "100644", "100755" for what can be executed, "120000" for a link, whose content is its target."""

    path: str
    before: bytes | None
    after: bytes | None
    mode_before: str = PLAIN
    mode_after: str = PLAIN

    @property
    def new_mode(self) -> str | None:
        """The mode that the patch gives the file, None where it is what one expects: that of before, or a plain file's."""
        if self.after is None or self.mode_after == (PLAIN if self.before is None else self.mode_before):
            return None
        return self.mode_after

    @property
    def changes(self) -> bool:
        """Whether anything becomes another."""
        return self.before != self.after or self.new_mode is not None


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who made a Candidate. `step` says in a few words what it did ("line 12: `<` becomes `<=`").

    trajectory: the attempt that it comes from, unique within a Run; None for one search that proposes many, whose
    proposals do not confirm each other. source: the system that proposed it, by the name under which its track record is
    kept; None where there is none. family: the name that near-identical sources share, such as runs of one system. sample:
    which of its source's attempts at the Issue it is: one program of two attempts is agreement, of one attempt a copy.
    """

    policy: str
    step: str = ""
    model: str | None = None
    trajectory: str | None = None
    source: str | None = None
    family: str | None = None
    sample: int = 1

    @property
    def lineage(self) -> str:
        """Who is likely to make the same mistake again: the model, or else the policy. Candidates of several systems have
        one; how far these agree is the static ranking's to say."""
        return self.model or self.policy

    @property
    def author(self) -> str | None:
        """By whom a test may be that comes with it."""
        return self.trajectory or self.source


@dataclass(frozen=True, slots=True)
class Candidate:
    """A patch that somebody proposes.

    patch: in git's format. score: the policy's own opinion, any unit, higher is better, comparable within one
    policy only; it breaks ties and has no vote. behaviour: a key that is equal for candidates that gave equal results
    on generated inputs, None when that was not observed. misfit: why the patch does not apply to the base commit; then
    it has no changes. probability: that it is right, as far as `rank_static` can tell; None when it was not asked.
    """

    id: str
    patch: bytes
    changes: tuple[Change, ...]
    provenance: Provenance
    score: float = 0.0
    behaviour: str | None = None
    misfit: str | None = None
    probability: float | None = None
