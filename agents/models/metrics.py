"""What a vLLM server says of its load: the few of its Prometheus metrics that admission needs."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.errors import ModelError

if TYPE_CHECKING:
    from agents.models.endpoint import Endpoint

_READ_S = 10.0
_SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class ServerLoad:
    """One reading of /metrics.

    running, waiting: requests. kv_tokens: what the KV cache of one engine holds; None when the server does not say.
    kv_usage: the share of it in use by running requests, 0 to 1, of the fullest engine. prefix_caching: whether it is on;
    None when the server does not say. prefix_queries, prefix_hits: prompt tokens looked up and found since it started.
    """

    running: int
    waiting: int
    kv_usage: float
    kv_tokens: int | None
    prefix_caching: bool | None
    engines: int
    prefix_queries: int = 0
    prefix_hits: int = 0


async def read_load(endpoint: Endpoint) -> ServerLoad | None:
    """Read an endpoint's /metrics; None when it has none, or none of vLLM's, or does not answer."""
    try:
        async with asyncio.timeout(_READ_S):
            return parse_load(await endpoint.get(f"{endpoint.root}/metrics"))
    except (ModelError, TimeoutError):
        return None


def parse_load(text: str) -> ServerLoad | None:
    """Read the text of /metrics; None when it is not vLLM's.

    Source: the Prometheus text format 0.0.4, and vllm/v1/metrics/loggers.py for the names.
    """
    sums: dict[str, float] = {}
    usages, kv_tokens, caching = [0.0], list[int](), set[str]()
    engines = set[str]()
    for line in text.splitlines():
        match = _SAMPLE.match(line)
        if match is None or not match[1].startswith("vllm:"):
            continue
        name, labels = match[1].removeprefix("vllm:"), dict(_LABEL.findall(match[2] or ""))
        try:
            value = float(match[3])
        except ValueError:
            continue
        sums[name] = sums.get(name, 0.0) + value
        if name == "kv_cache_usage_perc":
            usages.append(value)
        if name == "num_requests_running":
            engines.add(labels.get("engine", "0"))
        if name == "cache_config_info":
            kv_tokens.append(_kv_tokens(labels))
            caching.add(labels.get("enable_prefix_caching", ""))
    if "num_requests_running" not in sums:
        return None
    return ServerLoad(
        running=int(sums["num_requests_running"]),
        waiting=int(sums.get("num_requests_waiting", 0)),
        kv_usage=max(usages),
        kv_tokens=min(kv_tokens, default=0) or None,
        prefix_caching="True" in caching if caching & {"True", "False"} else None,
        engines=len(engines),
        prefix_queries=int(sums.get("prefix_cache_queries_total", 0)),
        prefix_hits=int(sums.get("prefix_cache_hits_total", 0)),
    )


def _kv_tokens(labels: dict[str, str]) -> int:
    """Tokens that one engine's cache holds: what it says itself (models with several kinds of layers), else blocks."""
    said, blocks, size = (labels.get(name, "") for name in ("kv_cache_size_tokens", "num_gpu_blocks", "block_size"))
    if said.isdigit():
        return int(said)
    return int(blocks) * int(size) if blocks.isdigit() and size.isdigit() else 0
