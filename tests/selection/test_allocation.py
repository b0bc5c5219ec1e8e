from dataclasses import replace

from selection import Progress, next_step

START = Progress(
    tried=100, plausible_classes=0, first_at=None, elapsed_s=10, first_at_s=None, exhausted=False, budget_over=None
)
FOUND = replace(START, plausible_classes=1, first_at=90, first_at_s=9)


def test_it_goes_on_while_nothing_plausible_was_found() -> None:
    assert next_step(START).action == "sample"


def test_it_stops_when_nothing_is_left_or_the_budget_is_over_and_says_which() -> None:
    assert next_step(replace(START, exhausted=True)).why == "every proposal was tried (100)"
    over = next_step(replace(START, budget_over="the budget's candidates are used up"))
    assert (over.action, over.why) == ("stop", "the budget's candidates are used up")


def test_it_looks_for_rivals_of_the_first_plausible_candidate_for_a_while() -> None:
    assert next_step(FOUND).action == "sample"
    assert next_step(replace(FOUND, tried=1000, elapsed_s=12)).action == "stop"
    assert next_step(replace(FOUND, tried=120, elapsed_s=60)).action == "stop"


def test_it_searches_longer_for_rivals_when_the_first_was_hard_to_find() -> None:
    late = replace(FOUND, first_at=800, first_at_s=80, tried=1200, elapsed_s=120)
    assert next_step(late).action == "sample"


def test_it_stops_with_enough_different_candidates() -> None:
    assert next_step(replace(FOUND, plausible_classes=12)).action == "stop"


def test_it_stops_sooner_when_all_plausible_candidates_behave_alike() -> None:
    some = replace(FOUND, plausible_classes=3, tried=240, elapsed_s=12)
    assert next_step(some).action == "sample"
    assert next_step(replace(some, alike=True)).action == "stop"
