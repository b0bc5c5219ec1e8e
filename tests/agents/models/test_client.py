"""One call, against servers that behave and servers that do not."""

import asyncio
import time

import pytest

from agents.errors import (
    AnswerCut,
    AnswerGarbled,
    AnswerStalled,
    EmptyAnswer,
    KeyRefused,
    NoSuchEndpoint,
    NoSuchModel,
    PromptTooLong,
    RequestRefused,
    ServerFailed,
    Throttled,
    Unreachable,
)
from agents.models import CALLED, FAILED, ModelAnswer, Retry, ToolCall
from agents.models.load import endpoints
from agents.settings import Settings
from memory import LimitExceeded
from tests.agents.models.conftest import QUICK, Books, Heard, asks, served
from tests.agents.models.servers import DONE, Answer, chunk, error, event, raw, says, serving, status, usage

LONG = (
    "This model's maximum context length is 32768 tokens. However, your prompt contains at least 32769 input tokens. "
    "(parameter=input_tokens, value=32769)"
)


async def test_an_answer_streams_and_is_paid_for(books: Books) -> None:
    heard = Heard()
    async with serving(says("Hel", "lo", cached=8)) as server:
        answer = await served(books, server.url).complete(asks(), on_delta=heard)
    assert answer.text == "Hello" == heard.texts[0]
    assert (answer.usage.prompt, answer.usage.cached, answer.usage.completion) == (10, 8, 2)
    assert answer.endpoint == server.url
    assert answer.choices[0].finish == "stop"
    assert 0 < answer.first_token_s <= answer.seconds
    assert books.spent.tokens == 12
    assert books.spent.usd == pytest.approx((2 * 1.0 + 8 * 0.1 + 2 * 10.0) / 1e6)
    (called,) = books.events(CALLED)
    assert called["tokens"] == {"prompt": 10, "cached": 8, "completion": 2}
    assert (called["stage"], called["attempt"], called["endpoint"]) == ("edit", 1, server.url)
    assert ModelAnswer.from_json(called["answer"]).text == "Hello"


async def test_no_more_of_a_prompt_is_cached_than_there_is(books: Books) -> None:
    async with serving(says("Hello", cached=1_000_000)) as server:
        answer = await served(books, server.url).complete(asks())
    assert (answer.usage.prompt, answer.usage.cached) == (10, 10)
    assert books.spent.usd == pytest.approx((10 * 0.1 + 1 * 10.0) / 1e6)
    assert books.open_reservations() == 0


async def test_everything_asked_for_is_on_the_wire(books: Books) -> None:
    request = asks(
        n=2, temperature=0.5, seed=7, logprobs=1, stop=["END"], tools=[{"type": "function"}], schema={"type": "object"}
    )
    two = raw(chunk("a"), chunk("b", index=1), chunk(finish="stop"), chunk(finish="stop", index=1), DONE)
    async with serving(two) as server:
        answer = await served(books, server.url).complete(request)
    body = server.calls[0].body
    assert [choice.text for choice in answer.choices] == ["a", "b"]
    expected = {"n": 2, "seed": 7, "temperature": 0.5, "stop": ["END"], "logprobs": True, "top_logprobs": 1}
    assert body | expected == body
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert body["messages"] == list(request.messages)
    assert answer.usage.estimated


async def test_tool_calls_and_logprobs_are_put_together(books: Books) -> None:
    def part(**delta: object) -> bytes:
        return event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})

    first = part(tool_calls=[{"index": 0, "id": "c1", "function": {"name": "read", "arguments": '{"pa'}}])
    second = part(tool_calls=[{"index": 0, "function": {"arguments": 'th": 1}'}}])
    third = part(tool_calls=[{"index": 1, "id": "c2", "function": {"name": "ls", "arguments": "{}"}}])
    top = [{"token": "x", "logprob": -0.5}, {"token": "y", "logprob": -1.5}]
    logprobs = event(
        {
            "choices": [
                {
                    "index": 0,
                    "delta": {"content": "x", "reasoning": "hm"},
                    "logprobs": {"content": [{"token": "x", "logprob": -0.5, "top_logprobs": top}]},
                    "finish_reason": "tool_calls",
                }
            ]
        }
    )
    async with serving(raw(first, second, third, logprobs, DONE)) as server:
        (choice,) = (await served(books, server.url).complete(asks())).choices
    assert choice.tool_calls == (ToolCall("c1", "read", '{"path": 1}'), ToolCall("c2", "ls", "{}"))
    assert (choice.finish, choice.reasoning, choice.text) == ("tool_calls", "hm", "x")
    assert choice.logprobs[0].top == (("x", -0.5), ("y", -1.5))


@pytest.mark.parametrize("index", [{}, {"index": None}, {"index": 0}])
async def test_calls_that_share_an_index_are_told_apart_by_their_ids(books: Books, index: dict[str, object]) -> None:
    def part(function: dict[str, str], **more: object) -> bytes:
        delta = {"tool_calls": [{**index, **more, "function": function}]}
        return event({"error": None, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})

    pieces = (
        part({"name": "read", "arguments": '{"pa'}, id="c1"),
        part({"arguments": 'th": '}),
        part({"arguments": "1}"}, id="c1"),
        part({"name": "ls", "arguments": "{}"}, id="c2"),
    )
    async with serving(raw(*pieces, chunk(finish="tool_calls"), DONE)) as server:
        (choice,) = (await served(books, server.url).complete(asks())).choices
    assert choice.tool_calls == (ToolCall("c1", "read", '{"path": 1}'), ToolCall("c2", "ls", "{}"))


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (error(404, "The model `m` does not exist. Valid aliases: tiny.", "model"), NoSuchModel, "runoff model check"),
        (status(404, "<html>nothing here</html>"), NoSuchEndpoint, "/v1"),
        (error(401, "bad key"), KeyRefused, "OPENAI_API_KEY"),
        (error(403, "not yours"), KeyRefused, "not yours"),
        (error(400, LONG, "input_tokens"), PromptTooLong, "32769 input tokens.*max-model-len"),
        (error(400, "max_tokens is too large", "max_tokens"), RequestRefused, "max_tokens"),
        (error(422, "no such field"), RequestRefused, "no such field"),
        (status(200, "<html>hello</html>"), NoSuchEndpoint, "text/plain"),
        (raw(chunk(""), chunk(finish="stop"), usage(10, 1), DONE), EmptyAnswer, "answered nothing"),
        (
            raw(event({"choices": [{"delta": {"reasoning": "hm"}, "finish_reason": "length"}]}), DONE),
            EmptyAnswer,
            "allow it",
        ),
        (error(400, "red \x1b[31m text"), RequestRefused, r"red \[31m text"),
        (status(429, {"error": {"code": "insufficient_quota", "message": "pay"}}), KeyRefused, "nothing left"),
    ],
)
async def test_what_a_retry_cannot_mend_is_said_at_once(
    books: Books, answer: object, kind: type[Exception], words: str
) -> None:
    async with serving(answer) as server:  # type: ignore[arg-type]
        with pytest.raises(kind, match=words) as raised:
            await served(books, server.url).complete(asks())
    assert server.url in str(raised.value)
    assert len(server.calls) == 1
    assert [each["error"] for each in books.events(FAILED)] == [kind.__name__]
    assert books.open_reservations() == 0


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (error(500, "boom"), ServerFailed, "500: boom"),
        (raw(chunk("a"), event({"error": {"message": "engine died", "code": 500}})), ServerFailed, "engine died"),
        (raw(event({"error": {"message": "odd", "code": "²"}})), ServerFailed, "500: odd"),
        (raw(chunk("half"), chunk(" an")), AnswerCut, "without an end"),
        (raw(), AnswerCut, "without an end"),
        (raw(chunk("half"), DONE), AnswerCut, "finish_reason"),
        (raw(b'data: {"choices": "\xff\xfe"}\n\n'), AnswerGarbled, "not UTF-8"),
        (raw(b"data: {nothing\n\n"), AnswerGarbled, "not JSON"),
        (raw(b"data: [1]\n\n"), AnswerGarbled, "no JSON object"),
        (raw(event({"choices": [{"delta": 3}]})), AnswerGarbled, "not of the protocol"),
        (raw(b"data: " + b"x" * 2_000_000), AnswerGarbled, "does not begin within"),
    ],
)
async def test_what_a_retry_may_mend_is_retried_and_said_in_the_end(
    books: Books, answer: object, kind: type[Exception], words: str
) -> None:
    async with serving(answer) as server:  # type: ignore[arg-type]
        with pytest.raises(kind, match=words):
            await served(books, server.url, first_s=20, between_s=20).complete(asks())
        assert len(server.calls) == QUICK.losses
    assert [each["attempt"] for each in books.events(FAILED)] == [1, 2, 3]
    assert books.open_reservations() == 0


async def test_a_stream_that_stalls_is_ended(books: Books) -> None:
    async with serving(raw(60.0)) as silent, serving(raw(chunk("a"), 60.0)) as stuck:
        with pytest.raises(AnswerStalled, match=r"no first token in 0\.2 s"):
            await served(books, silent.url, first_s=0.2, between_s=20).complete(asks())
        with pytest.raises(AnswerStalled, match=r"no further token in 0\.2 s"):
            await served(books, stuck.url, first_s=20, between_s=0.2).complete(asks())
        assert len(silent.calls) == len(stuck.calls) == QUICK.losses
    assert books.open_reservations() == 0


def for_ever(*first: bytes, again: bytes = chunk("")) -> Answer:
    """A stream that goes on, a chunk every 10 ms."""

    async def answer(asked: object, writer: asyncio.StreamWriter) -> None:
        await raw(*first)(asked, writer)  # type: ignore[arg-type]
        while not writer.is_closing():
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(0.01)

    return answer


ROLE = event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]})
NO_CHOICES = event({"choices": []})


@pytest.mark.parametrize("again", [chunk(""), chunk(), ROLE, NO_CHOICES])
@pytest.mark.parametrize("first", [[], [chunk("a")]])
async def test_chunks_that_bring_nothing_are_a_stalled_stream(books: Books, first: list[bytes], again: bytes) -> None:
    async with serving(for_ever(*first, again=again)) as server:
        with pytest.raises(AnswerStalled, match=r"chunks one after the other brought nothing"):
            await served(books, server.url, retry=Retry(losses=1)).complete(asks(max_tokens=5))
    assert books.open_reservations() == 0


async def test_chunks_that_bring_nothing_do_not_extend_the_time_between_tokens(books: Books) -> None:
    async with serving(for_ever(chunk("a"))) as server:
        with pytest.raises(AnswerStalled, match=r"no further token in 0\.3 s"):
            await served(books, server.url, between_s=0.3, retry=Retry(losses=1)).complete(asks(max_tokens=50_000))


@pytest.mark.parametrize("again", [chunk(""), chunk(finish="stop"), NO_CHOICES])
async def test_an_answer_that_has_ended_is_taken_whatever_follows_it(books: Books, again: bytes) -> None:
    async with serving(for_ever(chunk("a"), chunk(finish="stop"), again=again)) as server:
        answer = await served(books, server.url, retry=Retry(losses=1)).complete(asks(max_tokens=5))
    assert (answer.text, answer.choices[0].finish, answer.cut) == ("a", "stop", True)


async def cut_within_the_stream(asked: object, writer: asyncio.StreamWriter) -> None:
    """A whole answer, and then no end of the body that was begun."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    for part in WHOLE:
        writer.write(b"%x\r\n%s\r\n" % (len(part), part))
    await writer.drain()


WHOLE = chunk("a"), chunk(finish="stop"), usage(10, 1)


@pytest.mark.parametrize("answer", [raw(*WHOLE, 60.0), cut_within_the_stream])
async def test_an_answer_that_has_ended_is_paid_once_however_the_stream_ends(books: Books, answer: Answer) -> None:
    async with serving(answer) as server:
        assert (await served(books, server.url, between_s=0.2).complete(asks())).text == "a"
    assert books.spent.tokens == 11
    assert not books.events(FAILED)


async def test_empty_chunks_between_tokens_do_no_harm(books: Books) -> None:
    slow = [part for letter in "hello" for part in (*[chunk("")] * 70, chunk(letter))]
    async with serving(raw(ROLE, *slow, chunk(finish="stop"), NO_CHOICES, usage(10, 5), DONE)) as server:
        assert (await served(books, server.url).complete(asks(max_tokens=5))).text == "hello"


@pytest.mark.parametrize(
    "bad", [error(500, "boom"), raw(chunk("void"), 60.0), raw(chunk("void"), chunk(" text")), raw(b"data: \xff\n\n")]
)
async def test_a_lost_answer_is_asked_for_again_and_its_text_is_void(books: Books, bad: object) -> None:
    heard = Heard()
    async with serving(bad, says("good")) as server:  # type: ignore[arg-type]
        answer = await served(books, server.url, first_s=20, between_s=1).complete(asks(), on_delta=heard)
    assert (answer.text, answer.attempts) == ("good", 2)
    assert heard.texts == {0: "good"}
    assert len(books.events(CALLED)) == 1


async def test_a_lost_answer_that_took_longer_than_a_server_is_waited_for_is_asked_for_again(books: Books) -> None:
    brief = Retry(losses=4, patience_s=2.0, first_s=0.01, longest_s=0.02)
    async with serving(raw(60.0), error(429, "slow down"), says("good")) as server:
        answer = await served(books, server.url, first_s=2.5, retry=brief).complete(asks())
    assert (answer.text, answer.attempts) == ("good", 3)


async def test_tokens_of_a_lost_answer_are_on_the_bill_and_an_unbegun_one_is_free(books: Books) -> None:
    async with serving(error(500, "boom"), raw(chunk("a"), chunk("b")), says("good")) as server:
        await served(books, server.url).complete(asks())
    free, lost = books.events(FAILED)
    assert free["tokens"] == {}
    assert lost["tokens"]["completion"] == 2
    assert lost["tokens"]["estimated"]
    assert books.spent.tokens == 11 + 2 + lost["tokens"]["prompt"]


async def test_an_endless_answer_is_cut_where_it_should_have_ended(books: Books) -> None:
    async with serving(raw(*[chunk("x")] * 100_000)) as server:
        answer = await served(books, server.url).complete(asks(max_tokens=20))
    assert answer.cut
    assert answer.choices[0].finish == "length"
    assert 20 <= len(answer.text) < 2000


async def test_an_endless_piece_is_cut_by_its_bytes(books: Books) -> None:
    async with serving(raw(chunk("begun"), b"data: " + b"x" * 5_000_000)) as server:
        answer = await served(books, server.url).complete(asks(max_tokens=20))
    assert (answer.text, answer.cut) == ("begun", True)


async def test_retry_after_is_honoured(books: Books) -> None:
    async with serving(error(429, "slow down", retry_after="0.5"), says("ok")) as server:
        started = time.monotonic()
        answer = await served(books, server.url).complete(asks())
    assert answer.text == "ok"
    assert time.monotonic() - started >= 0.5
    assert len(server.calls) == 2


async def test_a_server_that_asks_for_more_time_than_there_is_ends_the_call(books: Books) -> None:
    async with serving(error(429, "come tomorrow", retry_after="86400")) as server:
        with pytest.raises(Throttled, match="come tomorrow"):
            await served(books, server.url).complete(asks())
    assert len(server.calls) == 1


async def test_nobody_listens(books: Books) -> None:
    async with serving(says("")) as server:
        url = server.url
    model = served(books, url, retry=Retry(patience_s=0.2, first_s=0.01))
    with pytest.raises(Unreachable, match=r"is the server running"):
        await model.complete(asks())
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1"):
        await model.open()


async def test_a_server_that_restarts_is_waited_for(books: Books) -> None:
    async with serving(raw(chunk("ha"), 0.05)) as server:
        url = server.url
        pending = asyncio.create_task(served(books, url, retry=Retry(first_s=0.05, longest_s=0.1)).complete(asks()))
        while not server.calls:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)
    async with serving(says("back"), port=int(url.split(":")[2].split("/")[0])):
        answer = await pending
    assert answer.text == "back"
    assert answer.attempts > 2


async def test_a_cancelled_call_closes_its_connection_and_pays_for_what_came(books: Books) -> None:
    gone = asyncio.Event()

    async def slow(asked: object, writer: asyncio.StreamWriter) -> None:
        try:
            await raw(chunk("a"), chunk("b"))(asked, writer)  # type: ignore[arg-type]
            for _ in range(200):
                writer.write(b": still there\n\n")
                await writer.drain()
                await asyncio.sleep(0.01)
        except ConnectionError:
            gone.set()

    heard = Heard()
    async with serving(slow) as server:
        call = asyncio.create_task(served(books, server.url).complete(asks(), on_delta=heard))
        while heard.texts.get(0) != "ab":
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(gone.wait(), 2)
    assert books.events(FAILED)[0]["tokens"]["completion"] == 2
    assert books.open_reservations() == 0


async def test_a_call_that_does_not_fit_the_budget_is_not_made(books: Books) -> None:
    async with serving(says("ok")) as server:
        with pytest.raises(LimitExceeded, match="tokens"):
            await served(books, server.url).complete(asks(max_tokens=2_000_000))
    assert not server.calls
    assert not books.events(FAILED)


async def test_the_key_is_sent_and_never_written_down(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "sk-verysecretkey0123456789"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    async with serving(error(401, f"Incorrect API key provided: {key}")) as server:
        with pytest.raises(KeyRefused) as raised:
            await served(books, server.url, key=key).complete(asks())
    assert server.calls[0].headers["authorization"] == f"Bearer {key}"
    assert key not in str(raised.value)
    assert key not in str([event.data for event in books.journal.events()])


async def test_a_lone_surrogate_is_refused_before_it_is_sent(books: Books) -> None:
    async with serving(says("ok")) as server:
        with pytest.raises(RequestRefused, match="surrogate"):
            await served(books, server.url).complete(asks("\ud800"))
    assert not server.calls


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://host/v1", "http://", "http:///v1", "http://h:x/v1", "http://[::1/v1"]
)
def test_an_address_that_is_none(books: Books, url: str) -> None:
    with pytest.raises(NoSuchEndpoint, match=r"http://127\.0\.0\.1:8000/v1"):
        served(books, url)


async def test_opening_names_the_models_that_there_are(books: Books) -> None:
    async with serving(says("ok"), models={"data": [{"id": "other", "max_model_len": 5}]}) as server:
        with pytest.raises(NoSuchModel, match=r"has no model 'm'; it has other"):
            await served(books, server.url).open()
    async with serving(says("ok")) as server:
        model = served(books, server.url)
        await model.open()
        assert model.context_tokens == 4096
    async with serving(says("ok"), models="<html>") as server:
        with pytest.raises(NoSuchEndpoint, match="no list of models"):
            await served(books, server.url).open()


@pytest.mark.parametrize(
    "models",
    [
        error(429, "slow down"),
        error(500, "boom"),
        error(404, "no /v1/models here"),
        status(200, {"data": [{"id": "m"}]}),
    ],
)
async def test_a_server_that_is_there_is_asked_whatever_it_says_of_its_models(books: Books, models: Answer) -> None:
    async with serving(says("hello"), models=models) as server:
        model = served(books, server.url)
        await model.open()
        assert model.context_tokens is None
        assert (await model.complete(asks())).text == "hello"
        await model.close()


async def test_a_context_that_is_no_number_of_tokens_counts_as_not_said(books: Books) -> None:
    async with serving(says("hello"), models={"data": [{"id": "m", "max_model_len": "much"}]}) as server:
        model = served(books, server.url)
        await model.open()
        assert model.context_tokens is None
        await model.close()


@pytest.mark.parametrize("url", [",", " , "])
def test_commas_without_an_address_are_none(url: str) -> None:
    with pytest.raises(NoSuchEndpoint, match="holds no address"):
        endpoints("m", Settings(), url)
