"""What is said of servers that can do less than vLLM."""

import asyncio

from agents.findings import Finding
from agents.models import Endpoint
from agents.models.check import check
from tests.agents.models.servers import Asked, error, says, serving


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
    assert "--enable-auto-tool-choice" in found["tools"].remedy
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
