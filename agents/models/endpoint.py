"""One server that speaks the OpenAI protocol: what it is, and one call to it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from agents.addresses import plain_address
from agents.errors import (
    AnswerCut,
    AnswerGarbled,
    AnswerStalled,
    EmptyAnswer,
    ModelError,
    NoSuchEndpoint,
    NoSuchModel,
    RequestRefused,
)
from agents.models.assemble import Assembly
from agents.models.bounded import EVENTS, bounded_client
from agents.models.faults import explain, from_status, wire_errors
from agents.models.turn import Delta, ModelAnswer, ModelRequest, OnDelta
from agents.models.wire import ChunkReader, TooLong

NO_KEY = "none"  # a server of one's own wants no key, and the library wants a text
_CONNECT_S = 10.0
_FACTS_S = 30.0
_STATUS = re.compile("[1-9][0-9]{2}")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an answer may take. first_token_s: from the call to its first token, the server's queue included.

    between_s: between two tokens.
    """

    first_token_s: float = 300.0
    between_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What a server says of itself. models: name -> context length in tokens, if it says so. None: it has no such list.

    replicas: engines behind one vLLM address (data parallel); 1 elsewhere.
    """

    models: Mapping[str, int | None] | None = None
    vllm: bool = False
    replicas: int = 1


class Endpoint:
    """A server, the model that is asked there, and the connections to it."""

    def __init__(self, base_url: str, model: str, *, key: str | None = None, patience: Patience | None = None) -> None:
        self.name = _address(base_url)
        self.root = self.name.removesuffix("/v1")
        self.model = model
        self.facts = Facts()
        self._patience = patience or Patience()
        import openai  # see bounded.py

        self._client = openai.AsyncOpenAI(
            base_url=self.name,
            api_key=key or NO_KEY,
            max_retries=0,
            timeout=openai.Timeout(None, connect=_CONNECT_S),
            http_client=bounded_client(),
        )

    async def learn(self) -> Facts:
        """Ask the server what it is. Raises ModelError when it does not answer, or refuses the key."""
        try:
            async with asyncio.timeout(_FACTS_S):
                text = await self.get("/models")
        except (NoSuchEndpoint, NoSuchModel):  # some gateways have no such list
            return self.facts
        except TimeoutError as error:
            raise AnswerStalled(f"{self.name}: no answer in {_FACTS_S:g} s; is it a model server?") from error
        try:
            rows = json.loads(text)["data"]
            models = {str(row["id"]): _positive(row.get("max_model_len")) for row in rows}
            self.facts = Facts(models, vllm=any(row.get("owned_by") == "vllm" for row in rows))
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise NoSuchEndpoint(f"{self.name}/models is no list of models; is the address right?") from error
        return self.facts

    def set_replicas(self, replicas: int) -> None:
        """How many engines there are behind the address."""
        self.facts = replace(self.facts, replicas=max(1, replicas))

    @property
    def context(self) -> int | None:
        """Tokens of prompt and answer together that the model holds, if known."""
        return (self.facts.models or {}).get(self.model)

    async def get(self, path: str) -> str:
        """The text at a path below the address, or at a whole URL. Raises ModelError."""
        try:
            return await self._client.get(path, cast_to=str)
        except wire_errors() as error:
            raise explain(error, self.name, self.model, begun=False) from error

    async def call(
        self,
        request: ModelRequest,
        assembly: Assembly,
        *,
        on_delta: OnDelta | None = None,
        attempt: int = 1,
        estimate: int = 0,
        replica: int = 0,
    ) -> ModelAnswer:
        """Ask once. What has come stays in `assembly`, however the call ends. Raises ModelError.

        estimate: prompt tokens, should the server not count them.
        """
        started, loop = monotonic(), asyncio.get_running_loop()
        first_token_s, cut = 0.0, False
        reader = ChunkReader(_limit(request))
        try:
            async with (
                asyncio.timeout(self._patience.first_token_s) as deadline,
                self._client.chat.completions.with_streaming_response.create(
                    **self._body(request, replica)
                ) as response,
            ):
                self._must_stream(response.headers.get("content-type", ""))
                async for data in response.iter_bytes():
                    for chunk in reader.feed(data):
                        if said := chunk.get("error"):  # some servers send a null with each chunk
                            raise self._said(said)
                        for index, text in assembly.add(chunk):
                            if on_delta is not None:
                                on_delta(Delta(text, index, attempt))
                        if assembly.idle > _most_chunks(request.n * request.max_tokens):
                            raise TooLong if assembly.ended(request.n) else self._idle(assembly)
                        if assembly.begun and not assembly.idle:
                            first_token_s = first_token_s or monotonic() - started
                            deadline.reschedule(loop.time() + self._patience.between_s)
                    if assembly.longest() > _most_chunks(request.max_tokens):
                        raise TooLong
                    if reader.done:
                        break
        except TooLong:  # the server does not stop by itself: what was asked for is there
            cut = True
            if not assembly.begun:
                raise AnswerGarbled(f"{self.name}: the answer does not begin within {_limit(request)} bytes") from None
        except TimeoutError as error:
            if not deadline.expired():
                raise
            if not assembly.ended(request.n):  # what follows an end is not needed
                raise self._stalled(assembly) from error
        except AnswerGarbled as error:
            raise self._garbled(error) from error
        except UnicodeEncodeError as error:
            raise RequestRefused(f"a message cannot be sent as UTF-8: {error}; leave out lone surrogates") from error
        except wire_errors() as error:
            if not assembly.ended(request.n):
                raise explain(error, self.name, self.model, begun=assembly.begun) from error
        if not (cut or assembly.ended(request.n)):
            raise AnswerCut(f"{self.name}: the answer ended without an end (no finish_reason)")
        if assembly.empty():
            raise self._empty(assembly)
        try:
            usage = assembly.usage(estimate)
        except AnswerGarbled as error:
            raise self._garbled(error) from error
        return ModelAnswer(
            choices=assembly.choices(),
            usage=usage,
            model=assembly.model or self.model,
            endpoint=self.name,
            first_token_s=first_token_s,
            seconds=monotonic() - started,
            attempts=attempt,
            cut=cut,
        )

    async def close(self) -> None:
        await self._client.close()

    def _body(self, request: ModelRequest, replica: int) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": request.messages,
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        extra: dict[str, Any] = {}
        if request.n != 1:
            body["n"] = request.n
        if request.seed is not None:
            body["seed"] = request.seed
        if request.stop:
            body["stop"] = list(request.stop)
        if request.tools:
            body["tools"] = list(request.tools)
        if request.tool_choice is not None:
            body["tool_choice"] = request.tool_choice
        if request.logprobs is not None:
            body |= {"logprobs": True, "top_logprobs": request.logprobs}
        if request.schema is not None:
            form = {"name": "answer", "schema": request.schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        if request.grammar is not None:
            extra["structured_outputs"] = {"grammar": request.grammar}
        if request.priority and self.facts.vllm:
            extra["priority"] = request.priority
        if self.facts.vllm:
            body["stream_options"]["continuous_usage_stats"] = True  # so that a lost answer is billed as counted
        if self.facts.replicas > 1:
            body["extra_headers"] = {"X-data-parallel-rank": str(replica % self.facts.replicas)}
        return body | ({"extra_body": extra} if extra else {})

    def _garbled(self, error: AnswerGarbled) -> AnswerGarbled:
        return AnswerGarbled(f"{self.name}: {error}; runoff model check says what this server can do")

    def _empty(self, assembly: Assembly) -> EmptyAnswer:
        if any(choice.finish == "length" for choice in assembly.choices()):
            return EmptyAnswer(f"{self.name}: {self.model} used up max_tokens before it answered; allow it more")
        return EmptyAnswer(f"{self.name}: {self.model} answered nothing; ask again with another seed or temperature")

    def _must_stream(self, content_type: str) -> None:
        if not content_type.startswith(EVENTS):
            kind = content_type or "nothing"
            raise NoSuchEndpoint(
                f"{self.name} answers with {kind} where a stream of events was asked for; is the address right?"
            )

    def _said(self, error: object) -> ModelError:
        code = error.get("code") if isinstance(error, Mapping) else None
        status = int(code) if isinstance(code, (int, str)) and _STATUS.fullmatch(str(code)) else 500
        return from_status(status, error, self.name, self.model)

    def _stalled(self, assembly: Assembly) -> AnswerStalled:
        limit = self._patience.between_s if assembly.begun else self._patience.first_token_s
        what = "no further token" if assembly.begun else "no first token"
        return AnswerStalled(f"{self.name}: {what} in {limit:g} s")

    def _idle(self, assembly: Assembly) -> AnswerStalled:
        return AnswerStalled(
            f"{self.name}: {assembly.idle} chunks one after the other brought nothing, no text, no call, no end; its own log "
            "says why"
        )


def _address(base_url: str) -> str:
    """A base URL without a slash at its end. Raises NoSuchEndpoint."""
    plain_address(base_url)
    try:
        parts = urlsplit(base_url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # a port that is no number, a bracket that is not closed
        usable = False
    if not usable:
        raise NoSuchEndpoint(f"{base_url!r} is no address of a model server; write e.g. http://127.0.0.1:8000/v1")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _positive(said: object) -> int | None:
    return said if isinstance(said, int) and said > 0 else None


def _most_chunks(tokens: int) -> int:
    """Of an answer that may have so many tokens: some come in several chunks, and some chunks hold none."""
    return 2 * tokens + 64


def _limit(request: ModelRequest) -> int:
    """Bytes of a whole stream: a chunk of some servers takes half a kilobyte beside its token."""
    token = 1024 + 128 * (request.logprobs or 0)
    return (1 << 18) + request.n * request.max_tokens * token
