"""One turn of a model: what is asked, what comes back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

Message = Mapping[str, Any]


class Weighed(list[Message]):
    """Messages with the digest and the size of each, in bytes. A history only grows and is sent again with every turn: what
    stood in the list before is not weighed again."""

    def __init__(self, messages: Sequence[Message], before: Weighed | None = None) -> None:
        super().__init__(messages)
        same = 0 if before is None else common(before, self)
        known: tuple[tuple[str, int], ...] = () if before is None else before.weights[:same]
        self.weights: tuple[tuple[str, int], ...] = (*known, *map(_weigh, self[same:]))

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(size for _, size in self.weights)


def common(before: list[Message], now: list[Message]) -> int:
    """How many messages both begin with."""
    if now[: len(before)] == before:
        return len(before)
    pairs = zip(before, now, strict=False)
    return next((index for index, (old, new) in enumerate(pairs) if old != new), min(len(before), len(now)))


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One question to a model, in the terms of the OpenAI chat protocol.

    messages, tools: plain JSON objects of that protocol; they are sent as they are, keys in their order, so that equal
    beginnings stay equal bytes. max_tokens: of each answer. n: how many answers to the same prompt.
    schema, grammar: what the text must be, a JSON schema or an EBNF grammar (at most one; a grammar needs vLLM).
    logprobs: how many alternatives to report for each token; None for none. priority: lower goes first, where the server
    schedules by priority.

    issue, trajectory, step say whose question it is: equal `issue`s share a prompt prefix and go to one replica; `step`
    counts the calls of a trajectory from 0. stage: the line of the bill that it goes to.
    """

    messages: Sequence[Message]
    max_tokens: int
    stage: str
    tools: Sequence[Message] = ()
    tool_choice: str | Message | None = None
    schema: Message | None = None
    grammar: str | None = None
    n: int = 1
    temperature: float = 0.0
    seed: int | None = None
    stop: Sequence[str] = ()
    logprobs: int | None = None
    priority: int = 0
    issue: str = ""
    trajectory: str = ""
    step: int = 0

    def asked(self) -> dict[str, Any]:
        """What an answer depends on: everything but whose question it is. JSON; the keys in a fixed order."""
        names = ("tool_choice", "schema", "grammar", "n", "temperature", "seed", "max_tokens", "logprobs")
        options = {name: getattr(self, name) for name in names}
        messages = self.messages if isinstance(self.messages, Weighed) else list(self.messages)
        return {"messages": messages, "tools": list(self.tools), **options, "stop": list(self.stop)}


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that a model asks for. arguments: text that should be a JSON object, and need not be one."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """The natural logarithm of a token's probability, and the likeliest alternatives with theirs."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the `n` answers. finish: why it ended, in the protocol's words (stop, length, tool_calls, …).

    reasoning: what a reasoning model thought before it answered; it does not belong into the history.
    """

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    finish: str = "stop"
    reasoning: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. cached: the part of prompt that the server had in its prefix cache; None when it does not say.

    estimated: the server did not say, and Runoff counted (an answer that was lost in the middle).
    """

    prompt: int
    completion: int
    cached: int | None = None
    estimated: bool = False

    @property
    def total(self) -> int:
        return self.prompt + self.completion


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """What came back. endpoint: where from, without credentials. first_token_s, seconds: since the call began.

    attempts: how many calls it took; those before the last had failed. cut: the answer went on beyond what was asked for,
    and Runoff ended it.
    """

    choices: tuple[Choice, ...]
    usage: Usage
    model: str
    endpoint: str
    first_token_s: float = 0.0
    seconds: float = 0.0
    attempts: int = 1
    cut: bool = False

    @property
    def text(self) -> str:
        """The first answer's text."""
        return self.choices[0].text

    def as_json(self) -> dict[str, Any]:
        """Plain data; `from_json` reads it."""
        choices = [
            _plain(each) | {"tool_calls": [*map(_plain, each.tool_calls)], "logprobs": [*map(_plain, each.logprobs)]}
            for each in self.choices
        ]
        return _plain(self) | {"choices": choices, "usage": _plain(self.usage)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ModelAnswer:
        """Read what `as_json` wrote. Raises TypeError, KeyError or ValueError when it is something else."""
        choices = tuple(_choice(each) for each in data["choices"])
        return cls(**{**data, "choices": choices, "usage": Usage(**data["usage"])})


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of text of an answer that is being written.

    choice: which of the `n` answers. attempt: 1, 2, …; a higher one voids all that came before it (the stream was lost
    and the question is asked again).
    """

    text: str
    choice: int = 0
    attempt: int = 1


class OnDelta(Protocol):
    """Takes the pieces as they come. It is called from the event loop, and must return at once."""

    def __call__(self, delta: Delta, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Prices:
    """Dollars per million tokens; None: unknown, and then nothing is put on the bill but tokens.

    cached: of prompt tokens that the server had in its cache; as `prompt` when it is not given.
    """

    prompt: float | None = None
    completion: float | None = None
    cached: float | None = None

    @property
    def known(self) -> bool:
        return self.prompt is not None and self.completion is not None

    def usd(self, usage: Usage) -> float | None:
        """What a call cost; None when a price is unknown."""
        if self.prompt is None or self.completion is None:
            return None
        cached = usage.cached or 0
        cached_price = self.prompt if self.cached is None else self.cached
        fresh = usage.prompt - cached
        return (fresh * self.prompt + cached * cached_price + usage.completion * self.completion) / 1e6


def request_hash(asked: Mapping[str, Any], model: str) -> str:
    """Names a question: equal questions to the same model have equal hashes (64 hexadecimal digits)."""
    messages = [digest for digest, _ in _weighed(asked["messages"]).weights]
    return hashlib.sha256(_encoded({"model": model, **asked, "messages": messages})).hexdigest()


def size_of(request: ModelRequest) -> int:
    """Bytes of a request that a tokenizer makes tokens of, about."""
    return _weighed(request.messages).size + _weighed(request.tools).size + 1


def _weighed(messages: Sequence[Message]) -> Weighed:
    return messages if isinstance(messages, Weighed) else Weighed(messages)


def _weigh(message: Message) -> tuple[str, int]:
    data = _encoded(message)
    return hashlib.sha256(data).hexdigest(), len(data)


def _plain(data: Any) -> dict[str, Any]:
    """A dataclass as a dict, what is in it as it is: `asdict` would copy all of that, however deep."""
    return {each.name: getattr(data, each.name) for each in fields(data)}


def _encoded(data: Any) -> bytes:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=dict)
    return text.encode("utf-8", "surrogatepass")


def _choice(data: Mapping[str, Any]) -> Choice:
    calls = tuple(ToolCall(**each) for each in data["tool_calls"])
    tops = ((each, tuple((token, value) for token, value in each["top"])) for each in data["logprobs"])
    logprobs = tuple(TokenLogprob(each["token"], each["logprob"], top) for each, top in tops)
    return Choice(**{**data, "tool_calls": calls, "logprobs": logprobs})
