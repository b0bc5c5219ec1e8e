"""What a plan may call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

Resource = Literal["sandbox", "model", "host"]


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the compiler knows it: its name, its arguments, where it runs, and how long it takes.

    arguments: a pydantic model. resource: what its Calls hold while they run. cost_s: seconds, an estimate that orders
    ready Calls.
    """

    name: str
    doc: str
    arguments: type[BaseModel]
    resource: Resource = "host"
    cost_s: float = 1.0
