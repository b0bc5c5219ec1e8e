"""Several replicas: an issue stays on one, and moves when that one fails."""

import asyncio
from collections import Counter

from agents.models import Endpoint, Retry
from agents.models.breaker import FIRST_S, LONGEST_S, Breaker
from agents.models.router import Router
from tests.agents.models.conftest import Books, asks, served
from tests.agents.models.servers import DONE, chunk, error, raw, says, serving, usage


def endpoints(*ports: int) -> list[Endpoint]:
    return [Endpoint(f"http://127.0.0.1:{port}/v1", "m") for port in ports]


def test_issues_spread_evenly_and_only_those_of_a_lost_endpoint_move() -> None:
    issues = [f"issue-{number}" for number in range(600)]
    three, two = Router(endpoints(1, 2, 3)), Router(endpoints(1, 3))
    first = {issue: three.order(issue)[0].name for issue in issues}
    assert all(150 < count < 250 for count in Counter(first.values()).values())
    lost = "http://127.0.0.1:2/v1"
    assert all(two.order(issue)[0].name == first[issue] for issue in issues if first[issue] != lost)
    assert len({two.order(issue)[0].name for issue in issues if first[issue] == lost}) == 2


async def test_all_calls_of_an_issue_go_to_one_replica(books: Books) -> None:
    async with serving(says("a")) as one, serving(says("b")) as two:
        model = served(books, one.url, two.url)
        await asyncio.gather(*(model.complete(asks(issue="x", trajectory=str(number))) for number in range(6)))
        assert sorted([len(one.calls), len(two.calls)]) == [0, 6]
        await asyncio.gather(*(model.complete(asks(issue=f"issue {number}")) for number in range(20)))
        assert min(len(one.calls), len(two.calls)) > 0


async def test_a_failing_replica_is_left_and_then_left_alone(books: Books) -> None:
    async with serving(error(500, "ill")) as ill, serving(says("well")) as well:
        model = served(books, ill.url, well.url)
        router = Router(model.endpoints)
        issue = next(f"i{number}" for number in range(99) if router.order(f"i{number}")[0].name == ill.url)
        for step in range(6):
            answer = await model.complete(asks(issue=issue, step=step))
            assert answer.endpoint == well.url
        assert len(ill.calls) == 3  # then its breaker opened
        assert len(well.calls) == 6


async def test_replicas_behind_one_address_are_told_apart_by_a_header(books: Books) -> None:
    metrics = "".join(f'vllm:num_requests_running{{engine="{engine}"}} 0.0\n' for engine in range(4))
    models = {"data": [{"id": "m", "owned_by": "vllm", "max_model_len": 9}]}
    async with serving(says("a"), models=models, metrics=metrics) as server:
        model = served(books, server.url)
        await model.open()
        for issue in ("x", "x", "y", "z", "w", "v"):
            await model.complete(asks(issue=issue))
    ranks = [call.headers["x-data-parallel-rank"] for call in server.calls]
    assert ranks[0] == ranks[1]
    assert set(ranks) <= {"0", "1", "2", "3"}
    assert len(set(ranks)) > 1


async def test_vllm_is_asked_for_priority_and_grammar(books: Books) -> None:
    models = {"data": [{"id": "m", "owned_by": "vllm", "max_model_len": 9}]}
    async with serving(says("a"), models=models) as server:
        model = served(books, server.url)
        await model.open()
        await model.complete(asks(priority=3, grammar='root ::= "a"'))
    body = server.calls[0].body
    assert body["priority"] == 3
    assert body["structured_outputs"] == {"grammar": 'root ::= "a"'}


def test_a_breaker_opens_waits_longer_each_time_and_lets_one_try() -> None:
    now = [0.0]
    breaker = Breaker(threshold=2, clock=lambda: now[0])
    breaker.failed()
    assert breaker.wait_s() == 0
    breaker.failed()
    assert breaker.wait_s() == FIRST_S
    now[0] += FIRST_S
    breaker.begin()
    assert breaker.wait_s() == float("inf")  # while one tries, the others wait
    breaker.failed()
    assert breaker.wait_s() == 2 * FIRST_S
    now[0] += 2 * FIRST_S
    trial = breaker.begin()
    breaker.abandoned(0)  # one that was begun before
    assert breaker.wait_s() == float("inf")
    breaker.answers()  # no longer the trial
    breaker.failed()  # of another call
    now[0] += LONGEST_S
    next_trial = breaker.begin()
    breaker.abandoned(trial)
    assert breaker.wait_s() == float("inf")
    breaker.abandoned(next_trial)
    assert breaker.wait_s() == 0
    breaker.begin()
    breaker.succeeded()
    breaker.failed()
    assert breaker.wait_s() == 0


def test_a_trial_whose_answer_begins_lets_the_others_in_and_the_next_failure_shuts_them_out() -> None:
    now = [0.0]
    breaker = Breaker(threshold=2, clock=lambda: now[0])
    for _ in range(4):
        breaker.failed()
    breaker.answers()  # of a call that was begun before
    assert breaker.wait_s() > 0
    now[0] += breaker.wait_s()
    breaker.begin()
    breaker.answers()
    assert breaker.wait_s() == 0
    breaker.begin()
    assert breaker.wait_s() == 0  # it is no trial, nobody waits for it
    breaker.failed()
    assert breaker.wait_s() == FIRST_S


async def test_nobody_waits_for_the_end_of_an_answer_that_shows_that_the_server_is_back(books: Books) -> None:
    slow = raw(*[part for _ in range(8) for part in (chunk("word "), 0.5)], chunk(finish="stop"), usage(10, 8), DONE)
    async with serving(*[error(503, "starting")] * 3, slow) as server:
        model = served(books, server.url, retry=Retry(patience_s=3, first_s=0.01, longest_s=0.05))
        answers = await asyncio.gather(*(model.complete(asks(trajectory=str(number))) for number in range(4)))
    assert [answer.text for answer in answers] == ["word " * 8] * 4
