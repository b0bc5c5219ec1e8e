"""Lazy counting gives the winner of the full matrix, with fewer executions."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selection import Ask, Ballot, Count, Lazy, Outcome, Probe, StrangeBallot, classify, count, decide
from tests.selection.worlds import World, candidate, program, worlds


def drive(world: World, plan: Lazy, *, most: int = 1, stop: bool = False) -> Count:
    """Run what is asked, from the full matrix. stop: end at the first that does not pass, where that ends a class."""
    numbers = {each.id: program(each) for each in world.classes}
    asked: set[tuple[str, str]] = set()
    while (ask := plan.next(most=most)) is not None:
        assert 1 <= len(ask.probes) <= most
        for probe in ask.probes:
            assert (ask.class_id, probe) not in asked
            asked.add((ask.class_id, probe))
            ballot = world.matrix[numbers[ask.class_id]][probe]
            plan.tell(Ballot(probe, ask.class_id, ballot.outcome, digest=ballot.digest))
            if stop and probe in ask.ends and ballot.outcome != "passed":
                break
    return plan.count()


def risks(data: st.DataObject, world: World) -> dict[str, dict[str, float]]:
    """How likely some classes fail some probes, as somebody thinks: right or wrong, it changes no winner."""
    some = st.dictionaries(
        st.sampled_from([probe.id for probe in world.probes]), st.sampled_from([0.0, 0.02, 0.5, 1.0])
    )
    return {each.id: data.draw(some) for each in world.classes} if world.probes else {}


def name(found: Count) -> str | None:
    return found.winner and found.winner.of.id


@settings(max_examples=400)
@given(worlds(), st.integers(1, 4), st.booleans(), st.data())
def test_it_picks_the_winner_of_the_full_matrix(world: World, most: int, stop: bool, data: st.DataObject) -> None:
    known = data.draw(st.lists(st.sampled_from(world.ballots), unique=True)) if world.ballots else []
    weights = count(world.classes, world.probes, known).weights
    full = count(world.classes, world.probes, world.ballots, weights=weights)
    plan = Lazy(world.classes, world.probes, known, weights=weights, risks=risks(data, world))
    assert name(drive(world, plan, most=most, stop=stop)) == name(full)
    assert plan.certain
    assert len(known) <= plan.executions <= plan.full == len(world.ballots)


@given(worlds(outcomes=("passed", "failed")), st.data())
def test_it_stops_only_when_no_ballot_can_change_the_winner(world: World, data: st.DataObject) -> None:
    plan = Lazy(world.classes, world.probes, risks=risks(data, world))
    found = drive(world, plan)
    told = {ballot for row in found.box.rows.values() for ballot in row.values()}
    pairs = {(ballot.probe, ballot.class_id) for ballot in told}
    others: list[Outcome] = ["passed", "failed", "error", "timeout", "unknown"]
    rest = [
        Ballot(probe.id, each.id, data.draw(st.sampled_from(others)), digest=data.draw(st.sampled_from([None, "x"])))
        for each in world.classes
        for probe in world.probes
        if (probe.id, each.id) not in pairs
    ]
    full = count(world.classes, world.probes, [*told, *rest], weights=found.weights)
    assert name(full) == name(found)


@given(worlds(), st.randoms(use_true_random=False), st.data())
def test_what_is_asked_does_not_depend_on_the_order_of_candidates_or_probes(
    world: World, shuffle: object, data: st.DataObject
) -> None:
    likely = risks(data, world)
    candidates, probes = list(world.candidates), list(world.probes)
    for each in (candidates, probes):
        shuffle.shuffle(each)  # type: ignore[attr-defined]
    shuffled, ordered = (
        Lazy(classify(candidates), probes, risks=likely),
        Lazy(world.classes, world.probes, risks=likely),
    )
    assert shuffled.next(most=3) == ordered.next(most=3)


@given(worlds(), st.floats(0.001, 1.0), st.data())
def test_with_a_price_it_ends_no_later_and_with_a_class_that_passes_what_is_required(
    world: World, price: float, data: st.DataObject
) -> None:
    likely = risks(data, world)
    free = Lazy(world.classes, world.probes, risks=likely)
    paid = Lazy(world.classes, world.probes, risks=likely, price=price)
    exact, found = drive(world, free), drive(world, paid)
    assert paid.executions <= free.executions
    assert (found.winner is None) == (exact.winner is None)


def suite(number: int) -> list[Probe]:
    return [Probe(f"r{place:03}", "regression") for place in range(number)]


def test_of_many_that_pass_the_first_alone_is_run_on_the_whole_suite() -> None:
    candidates = tuple(candidate(f"c{place}", place, score=-place) for place in range(1, 9))
    probes = (*suite(99), Probe("t", "target"))
    matrix = {place: {probe.id: Ballot(probe.id, "", "passed") for probe in probes} for place in range(1, 9)}
    world = World(candidates, probes, matrix)
    plan = Lazy(world.classes, probes)
    found = drive(world, plan, most=1000)
    assert found.winner and found.winner.of.representative.id == "c1"
    assert (plan.executions, plan.full) == (100, 800)
    verdict = decide(found, (), stopped="enough", cost={"wall_s": 1.0, "stages": {}})
    assert verdict.executions and verdict.executions.saved == 700
    assert verdict.reasons[0] == "7 programs could not win any more, and had no further tests"
    assert verdict.confidence_reason == "one program passed every test; 7 more were not tested to the end"
    assert 0.3 < verdict.confidence < 0.5


def test_a_test_that_others_failed_is_run_first_and_a_cheap_one_before_a_dear_one() -> None:
    classes = classify([candidate("a", 1, score=1), candidate("b", 2)])
    a, b = (each.id for each in classes)
    known = [Ballot("r001", a, "failed")]
    plan = Lazy(classes, suite(3), known)
    assert plan.next() == Ask(b, ("r001",), ends=frozenset({"r001"}), cost=1.0)
    dear = Lazy(classes, suite(3), known, costs={"r001": 100.0})
    asked, afforded = dear.next(most=3), dear.next(most=3, left=50)
    assert asked and (asked.probes, asked.cost) == (("r000", "r002", "r001"), 102.0)
    assert afforded and (afforded.probes, afforded.cost) == (("r000", "r002"), 2.0)
    assert dear.next(left=0.5) is None
    assert not dear.certain


def test_a_test_that_a_class_is_likely_to_fail_is_run_first_and_for_others_the_order_is_theirs() -> None:
    classes = classify([candidate("a", 1, score=1), candidate("b", 2)])
    a, b = (each.id for each in classes)
    plan = Lazy(classes, suite(3), risks={a: {"r000": 0.1, "r001": 0.5}})
    first = plan.next(most=3)
    assert first and (first.class_id, first.probes) == (a, ("r002", "r001", "r000"))
    plan.tell(Ballot("r000", a, "failed"))
    second = plan.next(most=3)
    assert second and (second.class_id, second.probes) == (b, ("r000", "r001", "r002"))


def test_with_nothing_to_count_there_is_nothing_to_ask() -> None:
    assert Lazy((), suite(2)).next() is None
    assert Lazy(classify([candidate("a", 1)]), ()).next() is None


def test_a_ballot_that_was_not_in_question_is_refused() -> None:
    (each,) = classes = classify([candidate("a", 1)])
    plan = Lazy(classes, suite(1))
    with pytest.raises(StrangeBallot, match="not in this count"):
        plan.tell(Ballot("other", each.id, "passed"))
    plan.tell(Ballot("r000", each.id, "passed"))
    with pytest.raises(StrangeBallot, match="both passed and failed"):
        plan.tell(Ballot("r000", each.id, "failed"))
