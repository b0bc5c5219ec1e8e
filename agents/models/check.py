"""What an endpoint can do for Runoff, found out by trying, and what to change about the rest."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from time import monotonic
from typing import Any

from agents.errors import EmptyAnswer, ModelError
from agents.findings import Finding
from agents.models.assemble import Assembly
from agents.models.endpoint import Endpoint
from agents.models.faults import remedy_of
from agents.models.metrics import ServerLoad, read_load
from agents.models.turn import ModelAnswer, ModelRequest

_LONG_TOKENS = 2000
_ELSEWHERE = "start a server (runoff model serve MODEL), or name another address with --base-url"
_UNCHECKED = "plans will be checked after they are written, not before"
_IN_FULL = "expect every turn to be billed in full"
_NO_CALLS = 'keep to plans instead of calls (plan_form = "text" in the settings, the default)'
_HIT = 0.5  # of the prompt: a cache works in whole blocks, and the last one is never full
_SCHEMA = {
    "type": "object",
    "properties": {"digit": {"type": "integer", "minimum": 0, "maximum": 9}, "sure": {"type": "boolean"}},
    "required": ["digit", "sure"],
    "additionalProperties": False,
}
_TOOL = {
    "type": "function",
    "function": {"name": "choose", "description": "Choose a digit.", "parameters": _SCHEMA},
}


async def check(endpoint: Endpoint) -> AsyncIterator[Finding]:
    """Try everything that Runoff makes use of; about a dozen short calls. endpoint.model may be "": its only model."""
    try:
        facts = await endpoint.learn()
    except ModelError as error:
        yield Finding("endpoint", False, _said(error), remedy_of(error, _ELSEWHERE), needed=True)
        return
    names = sorted(facts.models or ())
    kind = "vLLM" if facts.vllm else "speaks the OpenAI protocol"
    yield Finding("endpoint", True, f"{endpoint.name}, {kind}", needed=True)
    if not endpoint.model and len(names) == 1:
        endpoint.model = names[0]
    if not endpoint.model or (facts.models is not None and endpoint.model not in names):
        has = ", ".join(names[:20]) or "no list of models"
        yield Finding(
            "model", False, f"{endpoint.model or 'none named'}; it has {has}", "name one with --model", needed=True
        )
        return
    context = endpoint.context
    yield Finding(
        "model", True, f"{endpoint.model}, context {f'{context} tokens' if context else 'not said'}", needed=True
    )
    answered = await _answers(endpoint)
    yield answered
    if not answered.ok:
        return
    load = await read_load(endpoint) if facts.vllm else None
    yield await _prefix_cache(endpoint, load)
    yield await _structured(endpoint)
    if facts.vllm:
        yield await _grammar(endpoint)
    yield await _tools(endpoint)
    yield await _logprobs(endpoint)
    yield await _several(endpoint)
    if facts.vllm:
        yield await _priority(endpoint)
        yield _kv_cache(load, context)


def _said(error: ModelError) -> str:
    """An error, without the advice to do what is being done."""
    return re.sub(r"[;:] runoff model check .*", "", str(error))


def _request(text: str, **more: Any) -> ModelRequest:
    return ModelRequest([{"role": "user", "content": text}], **{"max_tokens": 48, "stage": "check", **more})


async def _ask(endpoint: Endpoint, request: ModelRequest) -> ModelAnswer:
    """The answer; an empty one counts as one here. Raises ModelError."""
    assembly = Assembly()
    started = monotonic()
    try:
        return await endpoint.call(request, assembly)
    except EmptyAnswer:
        usage = assembly.usage(0)
        return ModelAnswer(assembly.choices(), usage, endpoint.model, endpoint.name, seconds=monotonic() - started)


async def _answers(endpoint: Endpoint) -> Finding:
    try:
        answer = await _ask(endpoint, _request("Say hello."))
    except ModelError as error:
        return Finding("answers", False, _said(error), "mend this first; nothing else was tried", needed=True)
    choice = answer.choices[0]
    if not (choice.text.strip() or choice.tool_calls or choice.reasoning.strip()):
        remedy = (
            "ask another model, or look at this one's chat template and at the server's log; nothing else was tried"
        )
        return Finding("answers", False, 'it answered nothing at all to "Say hello."', remedy, needed=True)
    writing_s = max(1e-3, answer.seconds - answer.first_token_s)
    speed = f"first token after {answer.first_token_s:.2f} s, then {answer.usage.completion / writing_s:.0f} tokens/s"
    if answer.cut:
        detail = f"{speed}; it does not end by itself, and was cut (the server ignores max_tokens, or ends no stream)"
        return Finding("answers", True, detail, needed=True)
    if answer.usage.estimated:
        remedy = "the bill will be an estimate; serve the model with vLLM, or another server that reports stream usage"
        return Finding("answers", True, f"{speed}; it does not count tokens", remedy, needed=True)
    return Finding("answers", True, speed, needed=True)


async def _prefix_cache(endpoint: Endpoint, before: ServerLoad | None) -> Finding:
    """Ask a long question twice; it begins with what nobody asked before."""
    words = min(_LONG_TOKENS, (endpoint.context or 4 * _LONG_TOKENS) // 4)
    text = f"{secrets.token_hex(8)} " + "one two three four five " * (words // 5)
    try:
        first = await _ask(endpoint, _request(text, max_tokens=1))
        second = await _ask(endpoint, _request(text, max_tokens=1))
    except ModelError as error:
        return Finding("prefix cache", False, _said(error), "")
    if second.usage.cached is not None and second.usage.cached >= _HIT * second.usage.prompt:
        return Finding("prefix cache", True, f"on: {second.usage.cached} of {second.usage.prompt} tokens came from it")
    after = await read_load(endpoint) if before else None
    if before and after and after.prefix_hits > before.prefix_hits:
        detail = f"on, but answers do not report it ({after.prefix_hits - before.prefix_hits} tokens by /metrics)"
        return Finding("prefix cache", False, detail, "start vLLM with --enable-prompt-tokens-details")
    times = f"the same prompt took {first.seconds:.2f} s, then {second.seconds:.2f} s"
    if second.usage.cached is None and not before:
        return Finding("prefix cache", False, f"not reported; {times}", _IN_FULL)
    remedy = "start vLLM with --enable-prefix-caching, and a large KV cache" if endpoint.facts.vllm else _IN_FULL
    return Finding("prefix cache", False, f"off; {times}", remedy)


async def _structured(endpoint: Endpoint) -> Finding:
    try:
        answer = await _ask(endpoint, _request("Choose a digit, as JSON.", schema=_SCHEMA, max_tokens=64))
    except ModelError as error:
        return Finding("structured output", False, _said(error), _UNCHECKED)
    if _fits(answer.text):
        return Finding("structured output", True, f"follows a JSON schema: {' '.join(answer.text.split())}")
    remedy = _UNCHECKED
    if answer.text.strip() and answer.choices[0].finish != "length":
        remedy = "this server ignores response_format; plans will be checked after they are written"
    elif endpoint.facts.vllm:
        remedy = "start vLLM with --structured-outputs-config '{\"disable_any_whitespace\":true}'"
    return Finding("structured output", False, f"does not follow a JSON schema: {answer.text[:60]!r}", remedy)


def _fits(text: str) -> bool:
    """Whether a text follows _SCHEMA."""
    try:
        data = json.loads(text)
    except ValueError:
        return False
    return isinstance(data, dict) and set(data) == {"digit", "sure"} and type(data["digit"]) is int


async def _grammar(endpoint: Endpoint) -> Finding:
    try:
        answer = await _ask(endpoint, _request("Say yes or no.", grammar='root ::= "yes" | "no"', max_tokens=8))
    except ModelError as error:
        return Finding("grammar", False, _said(error), _UNCHECKED)
    ok = answer.text in ("yes", "no")
    return Finding(
        "grammar",
        ok,
        f"{'follows' if ok else 'does not follow'} an EBNF grammar: {answer.text[:60]!r}",
        "" if ok else "update vLLM: it should know structured_outputs",
    )


async def _tools(endpoint: Endpoint) -> Finding:
    named = {"type": "function", "function": {"name": "choose"}}
    try:
        answer = await _ask(endpoint, _request("Choose a digit.", tools=[_TOOL], tool_choice=named, max_tokens=64))
        await _ask(endpoint, _request("Choose a digit.", tools=[_TOOL], tool_choice="auto", max_tokens=8))
    except ModelError as error:
        remedy = "start vLLM with --enable-auto-tool-choice --tool-call-parser PARSER"
        return Finding("tools", False, _said(error), remedy if endpoint.facts.vllm else _NO_CALLS)
    calls = answer.choices[0].tool_calls
    if calls and _fits(calls[0].arguments):
        return Finding("tools", True, f"calls the tool that it is told to: {calls[0].name}({calls[0].arguments})")
    shown = f"{calls[0].name}({calls[0].arguments[:60]})" if calls else repr(answer.text[:60])
    remedy = f"start vLLM with VLLM_ENFORCE_STRICT_TOOL_CALLING=0 and JSON without white space, or {_NO_CALLS}"
    detail = f"a required call came as {shown}"
    return Finding("tools", False, detail, remedy if endpoint.facts.vllm else _NO_CALLS)


async def _logprobs(endpoint: Endpoint) -> Finding:
    try:
        answer = await _ask(endpoint, _request("Say hello.", logprobs=2, max_tokens=4))
    except ModelError as error:
        return Finding("logprobs", False, _said(error), "judging by token probabilities will not be used")
    tokens = answer.choices[0].logprobs
    ok = bool(tokens) and len(tokens[0].top) == 2
    return Finding(
        "logprobs",
        ok,
        "with alternatives" if ok else "not reported",
        "" if ok else "judging by token probabilities will not be used",
    )


async def _several(endpoint: Endpoint) -> Finding:
    try:
        answer = await _ask(endpoint, _request("Say hello.", n=2, temperature=1.0, max_tokens=8))
    except ModelError as error:
        return Finding("n > 1", False, _said(error), "each sample will be a call of its own")
    ok = len(answer.choices) == 2
    return Finding(
        "n > 1",
        ok,
        f"{len(answer.choices)} answers to one prompt",
        "" if ok else "each sample will be a call of its own",
    )


async def _priority(endpoint: Endpoint) -> Finding:
    try:
        await _ask(endpoint, replace(_request("Say hello.", max_tokens=1), priority=1))
    except ModelError as error:
        return Finding("priority", False, _said(error), "start vLLM with --scheduling-policy priority")
    return Finding("priority", True, "requests may have one")


def _kv_cache(load: ServerLoad | None, context: int | None) -> Finding:
    if load is None or load.kv_tokens is None:
        return Finding("KV cache", False, "its size is not said in /metrics", "set how many trajectories run at once")
    detail = f"{load.kv_tokens} tokens"
    if context:
        detail += f": {load.kv_tokens / context:.1f} trajectories of the whole context"
    enough = not context or load.kv_tokens >= 2 * context
    remedy = "" if enough else "serve with a shorter --max-model-len, or give vLLM more memory"
    return Finding("KV cache", enough, detail, remedy)
