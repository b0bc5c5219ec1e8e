"""What can be seen of candidates without running them, as numbers: few, and each with a reason to matter.

Every number is of one candidate among the others of its issue. None depends on the order of the candidates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import log

from selection.candidates import Candidate
from selection.edits import Edit
from selection.similarity import overlap

FEATURES: Mapping[str, str] = {
    "outside": "how like the changed tokens are to those of other families, the mean over the families",
    "outside_most": "the most that any candidate of the issue has of it: whether the issue finds agreement at all",
    "inside": "the same within its own family",
    "outside_relative": "how much more it has of it than the issue's candidates on average",
    "same_program": "the share of voices, a family's counting as one, that propose the very same program",
    "same_text": "the share of its own family that changes the very same lines",
    "families": "how many families there are (logarithm)",
    "module_level": "it changes something outside of every function and class",
    "undefined": "names that it reads and that nothing in the file defines (at most 3)",
    "new_files": "files that it adds, tests left out (at most 3)",
    "tests": "it changes tests too",
}


def features(
    candidates: Sequence[Candidate], edits: Sequence[Edit], alike: Sequence[Sequence[float]] | None = None
) -> tuple[tuple[float, ...], ...]:
    """One row for each candidate, its numbers in the order of FEATURES. edits: of the same candidates, in their order.
    alike: their `likeness`, where it is known already."""
    families = [family(each) for each in candidates]
    sizes = Counter(families)
    alike = likeness(edits) if alike is None else alike
    rows = []
    outsides = [
        sum(alike[at][other] / sizes[theirs] for other, theirs in enumerate(families) if theirs != own)
        / max(1, len(sizes) - 1)
        for at, own in enumerate(families)
    ]
    most, mean = max(outsides, default=0.0), sum(outsides) / max(1, len(outsides))
    for at, (edit, own) in enumerate(zip(edits, families, strict=True)):
        siblings = [other for other, theirs in enumerate(families) if theirs == own and other != at]
        others = [(edits[other], 1 / sizes[theirs]) for other, theirs in enumerate(families) if other != at]
        voices = sum(voice for _, voice in others)
        rows.append(
            (
                outsides[at],
                most,
                _mean([alike[at][other] for other in siblings]),
                outsides[at] - mean,
                sum(voice for other, voice in others if other.key == edit.key) / voices if others else 0.0,
                _mean([float(edits[other].text == edit.text) for other in siblings]),
                log(len(sizes)),
                float(any(not name for _, name in edit.scopes)),
                float(min(3, edit.undefined)),
                float(min(3, edit.new_files)),
                float(bool(edit.tests)),
            )
        )
    return tuple(rows)


def family(candidate: Candidate) -> str:
    """Who speaks with one voice: the family, else the source, else the candidate alone."""
    made = candidate.provenance
    return made.family or made.source or f"\0{candidate.id}"


def likeness(edits: Sequence[Edit]) -> list[list[float]]:
    """How like the candidates' changed tokens are, pair by pair; equal ones are compared once."""
    kinds: dict[str, int] = {}
    first: list[Edit] = []
    for edit in edits:
        if edit.text not in kinds:
            kinds[edit.text] = len(first)
            first.append(edit)
    small = [[1.0] * len(first) for _ in first]
    for at, one in enumerate(first):
        for other in range(at):
            small[at][other] = small[other][at] = overlap(one.tokens, first[other].tokens)
    places = [kinds[edit.text] for edit in edits]
    return [[small[one][other] for other in places] for one in places]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
