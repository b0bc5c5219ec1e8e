"""A person sees which probes decided."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from api.report import show_verdict
from api.votes import votes
from selection import Ballot, Outcome, Probe, Verdict, classify, count, decide
from tests.selection.worlds import candidate

COST = {"wall_s": 1.0, "stages": {}}


def verdict_of(outcomes: dict[str, dict[str, Outcome]], probes: list[Probe]) -> Verdict:
    made = [candidate(name, place, trajectory=name, model="m") for place, name in enumerate(outcomes, 1)]
    ids = {each.representative.id: each.id for each in classify(made)}
    ballots = [Ballot(probe, ids[name], said) for name, row in outcomes.items() for probe, said in row.items()]
    return decide(count(classify(made), probes, ballots), (), stopped="enough", cost=COST)


def drawn(verdict: Verdict) -> list[str]:
    out = Console(width=160, file=io.StringIO())
    with out.capture() as captured:
        out.print(votes(verdict) or "")
    return [" ".join(line.split()) for line in captured.get().splitlines()]


def test_only_probes_that_tell_programs_apart_are_shown_and_the_rest_is_counted() -> None:
    probes = [
        Probe("r1", "regression"),
        Probe("r2", "regression"),
        Probe("[of b]", "reproduction", authors=frozenset("b")),
    ]
    verdict = verdict_of(
        {
            "a": {"r1": "passed", "r2": "passed", "[of b]": "passed"},
            "b": {"r1": "passed", "r2": "passed", "[of b]": "timeout"},
            "c": {"r1": "passed", "r2": "failed"},
        },
        probes,
    )
    lines = drawn(verdict)
    assert lines[0] == "probe kind weight 1 2 3"
    assert lines[1] == "r2 regression must pass pass FAIL"
    assert lines[2].startswith("[of b] reproduction by b ")
    assert lines[2].endswith(" pass TIME -")
    assert lines[3] == "1 probe says the same of all; 8 of 9 executions were needed"


def test_where_all_probes_say_the_same_there_is_no_table() -> None:
    assert votes(verdict_of({"a": {"r": "passed"}, "b": {"r": "passed"}}, [Probe("r", "regression")])) is None


def test_a_verdict_of_the_first_version_can_still_be_shown(capsys: pytest.CaptureFixture[str]) -> None:
    now = verdict_of({"a": {"r": "passed"}, "b": {"r": "failed"}}, [Probe("r", "regression")])
    added = {
        "verdict": {"reasons", "executions"},
        "candidates": {"trajectory", "unseen", "evidence", "posterior", "votes", "group"},
        "probes": {"author", "flakiness", "required", "separates", "passed", "failed", "why"},
        "ballots": {"digest", "weight"},
    }
    data = {name: value for name, value in now.model_dump(mode="json").items() if name not in added["verdict"]}
    for part in ("candidates", "probes", "ballots"):
        data[part] = [{name: row[name] for name in row if name not in added[part]} for row in data[part]]
    first = Verdict.model_validate(data | {"version": 1})
    show_verdict(first, b"", run_id="1")
    shown = capsys.readouterr().out
    assert "r      regression" in shown
    assert "bill: 1.0 s" in shown
