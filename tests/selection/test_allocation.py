import math
import random
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selection import AllocationPolicy, ExpectedGain, Offer, Patience, Progress, Seen, next_step, share_price
from selection.allocation import Belief, BestOfN, Prior, Reservation, Revision, SelfConsistency, reservation_value

PRIOR = Prior(hopeless=0.3, a=1.0, b=1.5, scatter_right=0.7, scatter_wrong=8.0, unusable=0.1)
GAIN = ExpectedGain(PRIOR)
RESERVED = Reservation((0.1, 0.2, 0.3, 0.5, 0.9))
POLICIES: list[AllocationPolicy] = [GAIN, RESERVED, SelfConsistency(), BestOfN(8), Revision(), Patience()]

LAW = settings(deadline=None, max_examples=25)
SEEN = st.builds(Seen, st.integers(1, 5), st.sampled_from([-2.0, 0.0, 0.0, 0.5, 2.0]))
OFFERS = st.builds(
    Offer,
    st.sampled_from(["sample", "deepen", "switch"]),
    most=st.integers(0, 12),
    price=st.sampled_from([0.0, 0.001, 0.01, 0.05]),
    yields=st.sampled_from([0.5, 1.0, 3.0]),
)


@st.composite
def situations(draw: st.DrawFn) -> Progress:
    classes, dropped = tuple(draw(st.lists(SEEN, max_size=4))), draw(st.integers(0, 3))
    tried = dropped + sum(each.size for each in classes)
    offers = tuple(draw(st.lists(OFFERS, max_size=2)))
    plausible = sum(each.evidence > 0 for each in classes)
    first = draw(st.integers(1, tried)) if plausible else None
    return Progress(
        tried, classes, dropped, offers, plausible_classes=plausible, first_at=first, first_at_s=first and float(first)
    )


# -- every policy -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", POLICIES, ids=lambda each: each.name)
@LAW
@given(situations())
def test_a_decision_is_repeatable_and_buys_only_what_is_on_offer(policy: AllocationPolicy, progress: Progress) -> None:
    decision = next_step(policy, progress)
    assert decision == next_step(policy, replace(progress))
    assert decision.why
    if decision.action != "stop":
        assert any(each.buys == decision.action and 1 <= decision.samples <= each.most for each in progress.offers)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda each: each.name)
@LAW
@given(situations())
def test_it_stops_when_nothing_is_left_or_the_budget_is_over_and_says_which(
    policy: AllocationPolicy, progress: Progress
) -> None:
    empty = next_step(policy, replace(progress, offers=(Offer(most=0),)))
    assert (empty.action, empty.why) == ("stop", f"every proposal was tried ({progress.tried})")
    over = next_step(policy, replace(progress, budget_over="the budget's candidates are used up"))
    assert (over.action, over.why) == ("stop", "the budget's candidates are used up")


@pytest.mark.parametrize("policy", POLICIES, ids=lambda each: each.name)
@LAW
@given(situations(), st.randoms(use_true_random=False))
def test_the_order_of_classes_does_not_matter(
    policy: AllocationPolicy, progress: Progress, shuffle: random.Random
) -> None:
    mixed = list(progress.classes)
    shuffle.shuffle(mixed)
    assert next_step(policy, replace(progress, classes=tuple(mixed))) == next_step(policy, progress)


@pytest.mark.parametrize(
    "policy", [GAIN, RESERVED, SelfConsistency(), BestOfN(8), Patience()], ids=lambda each: each.name
)
@LAW
@given(situations(), st.integers(1, 10), st.sampled_from([0.25, 0.5, 1.0]))
def test_more_budget_never_makes_it_stop_earlier(
    policy: AllocationPolicy, progress: Progress, more: int, cheaper: float
) -> None:
    offers = tuple(replace(each, most=each.most + more, price=each.price * cheaper) for each in progress.offers)
    richer = next_step(policy, replace(progress, offers=offers)).action
    assert richer != "stop" or next_step(policy, progress).action == "stop"


# -- expected gain ----------------------------------------------------------------------------------------------------


@LAW
@given(situations())
def test_an_expected_gain_is_never_negative(progress: Progress) -> None:
    numbers = next_step(GAIN, progress).numbers
    if numbers:
        assert numbers["gain"] >= -1e-9
        assert 0 <= numbers["correct_now"] <= numbers["correct_any"] + 1e-9 <= 1 + 2e-9


@LAW
@given(situations())
def test_what_may_be_drawn_next_is_a_distribution_that_expects_what_is_believed(progress: Progress) -> None:
    now = Belief(PRIOR, tuple((each.size, each.evidence) for each in progress.classes), progress.dropped)
    after = now.next()
    assert math.isclose(sum(chance for chance, _ in after), 1)
    assert sum(chance * belief.best for chance, belief in after) >= now.best - 1e-9
    assert sum(chance * belief.any for chance, belief in after) >= now.any - 1e-9


@LAW
@given(st.lists(SEEN, max_size=5), st.integers(0, 3))
def test_the_belief_is_the_sum_over_all_labellings(classes: list[Seen], dropped: int) -> None:
    belief = Belief(PRIOR, tuple((each.size, each.evidence) for each in classes), dropped)
    total, right = 0.0, [0.0] * len(classes)
    for labels in product((False, True), repeat=len(classes)):
        weight = _weight(classes, labels, dropped)
        total += weight
        right = [sum_ + weight * label for sum_, label in zip(right, labels, strict=True)]
    assert belief.correct == pytest.approx([each / total for each in right])
    assert belief.any == pytest.approx(1 - _weight(classes, (False,) * len(classes), dropped) / total)


@pytest.mark.parametrize("classes", [((500, 0.0), (500, 1.0)), ((1, 0.0),) * 1000, ((900, 0.0), *((1, 0.0),) * 100)])
def test_a_thousand_samples_are_believed_as_ten_are(classes: tuple[tuple[int, float], ...]) -> None:
    belief = Belief(PRIOR, classes, dropped=3)
    assert 0 < belief.best <= 1
    assert belief.any == pytest.approx(1)
    assert math.isclose(sum(chance for chance, _ in belief.next()), 1)


def _weight(classes: list[Seen], labels: tuple[bool, ...], dropped: int) -> float:
    """Draw by draw: the probability of these samples with these labels, p integrated out one sample at a time."""
    right = wrong = drawn = 0
    weight = 1 - PRIOR.hopeless
    for each, label in zip(classes, labels, strict=True):
        for place in range(each.size):
            a, b = PRIOR.a + right, PRIOR.b + wrong
            scatter, before = (PRIOR.scatter_right, right) if label else (PRIOR.scatter_wrong, wrong)
            weight *= (a if label else b * (1 - PRIOR.unusable)) / (a + b)
            weight *= (place or scatter) / (scatter + before)
            right, wrong, drawn = right + label, wrong + (not label), drawn + 1
    for _ in range(dropped):
        weight *= PRIOR.unusable * (PRIOR.b + wrong) / (PRIOR.a + PRIOR.b + right + wrong)
        wrong += 1
    weight *= math.exp(sum(each.evidence for each, label in zip(classes, labels, strict=True) if label))
    if not any(labels):
        weight += PRIOR.hopeless * _hopeless(classes, dropped)
    return weight


def _hopeless(classes: list[Seen], dropped: int) -> float:
    weight, before = PRIOR.unusable**dropped, 0
    for each in classes:
        for place in range(each.size):
            weight *= (1 - PRIOR.unusable) * (place or PRIOR.scatter_wrong) / (PRIOR.scatter_wrong + before)
            before += 1
    return weight


def test_agreement_and_passed_tests_end_the_search_and_disagreement_goes_on() -> None:
    offer = Offer(most=12, price=0.004)
    alone = Progress(3, (Seen(1), Seen(1), Seen(1)), offers=(offer,))
    agreed = Progress(6, (Seen(6),), offers=(offer,))
    tested = Progress(1, (Seen(1, 6.0),), offers=(offer,))
    assert next_step(GAIN, alone).action == "sample"
    assert next_step(GAIN, agreed).action == "stop"
    assert next_step(GAIN, tested).action == "stop"


def test_it_buys_the_better_and_the_cheaper_of_two_sources() -> None:
    progress = Progress(3, (Seen(1), Seen(1), Seen(1)))
    present, stronger = Offer("sample", "small", 6, 0.01), Offer("switch", "large", 6, 0.01, yields=8.0)
    assert next_step(GAIN, replace(progress, offers=(present, stronger))).what == "large"
    dear = replace(stronger, price=0.2)
    assert next_step(GAIN, replace(progress, offers=(present, dear))).what != "large"
    finish = Offer("deepen", "trajectories", 4, 0.001)
    assert next_step(GAIN, replace(progress, offers=(present, finish))).action == "deepen"


def test_samples_that_take_no_longer_are_drawn_together() -> None:
    one = next_step(GAIN, Progress(0, offers=(Offer(most=12, price=0.01),)))
    four = next_step(GAIN, Progress(0, offers=(Offer(most=12, price=0.01, at_once=4),)))
    assert 1 <= one.samples <= four.samples <= 4


def test_a_price_is_the_share_of_the_scarcest_limit() -> None:
    cost = {"tokens": 1000.0, "usd": 0.02, "candidates": 1.0}
    assert share_price(cost, {"tokens": 100_000, "usd": 1.0}, 0.5) == pytest.approx(0.01)
    assert share_price(cost, {"wall_s": 60.0}, 0.5) == 0
    assert share_price(cost, {}, 0.5) == 0


# -- what it is measured against --------------------------------------------------------------------------------------


@LAW
@given(st.integers(1, 6), st.integers(0, 6), st.integers(1, 6))
def test_a_decided_majority_stops(first: int, second: int, left: int) -> None:
    first += second + left  # no more than `left` can be drawn: the second cannot overtake
    classes = tuple(Seen(size) for size in (first, second) if size)
    progress = Progress(first + second, classes, offers=(Offer(most=left),))
    assert next_step(SelfConsistency(sure=1.1), progress).action == "stop"


def test_self_consistency_needs_four_in_agreement_to_be_sure() -> None:
    actions = [
        next_step(SelfConsistency(0.95), Progress(n, (Seen(n),), offers=(Offer(most=20),))).action for n in range(1, 6)
    ]
    assert actions == ["sample", "sample", "sample", "stop", "stop"]


def test_best_of_n_draws_n_and_no_more() -> None:
    assert next_step(BestOfN(8), Progress(3, (Seen(3),), offers=(Offer(most=20),))).samples == 5
    assert next_step(BestOfN(8), Progress(8, (Seen(8),), offers=(Offer(most=20),))).action == "stop"


def test_revision_continues_its_one_attempt_until_it_passes_every_test() -> None:
    offers = (Offer("sample"), Offer("deepen", "trajectory 1"))
    assert next_step(Revision(), Progress(0, offers=offers)).action == "sample"
    tried = Progress(1, (Seen(1),), offers=offers)
    assert next_step(Revision(), tried).action == "deepen"
    assert next_step(Revision(), replace(tried, plausible_classes=1)).action == "stop"


# -- patience ---------------------------------------------------------------------------------------------------------

START = Progress(tried=100, offers=(Offer(most=150),), elapsed_s=10)
FOUND = replace(START, plausible_classes=1, first_at=90, first_at_s=9)


def test_it_goes_on_while_nothing_plausible_was_found() -> None:
    assert next_step(Patience(), START).action == "sample"


def test_it_looks_for_rivals_of_the_first_plausible_candidate_for_a_while() -> None:
    assert next_step(Patience(), FOUND).action == "sample"
    assert next_step(Patience(), replace(FOUND, tried=1000, elapsed_s=12)).action == "stop"
    assert next_step(Patience(), replace(FOUND, tried=120, elapsed_s=60)).action == "stop"


def test_it_searches_longer_for_rivals_when_the_first_was_hard_to_find() -> None:
    late = replace(FOUND, first_at=800, first_at_s=80, tried=1200, elapsed_s=120)
    assert next_step(Patience(), late).action == "sample"


def test_it_stops_with_enough_different_candidates() -> None:
    assert next_step(Patience(), replace(FOUND, plausible_classes=12)).action == "stop"


def test_it_stops_sooner_when_all_plausible_candidates_behave_alike() -> None:
    some = replace(FOUND, plausible_classes=3, tried=240, elapsed_s=12)
    assert next_step(Patience(), some).action == "sample"
    assert next_step(Patience(), replace(some, alike=True)).action == "stop"


# -- reservation ------------------------------------------------------------------------------------------------------


@LAW
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0, 1))
def test_at_the_reservation_value_a_sample_gains_its_price(chances: list[float], price: float) -> None:
    value = reservation_value(chances, price)
    gain = math.fsum(max(0.0, chance - value) for chance in chances) / len(chances)
    if value > 0:
        assert gain == pytest.approx(price, abs=1e-9)
    else:
        assert gain <= price + 1e-9  # even the mean is not worth it


def test_a_winner_for_which_enough_speaks_ends_the_search_and_a_doubtful_one_does_not() -> None:
    offer = Offer("sample", most=8, price=0.02)
    doubtful, sure = Progress(2, (Seen(1, -2.0), Seen(1, -3.0)), 0, (offer,)), Progress(2, (Seen(2, 2.0),), 0, (offer,))
    assert next_step(RESERVED, doubtful).action == "sample"
    assert next_step(RESERVED, sure).action == "stop"
    assert next_step(RESERVED, replace(doubtful, offers=(replace(offer, price=0.9),))).action == "stop"
