"""How many trajectories live at once."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from agents.models import Admission, ServerLoad
from agents.models.metrics import parse_load

METRICS = """
# HELP vllm:num_requests_running Number of requests in model execution batches.
vllm:num_requests_running{engine="0",model_name="a \\"b\\" {c}"} 3.0
vllm:num_requests_waiting{engine="0",model_name="tiny"} 2.0
vllm:kv_cache_usage_perc{engine="0",model_name="tiny"} 0.25
vllm:prefix_cache_queries_total{engine="0"} 1000.0
vllm:prefix_cache_hits_total{engine="0"} 9.0e+02
vllm:cache_config_info{block_size="128",enable_prefix_caching="True",engine="0",num_gpu_blocks="400"} 1.0
"""


def test_the_load_is_read_from_the_metrics() -> None:
    load = parse_load(METRICS)
    assert load == ServerLoad(3, 2, 0.25, 51_200, True, 1, 1000, 900)
    said = parse_load(METRICS.replace('num_gpu_blocks="400"', 'kv_cache_size_tokens="99",num_gpu_blocks="400"'))
    assert said is not None
    assert said.kv_tokens == 99
    assert parse_load("") is None
    assert parse_load("<html>") is None
    assert parse_load("process_cpu_seconds_total 3\nvllm:other nan-ish x\n") is None


class Gauge:
    """A server's load that a test sets."""

    def __init__(self, kv_tokens: int | None = 10_000, waiting: int = 0) -> None:
        self.kv_tokens, self.waiting, self.read = kv_tokens, waiting, 0

    async def __call__(self) -> ServerLoad:
        self.read += 1
        return ServerLoad(0, self.waiting, 0.0, self.kv_tokens, True, 1)


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_as_many_live_as_the_cache_holds_and_the_next_enters_when_one_leaves() -> None:
    admission = Admission(Gauge(10_000), recheck_s=60)
    entered: list[int] = []
    leave = [asyncio.Event() for _ in range(5)]

    async def trajectory(number: int) -> None:
        async with admission.place(3000):
            entered.append(number)
            await leave[number].wait()

    tasks = [asyncio.create_task(trajectory(number)) for number in range(5)]
    await _settle()
    assert entered == [0, 1, 2]
    assert (admission.live, admission.waiting, admission.tokens) == (3, 2, 9000)
    leave[1].set()
    await _settle()
    assert entered == [0, 1, 2, 3]
    for event in leave:
        event.set()
    await asyncio.gather(*tasks)
    assert (admission.live, admission.waiting, admission.peak) == (0, 0, 3)


async def test_a_shared_prefix_counts_once() -> None:
    admission = Admission(Gauge(10_000))
    async with AsyncExitStack() as stack:
        for _ in range(4):
            await asyncio.wait_for(stack.enter_async_context(admission.place(4000, issue="i", shared=2500)), 1)
        assert admission.tokens == 2500 + 4 * 1500
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stack.enter_async_context(admission.place(4000, issue="other")), 0.05)
    assert (admission.live, admission.waiting) == (0, 0)


async def test_what_a_trajectory_really_uses_keeps_others_out() -> None:
    admission = Admission(Gauge(10_000))
    async with admission.place(1000) as place:
        place.uses(9000)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), admission.place(1000):
                pass
        place.uses(10)  # a context does not shrink
        assert place.tokens == 9000


async def test_nobody_enters_while_requests_wait_at_the_server_and_then_they_do() -> None:
    gauge = Gauge(waiting=4)
    admission = Admission(gauge, recheck_s=0.02)
    async with admission.place(10), AsyncExitStack() as stack:  # the first is always let in
        entering = asyncio.create_task(stack.enter_async_context(admission.place(10)))
        await asyncio.sleep(0.1)
        assert not entering.done()
        gauge.waiting = 0
        await asyncio.wait_for(entering, 1)
    read = gauge.read
    await asyncio.sleep(0.1)
    assert gauge.read == read  # nobody waits, nobody asks


async def test_the_first_is_let_in_though_it_does_not_fit() -> None:
    admission = Admission(Gauge(100))
    async with asyncio.timeout(1), admission.place(5000):
        assert admission.live == 1


async def test_a_server_that_says_nothing_leaves_the_given_number() -> None:
    async def nothing() -> None:
        return None

    for admission in (Admission(most=2), Admission(nothing, most=2)):
        async with admission.place(10**9), admission.place(10**9):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), admission.place(1):
                    pass


async def test_who_gives_up_waiting_leaves_no_trace() -> None:
    admission = Admission(Gauge(100))
    async with admission.place(90):
        waiting = [asyncio.create_task(_hold(admission)) for _ in range(3)]
        await _settle()
        waiting[0].cancel()
        await asyncio.gather(waiting[0], return_exceptions=True)
        assert admission.waiting == 2
    await asyncio.wait_for(asyncio.gather(*waiting[1:]), 1)
    assert (admission.live, admission.waiting, admission.tokens) == (0, 0, 0)


async def _hold(admission: Admission) -> None:
    async with admission.place(50):
        await asyncio.sleep(0)


async def test_a_reader_that_breaks_does_not_leave_anybody_waiting() -> None:
    async def broken() -> ServerLoad:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        async with asyncio.timeout(1), Admission(broken).place(1):
            pass


async def _enter(
    admission: Admission, entered: list[str], name: str, first: asyncio.Event, last: asyncio.Event
) -> None:
    async with admission.place(100, issue=name[0], shared=50) as place:
        entered.append(name)
        await first.wait()
        place.begins()
        await last.wait()


async def test_siblings_wait_for_the_first_token_of_the_first_where_the_server_says_nothing() -> None:
    first, last, entered = asyncio.Event(), asyncio.Event(), list[str]()
    admission = Admission()
    tasks = [asyncio.create_task(_enter(admission, entered, name, first, last)) for name in ("a1", "a2", "a3")]
    await _settle()
    assert entered == ["a1"]
    first.set()
    await _settle()
    assert entered == ["a1", "a2", "a3"]
    last.set()
    await asyncio.gather(*tasks)
    async with asyncio.timeout(1), admission.place(1, issue="a", shared=50), admission.place(1, issue="a", shared=50):
        assert admission.live == 2  # the prefix is still in the cache


async def test_a_leader_that_ends_without_a_token_gives_way_to_the_next() -> None:
    admission, never, entered = Admission(), asyncio.Event(), list[str]()
    tasks = [asyncio.create_task(_enter(admission, entered, name, never, never)) for name in ("a1", "a2", "a3")]
    await _settle()
    tasks[0].cancel()
    await _settle()
    assert entered == ["a1", "a2"]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (admission.live, admission.waiting) == (0, 0)


async def test_nobody_waits_for_a_leader_at_one_vllm_unless_it_is_wished() -> None:
    never = asyncio.Event()
    for wished, at_once in ((None, 3), (True, 1)):
        entered = list[str]()
        admission = Admission(Gauge(10_000), leader_first=wished)
        names = ("a1", "a2", "a3")
        tasks = [asyncio.create_task(_enter(admission, entered, name, never, never)) for name in names]
        await _settle()
        assert len(entered) == at_once
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_who_has_outgrown_the_cache_waits_for_those_before_it_and_the_first_never_does() -> None:
    admission = Admission(Gauge(40_000))
    async with AsyncExitStack() as stack, AsyncExitStack() as first_stack:
        first = await first_stack.enter_async_context(admission.place(16_000))
        second = await stack.enter_async_context(admission.place(16_000))
        await asyncio.wait_for(second.room(), 1)
        first.uses(32_000)
        second.uses(32_000)
        await asyncio.wait_for(first.room(), 1)
        waiting = [asyncio.create_task(second.room()) for _ in range(2)]
        await _settle()
        assert not any(task.done() for task in waiting)
        waiting.pop().cancel()
        first.uses(33_000)  # wakes, and still there is no room
        await _settle()
        assert not waiting[0].done()
        await first_stack.aclose()
        await asyncio.wait_for(waiting[0], 1)
    assert admission.live == 0
