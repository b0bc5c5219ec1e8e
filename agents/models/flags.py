"""The flags that a vLLM server gets for this workload, each with its reason. docs/vllm.md explains them at length."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag of `vllm serve`. value: None for a switch."""

    name: str
    value: str | None
    why: str


FLAGS = (
    Flag("--enable-prefix-caching", None, "all trajectories of an issue begin with the same bytes"),
    Flag("--enable-prompt-tokens-details", None, "the bill says how many prompt tokens came from the cache"),
    Flag("--scheduling-policy", "priority", "what somebody waits for goes before bulk work"),
    Flag(
        "--structured-outputs-config",
        '{"backend":"xgrammar","disable_any_whitespace":true}',
        "JSON without white space: a model can fill its whole answer with blanks that the schema allows",
    ),
    Flag("--enable-auto-tool-choice", None, "the model may answer with tool calls"),
)

ENVIRONMENT = {
    "VLLM_ENFORCE_STRICT_TOOL_CALLING": "0",  # tools that are required go through the JSON schema, arguments included
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}

_PARSERS = (
    (r"qwen.?3.*coder", "qwen3_coder"),
    (r"deepseek.?v3\.?2", "deepseek_v32"),
    (r"deepseek.?v3\.?1", "deepseek_v31"),
    (r"deepseek", "deepseek_v3"),
    (r"glm.?4\.?7", "glm47"),
    (r"glm.?4\.?[56]", "glm45"),
    (r"kimi.?k2", "kimi_k2"),
    (r"minimax.?m2", "minimax_m2"),
    (r"seed.?oss", "seed_oss"),
    (r"gpt.?oss", "openai"),
    (r"llama.?4", "llama4_pythonic"),
    (r"llama.?3", "llama3_json"),
    (r"granite.?4", "granite4"),
    (r"granite", "granite"),
    (r"mistral|devstral|codestral|magistral|ministral", "mistral"),
)
_COMMON_PARSER = "hermes"  # Qwen 2.5 and 3, and most models that were taught to call tools by others


def tool_parser(model: str) -> str:
    """The --tool-call-parser for a model's name. Source: vLLM's documentation, "Tool Calling"."""
    return next((parser for pattern, parser in _PARSERS if re.search(pattern, model.lower())), _COMMON_PARSER)


def with_defaults(model: str, given: Sequence[str]) -> list[str]:
    """The flags to start with: those given, after those of ours that they say nothing about."""
    named = {re.sub(r"^--no-", "--", flag.partition("=")[0]).replace("_", "-") for flag in given if flag[:2] == "--"}
    named |= {flag.partition(".")[0] for flag in named}
    flags = [*FLAGS, Flag("--tool-call-parser", tool_parser(model), "how this model writes its tool calls")]
    ours = [flag for flag in flags if flag.name not in named]
    return [word for flag in ours for word in (flag.name, flag.value) if word is not None] + list(given)
