"""What is said of servers that can do less than vLLM."""

import asyncio

import pytest

from agents.findings import Finding
from agents.models import Endpoint
from agents.models.check import check
from tests.agents.models.servers import DONE, Answer, Asked, chunk, error, event, raw, says, serving, status, usage


async def findings(url: str, model: str = "") -> dict[str, Finding]:
    endpoint = Endpoint(url, model)
    return {finding.name: finding async for finding in check(endpoint)}


async def test_nobody_there() -> None:
    async with serving(says("")) as server:
        url = server.url
    found = await findings(url)
    assert list(found) == ["endpoint"]
    assert not found["endpoint"].ok
    assert "runoff model serve" in found["endpoint"].remedy


async def test_no_such_model() -> None:
    async with serving(says("hi")) as server:
        found = await findings(server.url, "other")
    assert (found["model"].ok, found["model"].detail) == (False, "other; it has m")
    async with serving(says("hi"), models={"data": [{"id": "a"}, {"id": "b"}]}) as server:
        found = await findings(server.url)
    assert found["model"].detail == "none named; it has a, b"


async def test_a_model_that_does_not_answer() -> None:
    async with serving(error(500, "boom")) as server:
        found = await findings(server.url)
    assert not found["answers"].ok
    assert "prefix cache" not in found


@pytest.mark.parametrize(
    ("models", "words"),
    [
        (error(401, "who are you?"), "set OPENAI_API_KEY"),
        (error(500, "boom"), "server's log"),
        (error(429, "slow down"), "wait"),
        (status(200, "<html>"), "name another address with --base-url"),
    ],
)
async def test_the_remedy_fits_what_the_server_says_first(models: Answer, words: str) -> None:
    async with serving(says("hi"), models=models) as server:
        found = (await findings(server.url))["endpoint"]
    assert (found.ok, found.needed) == (False, True)
    assert words in found.remedy
    assert ("start a server" in found.remedy) == ("--base-url" in words)


@pytest.mark.parametrize("text", ["", " \n"])
async def test_a_model_that_answers_nothing_cannot_be_used(text: str) -> None:
    async with serving(says(text)) as server:
        found = await findings(server.url)
    assert list(found) == ["endpoint", "model", "answers"]
    assert (found["answers"].ok, found["answers"].needed) == (False, True)
    assert "nothing at all" in found["answers"].detail
    assert "another model" in found["answers"].remedy


async def test_a_model_that_thinks_for_longer_than_it_may_answer_is_usable() -> None:
    thought = event({"choices": [{"index": 0, "delta": {"reasoning": "hm"}, "finish_reason": "length"}]})
    async with serving(raw(thought, usage(10, 48), DONE)) as server:
        assert (await findings(server.url))["answers"].ok


async def test_an_answer_without_an_end_is_said_to_be_cut() -> None:
    async with serving(raw(*[chunk("on and ")] * 5000)) as server:
        found = (await findings(server.url))["answers"]
    assert found.ok
    assert "was cut (the server ignores max_tokens" in found.detail


async def test_what_is_being_done_is_not_advised() -> None:
    for answer in (raw(b"data: {nothing\n\n"), error(400, "no"), error(404, "no model m")):
        async with serving(answer) as server:
            found = (await findings(server.url))["answers"]
        assert not found.ok
        assert "runoff model check" not in found.detail + found.remedy


@pytest.mark.parametrize("vllm", [True, False])
@pytest.mark.parametrize("answer", [says("{", "\n\n", cached=0), raw(chunk(" "), chunk(finish="length"), DONE)])
async def test_flags_of_vllm_are_for_vllm(vllm: bool, answer: Answer) -> None:
    async def answers(asked: Asked, writer: asyncio.StreamWriter) -> None:
        special = {"response_format", "tools"} & set(asked.body)
        await (answer if special else says("hi", cached=0))(asked, writer)

    models = {"data": [{"id": "m", "owned_by": "vllm" if vllm else "somebody"}]}
    async with serving(answers, models=models) as server:
        found = await findings(server.url)
    for name in ("structured output", "tools", "prefix cache"):
        assert not found[name].ok
        assert found[name].remedy
        assert vllm or "vLLM" not in found[name].remedy
    assert ("start vLLM" in found["tools"].remedy) == vllm


async def test_a_plain_server_is_usable_and_what_it_lacks_is_named() -> None:
    async def plain(asked: Asked, writer: asyncio.StreamWriter) -> None:
        wants = {"response_format", "tools", "logprobs"} & set(asked.body)
        answer = error(400, "not here") if "tools" in wants else says("sure", "!")
        await answer(asked, writer)

    async with serving(plain) as server:
        found = await findings(server.url)
    assert [name for name, finding in found.items() if finding.ok] == ["endpoint", "model", "answers"]
    assert all(finding.ok for finding in found.values() if finding.needed)
    assert "not reported" in found["prefix cache"].detail
    assert "ignores response_format" in found["structured output"].remedy
    assert "plans instead of calls" in found["tools"].remedy
    assert "grammar" not in found


async def test_a_cache_that_is_off_and_one_that_is_not_reported_are_told_apart() -> None:
    vllm = {"data": [{"id": "m", "owned_by": "vllm", "max_model_len": 4096}]}
    off = "vllm:num_requests_running 0\nvllm:prefix_cache_hits_total 7\n"
    async with serving(says("hi"), models=vllm, metrics=off) as server:
        found = await findings(server.url)
    assert "--enable-prefix-caching" in found["prefix cache"].remedy
    async with serving(says("hi", prompt=100, cached=96), models=vllm, metrics=off) as server:
        found = await findings(server.url)
    assert found["prefix cache"].detail == "on: 96 of 100 tokens came from it"
    assert not found["KV cache"].ok
