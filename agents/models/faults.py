"""What went wrong on the wire -> an error of ours that says it in words: what, where, what to do."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from agents.errors import (
    AnswerCut,
    AnswerLost,
    EndpointDown,
    KeyRefused,
    KeyUnusable,
    ModelError,
    NoSuchEndpoint,
    NoSuchModel,
    PromptTooLong,
    RequestRefused,
    ServerFailed,
    Throttled,
    Unreachable,
)
from agents.models.bounded import http_library
from agents.models.secrets import Secrets

_SHOWN = 300
_NOT_READY = (502, 503, 504, 529)
_AGAIN = (408, 409, 425)
_LONG_PROMPT = re.compile(
    r"context.length|context_length|maximum context|input.tokens|prompt is too long|too many tokens"
)


@functools.cache
def wire_errors() -> tuple[type[Exception], ...]:
    """What a call may raise that `explain` translates: a connection that breaks in the middle of a stream raises an error
    of the HTTP library."""
    import openai  # see bounded.py

    library = http_library()
    return (openai.APIError, library.HTTPError, library.StreamError, OSError)


def explain(error: Exception, where: str, model: str, *, begun: bool) -> ModelError:
    """Translate an exception of the client library. begun: tokens had come already."""
    import openai  # see bounded.py

    if isinstance(error, openai.APIStatusError):
        return from_status(error.status_code, error.body, where, model, dict(error.response.headers))
    if begun:
        return AnswerCut(f"{where}: the connection ended in the middle of the answer ({_cause(error)})")
    return Unreachable(f"{where}: no answer ({_cause(error)}); is the server running, and is the address right?")


def from_status(
    status: int, body: object, where: str, model: str, headers: Mapping[str, str] | None = None
) -> ModelError:
    """Translate what a server says with a status, or in the middle of a stream with an `error` object."""
    said, param, code = _read(body)
    after_s = retry_after_s(headers or {})
    text = f"{where}: {status}: {said}" if said else f"{where}: {status}"
    if status in (401, 403):
        return KeyRefused(f"{text}; put a key that this endpoint accepts into OPENAI_API_KEY")
    if status == 404:
        if "model" in (said + str(param)).lower():
            return NoSuchModel(f"{text}; name a model that it has: runoff model check lists them")
        return NoSuchEndpoint(f"{text}; is the address right? It mostly ends in /v1")
    if status == 429 and code == "insufficient_quota":
        return KeyRefused(f"{text}; the account of this key has nothing left to spend")
    if status == 429:
        return Throttled(
            f"{text}; it takes no more requests for now: wait, or ask less at once (RUNOFF_WORKERS)", after_s
        )
    if status in _NOT_READY or status in _AGAIN:
        return Unreachable(f"{text}; it may be starting: try again later", after_s)
    if status >= 500:
        return ServerFailed(f"{text}; its own log says why", after_s)
    if status == 413 or param == "input_tokens" or code == "context_length_exceeded" or _LONG_PROMPT.search(said):
        return PromptTooLong(f"{text}; shorten the prompt, or serve {model} with a longer context (--max-model-len)")
    if 300 <= status < 400 or status == 405:
        return NoSuchEndpoint(f"{text}; is the address right? It mostly ends in /v1")
    return RequestRefused(f"{text}; runoff model check says what this server can do")


def remedy_of(error: ModelError, otherwise: str) -> str:
    """What to do about an endpoint that did not say what it has; `otherwise` where nothing is known but that."""
    if isinstance(error, (KeyRefused, KeyUnusable)):
        return "set OPENAI_API_KEY to a key that it accepts"
    if isinstance(error, ServerFailed):
        return "look at the server's log, and start it anew"
    if isinstance(error, Throttled):
        return "wait, and try again"
    return otherwise


def blames_endpoint(error: BaseException) -> bool:
    """Whether an error speaks against the endpoint, and not against the request or the caller."""
    return isinstance(error, (EndpointDown, AnswerLost))


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from Retry-After (seconds or a date) or retry-after-ms; None without a readable one.

    Source: RFC 9110, section 10.2.3.
    """
    given = {name.lower(): value for name, value in headers.items()}
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = given.get(name, "").strip()
        try:
            seconds = float(value) / unit
        except ValueError:
            continue
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        date = parsedate_to_datetime(given.get("retry-after", ""))
    except (OverflowError, ValueError):
        return None
    return max(0.0, (date - datetime.now(date.tzinfo or UTC)).total_seconds()) if date.tzinfo else None


def _read(body: object) -> tuple[str, str | None, str | None]:
    """The message, the parameter and the code of an error body, whatever shape it has."""
    inner: Any = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(inner, Mapping):
        message = inner.get("message") or inner.get("detail") or ""
        param, code = inner.get("param"), inner.get("code")
        return _short(str(message)), param and str(param), None if code is None else str(code)
    return _short("" if inner is None else str(inner)), None, None


def _short(text: str) -> str:
    """What a server says, fit for a line on a terminal: without secrets, control characters, or more than fits."""
    text = Secrets().clean(" ".join("".join(each if each.isprintable() else " " for each in text).split()))
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _cause(error: BaseException) -> str:
    """The innermost words on what broke: the library's own say no more than "Connection error."."""
    deepest: BaseException = error
    while (below := deepest.__cause__ or deepest.__context__) is not None:
        deepest = below
    return _short(str(deepest)) or type(deepest).__name__
