"""What only a book that several hosts share must stand: dead hosts, a server that forgets, answers that are lost."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from memory import Amounts, Budget, Journal, Ledger, LedgerLost, LedgerUnusable, LimitExceeded, Store, bill_of
from memory.book import Spend
from memory.redis_book import RedisBook
from tests.memory.conftest import REDIS, Account, drop

pytestmark = pytest.mark.redis
FOUR = (0, 0, 0, 4)  # candidates
NO_MORE = (1, 1, 1, 4)  # caps with room for them
ELSEWHERE = "host-b/its-boot/pid:[1]/7@its-boot:99"  # a process that nobody on this host can see


@pytest.fixture
def shared(store: Store) -> Iterator[Account]:
    account = Account(store, REDIS)
    yield account
    account.close()


def book_elsewhere(account: Account, lease_s: float) -> RedisBook:
    book = RedisBook(REDIS, account.run_id, lease_s=lease_s, owner=ELSEWHERE)
    book.open(restored=False)
    return book


def test_what_a_dead_host_had_reserved_is_released_when_its_lease_is_over(shared: Account) -> None:
    ledger = shared.ledger(Budget(candidates=4))
    elsewhere = book_elsewhere(shared, 1.0)
    elsewhere.settle(Spend("s", "wave", (0, 0, 0, 1)))
    assert elsewhere.reserve("r", "wave", (0, 0, 0, 3), NO_MORE).granted
    elsewhere.close()  # and says no more that it lives
    with pytest.raises(LimitExceeded):
        ledger.reserve("wave", Amounts(candidates=1))
    time.sleep(1.2)
    ledger.settle(ledger.reserve("wave", Amounts(candidates=3)), Amounts(candidates=3))
    assert ledger.bill().total.candidates == 4
    with pytest.raises(LimitExceeded):
        ledger.reserve("wave", Amounts(candidates=1))


def test_what_a_living_host_has_reserved_is_kept_for_many_leases(shared: Account) -> None:
    ledger = shared.ledger(Budget(candidates=4))
    elsewhere = book_elsewhere(shared, 0.6)
    elsewhere.reserve("r", "wave", FOUR, NO_MORE)
    for _ in range(10):
        time.sleep(0.3)
        with pytest.raises(LimitExceeded):
            ledger.reserve("wave", Amounts(candidates=1))
    elsewhere.close()


def test_a_process_of_this_host_keeps_what_it_reserved_whatever_its_lease(shared: Account) -> None:
    ledger = shared.ledger(Budget(candidates=4))
    here = RedisBook(REDIS, shared.run_id, lease_s=0.2)
    here.open(restored=True)
    here.reserve("r", "wave", FOUR, NO_MORE)
    here.close()
    time.sleep(0.4)
    with pytest.raises(LimitExceeded):
        ledger.reserve("wave", Amounts(candidates=1))


def test_what_is_settled_after_the_lease_was_over_is_on_the_bill_once(shared: Account) -> None:
    ledger = shared.ledger(Budget(candidates=4))
    elsewhere = book_elsewhere(shared, 0.2)
    elsewhere.reserve("r", "wave", FOUR, NO_MORE)
    elsewhere.close()
    time.sleep(0.4)
    assert ledger.left("candidates", "wave") == 4
    again = book_elsewhere(shared, 60)
    for _ in range(2):
        again.settle(Spend("r", "wave", FOUR))
    assert ledger.bill().total.candidates == 4
    assert ledger.left("candidates", "wave") == 0
    again.close()


def test_a_host_without_the_journal_is_on_the_bill_and_in_the_journal(shared: Account) -> None:
    ledger = shared.ledger(Budget(candidates=4))
    with Ledger(None, shared.run_id, Budget(candidates=4), url=REDIS) as elsewhere:
        elsewhere.settle(elsewhere.reserve("probes", Amounts(candidates=3)), Amounts(candidates=2))
    ledger.settle(ledger.reserve("wave", Amounts(candidates=2)), Amounts(candidates=2))
    bill = ledger.final_bill()
    assert bill.stages == {"probes": Amounts(candidates=2), "wave": Amounts(candidates=2)}
    assert bill_of(Journal(shared.store, shared.run_id).events()) == bill


def test_a_host_without_the_journal_cannot_open_an_account_that_is_not_there(shared: Account) -> None:
    with pytest.raises(LedgerLost, match="resume"):
        Ledger(None, shared.run_id, Budget(candidates=4), url=REDIS)


# -- a server that forgets --


class Server:
    """A redis-server of the test's own, that keeps nothing."""

    def __init__(self, place: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._place = place
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        options = ["--port", str(self.port), "--save", "", "--appendonly", "no", "--dir", str(self._place)]
        self._process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            except OSError:
                time.sleep(0.02)

    def hang(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.stop()


def test_a_server_that_was_started_again_reserves_nothing_until_the_run_is_opened_anew(
    server: Server, store: Store
) -> None:
    account = Account(store, server.url)
    ledger = account.ledger(Budget(candidates=4))
    elsewhere = Ledger(None, account.run_id, Budget(candidates=4), url=server.url)
    ledger.settle(ledger.reserve("wave", Amounts(candidates=3)), Amounts(candidates=2))
    held = ledger.reserve("wave", Amounts(candidates=1))
    server.stop()
    server.start()
    for each in (ledger, elsewhere):
        with pytest.raises(LedgerLost, match=f"lost the account of run {account.run_id}.*runoff resume"):
            each.reserve("wave", Amounts(candidates=1))
    ledger.settle(held, Amounts(candidates=1))  # it was spent, and counts
    bill = ledger.final_bill()
    assert bill.stages == {"wave": Amounts(candidates=3)}
    again = account.ledger(Budget(candidates=4))
    assert again.bill().stages == bill.stages
    assert again.left("candidates", "wave") == 1
    with pytest.raises(LedgerLost):
        elsewhere.reserve("wave", Amounts(candidates=1))
    again.reserve("wave", Amounts(candidates=1))
    elsewhere.close()


def test_without_a_server_a_spend_is_journaled_and_the_next_ledger_puts_it_into_the_book(
    server: Server, store: Store
) -> None:
    account = Account(store, server.url)
    ledger = account.ledger(Budget(candidates=4))
    held = ledger.reserve("wave", Amounts(candidates=3))
    server.stop()
    with pytest.raises(LedgerUnusable, match="cannot be used"):
        ledger.settle(held, Amounts(candidates=3))
    assert ledger.final_bill().stages == {"wave": Amounts(candidates=3)}
    assert "may not be on the bill" in Journal(store, account.run_id).of_kind("note")[0].data["text"]
    ledger.close()
    server.start()
    with pytest.raises(LimitExceeded):
        account.ledger(Budget(candidates=4)).reserve("wave", Amounts(candidates=2))


def test_an_account_that_was_deleted_is_not_taken_for_an_empty_one(shared: Account) -> None:
    ledger = shared.ledger(Budget(candidates=4))
    ledger.reserve("wave", Amounts(candidates=4))
    drop([shared.run_id])
    with pytest.raises(LedgerLost):
        ledger.reserve("wave", Amounts(candidates=4))


def test_all_of_an_account_goes_together_and_what_is_gone_of_it_is_made_again(shared: Account) -> None:
    from redis import Redis

    ledger = shared.ledger(Budget(candidates=4))
    ledger.settle(ledger.reserve("wave", Amounts(candidates=3)), Amounts(candidates=3))
    ledger.close()
    with Redis.from_url(REDIS) as client:
        keys = list(client.scan_iter(f"runoff:{{{shared.run_id}}}:*"))
        assert all(client.ttl(key) > 6 * 24 * 3600 for key in keys)  # whichever step was the last
        client.delete(f"runoff:{{{shared.run_id}}}:account")  # as a server does that lacks memory
    ledger = shared.ledger(Budget(candidates=4))
    assert ledger.left("candidates", "selection") == 1
    with pytest.raises(LimitExceeded):
        ledger.reserve("wave", Amounts(candidates=2))


def test_a_run_may_move_between_the_books(shared: Account) -> None:
    with Ledger(shared.store, shared.run_id, Budget(candidates=4)) as here:
        here.settle(here.reserve("wave", Amounts(candidates=3)), Amounts(candidates=3))
    ledger = shared.ledger(Budget(candidates=4))
    assert ledger.bill().stages == {"wave": Amounts(candidates=3)}
    with pytest.raises(LimitExceeded):
        ledger.reserve("wave", Amounts(candidates=2))


# -- answers that are lost --


class Wire:
    """A connection to Redis that loses answers: what was asked arrives, and then the line is cut. losses: how many of the
    next answers to scripts are lost."""

    def __init__(self) -> None:
        self.losses = 0
        self.lost = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listening.getsockname()[1]}/0"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", 6379))
            threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        with near, far:
            while asked := near.recv(1 << 20):
                far.sendall(asked)
                answer = far.recv(1 << 20)
                if self.losses and b"EVALSHA" in asked and not answer.startswith(b"-NOSCRIPT"):
                    self.losses -= 1
                    self.lost += 1
                    return
                near.sendall(answer)

    def close(self) -> None:
        self._listening.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


@pytest.mark.parametrize("losses", [1, 2, 3])
def test_a_step_whose_answer_was_lost_is_taken_once(wire: Wire, store: Store, losses: int) -> None:
    account = Account(store, REDIS)
    with Ledger(store, account.run_id, Budget(candidates=9, sandbox_s=10), url=wire.url) as ledger:
        wire.losses = losses
        held = ledger.reserve("selection", Amounts(candidates=5), all_of="sandbox_s")
        assert held.amounts == Amounts(candidates=5, sandbox_s=10)
        assert ledger._book.used() == held.amounts.units()
        wire.losses = losses
        ledger.settle(held, Amounts(candidates=4))
        assert ledger._book.used() == (0, 0, 0, 4)
        other = ledger.reserve("selection", Amounts(candidates=2))
        wire.losses = losses
        ledger.release(other)
        assert ledger._book.used() == (0, 0, 0, 4)
        assert wire.lost == 3 * losses
        assert ledger.final_bill().stages == {"selection": Amounts(candidates=4)}
    account.close()


def test_a_step_whose_answer_never_comes_is_a_clear_error(wire: Wire, shared: Account) -> None:
    with Ledger(shared.store, shared.run_id, Budget(candidates=9), url=wire.url) as ledger:
        wire.losses = 100
        with pytest.raises(LedgerUnusable, match=r"cannot be used: .*RUNOFF_LEDGER.*runoff resume"):
            ledger.reserve("wave", Amounts(candidates=1))
        wire.losses = 0


def test_a_reservation_that_was_released_does_not_come_back_late(shared: Account) -> None:
    book = RedisBook(REDIS, shared.run_id)
    book.open(restored=True)
    book.release("late")
    with pytest.raises(LedgerUnusable, match="late was struck"):
        book.reserve("late", "wave", FOUR, NO_MORE)
    assert book.used() == (0, 0, 0, 0)
    book.close()


def test_nobody_there_is_said_without_the_password(store: Store) -> None:
    account = Account(store, None)
    with pytest.raises(LedgerUnusable, match=r"redis://127\.0\.0\.1:1/0 cannot be used") as refused:
        Ledger(store, account.run_id, Budget(), url="redis://somebody:sesame@127.0.0.1:1/0")
    assert "sesame" not in str(refused.value)
