"""A history that grows is weighed once, and nothing that is asked or answered tells the difference."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.models import Choice, ModelAnswer, ModelRequest, TokenLogprob, ToolCall, Usage, Weighed, request_hash
from agents.models.secrets import Secrets
from agents.models.turn import size_of

MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": st.text(max_size=20)}), max_size=6
)


def asks(messages: list[dict[str, Any]]) -> ModelRequest:
    return ModelRequest(messages, max_tokens=10, stage="edit")


@given(before=MESSAGES, after=MESSAGES)
def test_messages_weigh_the_same_whatever_was_weighed_before(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    grown = Weighed(after, Weighed(before))
    assert grown == after
    plain, weighed = asks(after), asks(grown)  # type: ignore[arg-type]
    assert request_hash(weighed.asked(), "m") == request_hash(plain.asked(), "m")
    assert size_of(weighed) == size_of(plain)


def test_an_answer_is_the_same_after_it_was_written_down() -> None:
    logprobs = (TokenLogprob("a", -0.5, (("b", -1.0),)),)
    choice = Choice("text", (ToolCall("1", "read", "{}"),), "stop", "why", logprobs)
    answer = ModelAnswer((choice, Choice("")), Usage(3, 4, None), "m", "e")
    written = json.dumps(answer.as_json())
    assert json.loads(written) == json.loads(json.dumps(asdict(answer)))
    assert ModelAnswer.from_json(json.loads(written)) == answer


@pytest.mark.parametrize(
    "secret",
    [
        "hunter2hunter2\n",
        "  hunter2hunter2",
        "hunter2\thunter2",
        "hunter2\\'\"hunter2",
        "hünter2hünter2",
        "hunter2\n\nhunter2",
    ],
)
def test_a_secret_is_known_without_the_space_around_it_and_in_literals(secret: str) -> None:
    cleaner, bare = Secrets(environ={"HF_TOKEN": secret}), secret.strip()
    said = [bare, repr(bare), ascii(bare), repr(f"Bearer {bare}\n".encode()), json.dumps(bare), " ".join(bare.split())]
    for text in said:
        assert "ter2" not in cleaner.clean(text)
    assert cleaner.clean(said[0]) == "[HF_TOKEN removed]"


def test_a_short_word_is_no_secret() -> None:
    assert Secrets(environ={"HF_TOKEN": "a \n\n\n\n\n b\n"}).clean("a b") == "a b"


@pytest.mark.parametrize(
    "secret",
    ["AUTHORIZATION: Basic dXNlcg==", "X-Api-Key: abc", "sk-0123456789abcdefghij"]
    + [f"{kind}_{'a1' * 10}" for kind in ("ghp", "gho", "ghs", "hf")],
)
def test_whatever_looks_like_a_key_is_removed(secret: str) -> None:
    cleaned = Secrets(environ={}).clean(f"before {secret} after")
    assert "removed]" in cleaned
    assert secret not in cleaned
