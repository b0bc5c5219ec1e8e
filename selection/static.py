"""Choose among candidates without running anything.

What speaks for a candidate here is that others, made independently, do the same; a little, what it looks like; and, where it
is known, how its source did on other issues. Among peers agreement decides; where one source is known to stand out, its
candidate wins unless it is out-voted. How much each counts was learnt, from issues that are not yours (`selection/scorer.py`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from selection.candidates import Candidate
from selection.drop import Dropped, drop
from selection.edits import Edit, edit
from selection.features import FEATURES, features, outside
from selection.records import Record
from selection.scorer import shipped, with_records, with_standing


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate in its place. probability: that it is right, on its own (several may be). dropped: why it cannot be
    right, None where it stands. why: what speaks for it, in words."""

    candidate: Candidate
    probability: float
    why: str
    dropped: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """The candidates of one issue that stand, by their ids, what they do, and their features; and those that do not."""

    candidates: tuple[Candidate, ...]
    edits: tuple[Edit, ...]
    rows: tuple[tuple[float, ...], ...]
    dropped: tuple[Dropped, ...]

    @property
    def sources(self) -> tuple[str | None, ...]:
        return tuple(each.provenance.source for each in self.candidates)


def look(candidates: Sequence[Candidate]) -> Field:
    """Read the candidates of one issue. The result does not depend on their order."""
    standing: list[Candidate] = []
    edits: list[Edit] = []
    dropped: list[Dropped] = []
    for each in sorted(candidates, key=lambda each: each.id):
        stands, gone = drop([each])
        standing += stands
        edits += map(edit, stands)  # at once, while its files are still known by their syntax
        dropped += gone
    return Field(tuple(standing), tuple(edits), features(standing, edits), tuple(dropped))


def rank_static(
    candidates: Sequence[Candidate] | Field,
    *,
    records: Mapping[str, Record] | None = None,
    standing: Mapping[str, float] | None = None,
) -> tuple[Ranked, ...]:
    """Rank candidates of one issue, best first; those that cannot be right come last, with probability 0.

    records: how often each source was right on other issues than this one. standing: where that is not known, how well each
    agrees with others, from `source_standing`. The result does not depend on the order of `candidates`.

    One more candidate that makes the same change as another, whoever made it, never puts that one behind a candidate that it
    was ahead of, where neither records nor standing are given and no more than PANEL changes differ; one from the same sample
    of the same source changes nothing.
    """
    field = candidates if isinstance(candidates, Field) else look(candidates)
    if records:
        model, rows = shipped("records"), with_records(field.rows, field.sources, records)
    elif standing:
        model, rows = shipped("standing"), with_standing(field.rows, field.sources, standing)
    else:
        model, rows = shipped("alone"), field.rows
    made = Counter(each.change for each in field.edits)
    ranked = [
        Ranked(candidate, model.probability(row), _why(row, made[edit.change] - 1, records))
        for candidate, row, edit in zip(field.candidates, rows, field.edits, strict=True)
    ]
    ranked.sort(key=lambda each: (-each.probability, each.candidate.id))
    return (*ranked, *(Ranked(each.candidate, 0.0, each.reason, each.reason) for each in field.dropped))


def source_standing(fields: Iterable[Field]) -> dict[str, float]:
    """How much more each source agrees with other families than the candidates beside it do, on average over issues.

    No label is needed: on the sets of patches that were measured it goes with the share of right ones (r = 0.8). It tells
    nothing where all sources are of one family.
    """
    seen: dict[str, list[float]] = defaultdict(list)
    for each in fields:
        agreed = outside(each.candidates, each.edits)
        mean = sum(agreed) / max(1, len(agreed))
        for source, value in zip(each.sources, agreed, strict=True):
            if source is not None:
                seen[source].append(value - mean)
    return {source: sum(values) / len(values) for source, values in seen.items()}


def _why(row: Sequence[float], same: int, records: Mapping[str, Record] | None) -> str:
    """same: how many others change the same lines."""
    of = dict(zip(FEATURES, row, strict=False))
    said = [f"it is {100 * of['agreement']:.0f} % like the others' nearest patches on average"]
    if same:
        said.append(f"{same} other{'s change' if same > 1 else ' changes'} the same lines")
    if of["undefined"]:
        said.append("it reads names that nothing defines")
    if records:
        said.append("its source's record counts")
    return "; ".join(said)
