"""The contract of the Ledger, with each of its books: SQLite, and Redis."""

import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory import Amounts, Budget, Journal, Ledger, LimitExceeded, Store, bill_of
from tests.memory.conftest import Account

SHARED = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
STAGES = st.sampled_from(["localise", "repair", "selection"])


def in_book(ledger: Ledger) -> Amounts:
    """What is settled and reserved, as the book itself says."""
    return Amounts.of_units(ledger._book.used())


def test_what_does_not_fit_is_refused_and_nothing_is_set_aside(account: Account) -> None:
    ledger = account.ledger(Budget(candidates=3))
    first = ledger.reserve("wave", Amounts(candidates=2))
    with pytest.raises(LimitExceeded) as refused:
        ledger.reserve("wave", Amounts(candidates=2))
    limit = refused.value
    assert (limit.kind, limit.limit, limit.used, limit.where) == ("candidates", 3, 2, "wave")
    ledger.settle(first, Amounts(candidates=1))
    ledger.release(ledger.reserve("wave", Amounts(candidates=2)))
    ledger.reserve("wave", Amounts(candidates=2))
    assert ledger.bill().stages == {"wave": Amounts(candidates=1)}
    assert in_book(ledger) == Amounts(candidates=3)


@pytest.mark.parametrize(
    ("budget", "fits", "over"),
    [
        (Budget(tokens=1000), Amounts(tokens=850), Amounts(tokens=851)),
        (Budget(usd=0.29), Amounts(usd=0.2465), Amounts(usd=0.246500001)),
        (Budget(sandbox_s=2), Amounts(sandbox_s=1.7), Amounts(sandbox_s=1.700001)),
        (Budget(candidates=7), Amounts(candidates=7), Amounts(candidates=8)),
    ],
)
def test_each_kind_has_its_limit_to_the_last_unit(
    account: Account, budget: Budget, fits: Amounts, over: Amounts
) -> None:
    ledger = account.ledger(budget)
    with pytest.raises(LimitExceeded) as refused:
        ledger.reserve("repair", over)
    assert {refused.value.kind} == budget.as_dict().keys()
    ledger.reserve("repair", fits)
    assert in_book(ledger) == fits
    assert ledger.left(refused.value.kind, "repair") == 0


def test_the_largest_amounts_stay_exact(account: Account) -> None:
    ledger = account.ledger(Budget(tokens=999_999_999_999_999, usd=999_999.999999999))
    most = Amounts(tokens=849_999_999_999_999, usd=849_999.999999999)
    ledger.settle(ledger.reserve("repair", most), most)
    with pytest.raises(LimitExceeded):
        ledger.reserve("repair", Amounts(tokens=1))
    assert ledger.bill().total == most
    assert ledger.left("tokens", "selection") == 150_000_000_000_000
    assert ledger.final_bill().total == most


def test_a_kind_without_a_limit_is_only_counted(account: Account) -> None:
    ledger = account.ledger(Budget(candidates=1))
    ledger.settle(ledger.reserve("repair", Amounts(tokens=10**9), all_of="tokens"), Amounts(tokens=10**9, usd=1000))
    assert ledger.left("tokens", "repair") == math.inf
    assert ledger.bill().total == Amounts(tokens=10**9, usd=1000)


def test_a_reservation_is_settled_once(account: Account) -> None:
    ledger = account.ledger(Budget(candidates=3))
    reservation = ledger.reserve("wave", Amounts(candidates=1))
    ledger.settle(reservation, Amounts(candidates=1))
    with pytest.raises(ValueError, match="no longer open"):
        ledger.settle(reservation, Amounts(candidates=1))
    ledger.release(reservation)
    assert ledger.bill().total == in_book(ledger) == Amounts(candidates=1)


def test_more_than_was_reserved_is_written_down_and_nothing_more_fits(account: Account) -> None:
    ledger = account.ledger(Budget(tokens=100))
    ledger.settle(ledger.reserve("repair", Amounts(tokens=10)), Amounts(tokens=500))
    assert ledger.bill().total == Amounts(tokens=500)
    assert ledger.left("tokens", "selection") == 0
    with pytest.raises(LimitExceeded, match="500 of 100"):
        ledger.reserve("selection", Amounts(tokens=1))
    ledger.reserve("selection", Amounts(candidates=1))  # of which there is room


def test_selection_keeps_its_share_of_the_tokens_and_of_the_time(account: Account) -> None:
    ledger = account.ledger(Budget(tokens=100, wall_s=100, usd=1, sandbox_s=10))
    with pytest.raises(LimitExceeded):
        ledger.reserve("wave", Amounts(tokens=90))
    ledger.reserve("wave", Amounts(tokens=85, usd=0.85), all_of="sandbox_s")
    last = ledger.reserve("selection", Amounts(tokens=15, usd=0.15), all_of="sandbox_s")
    assert last.amounts.sandbox_s == 1.5
    assert ledger.wall_left_s("wave") == pytest.approx(85, abs=1)
    assert ledger.wall_left_s("selection") == pytest.approx(100, abs=1)


def test_time_used_by_an_earlier_process_counts(account: Account) -> None:
    ledger = account.ledger(Budget(wall_s=10), wall_used_s=9)
    with pytest.raises(LimitExceeded, match=r"budget's wall is used up .* s\)"):
        ledger.reserve("wave", Amounts())
    ledger.reserve("selection", Amounts())


def test_all_that_is_left_of_a_kind_is_refused_when_nothing_is(account: Account) -> None:
    ledger = account.ledger(Budget(sandbox_s=10))
    held = ledger.reserve("repair", Amounts(), all_of="sandbox_s")
    assert held.amounts.sandbox_s == 8.5
    with pytest.raises(LimitExceeded, match=r"budget's sandbox is used up .* s\)"):
        ledger.reserve("repair", Amounts(), all_of="sandbox_s")
    ledger.settle(held, held.amounts)
    with pytest.raises(LimitExceeded, match=r"budget's sandbox is used up .* s\)"):
        ledger.reserve("repair", Amounts(candidates=1), all_of="sandbox_s")
    assert ledger.reserve("selection", Amounts(), all_of="sandbox_s").amounts.sandbox_s == 1.5


def test_it_is_short_when_less_is_left_than_anything_asked_for(account: Account) -> None:
    ledger = account.ledger(Budget(tokens=100))
    assert not ledger.is_short_of("tokens", "repair")
    ledger.settle(ledger.reserve("repair", Amounts(tokens=40)), Amounts(tokens=40))
    assert not ledger.is_short_of("tokens", "repair")
    ledger.settle(ledger.reserve("repair", Amounts(tokens=44)), Amounts(tokens=44))
    assert ledger.is_short_of("tokens", "repair")
    assert not ledger.is_short_of("usd", "repair")


def test_what_is_open_when_a_ledger_closes_is_released(account: Account) -> None:
    first = account.ledger(Budget(candidates=2))
    first.reserve("wave", Amounts(candidates=2))
    first.settle(first.reserve("wave", Amounts()), Amounts(tokens=5))
    first.close()
    second = account.ledger(Budget(candidates=2))
    assert in_book(second) == Amounts(tokens=5)


def test_two_runs_do_not_share_an_account(account: Account, store: Store) -> None:
    ledger = account.ledger(Budget(candidates=1))
    ledger.reserve("wave", Amounts(candidates=1))
    other = Account(store, account.url)
    other.ledger(Budget(candidates=1)).reserve("wave", Amounts(candidates=1))
    other.close()


@SHARED
@given(
    limit=st.integers(1, 50),
    spends=st.lists(st.tuples(st.integers(1, 20), st.integers(0, 20), st.booleans()), max_size=20),
)
def test_settled_and_reserved_never_exceed_the_budget_when_nobody_overspends(
    account: Account, limit: int, spends: list[tuple[int, int, bool]]
) -> None:
    with fresh(account) as ledger_of:
        ledger = ledger_of(Budget(candidates=limit))
        for asked, spent, keep in spends:
            try:
                reservation = ledger.reserve("wave", Amounts(candidates=asked))
            except LimitExceeded:
                pass
            else:
                if keep:
                    ledger.settle(reservation, Amounts(candidates=min(asked, spent)))
            assert in_book(ledger).candidates <= limit


@SHARED
@given(limit=st.floats(0.1, 1000), stages=st.lists(st.tuples(STAGES, st.floats(0, 1)), max_size=20))
def test_stages_that_hold_sandboxes_one_after_another_stay_within_the_budget(
    account: Account, limit: float, stages: list[tuple[str, float]]
) -> None:
    """As the engine does: each stage reserves all that is left to it, and settles some part of it."""
    with fresh(account) as ledger_of:
        ledger = ledger_of(Budget(sandbox_s=limit, candidates=5))
        for stage, share in stages:
            try:
                held = ledger.reserve(stage, Amounts(candidates=stage == "repair"), all_of="sandbox_s")
            except LimitExceeded:
                continue
            assert in_book(ledger).sandbox_s <= limit
            ledger.settle(held, Amounts(candidates=held.amounts.candidates, sandbox_s=share * held.amounts.sandbox_s))
        total = ledger.bill().total
        assert total.sandbox_s <= limit
        assert total.candidates <= 5


@SHARED
@given(
    spends=st.lists(
        st.tuples(STAGES, st.integers(0, 10**9), st.floats(0, 1000), st.floats(0, 1000), st.sampled_from("srl")),
        max_size=20,
    )
)
def test_the_journal_alone_gives_the_bill_again_to_the_last_unit(
    account: Account, spends: list[tuple[str, int, float, float, str]]
) -> None:
    """Settled, released or left open: the events say what the book says."""
    with fresh(account) as ledger_of:
        ledger = ledger_of(Budget())
        for stage, tokens, usd, sandbox_s, end in spends:
            amounts = Amounts(tokens, usd, sandbox_s, 1)
            reservation = ledger.reserve(stage, amounts)
            if end == "s":
                ledger.settle(reservation, amounts)
            elif end == "r":
                ledger.release(reservation)
        said = ledger.bill().stages
        final = ledger.final_bill()
        again = bill_of(Journal(account.store, ledger_of.run_id).events())
        assert again == final
        assert again.stages == said
        assert again.total == ledger.bill().total


class fresh:
    """For one example of a property: another Run of the account's store and book."""

    def __init__(self, account: Account) -> None:
        self._account = Account(account.store, account.url)
        self.run_id = self._account.run_id

    def __call__(self, budget: Budget) -> Ledger:
        return self._account.ledger(budget)

    def __enter__(self) -> "fresh":
        return self

    def __exit__(self, *_: object) -> None:
        self._account.close()


def test_many_threads_at_once_never_overspend(account: Account) -> None:
    over: list[Amounts] = []
    done = threading.Event()

    def watch() -> None:
        with Store.open(account.store.state_dir) as own:
            ledger = Ledger(own, account.run_id, Budget(candidates=50), url=account.url)
            while not done.is_set():
                if (used := in_book(ledger)).candidates > 50:
                    over.append(used)
            ledger.close()

    def spend(_: int) -> int:
        with (
            Store.open(account.store.state_dir) as own,
            Ledger(own, account.run_id, Budget(candidates=50), url=account.url) as ledger,
        ):
            won = 0
            for _ in range(20):
                try:
                    ledger.settle(ledger.reserve("wave", Amounts(candidates=1)), Amounts(candidates=1))
                    won += 1
                except LimitExceeded:
                    break
            return won

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(spend, range(8))) == 50
    finally:
        done.set()
        watching.join()
    assert not over
    ledger = account.ledger(Budget(candidates=50))
    assert ledger.bill().total.candidates == ledger.final_bill().total.candidates == 50


def test_without_a_budget_nothing_is_refused(account: Account) -> None:
    ledger = account.ledger(Budget())
    ledger.reserve("wave", Amounts(10**12, 10**5, 10**6, 10**6), all_of="sandbox_s")
