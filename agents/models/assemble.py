"""Chunks of a streamed answer -> the answer. Pure: no clock, no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from agents.errors import AnswerGarbled
from agents.models.turn import Choice, TokenLogprob, ToolCall, Usage

_MOST_TOKENS = 10**9  # of one call: more is no count


class _Part:
    """One of the `n` answers, half written."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.calls: dict[int, list[dict[str, str]]] = {}  # by their index
        self.logprobs: list[TokenLogprob] = []
        self.finish: str | None = None
        self.pieces = 0  # chunks that held something: as good as tokens, when the server does not say

    def take_call(self, piece: Mapping[str, Any]) -> None:
        """A piece of a tool call. Some servers give every call the same index, or none: there an id and a name that follow
        another id begin the next one."""
        function = piece.get("function") or {}
        said, name = _sendable(piece.get("id")), _sendable(function.get("name"))
        calls = self.calls.setdefault(int(piece.get("index") or 0), [])
        if not calls or (said and name and calls[-1]["id"] not in ("", said)):
            calls.append({"id": "", "name": "", "arguments": ""})
        whole = calls[-1]
        whole["id"] = said or whole["id"]
        whole["name"] += name
        whole["arguments"] += _sendable(function.get("arguments"))


class Assembly:
    """Collects the chunks of one streamed answer. on_begin: is called once, when something is written. idle: chunks since
    the last one that brought something: text, a part of a call, an answer's end."""

    def __init__(self, on_begin: Callable[[], None] = lambda: None) -> None:
        self._on_begin = on_begin
        self._parts: dict[int, _Part] = {}
        self._usage: Mapping[str, Any] | None = None
        self.idle = 0
        self.model = ""

    def add(self, chunk: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
        """Take one chunk; yields the pieces of text in it, each with the index of its answer. Raises AnswerGarbled."""
        self.idle += 1
        try:
            self.model = chunk.get("model") or self.model
            self._usage = chunk.get("usage") or self._usage
            pieces = [self._take(choice) for choice in chunk.get("choices") or ()]
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise AnswerGarbled(f"a chunk of the answer is not of the protocol: {str(chunk)[:160]}") from error
        return (piece for piece in pieces if piece[1])

    def _take(self, choice: Mapping[str, Any]) -> tuple[int, str]:
        index = int(choice.get("index") or 0)
        part = self._parts.setdefault(index, _Part())
        delta = choice.get("delta") or {}
        text = _sendable(delta.get("content"))
        reasoning = _sendable(delta.get("reasoning") or delta.get("reasoning_content"))
        calls = delta.get("tool_calls") or ()
        part.text.append(text)
        part.reasoning.append(reasoning)
        for call in calls:
            part.take_call(call)
        for each in (choice.get("logprobs") or {}).get("content") or ():
            top = tuple((other["token"], float(other["logprob"])) for other in each.get("top_logprobs") or ())
            part.logprobs.append(TokenLogprob(each["token"], float(each["logprob"]), top))
        brought = bool(text or reasoning or calls)
        if brought and not self.begun:
            self._on_begin()
        part.pieces += brought
        if brought or (choice.get("finish_reason") and part.finish is None):
            self.idle = 0
        part.finish = choice.get("finish_reason") or part.finish
        return index, text

    @property
    def begun(self) -> bool:
        """Whether anything was written."""
        return any(part.pieces for part in self._parts.values())

    def longest(self) -> int:
        """Chunks of the longest of the answers."""
        return max((part.pieces for part in self._parts.values()), default=0)

    def ended(self, n: int) -> bool:
        """Whether all `n` answers ended, as the server says."""
        return len(self._parts) >= n and all(part.finish is not None for part in self._parts.values())

    def empty(self) -> bool:
        """Whether no answer holds anything but blanks."""
        return not any("".join(part.text).strip() or part.calls for part in self._parts.values())

    def choices(self) -> tuple[Choice, ...]:
        """What there is, in the order of the answers; one without an end counts as cut off ("length")."""
        return tuple(
            Choice(
                text="".join(part.text),
                tool_calls=tuple(ToolCall(**call) for _, calls in sorted(part.calls.items()) for call in calls),
                finish=part.finish or "length",
                reasoning="".join(part.reasoning),
                logprobs=tuple(part.logprobs),
            )
            for _, part in sorted(self._parts.items())
        )

    def usage(self, prompt_estimate: int) -> Usage:
        """Tokens as the server counted them, else as counted here: the estimate, and one for each chunk. Raises
        AnswerGarbled."""
        try:
            if self._usage is not None:
                details = self._usage.get("prompt_tokens_details") or {}
                cached = details.get("cached_tokens")
                prompt = _tokens(self._usage["prompt_tokens"])
                return Usage(
                    prompt,
                    _tokens(self._usage.get("completion_tokens") or 0),
                    None if cached is None else min(_tokens(cached), prompt),  # it is a part, whatever the server says
                )
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise AnswerGarbled(f"the answer's usage is not of the protocol: {str(self._usage)[:160]}") from error
        return self._estimated(prompt_estimate)

    def spent(self, prompt_estimate: int) -> Usage | None:
        """What an answer that came to nothing has cost; None when the server did not begin with it."""
        try:
            return self.usage(prompt_estimate) if self.begun or self._usage is not None else None
        except AnswerGarbled:
            return self._estimated(prompt_estimate)

    def _estimated(self, prompt_estimate: int) -> Usage:
        return Usage(prompt_estimate, sum(part.pieces for part in self._parts.values()), estimated=True)


def _sendable(said: Any) -> str:
    """As text that can be sent again: halves of characters (lone surrogates), which JSON allows, are replaced."""
    return str(said or "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _tokens(said: Any) -> int:
    """A number of tokens that can be one. Raises TypeError, ValueError, OverflowError."""
    tokens = int(said)
    if not 0 <= tokens <= _MOST_TOKENS:
        raise ValueError(f"{tokens} tokens")
    return tokens
