"""Random counts: candidates of several trajectories, probes of every kind, and all their ballots."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import get_args

from hypothesis import strategies as st

from selection import Ballot, Candidate, Change, EquivalenceClass, Outcome, Probe, ProbeKind, Provenance, classify

OUTCOMES: tuple[Outcome, ...] = ("passed", "passed", "passed", "failed", "failed", "error", "timeout", "unknown")
TRAJECTORIES = (None, "1", "2", "3")


@dataclass(frozen=True)
class World:
    """matrix: program -> probe -> ballot without a class. A program is a number, its candidates' sources hold it."""

    candidates: tuple[Candidate, ...]
    probes: tuple[Probe, ...]
    matrix: dict[int, dict[str, Ballot]]

    @property
    def classes(self) -> tuple[EquivalenceClass, ...]:
        return classify(self.candidates)

    @property
    def ballots(self) -> list[Ballot]:
        return [
            replace(ballot, class_id=each.id) for each in self.classes for ballot in self.matrix[program(each)].values()
        ]


def program(of: EquivalenceClass) -> int:
    return int((of.representative.changes[0].after or b"").split()[-1])


def candidate(
    name: str,
    number: int,
    *,
    trajectory: str | None = None,
    model: str | None = None,
    score: float = 0.0,
    behaviour: str | None = None,
    probability: float | None = None,
) -> Candidate:
    change = Change("m.py", b"x = 0\n", f"x = {number}\n".encode())
    provenance = Provenance("model" if model else "repair", name, model, trajectory)
    return Candidate(name, f"patch {name}".encode(), (change,), provenance, score, behaviour, probability=probability)


@st.composite
def worlds(draw: st.DrawFn, *, outcomes: tuple[Outcome, ...] = OUTCOMES, most: int = 5) -> World:
    programs = draw(st.integers(1, most))
    seen = draw(st.lists(st.sampled_from([None, "a", "b"]), min_size=programs, max_size=programs))
    looks = draw(st.lists(st.sampled_from([None, 0.05, 0.5, 0.9]), min_size=programs, max_size=programs))
    owners = [*range(programs), *draw(st.lists(st.integers(0, programs - 1), max_size=3))]
    candidates = [
        candidate(
            f"c{place}",
            owner + 1,
            trajectory=draw(st.sampled_from(TRAJECTORIES)),
            model=draw(st.sampled_from([None, "m", "n"])),
            score=draw(st.integers(0, 2)),
            behaviour=seen[owner],
            probability=looks[owner],
        )
        for place, owner in enumerate(owners)
    ]
    kinds = draw(st.lists(st.sampled_from(get_args(ProbeKind)), max_size=6))
    probes = [
        Probe(
            f"p{place}",
            kind,
            authors=draw(st.frozensets(st.sampled_from([*filter(None, TRAJECTORIES)]), min_size=1))
            if kind == "reproduction"
            else frozenset(),
            flakiness=draw(st.sampled_from([0.0, 0.0, 0.0, 0.2, 0.5])),
        )
        for place, kind in enumerate(kinds)
    ]
    matrix = {
        number + 1: {
            probe.id: Ballot(
                probe.id, "", draw(st.sampled_from(outcomes)), digest=draw(st.sampled_from([None, "x", "y"]))
            )
            for probe in probes
        }
        for number in range(programs)
    }
    return World(tuple(candidates), tuple(probes), matrix)
