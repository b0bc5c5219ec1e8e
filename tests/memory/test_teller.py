"""A Ledger among many tasks: whoever is cancelled, and however long its server hangs, the account is right and the event loop
goes on."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from memory import (
    SELECTION,
    Amounts,
    Budget,
    Journal,
    Ledger,
    LedgerUnusable,
    LimitExceeded,
    Store,
    bill_of,
    open_teller,
)
from tests.memory.conftest import Account
from tests.memory.test_redis_book import Server, server  # noqa: F401  (a fixture)

ONE = Amounts(candidates=1)


@asynccontextmanager
async def heartbeat() -> AsyncIterator[Callable[[], float]]:
    """Ticks in the event loop; gives what says the longest pause between two ticks."""
    ticks = [time.monotonic()]

    async def tick() -> None:
        while True:
            await asyncio.sleep(0.01)
            ticks.append(time.monotonic())

    ticking = asyncio.create_task(tick())
    yield lambda: max(after - before for before, after in pairwise([*ticks, time.monotonic()]))
    ticking.cancel()


def used(account: Account, budget: Budget) -> Amounts:
    """Settled and reserved, as another Ledger sees it."""
    with Ledger(None if account.url else account.store, account.run_id, budget, url=account.url) as other:
        return Amounts.of_units(other._book.used())


@pytest.mark.parametrize("seed", range(5))
async def test_tasks_that_are_cancelled_anywhere_leave_an_account_that_is_right(account: Account, seed: int) -> None:
    dice, budget = random.Random(seed), Budget(candidates=60)
    settled = 0

    async def spend(number: int) -> None:
        nonlocal settled
        with contextlib.suppress(LimitExceeded):
            held = await teller.reserve(SELECTION, Amounts(candidates=2))
            try:
                await asyncio.sleep(number % 3 / 1000)
            except asyncio.CancelledError:
                await teller.release(held)
                raise
            settled += 1  # whatever comes now, it was spent
            await teller.settle(held, ONE)

    async with open_teller(account.store, account.run_id, budget, url=account.url) as teller:
        tasks = [asyncio.create_task(spend(number)) for number in range(100)]
        for task in dice.sample(tasks, 50):
            await asyncio.sleep(dice.random() / 1000)
            task.cancel()
            assert used(account, budget).candidates <= 60
        await asyncio.gather(*tasks, return_exceptions=True)
        assert await teller.left("candidates", SELECTION) == 60 - settled, "nothing is reserved any longer"
        assert (await teller.bill()).total.candidates == settled
        bill = await teller.final_bill()
    assert 0 < settled <= 60
    assert bill.total.candidates == settled
    assert bill_of(Journal(account.store, account.run_id).events()) == bill
    assert used(account, budget).candidates == settled


@pytest.mark.redis
async def test_a_server_that_hangs_for_a_while_holds_up_nobody_but_who_waits_for_it(
    server: Server,  # noqa: F811
    store: Store,
) -> None:
    account, budget = Account(store, server.url), Budget(candidates=9)
    async with open_teller(store, account.run_id, budget, url=server.url) as teller, heartbeat() as longest_pause:
        held = await teller.reserve("wave", ONE)
        server.hang()
        waiting = [asyncio.create_task(teller.reserve("wave", ONE)) for _ in range(4)]
        settling = asyncio.create_task(teller.settle(held, ONE))
        await asyncio.sleep(0.5)
        for task in (*waiting[:2], settling):  # the first is on its way to the server, the second in the queue
            task.cancel()
        ended, _ = await asyncio.wait(waiting, timeout=0.5)
        assert ended == set(waiting[:2]), "who is cancelled does not wait for a reservation"
        server.go_on()
        await asyncio.wait([settling])
        assert settling.cancelled()
        kept = await asyncio.gather(*waiting[2:])
        assert await teller.left("candidates", SELECTION) == 9 - 1 - len(kept)
        for each in kept:
            await teller.settle(each, ONE)
        bill = await teller.final_bill()
        assert longest_pause() < 0.3
    assert bill.total.candidates == 3
    assert used(account, budget).candidates == 3


@pytest.mark.redis
async def test_a_server_that_does_not_answer_in_time_is_a_clear_error_and_nothing_is_lost(
    server: Server,  # noqa: F811
    store: Store,
) -> None:
    account, budget = Account(store, server.url), Budget(candidates=9)
    url, run_id = server.url, account.run_id
    async with open_teller(store, run_id, budget, url=url, wait_s=2) as teller, heartbeat() as longest_pause:
        held = await teller.reserve("wave", ONE)
        server.hang()
        began = time.monotonic()
        asked = [asyncio.create_task(teller.reserve("wave", ONE)) for _ in range(8)]
        refusals = await asyncio.gather(*asked, return_exceptions=True)
        for each in refusals:
            assert isinstance(each, LedgerUnusable)
            assert "did not answer within 2 s (RUNOFF_LEDGER_S); see to that server" in str(each)
        with pytest.raises(LedgerUnusable):
            await teller.settle(held, ONE)
        assert (await teller.final_bill()).total.candidates == 1, "the journal has it"
        assert time.monotonic() - began < 2 * 2, "they wait together, not one after the other"
        assert longest_pause() < 0.3
        server.go_on()
        await asyncio.sleep(2.5)
        await teller.settle(await teller.reserve("wave", ONE), ONE)
    async with open_teller(store, run_id, budget, url=url) as again:
        assert (await again.bill()).total.candidates == 2
        assert await again.left("candidates", SELECTION) == 7, "what was granted too late was given back"


@pytest.mark.redis
async def test_a_server_that_hangs_from_the_start_is_told_in_time(server: Server, store: Store) -> None:  # noqa: F811
    account = Account(store, server.url)
    server.hang()
    async with heartbeat() as longest_pause:
        with pytest.raises(LedgerUnusable, match="within 1 s"):
            async with open_teller(store, account.run_id, Budget(), url=server.url, wait_s=1):
                pass
        assert longest_pause() < 0.3


@pytest.mark.redis
async def test_what_could_not_be_given_back_is_there_when_the_run_is_resumed(
    server: Server,  # noqa: F811
    store: Store,
) -> None:
    """Also where the process that had reserved it lives on, as a service does."""
    account, budget = Account(store, server.url), Budget(candidates=9, sandbox_s=10)
    url, run_id = server.url, account.run_id
    async with open_teller(store, run_id, budget, url=url, wait_s=1) as teller:
        held, kept = await teller.reserve("wave", ONE), await teller.reserve("wave", ONE)
        server.hang()
        with pytest.raises(LedgerUnusable):  # and granted later, by a server that wakes up
            await teller.reserve("wave", ONE, all_of="sandbox_s")
        with pytest.raises(LedgerUnusable):
            await teller.settle(held, ONE)
        with pytest.raises(LedgerUnusable):
            await teller.release(kept)
    server.go_on()
    async with open_teller(store, run_id, budget, url=url) as again:
        assert (await again.bill()).total == ONE
        assert await again.left("candidates", SELECTION) == 8
        assert await again.left("sandbox_s", SELECTION) == 10
