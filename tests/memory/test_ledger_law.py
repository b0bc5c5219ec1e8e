"""Whatever is done to an account, in whatever order, and whoever dies: settled + reserved <= budget, and the books agree."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from memory import SELECTION, Amounts, Budget, Journal, Ledger, LimitExceeded, Reservation, Runs, Store, bill_of
from memory.processes import _host, process_started

KINDS = ("tokens", "usd", "sandbox_s", "candidates")
AMOUNTS = st.builds(
    Amounts,
    tokens=st.integers(0, 60),
    usd=st.integers(0, 60).map(lambda cents: cents / 100),
    sandbox_s=st.floats(0, 6),
    candidates=st.integers(0, 6),
)
BUDGETS = st.builds(
    Budget,
    tokens=st.none() | st.integers(1, 200),
    usd=st.none() | st.floats(0.01, 2),
    sandbox_s=st.none() | st.floats(0.01, 20),
    candidates=st.none() | st.integers(1, 20),
)


class Worker:
    """A Ledger of a process of its own, as far as the account can tell: one that can be killed."""

    def __init__(self, path: Path, run_id: str, budget: Budget) -> None:
        self.process = subprocess.Popen(["sleep", "1000"])
        self.store = Store.open(path)
        self.ledger = Ledger(self.store, run_id, budget)
        self.ledger._book._owner = f"{_host()}/{self.process.pid}@{process_started(self.process.pid)}"
        self.held: list[Reservation] = []

    def kill(self) -> None:
        """No word to the account: what it holds stays there."""
        self.process.kill()
        self.process.wait()
        self.store.close()


class AnyAccount(RuleBasedStateMachine):
    """The model is two sums: what was settled, and what the living and the dead still hold."""

    @initialize(budget=BUDGETS)
    def open(self, budget: Budget) -> None:
        self.place = tempfile.TemporaryDirectory()
        self.path = Path(self.place.name)
        self.budget = budget
        self.store = Store.open(self.path)
        self.run_id = Runs(self.store).create({})
        self.workers = [Worker(self.path, self.run_id, budget) for _ in range(2)]
        self.settled = Amounts()
        self.of_the_dead: list[Reservation] = []  # not yet released

    @rule(
        who=st.integers(0, 1),
        stage=st.sampled_from(["localise", "repair", SELECTION]),
        asked=AMOUNTS,
        whole=st.booleans(),
    )
    def reserve(self, who: int, stage: str, asked: Amounts, whole: bool) -> None:
        worker = self.workers[who % len(self.workers)]
        try:
            held = worker.ledger.reserve(stage, asked, all_of="sandbox_s" if whole else None)
        except LimitExceeded as limit:
            assert limit.where == stage
            self.of_the_dead.clear()  # who is refused looks whether they are in the way
        else:
            worker.held.append(held)
            if self.used() == self.living():  # the dead were in the way
                self.of_the_dead.clear()

    @precondition(lambda self: any(worker.held for worker in self.workers))
    @rule(data=st.data(), share=st.floats(0, 1))
    def settle(self, data: st.DataObject, share: float) -> None:
        worker = data.draw(st.sampled_from([worker for worker in self.workers if worker.held]))
        held = worker.held.pop(data.draw(st.integers(0, len(worker.held) - 1)))
        spent = Amounts.of_units([int(unit * share) for unit in held.amounts.units()])
        worker.ledger.settle(held, spent)
        self.settled += spent

    @precondition(lambda self: any(worker.held for worker in self.workers))
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from([worker for worker in self.workers if worker.held]))
        held = worker.held.pop(data.draw(st.integers(0, len(worker.held) - 1)))
        worker.ledger.release(held)
        worker.ledger.release(held)

    @rule(who=st.integers(0, 1))
    def reopen(self, who: int) -> None:
        """Closed in order, and opened again by the same process."""
        worker = self.workers[who % len(self.workers)]
        worker.ledger.close()
        worker.ledger = Ledger(worker.store, self.run_id, self.budget)
        worker.ledger._book._owner = f"{_host()}/{worker.process.pid}@{process_started(worker.process.pid)}"
        worker.held = []
        self.of_the_dead.clear()

    @precondition(lambda self: len(self.workers) > 1)
    @rule()
    def kill(self) -> None:
        worker = self.workers.pop()
        worker.kill()
        self.of_the_dead += worker.held

    @precondition(lambda self: len(self.workers) == 1)
    @rule()
    def start(self) -> None:
        self.workers.append(Worker(self.path, self.run_id, self.budget))
        self.of_the_dead.clear()

    @invariant()
    def nothing_is_lost_or_counted_twice(self) -> None:
        expected = sum((each.amounts for each in self.of_the_dead), self.living())
        assert self.used() == expected
        for kind in KINDS:
            assert expected.as_dict()[kind] <= self.budget.limit(kind)

    @invariant()
    def the_journal_says_what_the_book_says(self) -> None:
        stages = self.workers[-1].ledger.bill().stages
        assert bill_of(Journal(self.store, self.run_id).events()).stages == stages
        assert sum(stages.values(), Amounts()) == self.settled

    def used(self) -> Amounts:
        return Amounts.of_units(self.workers[0].ledger._book.used())

    def living(self) -> Amounts:
        """What is settled, and what those hold that can still settle it."""
        held = (each.amounts for worker in self.workers for each in worker.held)
        return sum(held, self.settled)

    def teardown(self) -> None:
        if hasattr(self, "workers"):
            for worker in self.workers:
                worker.kill()
            self.store.close()
            self.place.cleanup()


AnyAccount.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
test_any_account = AnyAccount.TestCase
