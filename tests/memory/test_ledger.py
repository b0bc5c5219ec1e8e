import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory import Amounts, Budget, BudgetSyntaxError, Ledger, LimitExceeded, Runs, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "state")


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


def test_what_does_not_fit_is_refused_and_nothing_is_set_aside(store: Store) -> None:
    ledger = Ledger(store, Runs(store).create({}), Budget(candidates=3))
    first = ledger.reserve("wave", Amounts(candidates=2))
    with pytest.raises(LimitExceeded) as refused:
        ledger.reserve("wave", Amounts(candidates=2))
    assert (refused.value.kind, refused.value.limit, refused.value.used, refused.value.where) == (
        "candidates",
        3,
        2,
        "wave",
    )
    ledger.settle(first, Amounts(candidates=1))
    ledger.release(ledger.reserve("wave", Amounts(candidates=2)))
    ledger.reserve("wave", Amounts(candidates=2))
    assert ledger.bill().stages == {"wave": Amounts(candidates=1)}


def test_a_reservation_is_settled_once(store: Store) -> None:
    ledger = Ledger(store, Runs(store).create({}), Budget(candidates=3))
    reservation = ledger.reserve("wave", Amounts(candidates=1))
    ledger.settle(reservation, Amounts(candidates=1))
    with pytest.raises(ValueError, match="no longer open"):
        ledger.settle(reservation, Amounts(candidates=1))
    ledger.release(reservation)
    assert ledger.bill().total == Amounts(candidates=1)


def test_selection_keeps_its_share_of_the_tokens_and_of_the_time(store: Store) -> None:
    ledger = Ledger(store, Runs(store).create({}), Budget(tokens=100, wall_s=100))
    with pytest.raises(LimitExceeded):
        ledger.reserve("wave", Amounts(tokens=90))
    ledger.reserve("wave", Amounts(tokens=85))
    ledger.reserve("selection", Amounts(tokens=15))
    assert ledger.wall_left_s("wave") == pytest.approx(85, abs=1)
    assert ledger.wall_left_s("selection") == pytest.approx(100, abs=1)


def test_time_used_by_an_earlier_process_counts(store: Store) -> None:
    ledger = Ledger(store, Runs(store).create({}), Budget(wall_s=10), wall_used_s=9)
    with pytest.raises(LimitExceeded, match=r"budget's wall is used up .* s\)"):
        ledger.reserve("wave", Amounts())
    ledger.reserve("selection", Amounts())


@settings(max_examples=30, deadline=None)
@given(
    limit=st.integers(1, 50),
    spends=st.lists(st.tuples(st.integers(1, 20), st.integers(0, 20), st.booleans()), max_size=20),
)
def test_settled_and_reserved_never_exceed_the_budget_when_nobody_overspends(
    tmp_path_factory: pytest.TempPathFactory, limit: int, spends: list[tuple[int, int, bool]]
) -> None:
    with Store.open(tmp_path_factory.mktemp("ledger")) as store:
        ledger = Ledger(store, Runs(store).create({}), Budget(candidates=limit))
        for asked, spent, keep in spends:
            try:
                reservation = ledger.reserve("wave", Amounts(candidates=asked))
            except LimitExceeded:
                pass
            else:
                if keep:
                    ledger.settle(reservation, Amounts(candidates=min(asked, spent)))
            ((total,),) = store.query("SELECT coalesce(sum(candidates), 0) FROM entries")
            assert total <= limit


def test_all_that_is_left_of_a_kind_is_refused_when_nothing_is(store: Store) -> None:
    ledger = Ledger(store, Runs(store).create({}), Budget(sandbox_s=10))
    held = ledger.reserve("repair", Amounts(), all_of="sandbox_s")
    assert held.amounts.sandbox_s == pytest.approx(8.5)
    with pytest.raises(LimitExceeded, match=r"budget's sandbox is used up .* s\)"):
        ledger.reserve("repair", Amounts(), all_of="sandbox_s")
    ledger.settle(held, held.amounts)
    with pytest.raises(LimitExceeded, match=r"budget's sandbox is used up .* s\)"):
        ledger.reserve("repair", Amounts(candidates=1), all_of="sandbox_s")
    assert ledger.reserve("selection", Amounts(), all_of="sandbox_s").amounts.sandbox_s == pytest.approx(1.5)
    without = Ledger(store, Runs(store).create({}), Budget(candidates=1))
    assert without.reserve("repair", Amounts(), all_of="sandbox_s").amounts.sandbox_s == 0


@settings(max_examples=30, deadline=None)
@given(
    limit=st.floats(0.1, 1000),
    stages=st.lists(st.tuples(st.sampled_from(["localise", "repair", "selection"]), st.floats(0, 1)), max_size=20),
)
def test_stages_that_hold_sandboxes_one_after_another_stay_within_the_budget(
    tmp_path_factory: pytest.TempPathFactory, limit: float, stages: list[tuple[str, float]]
) -> None:
    """As the engine does: each stage reserves all that is left to it, and settles some part of it."""
    with Store.open(tmp_path_factory.mktemp("ledger")) as store:
        ledger = Ledger(store, Runs(store).create({}), Budget(sandbox_s=limit, candidates=5))
        for stage, share in stages:
            try:
                held = ledger.reserve(stage, Amounts(candidates=stage == "repair"), all_of="sandbox_s")
            except LimitExceeded:
                continue
            ((reserved,),) = store.query("SELECT sum(sandbox_us) / 1e6 FROM entries")
            assert reserved <= limit * (1 + 1e-9)
            ledger.settle(held, Amounts(candidates=held.amounts.candidates, sandbox_s=share * held.amounts.sandbox_s))
        total = ledger.bill().total
        assert total.sandbox_s <= limit * (1 + 1e-9)
        assert total.candidates <= 5


def test_many_threads_at_once_never_overspend(store: Store) -> None:
    run_id = Runs(store).create({})

    def spend(_: int) -> int:
        with Store.open(store.state_dir) as own:
            ledger = Ledger(own, run_id, Budget(candidates=50))
            won = 0
            for _ in range(20):
                try:
                    ledger.settle(ledger.reserve("wave", Amounts(candidates=1)), Amounts(candidates=1))
                    won += 1
                except LimitExceeded:
                    break
            return won

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(spend, range(8))) == 50
    assert Ledger(store, run_id, Budget(candidates=50)).bill().total.candidates == 50


def test_what_a_dead_process_had_reserved_is_released_and_what_it_had_settled_stays(store: Store) -> None:
    run_id = Runs(store).create({})
    program = """
import os, signal, sys
from pathlib import Path
from memory import Amounts, Budget, Ledger, Store
ledger = Ledger(Store.open(Path(sys.argv[1])), sys.argv[2], Budget(candidates=3))
ledger.settle(ledger.reserve("wave", Amounts(candidates=1)), Amounts(candidates=1))
ledger.reserve("wave", Amounts(candidates=2))
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", program, str(store.state_dir), run_id], env=dict(os.environ))
    assert ended.returncode == -signal.SIGKILL
    ledger = Ledger(store, run_id, Budget(candidates=3))
    ledger.reserve("wave", Amounts(candidates=2))
    assert ledger.bill().total.candidates == 1
