"""The stream of a plan is lost while its calls run: nothing of it stays, whether another answer comes or none."""

from __future__ import annotations

from typing import Any

import pytest

from agents.models import Account, Endpoint, ServedModel
from agents.trajectory import Ended
from memory import Budget, Ledger, Teller
from tests.agents.models.conftest import QUICK
from tests.agents.models.servers import DONE, Answer, Server, chunk, error, raw, says, serving, usage
from tests.agents.trajectory.conftest import Bench, Open

pytestmark = pytest.mark.bubblewrap

FILES = {"price.py": "def total(prices):\n    return sum(prices) - 1\n"}
GOOD = says('```python\ne = edit(path="price.py", search=" - 1", replace="")\nn = note(topic="kept", text="yes")\n```')
HALF = '```python\ne = create(path="lost.py", content="")\nn = note(topic="lost", text="half")\n'
LOST = raw(chunk(HALF), chunk("# more\n"), 1.5)  # its calls run, and then the connection ends


async def ended_by(bench: Bench, server: Server, account: Account | None = None) -> Ended:
    model = ServedModel([Endpoint(server.url, "m")], account or bench.account, retry=QUICK)
    try:
        return await bench.run_model(model)
    finally:
        await model.close()


def notes_of(bench: Bench) -> Any:
    """What the last checkpoint of the only trajectory holds."""
    last = bench.saver.get({"configurable": {"thread_id": f"{bench.journal.run_id}/1"}})
    assert last is not None
    return last["channel_values"]["notes"]


@pytest.mark.parametrize("after", [error(500, "out of memory"), error(400, "no")])
async def test_an_answer_that_no_retry_brings_back_leaves_the_diff_and_the_notes_of_before(
    open_bench: Open, after: Answer
) -> None:
    bench = await open_bench(FILES)
    async with serving(GOOD, LOST, after) as server:
        ended = await ended_by(bench, server)
    assert ended.why.startswith("the model failed")
    assert b"+    return sum(prices)\n" in ended.patch
    assert b"lost.py" not in ended.patch
    assert notes_of(bench) == {"kept": "yes"}


async def test_a_lost_answer_alone_is_no_candidate(open_bench: Open) -> None:
    bench = await open_bench(FILES)
    async with serving(LOST, error(500, "out of memory")) as server:
        ended = await ended_by(bench, server)
    assert (ended.patch, notes_of(bench)) == (b"", {})


async def test_a_budget_that_does_not_pay_for_the_retry_leaves_the_diff_of_before(open_bench: Open) -> None:
    bench = await open_bench(FILES)
    account = Account(Teller(Ledger(bench.store, bench.journal.run_id, Budget(tokens=30_000))), bench.journal)
    costly = raw(chunk(HALF), chunk("# more\n"), 1.5, usage(28_000, 100))
    async with serving(GOOD, costly, GOOD) as server:
        ended = await ended_by(bench, server, account)
    assert ended.why.startswith("the budget is used up")
    assert b"+    return sum(prices)\n" in ended.patch
    assert b"lost.py" not in ended.patch


async def test_what_a_lost_answer_did_and_noted_is_undone_before_the_one_that_comes(open_bench: Open) -> None:
    bench = await open_bench(FILES)
    done = says('```python\ns = recall()\nfinish(answer="done")\n```')
    async with serving(GOOD, LOST, done) as server:
        ended = await ended_by(bench, server)
    assert ended.why == "finished"
    assert b"lost.py" not in ended.patch
    assert notes_of(bench) == {"kept": "yes"}


async def test_after_a_lost_answer_an_empty_one_goes_on_from_the_diff_of_before(open_bench: Open) -> None:
    bench = await open_bench(FILES)
    empty = raw(chunk(finish="stop"), usage(700, 0), DONE)
    async with serving(GOOD, LOST, empty, says('```python\nd = diff()\nfinish(answer="done")\n```')) as server:
        ended = await ended_by(bench, server)
    assert ended.why == "finished"
    assert b"lost.py" not in ended.patch
