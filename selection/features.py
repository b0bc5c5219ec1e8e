"""What can be seen of candidates without running them, as numbers: few, and each with a reason to matter.

Every number is of one candidate among the others of its issue. None depends on the order of the candidates, and a candidate
that is there twice (one program, of one sample of one source) counts once. Each family has one voice, whatever its members
say; where all are of one family, each candidate has one.

Agreement only grows: one more that makes the same change never lowers who made it against the rest. For 1 - `alike` is a
metric, so that what is added is nearer to its own program than to any other by no less than these differ elsewhere; and no
weight of an agreement is negative (see `benchmarks/train_selection.py`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from math import fsum, log

from selection.candidates import Candidate
from selection.edits import Edit
from selection.similarity import alike as compare

FEATURES: Mapping[str, str] = {
    "agreement": "how like its change is to the nearest of each other voice, the mean over the voices",
    "agreement_most": "the most that any candidate of the issue has of it: whether the issue finds agreement at all",
    "agreement_relative": "how much more it has of it than the issue's candidates on average",
    "same_program": "the share of the other voices that propose the very same program",
    "families": "how many families there are (logarithm)",
    "module_level": "it changes something outside of every function and class",
    "undefined": "names that it reads and that nothing in the file defines (at most 3)",
    "new_files": "files that it adds, tests left out (at most 3)",
    "tests": "it changes tests too",
}
AGREEMENTS = frozenset({"agreement", "agreement_relative", "same_program"})
PANEL = 400  # changes that all are compared with, so that thousands take no longer each than hundreds

Row = tuple[float, ...]


def features(
    candidates: Sequence[Candidate], edits: Sequence[Edit], alike: Sequence[Sequence[float]] | None = None
) -> tuple[Row, ...]:
    """One row for each candidate, its numbers in the order of FEATURES. edits: of the same candidates, in their order.
    alike: their `likeness`, where it is known already.

    Where there are more than PANEL different changes, agreement is with those that most candidates make, by which every
    candidate is measured, and a voice that makes none of these is not heard.
    """
    units = [_unit(candidate, edit) for candidate, edit in zip(candidates, edits, strict=True)]
    first: dict[Hashable, int] = {}
    for at in sorted(range(len(units)), key=lambda at: (edits[at].change, sorted(edits[at].tests))):
        first.setdefault(units[at], at)
    places = list(first.values())
    families = [family(candidates[at]) for at in places]
    known = None if alike is None else [[alike[one][other] for other in places] for one in places]
    of = dict(zip(first, _rows(families, [edits[at] for at in places], known), strict=True))
    return tuple(of[unit] for unit in units)


def family(candidate: Candidate) -> str:
    """Who speaks with one voice: the family, else the source, else the candidate alone."""
    made = candidate.provenance
    return made.family or made.source or f"\0{candidate.id}"


def likeness(edits: Sequence[Edit]) -> list[list[float]]:
    """How like the candidates' changes are, pair by pair; equal ones are compared once."""
    changes = list(_changes(edits).values())
    small = _compared(changes, changes)
    return [[small[one.change][other.change] for other in edits] for one in edits]


def outside(candidates: Sequence[Candidate], edits: Sequence[Edit]) -> list[float]:
    """For each, how like its change is to those of other families, the mean over families of the mean in each."""
    families = [family(each) for each in candidates]
    sizes = Counter(families)
    changes = list(_changes(edits).values())
    alike = _compared(changes, changes)
    voices: dict[str, Counter[str]] = defaultdict(Counter)
    for own, edit in zip(families, edits, strict=True):
        voices[own][edit.change] += 1
    return [
        fsum(
            times * alike[edit.change][change] / sizes[other]
            for other, said in voices.items()
            if other != own
            for change, times in said.items()
        )
        / max(1, len(sizes) - 1)
        for own, edit in zip(families, edits, strict=True)
    ]


def _unit(candidate: Candidate, edit: Edit) -> Hashable:
    """Equal for a candidate and its copies: what one source made at once is no second opinion."""
    made = candidate.provenance
    return (made.source, made.family, made.sample, edit.key) if made.source else candidate.id


def _rows(families: Sequence[str], edits: Sequence[Edit], alike: Sequence[Sequence[float]] | None) -> list[Row]:
    known = set(families)
    voices = list(families) if len(known) > 1 else [str(at) for at in range(len(families))]
    others = max(1, len(set(voices)) - 1)
    agreed = _agreement(edits, voices, alike)
    most, mean = max(agreed, default=0.0), fsum(agreed) / max(1, len(agreed))
    programs = Counter(key for _, key in {(voice, edit.key) for voice, edit in zip(voices, edits, strict=True)})
    return [
        (
            agreed[at],
            most,
            agreed[at] - mean,
            (programs[edit.key] - 1) / others,
            log(len(known)),
            float(any(not name for _, name in edit.scopes)),
            float(min(3, edit.undefined)),
            float(min(3, edit.new_files)),
            float(bool(edit.tests)),
        )
        for at, edit in enumerate(edits)
    ]


def _agreement(edits: Sequence[Edit], voices: Sequence[str], alike: Sequence[Sequence[float]] | None) -> list[float]:
    """For each, the mean over the other voices of its likeness to what they say that is most like it."""
    changes = _changes(edits)
    made = Counter(edit.change for edit in edits)
    panel = frozenset(sorted(changes, key=lambda change: (-made[change], change))[:PANEL])
    says: dict[str, set[str]] = defaultdict(set)
    for edit, voice in zip(edits, voices, strict=True):
        says[voice] |= {edit.change} & panel
    heard = {voice: frozenset(said) for voice, said in says.items() if said}
    sets = Counter(heard.values())
    if alike is None:
        rows = _compared(changes.values(), [changes[change] for change in sorted(panel)])
    else:
        at = {edit.change: place for place, edit in enumerate(edits)}
        rows = {one: {other: alike[at[one]][at[other]] for other in panel} for one in changes}
    total = {
        one: fsum(times * max(row[other] for other in said) for said, times in sets.items())
        for one, row in rows.items()
    }
    found = []
    for edit, voice in zip(edits, voices, strict=True):
        own = max((rows[edit.change][other] for other in heard.get(voice, ())), default=0.0)
        others = len(heard) - (voice in heard)
        found.append((total[edit.change] - own) / others if others else 0.0)
    return found


def _changes(edits: Iterable[Edit]) -> dict[str, Edit]:
    """The first edit of each change."""
    first: dict[str, Edit] = {}
    for edit in edits:
        first.setdefault(edit.change, edit)
    return first


def _compared(edits: Iterable[Edit], panel: Sequence[Edit]) -> dict[str, dict[str, float]]:
    """change -> change of the panel -> likeness."""
    found: dict[str, dict[str, float]] = {}
    for one in edits:
        row = found[one.change] = {}
        for other in panel:
            before = found.get(other.change, {}).get(one.change)
            row[other.change] = compare(one, other) if before is None else before
    return found
