"""Scripts, records and replays: runs without a server."""

import json
import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.errors import AnswerCut, BadModelFile, RecordEnded, ReplayDiverged, ServerFailed
from agents.models import CALLED, FAILED, Metered, ModelRequest, Recalling, Recorder, Replay, Scripted, Secrets
from agents.models.account import failed_calls
from agents.models.load import open_model, open_record
from agents.models.record import claim
from agents.settings import Settings
from memory import Amounts, LimitExceeded
from tests.agents.models.conftest import Books, Heard, asks, served
from tests.agents.models.servers import Answer, error, says, serving, status


def turns(*texts: str, **more: Any) -> list[ModelRequest]:
    """The requests of a trajectory whose history grows by each of the texts."""
    messages = [{"role": "user", "content": text} for text in texts]
    given = {"max_tokens": 50, "stage": "edit", "trajectory": "t", **more}
    return [ModelRequest(messages[: step + 1], step=step, **given) for step in range(len(texts))]


async def test_a_script_answers_by_step_and_is_paid_for(books: Books) -> None:
    heard = Heard()
    said = ["one", {"text": "two", "tool_calls": [{"name": "read", "arguments": {"path": "a"}}]}]
    model = Metered(Scripted(said), books.account)
    first, second = [await model.complete(request, on_delta=heard) for request in turns("a", "b")]
    assert (first.text, second.text) == ("one", "two")
    assert json.loads(second.choices[0].tool_calls[0].arguments) == {"path": "a"}
    assert second.choices[0].finish == "tool_calls"
    assert books.spent.tokens == first.usage.total + second.usage.total > 0
    assert len(books.events(CALLED)) == 2
    with pytest.raises(BadModelFile, match="2 answers, and trajectory t asks for number 3"):
        await model.complete(asks(step=2))


async def test_a_script_may_be_a_function_and_may_fail(books: Books) -> None:
    def script(request: ModelRequest) -> Any:
        return {"error": "AnswerCut", "why": "gone"} if request.step else str(request.messages[-1]["content"]).upper()

    model = Metered(Scripted(script), books.account)
    assert (await model.complete(asks("shout"))).text == "SHOUT"
    with pytest.raises(AnswerCut, match="gone"):
        await model.complete(asks(step=1))
    assert books.open_reservations() == 0


async def test_a_script_comes_from_a_file(books: Books, tmp_path: Path) -> None:
    path = tmp_path / "demo.json"
    path.write_text(json.dumps({"name": "demo", "answers": ["a"], "trajectories": {"2": ["b"]}}))
    model = await open_model(f"scripted:{path}", Settings(), books.account)
    assert model.name == "demo"
    assert (await model.complete(asks())).text == "a"
    assert (await model.complete(asks(trajectory="2"))).text == "b"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ("{", "not JSON"),
        ("{}", 'no "answers"'),
        ('"text"', 'no "answers"'),
        ('{"answers": [3]}', "answers must be a list"),
        ('{"trajectories": {"2": "x"}}', "trajectories.2 must be"),
        ('{"trajectories": ["x"]}', "trajectories must be an object"),
        ('{"answers": ["a", {"text": 5}]}', r"script.json: answers\[1\].text must be a text: write"),
        ('{"answers": [{"text": null}]}', r"answers\[0\].text must be a text"),
        ('{"answers": [{"finish": ["stop"]}]}', r"answers\[0\].finish must be a text"),
        ('{"answers": [{"reasoning": 5}]}', r"answers\[0\].reasoning must be a text"),
        ('{"answers": [{"tool_calls": 5}]}', r"answers\[0\].tool_calls must be a list of calls: write .*arguments"),
        ('{"answers": [{"tool_calls": null}]}', "tool_calls must be a list"),
        ('{"answers": [{"tool_calls": [{"name": 5}]}]}', "tool_calls must be a list"),
        ('{"answers": [{"tool_calls": [{"name": "a", "id": 5}]}]}', "tool_calls must be a list"),
        ('{"trajectories": {"2": [{"choices": []}]}}', r"trajectories.2\[0\].choices must be a list of one answer"),
        ('{"answers": [{"choices": {"a": 1}}]}', "choices must be a list"),
        ('{"answers": [{"choices": ["a", 5]}]}', r"answers\[0\].choices\[1\] must be a text or an object"),
        ('{"answers": [{"choices": [{"text": 5}]}]}', r"answers\[0\].choices\[0\].text must be a text"),
        ('{"answers": [{"error": 5}]}', r"answers\[0\].error must name a ModelError: write one of .*AnswerCut"),
        ('{"answers": [{"error": "ReplayDiverged"}]}', "must name a ModelError"),
        ("[" * 100_000, "not JSON"),
        ('{"answers": [], "delay_s": "long"}', "delay_s must be a number"),
    ],
)
async def test_a_script_that_is_none_says_why(books: Books, tmp_path: Path, content: str | None, words: str) -> None:
    path = tmp_path / "script.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadModelFile, match=words):
        await open_model(f"scripted:{path}", Settings(), books.account)


@pytest.mark.parametrize("said", [None, 5, {"text": None}, {"choices": []}, {"error": "nothing"}, {"tool_calls": 5}])
async def test_a_function_that_gives_no_answer_is_told_at_which_step(books: Books, said: Any) -> None:
    model = Metered(Scripted(lambda _: said), books.account)
    with pytest.raises(BadModelFile, match="answer for trajectory t, step 3"):
        await model.complete(asks(step=3))
    assert books.open_reservations() == 0


async def record(books: Books, directory: Path, said: list[Any], requests: list[ModelRequest]) -> list[str]:
    claim(directory, "the run")
    model = Recorder(Metered(Scripted(said, name="demo"), books.account), directory, Secrets(["SOME_TOKEN"]))
    texts = []
    for request in requests:
        try:
            texts.append((await model.complete(request)).text)
        except ServerFailed:
            texts.append("failed")
    return texts


def test_a_directory_holds_the_record_of_one_run(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "record"
    claim(directory, "one")
    claim(directory, "one")  # it comes back
    with pytest.raises(BadModelFile, match="holds the record of run one; name another directory with --record"):
        claim(directory, "two")
    assert [path.name for path in directory.iterdir()] == ["run"]
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "1.jsonl").write_text("")
    with pytest.raises(BadModelFile, match="holds the record of another run"):
        claim(tmp_path / "old", "two")
    (tmp_path / "file").write_text("")
    with pytest.raises(BadModelFile, match="cannot be made"):
        claim(tmp_path / "file", "two")


async def test_a_replay_gives_what_was_recorded(books: Books, tmp_path: Path) -> None:
    requests = turns("a", "b", "c")
    said = ["one ünï \u2028", {"error": "ServerFailed", "why": "boom"}, {"text": "", "tool_calls": [{"name": "f"}]}]
    await record(books, tmp_path / "r", said, requests)
    original = Scripted(said, name="demo")
    replay = await open_model(f"replay:{tmp_path / 'r'}", Settings(), books.account)
    assert replay.name == "demo"
    assert (await replay.complete(requests[0])) == await original.answer(requests[0])
    with pytest.raises(ServerFailed, match="boom"):
        await replay.complete(requests[1])
    assert (await replay.complete(requests[2])).choices == (await original.answer(requests[2])).choices


async def test_a_record_holds_each_message_once_in_whole_lines(books: Books, tmp_path: Path) -> None:
    await record(books, tmp_path, ["x"] * 20, turns(*(f"message {number}" * 100 for number in range(20))))
    text = (tmp_path / "t.jsonl").read_text()
    assert text.count("message 3" * 100) == 1
    assert [json.loads(line)["step"] for line in text.splitlines()] == list(range(20))
    assert text.endswith("\n")
    assert (tmp_path / "t.jsonl").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("texts", "options", "message", "words"),
    [
        (("a", "B", "c"), {}, 1, r'message 1 is .*"B".*and was .*"b"'),
        (("a", "b" * 500 + "X", "c"), {}, 1, "message 1 is"),
        (("a", "b", "c"), {"temperature": 0.5}, None, "temperature differs"),
    ],
)
async def test_a_run_that_asks_something_else_diverges_there(
    books: Books, tmp_path: Path, texts: tuple[str, ...], options: dict[str, Any], message: int | None, words: str
) -> None:
    await record(books, tmp_path, ["one", "two", "three"], turns("a", "b", "c"))
    replay = Replay(tmp_path)
    asked = turns(*texts, **options)
    with pytest.raises(ReplayDiverged, match=words) as raised:
        for request in asked:
            await replay.answer(request)
    assert (raised.value.trajectory, raised.value.message) == ("t", message)
    assert raised.value.step == (0 if message is None else 1)


async def test_a_call_that_was_not_recorded_diverges(books: Books, tmp_path: Path) -> None:
    await record(books, tmp_path, ["one"], turns("a"))
    with pytest.raises(ReplayDiverged, match="trajectory t, step 1: the recorded run made no such call"):
        await Replay(tmp_path).answer(turns("a", "b")[1])
    with pytest.raises(ReplayDiverged, match="trajectory other"):
        await Replay(tmp_path).answer(asks(trajectory="other"))


async def test_secrets_are_not_recorded(books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "hunter2hunter2")
    monkeypatch.setenv("SOME_TOKEN", 'quo"ted\\token')
    said = 'key hunter2hunter2, other quo"ted\\token, Authorization: Bearer abc.def, and sk-0123456789abcdefghij'
    (text,) = await record(books, tmp_path, [said], turns(said))
    assert text == said  # the run itself goes on with what came
    written = (tmp_path / "t.jsonl").read_text()
    for secret in ("hunter2", "quo", "abc.def", "sk-0123456789"):
        assert secret not in written
    assert "[OPENAI_API_KEY removed]" in written
    await Replay(tmp_path, Secrets(["SOME_TOKEN"])).answer(turns(said)[0])


async def test_what_a_crash_left_of_a_line_is_skipped_and_then_overwritten(books: Books, tmp_path: Path) -> None:
    requests = turns("a", "b")
    await record(books, tmp_path, ["one", "two"], requests)
    path = tmp_path / "t.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(ReplayDiverged, match="step 1"):
        await Replay(tmp_path).answer(requests[1])
    await record(books, tmp_path, ["one", "again"], requests[1:])
    assert (await Replay(tmp_path).answer(requests[1])).text == "again"


async def test_a_record_that_is_missing_or_damaged_says_where(books: Books, tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match="holds no record"):
        await open_model(f"replay:{tmp_path / 'none'}", Settings(), books.account)
    await record(books, tmp_path, ["one", "two"], turns("a", "b"))
    path = tmp_path / "t.jsonl"
    path.write_text(path.read_text().splitlines()[0] + '\n{"step": 1}\n')
    with pytest.raises(BadModelFile, match="line 2, is damaged"):
        await Replay(tmp_path).answer(turns("a")[0])


async def test_a_line_that_cannot_be_written_whole_is_an_error_and_the_next_one_begins_anew(
    books: Books, tmp_path: Path
) -> None:
    directory = tmp_path / "r"
    claim(directory, "the run")
    model = Recorder(Metered(Scripted(["one", "two"]), books.account), directory)
    first, second = turns("a", "b" * (5 << 18))
    await model.complete(first)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            await model.complete(second)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    await model.complete(second)
    replay = Replay(directory)
    assert [(await replay.answer(each)).text for each in (first, second)] == ["one", "two"]


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "a/b", ".", "x" * 300, "ünï"])
async def test_any_trajectory_has_a_file_of_its_own_in_the_directory(books: Books, tmp_path: Path, name: str) -> None:
    await record(books, tmp_path / "r", ["one"], turns("a", trajectory=name))
    await record(books, tmp_path / "r", ["other"], turns("b", trajectory="_"))
    assert len(list((tmp_path / "r").glob("*.jsonl"))) == 2
    assert (await Replay(tmp_path / "r").answer(turns("a", trajectory=name)[0])).text == "one"


async def test_a_resumed_run_does_not_pay_twice(books: Books) -> None:
    calls: list[int] = []

    def script(request: ModelRequest) -> str:
        calls.append(request.step)
        return f"answer {len(calls)}"

    inner = Metered(Scripted(script), books.account)
    first, second = turns("a", "b")
    before = await inner.complete(first)
    paid = books.spent
    heard = Heard()
    model = Recalling(inner, books.journal)
    assert await model.complete(first, on_delta=heard) == before
    assert heard.texts == {0: "answer 1"}
    assert books.spent == paid
    assert (await model.complete(second)).text == "answer 2"
    assert (await model.complete(turns("other")[0])).text == "answer 3"  # another question at the same step


KNOWN, BUSY = status(200, {"data": [{"id": "m", "max_model_len": 4096}]}), error(429, "slow down")


@pytest.mark.parametrize(("first", "then", "context"), [(KNOWN, BUSY, 4096), (BUSY, KNOWN, None)])
async def test_a_resumed_run_asks_within_the_context_it_began_with(
    books: Books, first: Answer, then: Answer, context: int | None
) -> None:
    async with serving(says("ok")) as server:
        for server.models in (first, then):
            model = served(books, server.url)
            await model.open()
            assert Recalling(model, books.journal).context_tokens == context
            await model.close()


async def test_a_record_holds_the_context_that_was_known(books: Books, tmp_path: Path) -> None:
    directory = tmp_path / "record"
    claim(directory, "the run")
    async with serving(says("ok")) as server:
        model = served(books, server.url)
        await model.open()
        await Recorder(model, directory).complete(asks())
        await model.close()
    (replayed,) = open_record(directory, Settings(), books.account)
    assert replayed.context_tokens == 4096


async def test_what_the_budget_refused_is_refused_again(books: Books, tmp_path: Path) -> None:
    directory = tmp_path / "record"
    claim(directory, "the run")
    model = Recorder(Metered(Scripted(["one", "two"]), books.account), directory)
    first, second = turns("a", "b")
    await model.complete(first)
    with pytest.raises(LimitExceeded):
        await model.complete(replace(second, max_tokens=2_000_000))
    assert books.events(FAILED) == []
    (replayed,) = open_record(directory, Settings(), books.account)
    assert (await replayed.complete(first)).text == "one"
    with pytest.raises(LimitExceeded, match="tokens is used up"):
        await replayed.complete(replace(second, max_tokens=2_000_000))
    assert failed_calls(books.journal) == []
    assert books.open_reservations() == 0


async def test_a_replay_has_the_answers_that_its_budget_would_not_allow(books: Books, tmp_path: Path) -> None:
    directory = tmp_path / "record"
    (request,) = turns("a", max_tokens=800_000)
    await record(books, directory, ["one"], [request])
    books.ledger.reserve("edit", Amounts(tokens=500_000))
    (replayed,) = open_record(directory, Settings(), books.account)
    assert (await replayed.complete(request)).text == "one"


async def test_beyond_a_record_s_end_is_no_other_way(books: Books, tmp_path: Path) -> None:
    directory = tmp_path / "record"
    asked = turns("a", "b", "c")
    await record(books, directory, ["one", "two", "three"], [asked[0], asked[2]])
    (replayed,) = open_record(directory, Settings(), books.account)
    with pytest.raises(RecordEnded, match="trajectory t, step 3: the recorded run made no such call"):
        await replayed.complete(replace(asked[2], step=3))
    with pytest.raises(ReplayDiverged) as missing:
        await replayed.complete(asked[1])
    assert not isinstance(missing.value, RecordEnded)
