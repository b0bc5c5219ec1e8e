"""What a budget's text means, and whole units, in which a sum is exact."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory import Amounts, Budget, BudgetSyntaxError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("wall=10m,candidates=200", Budget(wall_s=600, candidates=200)),
        ("wall=1h30m", Budget(wall_s=5400)),
        ("wall=90s , tokens=2M", Budget(wall_s=90, tokens=2_000_000)),
        ("wall=45", Budget(wall_s=45)),
        ("usd=1.5,sandbox=2m", Budget(usd=1.5, sandbox_s=120)),
    ],
)
def test_a_budget_is_read(text: str, expected: Budget) -> None:
    assert Budget.parse(text) == expected


@pytest.mark.parametrize(
    "text", ["", "wall", "wall=", "wall=soon", "wall=0", "candidates=1.5", "time=10m", "wall=1m,wall=2m", "tokens=-1"]
)
def test_an_unreadable_budget_says_what_to_write(text: str) -> None:
    with pytest.raises(BudgetSyntaxError, match=r"budget: "):
        Budget.parse(text)


@given(st.text(max_size=40))
def test_any_text_is_a_budget_or_a_budget_syntax_error(text: str) -> None:
    try:
        Budget.parse(text)
    except BudgetSyntaxError:
        pass


@pytest.mark.parametrize(
    "text", ["usd=1M", "wall=1000000000s", "tokens=1000000000M", "usd=0.0000000001", "tokens=0.0001k"]
)
def test_a_limit_that_no_account_can_hold_is_refused(text: str) -> None:
    with pytest.raises(BudgetSyntaxError, match=r"more than nothing and less than|whole number"):
        Budget.parse(text)


AMOUNTS = st.builds(
    Amounts,
    tokens=st.integers(0, 10**12),
    usd=st.floats(0, 1e5),
    sandbox_s=st.floats(0, 1e8),
    candidates=st.integers(0, 10**9),
)


@given(AMOUNTS)
def test_amounts_come_back_from_their_units(amounts: Amounts) -> None:
    kept = Amounts.of_units(amounts.units())
    assert kept.units() == amounts.units()
    assert Amounts.of_units(kept.units()) == kept
    assert kept.usd == pytest.approx(amounts.usd, abs=1e-9)
    assert kept.sandbox_s == pytest.approx(amounts.sandbox_s, abs=1e-6)


@given(st.lists(AMOUNTS, max_size=6).flatmap(lambda all_: st.tuples(st.just(all_), st.permutations(all_))))
def test_a_sum_does_not_depend_on_the_order(both: tuple[list[Amounts], list[Amounts]]) -> None:
    assert sum(both[0], Amounts()) == sum(both[1], Amounts())


def test_what_floats_would_round_away_is_kept() -> None:
    assert 0.1 + 0.2 != 0.3
    assert Amounts(usd=0.1) + Amounts(usd=0.2) == Amounts(usd=0.3)
    assert Amounts(usd=1e-7) + Amounts(usd=100_000.0) == Amounts(usd=100_000.0000001)


@pytest.mark.parametrize("amounts", [Amounts(tokens=-1), Amounts(usd=float("nan")), Amounts(sandbox_s=1e300)])
def test_what_is_no_amount_is_not_put_on_an_account(amounts: Amounts) -> None:
    with pytest.raises(ValueError, match=r"account|NaN"):
        amounts.units()


@given(st.decimals("0.000001", "999999", places=6))
def test_a_budget_allows_what_it_says_and_not_a_unit_more(limit: Decimal) -> None:
    (_, cap, _, _) = Budget(usd=float(limit)).caps({})
    assert cap == limit * 10**9
