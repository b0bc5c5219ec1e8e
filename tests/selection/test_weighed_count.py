"""What must hold of the weighed count, whatever the candidates, probes and ballots."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selection import (
    AmbiguousId,
    Ballot,
    Count,
    Dropped,
    Outcome,
    Probe,
    StrangeBallot,
    classify,
    count,
    decide,
    flakiness,
    posterior,
)
from tests.selection.worlds import World, candidate, program, worlds

COST = {"wall_s": 1.0, "stages": {}}
Table = dict[str, dict[str, Outcome]]  # candidate -> probe -> outcome


def counted(world: World) -> Count:
    return count(world.classes, world.probes, world.ballots)


def winner(world: World) -> str | None:
    found = counted(world).winner
    return found.of.id if found else None


def order(world: World) -> list[str]:
    return [standing.of.id for standing in counted(world).standings]


@given(worlds(), st.randoms(use_true_random=False))
def test_nothing_depends_on_the_order_of_candidates_probes_or_ballots(world: World, shuffle: random.Random) -> None:
    expected = counted(world)
    candidates, probes, ballots = list(world.candidates), list(world.probes), world.ballots
    for each in (candidates, probes, ballots):
        shuffle.shuffle(each)
    mixed = count(classify(candidates), probes, ballots)
    assert mixed.standings == expected.standings
    assert mixed.weights == expected.weights
    assert posterior(mixed) == posterior(expected)


@given(worlds(), st.integers(0, 7), st.booleans())
def test_a_copy_of_a_candidate_never_makes_its_class_lose(world: World, which: int, same_author: bool) -> None:
    before = counted(world)
    copied = world.candidates[which % len(world.candidates)]
    trajectory = copied.provenance.trajectory if same_author else "new"
    twin = replace(copied, id="z", provenance=replace(copied.provenance, trajectory=trajectory))
    after = counted(replace(world, candidates=(*world.candidates, twin)))
    (home,) = (standing.of.id for standing in before.standings if copied in standing.of.members)
    place = [standing.of.id for standing in before.standings].index(home)
    assert [standing.of.id for standing in after.standings].index(home) <= place
    if before.winner and before.winner.of.id == home:
        assert after.winner and after.winner.of.id == home


@given(
    worlds(), st.sampled_from(["regression", "target", "reproduction", "example", "judge", "differential"]), st.data()
)
def test_a_probe_that_says_nothing_changes_nothing(world: World, kind: str, data: st.DataObject) -> None:
    """The same outcome for all tells none from another. That all fail a regression test says that none of them may win; one that
    could be run with none, that less is known than should be; a documented example that all fail, that any is less likely."""
    outcome = data.draw(
        st.sampled_from(["passed", "unknown"] if kind == "regression" else ["passed", "failed", "unknown"])
    )
    probe = Probe("more", kind, authors=data.draw(st.frozensets(st.sampled_from("12"))))  # type: ignore[arg-type]
    matrix = {number: {**row, "more": Ballot("more", "", outcome)} for number, row in world.matrix.items()}
    before, after = counted(world), counted(replace(world, probes=(*world.probes, probe), matrix=matrix))
    if kind == "differential" and not any(probe.kind == "differential" for probe in world.probes):
        return  # the first look at outputs tells that equal outcomes are equal behaviour
    assert [each.of for each in after.standings] == [each.of for each in before.standings]
    assert (after.winner and after.winner.of) == (before.winner and before.winner.of)
    assert {name: weight for name, weight in after.weights.items() if name != "more"} == before.weights
    if kind == "example" and outcome == "failed" and world.candidates:
        assert all(posterior(after)[name] < chance for name, chance in posterior(before).items())
    elif kind != "target" and not (kind == "regression" and outcome == "unknown"):
        assert posterior(after) == posterior(before)


@given(worlds(most=1, outcomes=("passed", "failed")), st.sampled_from(["failed", "error", "timeout"]))
def test_a_class_with_a_regression_failure_never_beats_one_without_all_else_equal(
    world: World, outcome: Outcome
) -> None:
    probes = (*world.probes, Probe("r", "regression"))
    (row,) = world.matrix.values()
    matrix = {
        1: {**row, "r": Ballot("r", "", "passed")},
        2: {**row, "r": Ballot("r", "", outcome)},
    }
    clean = replace(world.candidates[0], id="clean")
    for score in (0, 9):
        breaking = replace(candidate("breaking", 2), provenance=clean.provenance, score=score)
        both = World((clean, breaking), probes, matrix)
        first = counted(both).standings[0]
        assert program(first.of) == 1
        assert (winner(both) or first.of.id) == first.of.id


@given(worlds())
def test_posteriors_are_probabilities_and_leave_room_for_none_being_right(world: World) -> None:
    found = counted(world)
    shares = posterior(found)
    by_group = {standing.group: shares[standing.of.id] for standing in found.standings}
    assert all(0 <= share <= 1 and math.isfinite(share) for share in shares.values())
    assert math.fsum(by_group.values()) < 1
    verdict = decide(found, (), stopped="enough", cost=COST)
    assert 0 <= verdict.confidence < 1
    assert (verdict.winner is None) == (verdict.confidence == 0)


@given(worlds(outcomes=("passed", "failed")))
def test_a_weight_never_counts_against_what_its_probe_says(world: World) -> None:
    for weight in counted(world).weights.values():
        assert weight.failed <= 0 <= weight.own <= weight.passed


def table(outcomes: Table, probes: list[Probe], **authors: str) -> Count:
    """A count of one class a candidate."""
    made = [
        candidate(name, place, trajectory=authors.get(name, name), model="m") for place, name in enumerate(outcomes, 1)
    ]
    ids = {each.representative.id: each.id for each in classify(made)}
    ballots = [Ballot(probe, ids[name], outcome) for name, row in outcomes.items() for probe, outcome in row.items()]
    return count(classify(made), probes, ballots)


def first(found: Count) -> str | None:
    return found.winner and found.winner.of.representative.id


def test_a_reproduction_test_that_separates_as_others_do_gains_weight_and_one_that_agrees_with_nothing_loses_it() -> (
    None
):
    good, bad = {f"g{number}": "passed" for number in range(3)}, {f"b{number}": "failed" for number in range(5)}
    outcomes: Table = {name: {f"r{place}": said for place in range(4)} for name, said in (good | bad).items()}  # type: ignore[misc]
    for place, name in enumerate(outcomes):
        outcomes[name]["odd"] = "passed" if place % 2 else "failed"
    probes = [Probe(f"r{place}", "reproduction") for place in range(4)] + [Probe("odd", "reproduction")]
    found = table(outcomes, probes)
    before = table({"g0": {}, "b0": {}}, probes).weights
    assert found.weights["r0"].swing > before["r0"].swing > found.weights["odd"].swing


def test_a_trajectorys_own_test_says_less_of_its_candidate_than_that_of_another() -> None:
    probes = [
        Probe("of a", "reproduction", authors=frozenset("a")),
        Probe("of b", "reproduction", authors=frozenset("b")),
    ]
    passes_own: Table = {"a": {"of a": "passed", "of b": "failed"}, "c": {"of a": "failed", "of b": "passed"}}
    assert first(table(passes_own, probes)) == "c"


def test_a_flaky_test_never_vetoes_and_one_that_is_a_coin_says_nothing() -> None:
    outcomes: Table = {"a": {"r": "failed", "e": "passed"}, "b": {"r": "passed", "e": "failed"}}
    assert first(table(outcomes, [Probe("r", "regression"), Probe("e", "example")])) == "b"
    assert first(table(outcomes, [Probe("r", "regression", flakiness=0.2), Probe("e", "example")])) == "a"
    coin = table({"a": {"r": "failed"}, "b": {"r": "passed"}}, [Probe("r", "regression", flakiness=0.5)])
    assert coin.standings[0].score == coin.standings[1].score


def test_flakiness_is_the_share_of_the_rarer_outcome() -> None:
    assert [flakiness(3, 1), flakiness(1, 3), flakiness(4, 0), flakiness(0, 0)] == [0.25, 0.25, 0.0, 0.0]
    with pytest.raises(ValueError, match=r"0\.7 is not between"):
        Probe("p", "regression", flakiness=0.7)


def test_agreement_of_independent_trajectories_is_evidence_and_one_search_confirms_itself_not_at_all() -> None:
    agreed = [candidate(f"a{number}", 1, trajectory=str(number), model="m") for number in range(4)]
    alone = candidate("b", 2, trajectory="9", model="m", score=5)
    found = count(classify([*agreed, alone]), (), ())
    assert first(found) in {each.id for each in agreed}
    assert found.standings[0].votes == 2.0  # the square root of four that are likely to err alike
    search = [candidate(f"a{number}", 1) for number in range(4)]
    assert first(count(classify([*search, candidate("b", 2, score=5)]), (), ())) == "b"


def test_two_families_that_agree_count_more_than_two_trajectories_of_one() -> None:
    two_families = [candidate("a", 1, trajectory="1", model="m"), candidate("b", 1, trajectory="2", model="n")]
    one_family = [candidate("c", 2, trajectory="3", model="m", score=5), candidate("d", 2, trajectory="4", model="m")]
    assert first(count(classify([*two_families, *one_family]), (), ())) == "a"


def test_classes_whose_outputs_are_equal_are_one_behaviour_group_and_their_voters_add_up() -> None:
    made = [candidate(name, place, trajectory=name, model=name) for place, name in enumerate("abc", 1)]
    ids = {each.representative.id: each.id for each in classify(made)}
    outputs = {"a": "1", "b": "1", "c": "2"}
    ballots = [Ballot("d", ids[name], "passed", digest=output) for name, output in outputs.items()]
    found = count(classify(made), [Probe("d", "differential")], ballots)
    by_name = {standing.of.representative.id: standing for standing in found.standings}
    assert by_name["a"].group == by_name["b"].group != by_name["c"].group
    assert (by_name["a"].group_votes, by_name["c"].group_votes) == (2.0, 1.0)
    assert found.standings[-1] is by_name["c"]


def test_equal_outcomes_without_any_output_seen_are_not_equal_behaviour() -> None:
    found = table({"a": {"r": "passed"}, "b": {"r": "passed"}}, [Probe("r", "regression")])
    assert len({standing.group for standing in found.standings}) == 2


def test_what_all_fail_does_not_count_unless_it_passed_on_base() -> None:
    outcomes: Table = {"a": {"t": "failed", "r": "passed"}, "b": {"t": "failed", "r": "passed"}}
    assert first(table(outcomes, [Probe("t", "target"), Probe("r", "regression")])) is not None
    assert first(table(outcomes, [Probe("t", "regression"), Probe("r", "regression")])) is None


def test_a_class_that_was_not_run_on_a_regression_test_of_others_does_not_win() -> None:
    found = table({"a": {"r": "passed"}, "b": {}, "c": {"r": "unknown"}}, [Probe("r", "regression")])
    assert first(found) == "a"
    assert [standing.unseen for standing in found.standings] == [(), ("r",), ("r",)]


def test_ballots_of_what_is_not_in_the_count_and_ballots_that_contradict_each_other_are_refused() -> None:
    classes = classify([candidate("a", 1)])
    (each,) = classes
    probes = [Probe("r", "regression")]
    with pytest.raises(StrangeBallot, match="class nobody is not in this count"):
        count(classes, probes, [Ballot("r", "nobody", "passed")])
    with pytest.raises(StrangeBallot, match="probe other is not in this count"):
        count(classes, probes, [Ballot("other", each.id, "passed")])
    with pytest.raises(StrangeBallot, match="both passed and failed"):
        count(classes, probes, [Ballot("r", each.id, "passed"), Ballot("r", each.id, "failed")])
    twice = count(classes, probes, [Ballot("r", each.id, "passed", "one"), Ballot("r", each.id, "passed", "two")])
    assert twice.winner


def test_one_id_for_two_things_is_refused_and_one_thing_twice_is_there_once() -> None:
    one, other = candidate("a", 1), candidate("a", 2)
    with pytest.raises(AmbiguousId, match="candidates have the id a"):
        classify([one, other])
    (only,) = classify([one, one])
    assert only.members == (one,)
    with pytest.raises(AmbiguousId, match="candidates have the id a"):
        decide(count([only], (), ()), [Dropped(other, "it changes nothing")], stopped="enough", cost=COST)
    with pytest.raises(AmbiguousId, match="probes with the id p"):
        count([only], [Probe("p", "regression"), Probe("p", "target")], ())


def test_no_candidate_one_candidate_and_nothing_but_dropped_ones_have_a_verdict() -> None:
    none = decide(count((), [Probe("r", "regression")], ()), (), stopped="enough", cost=COST)
    assert (none.winner, none.reason) == (None, "no patch found: enough")
    all_dropped = decide(
        count((), (), ()), [Dropped(candidate("a", 1), "it changes nothing")], stopped="enough", cost=COST
    )
    assert all_dropped.winner is None
    assert [each.dropped for each in all_dropped.candidates] == ["it changes nothing"]
    one = decide(count(classify([candidate("a", 1)]), (), ()), (), stopped="enough", cost=COST)
    assert one.winner == "a"
    assert one.confidence < 0.5  # nothing speaks for it


def test_a_winner_on_which_nothing_was_run_is_not_passed_off_as_tested() -> None:
    untested = table({"a": {}}, [Probe("r", "regression"), Probe("t", "target")])
    verdict = decide(untested, (), stopped="the time is used up", cost=COST)
    assert verdict.reason == "it was not tested: 1 test that passes on base was not run with any candidate"
    assert verdict.confidence < 0.5


def test_a_rival_that_may_do_the_same_takes_less_confidence_than_one_whose_results_differ() -> None:
    def sure(*behaviours: str | None) -> float:
        made = [candidate(f"c{place}", place + 1, behaviour=seen) for place, seen in enumerate(behaviours)]
        probes = [Probe("r", "regression"), Probe("w", "reproduction")]
        classes = classify(made)
        ballots = [Ballot(probe.id, each.id, "passed") for each in classes for probe in probes]
        lost = next(each.id for each in classes if each.representative.id == "c1")
        ballots = [each for each in ballots if (each.probe, each.class_id) != ("w", lost)]
        ballots.append(Ballot("w", lost, "failed"))
        verdict = decide(count(classes, probes, ballots), (), stopped="enough", cost=COST)
        assert verdict.winner == "c0"
        return verdict.confidence

    assert sure("a", "b") < sure(None, None) == sure("a", None) < 1


def test_a_verdict_says_what_told_the_winner_from_the_others() -> None:
    probes = [Probe("of b", "reproduction", authors=frozenset("b")), Probe("r", "regression"), Probe("t", "target")]
    outcomes: Table = {
        "a": {"of b": "passed", "r": "passed", "t": "passed"},
        "b": {"of b": "failed", "r": "passed", "t": "passed"},
        "c": {"of b": "passed", "r": "failed", "t": "passed"},
    }
    verdict = decide(table(outcomes, probes), (), stopped="enough", cost=COST)
    assert verdict.winner == "a"
    assert verdict.reasons[0] == "1 program broke a test that passes on base"
    assert verdict.reasons[1].startswith(
        "it passes the reproduction probe of b of trajectory b, which 1 of 3 programs fail"
    )
    by_probe = {probe.id: probe for probe in verdict.probes}
    assert (by_probe["of b"].separates, by_probe["t"].separates, by_probe["r"].required) == (True, False, True)
    assert verdict.executions is not None
    assert verdict.executions.saved == 0
