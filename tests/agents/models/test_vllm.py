"""Against a real vLLM server: what the loopback server of the other tests only imitates."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator

import pytest

from agents.errors import NoSuchModel, PromptTooLong, RequestRefused
from agents.models import CALLED, FAILED, Admission, Delta, Model, ServerLoad
from agents.models.load import open_model
from agents.settings import Settings
from tests.agents.models.conftest import Books, Heard, asks
from tests.vllm_server import CONTEXT, MODEL, VllmServer

pytestmark = pytest.mark.vllm

SCHEMA = {
    "type": "object",
    "properties": {
        "plan": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "string", "maxLength": 12}},
        "done": {"type": "boolean"},
    },
    "required": ["plan", "done"],
    "additionalProperties": False,
}


@pytest.fixture
async def model(vllm: VllmServer, books: Books) -> AsyncIterator[Model]:
    model = await open_model(MODEL, Settings(), books.account, base_url=vllm.url)
    yield model
    await model.close()


async def load(model: Model) -> ServerLoad:
    read = await model.load("i")
    assert read is not None
    return read


async def test_an_answer_streams_token_by_token(model: Model, books: Books) -> None:
    pieces: list[float] = []
    answer = await model.complete(asks(max_tokens=40), on_delta=lambda _: pieces.append(time.monotonic()))
    assert model.context_tokens == CONTEXT
    assert len(pieces) > 10
    assert pieces[-1] - pieces[0] > 0.02
    assert answer.usage.completion <= 40
    assert books.spent.tokens == answer.usage.total


async def test_the_second_call_comes_from_the_cache(model: Model, books: Books) -> None:
    prompt = "a prefix that all trajectories of an issue share; " * 200
    first = await model.complete(asks(prompt, max_tokens=5))
    second = await model.complete(asks(prompt, max_tokens=5, trajectory="sibling"))
    assert first.usage.cached == 0
    assert second.usage.cached is not None
    assert second.usage.cached > 0.9 * second.usage.prompt
    assert [event["tokens"]["cached"] for event in books.events(CALLED)] == [0, second.usage.cached]


async def test_structured_output_follows_its_schema(model: Model) -> None:
    requests = [
        asks(f"plan {number}", schema=SCHEMA, temperature=1.0, seed=number, max_tokens=80) for number in range(8)
    ]
    for answer in await asyncio.gather(*map(model.complete, requests)):
        data = json.loads(answer.text)
        assert set(data) == {"plan", "done"}
        assert 1 <= len(data["plan"]) <= 2
        assert all(isinstance(step, str) and len(step) <= 12 for step in data["plan"])


async def test_a_grammar_is_followed_and_a_broken_one_refused(model: Model) -> None:
    plan = 'root ::= "x = " call\ncall ::= "read(path=\\"a\\")" | "grep(pattern=\\"b\\")"'
    answer = await model.complete(asks(grammar=plan, max_tokens=30))
    assert answer.text in ('x = read(path="a")', 'x = grep(pattern="b")')
    with pytest.raises(RequestRefused):
        await model.complete(asks(grammar="root ::= (", max_tokens=30))


async def test_tools_logprobs_several_answers_and_seeds(model: Model) -> None:
    parameters = {"type": "object", "properties": {"line": {"type": "integer", "minimum": 0, "maximum": 9}}}
    parameters |= {"required": ["line"], "additionalProperties": False}
    tool = {"type": "function", "function": {"name": "read", "parameters": parameters}}
    named = {"type": "function", "function": {"name": "read"}}
    called = await model.complete(asks(tools=[tool], tool_choice=named))
    (call,) = called.choices[0].tool_calls
    assert call.name == "read"
    assert json.loads(call.arguments)["line"] in range(10)

    request = asks(n=3, temperature=1.0, seed=5, logprobs=2, max_tokens=6)
    answer, again = await model.complete(request), await model.complete(request)
    texts = [choice.text for choice in answer.choices]
    assert len(set(texts)) == 3
    assert texts == [choice.text for choice in again.choices]
    assert all(len(token.top) >= 2 and token.logprob <= 0 for token in answer.choices[0].logprobs)
    assert answer.usage.completion <= 18


async def test_a_cancelled_call_is_aborted_at_the_server(model: Model, books: Books) -> None:
    heard = Heard()
    call = asyncio.create_task(model.complete(asks(max_tokens=20_000, grammar='root ::= "a" root'), on_delta=heard))
    while not heard.texts:
        await asyncio.sleep(0.02)
    assert (await load(model)).running == 1
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    deadline = time.monotonic() + 5
    while (await load(model)).running:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    (failed,) = books.events(FAILED)
    assert failed["error"] == "CancelledError"
    assert failed["tokens"]["completion"] > 0
    assert "estimated" not in failed["tokens"]  # vLLM counts with every chunk


async def test_a_prompt_that_is_too_long_is_said_so_and_costs_nothing(model: Model, books: Books) -> None:
    with pytest.raises(PromptTooLong, match=str(CONTEXT)):
        await model.complete(asks("word " * CONTEXT))
    assert books.spent.tokens == 0


async def test_a_model_that_it_does_not_have(vllm: VllmServer, books: Books) -> None:
    with pytest.raises(NoSuchModel, match="it has tiny"):
        await open_model("large", Settings(), books.account, base_url=vllm.url)


async def test_admission_learns_what_the_cache_holds(model: Model) -> None:
    admission = Admission(lambda: model.load("i"))
    async with admission.place(1000):
        read = await load(model)
        assert admission.kv_tokens == read.kv_tokens == 524_288
        assert read.prefix_caching
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3), admission.place(520_000):
                pass


async def test_a_killed_server_that_comes_back_is_waited_for(vllm: VllmServer, model: Model, books: Books) -> None:
    heard = Heard()
    processes = vllm.processes()
    killed = False

    def kill_at_the_tenth_letter(delta: Delta, /) -> None:
        nonlocal killed
        heard(delta)
        if not killed and len(heard.texts[0]) >= 10:
            killed = True
            os.kill(processes[0], signal.SIGKILL)  # as the kernel does when memory runs out

    long = asks(max_tokens=2000, grammar='root ::= "a" root | "b" root')
    call = asyncio.create_task(model.complete(long, on_delta=kill_at_the_tenth_letter))
    assert await asyncio.to_thread(vllm.ended) == 1
    assert "died with status -9" in vllm.output.read_text()
    assert not set(processes) & set(vllm.processes())  # the engine did not outlive it
    await asyncio.to_thread(vllm.start)
    answer = await asyncio.wait_for(call, 120)
    assert answer.attempts > 1
    assert answer.text == heard.texts[0]
    lost = books.events(FAILED)[0]
    assert lost["error"] == "AnswerCut"
    assert lost["tokens"]["completion"] > 0
    assert books.spent.tokens == answer.usage.total + lost["tokens"]["prompt"] + lost["tokens"]["completion"]
