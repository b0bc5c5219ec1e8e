"""One thing that was looked at, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """How one thing was found. needed: nothing works without it."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    needed: bool = False
