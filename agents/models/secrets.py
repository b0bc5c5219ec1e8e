"""What must never be written down: the values of some environment variables, and whatever looks like a key."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

ALWAYS = ("OPENAI_API_KEY", "RUNOFF_TOKEN", "VLLM_API_KEY", "HF_TOKEN", "ANTHROPIC_API_KEY", "GITHUB_TOKEN")
_SHORTEST = 6  # a shorter value is a word that texts hold anyway
_PATTERNS = (
    (re.compile(r"(?i)\b(authorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic|token)\s+)[^\s\"',;]+"), r"\1[removed]"),
    (re.compile(r"(?i)\b((?:api|x-api)-key[\"']?\s*[:=]\s*[\"']?)[^\s\"',;]+"), r"\1[removed]"),
    (re.compile(r"\bsk-[A-Za-z0-9_-]{16,}"), "[key removed]"),
    (re.compile(r"\b(?:ghp|gho|ghs|hf)_[A-Za-z0-9]{20,}"), "[key removed]"),
)
_SIGNS = ("authorization", "api-key", "sk-", "ghp_", "gho_", "ghs_", "hf_")  # without one, no pattern matches


class Secrets:
    """Removes secrets from texts and from whatever is made of texts. names: more environment variables than ALWAYS."""

    def __init__(self, names: Iterable[str] = (), environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        found = {name: environ.get(name, "").strip() for name in (*ALWAYS, *names)}
        known = {shape: name for name, value in found.items() for shape in _shapes(value) if len(shape) >= _SHORTEST}
        self._known = sorted(known.items(), key=lambda pair: -len(pair[0]))  # one may be a part of another

    def clean(self, text: str) -> str:
        """The text without its secrets."""
        for value, name in self._known:
            text = text.replace(value, f"[{name} removed]")
        if any(map(text.lower().__contains__, _SIGNS)):
            for pattern, instead in _PATTERNS:
                text = pattern.sub(instead, text)
        return text

    def clean_data(self, data: Any) -> Any:
        """The same for JSON data: every text in it, keys too."""
        if isinstance(data, str):
            return self.clean(data)
        if isinstance(data, Mapping):
            return {self.clean(str(key)): self.clean_data(value) for key, value in data.items()}
        if isinstance(data, (list, tuple)):
            return [self.clean_data(each) for each in data]
        return data


def _shapes(value: str) -> set[str]:
    """A secret as texts may hold it: as it is, in a Python or JSON literal, as bytes of a message, on one line."""
    data = value.encode("utf-8", "surrogateescape")
    return {
        value,
        repr(value)[1:-1],
        ascii(value)[1:-1],
        repr(data)[2:-1],
        json.dumps(value)[1:-1],
        " ".join(value.split()),
    }
