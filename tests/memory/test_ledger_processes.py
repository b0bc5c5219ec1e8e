"""One account, many processes, and what is left of those that are killed; with each of the Ledger's books."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time

import pytest

from memory import Amounts, Budget, Journal, LimitExceeded, bill_of
from memory.bill import spends_of
from tests.memory.conftest import Account

BEGIN = """
import os, random, signal, sys
from pathlib import Path
from memory import Amounts, Budget, Ledger, LimitExceeded, Store
def opened(budget):
    return Ledger(Store.open(Path(sys.argv[1])), sys.argv[2], budget, url=sys.argv[3] or None)
"""
HAMMER = """
dice, won = random.Random(os.getpid()), 0
with opened(Budget(tokens=20_000, candidates=300)) as ledger:
    while True:
        asked = Amounts(tokens=dice.randrange(1, 200), usd=0.1, candidates=1)
        try:
            reservation = ledger.reserve("repair", asked)
        except LimitExceeded as limit:
            break
        if dice.random() < 0.2:
            ledger.release(reservation)
        else:
            ledger.settle(reservation, Amounts(dice.randrange(asked.tokens + 1), 0.1, 0.0, 1))
            won += 1
print(won)
"""
DIES = """
ledger = opened(Budget(candidates=3))
ledger.settle(ledger.reserve("wave", Amounts(candidates=1)), Amounts(candidates=1))
ledger.reserve("wave", Amounts(candidates=2))
os.kill(os.getpid(), signal.SIGKILL)
"""
BETWEEN = """
ledger = opened(Budget(candidates=3))
reservation = ledger.reserve("wave", Amounts(candidates=2))
ledger._tell = lambda spend: os.kill(os.getpid(), signal.SIGKILL)  # where the book is written and the Journal is not
ledger.settle(reservation, Amounts(candidates=1))
"""
SPENDS = """
ledger = opened(Budget())
while True:
    reservation = ledger.reserve("wave", Amounts(tokens=3, usd=0.1))
    print("reserved", flush=True)
    ledger.settle(reservation, Amounts(tokens=3, usd=0.1))
    print("settled", flush=True)
"""


def start(account: Account, program: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BEGIN + program, *account.arguments()]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def journaled(account: Account) -> int:
    """Spends, by their ids: who opens the account while another settles may tell the journal before that one does."""
    return len(spends_of(Journal(account.store, account.run_id).events()))


def test_many_processes_at_once_stay_within_the_budget_at_every_moment(account: Account) -> None:
    budget = Budget(tokens=20_000, candidates=300)
    ledger = account.ledger(budget)
    processes = [start(account, HAMMER) for _ in range(4)]
    seen = []
    while any(process.poll() is None for process in processes):
        seen.append(ledger._book.used())
    won = sum(int(process.communicate()[0]) for process in processes)
    assert len(set(seen)) > 10, "it was watched while they worked"
    assert all(tokens <= 17_000 and candidates <= 300 for tokens, _, _, candidates in seen)
    bill = ledger.bill()
    assert won == bill.total.candidates == journaled(account)
    assert bill.total == Amounts.of_units(ledger._book.used()), "nothing is reserved any more"
    assert bill.total.usd == pytest.approx(won / 10, abs=1e-12)
    assert bill_of(Journal(account.store, account.run_id).events()).stages == bill.stages


def test_what_a_dead_process_had_reserved_is_released_and_what_it_had_settled_stays(account: Account) -> None:
    assert start(account, DIES).wait() == -signal.SIGKILL
    ledger = account.ledger(Budget(candidates=3))
    ledger.reserve("wave", Amounts(candidates=2))
    assert ledger.bill().total.candidates == 1


def test_what_dies_beside_a_living_ledger_does_not_stand_in_its_way(account: Account) -> None:
    ledger = account.ledger(Budget(candidates=3))
    assert start(account, DIES).wait() == -signal.SIGKILL
    assert ledger.left("candidates", "wave") == 2
    assert start(account, DIES.replace("candidates=3", "candidates=4")).wait() == -signal.SIGKILL
    ledger.reserve("wave", Amounts(candidates=1))
    with pytest.raises(LimitExceeded):
        ledger.reserve("wave", Amounts(candidates=1))


def test_the_living_keep_what_they_reserved_when_others_open_the_account(account: Account) -> None:
    first = account.ledger(Budget(candidates=3))
    held = first.reserve("wave", Amounts(candidates=3))
    assert start(account, DIES).wait() == 1, "there is no room for it"
    second = account.ledger(Budget(candidates=3))
    with pytest.raises(LimitExceeded):
        second.reserve("wave", Amounts(candidates=1))
    first.settle(held, Amounts(candidates=3))


def test_killed_between_the_book_and_the_journal_a_spend_counts_once(account: Account) -> None:
    assert start(account, BETWEEN).wait() == -signal.SIGKILL
    assert journaled(account) == 0
    for _ in range(2):
        ledger = account.ledger(Budget(candidates=3))
        assert ledger.bill().stages == {"wave": Amounts(candidates=1)}
        assert journaled(account) == 1
        assert ledger.left("candidates", "wave") == 2
        assert ledger.final_bill() == bill_of(Journal(account.store, account.run_id).events())
        assert ledger.final_bill().stages == ledger.bill().stages
        ledger.close()


def test_killed_at_any_moment_nothing_is_lost_and_nothing_counts_twice(account: Account) -> None:
    dice, least, most = random.Random(7), 0, 0
    for _ in range(5):
        process = start(account, SPENDS)
        assert process.stdout is not None
        heard = [process.stdout.readline().strip() for _ in range(dice.randrange(15, 45))]
        time.sleep(dice.random() / 500)
        process.kill()
        said = [*heard, *process.communicate()[0].split()]
        least += said.count("settled")
        most += said.count("reserved")
        ledger = account.ledger(Budget())
        bill = ledger.bill()
        assert least * 3 <= bill.total.tokens <= most * 3
        assert bill.total == Amounts.of_units(ledger._book.used())
        least = most = bill.total.tokens // 3
        assert ledger.final_bill().stages == bill.stages == {"wave": Amounts.of_units((3 * least, 10**8 * least, 0, 0))}
        ledger.close()
    assert least > 20
