"""The tools of the plans in these tests."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from planner import ALL, PURE, VOLATILE, Effects, ToolSpec, always, touches


class Hit(BaseModel):
    path: str
    line: int


class Text(BaseModel):
    text: str
    lines: list[str]


class Grep(BaseModel):
    pattern: str
    path: str = "."


class Read(BaseModel):
    path: str
    lines: list[int] = []


class Edit(BaseModel):
    path: str
    search: str = ""
    replace: str = ""


class Move(BaseModel):
    source: str
    target: str


class Nothing(BaseModel):
    """No arguments."""


class Anything(BaseModel):
    model_config = ConfigDict(extra="forbid")
    of: Any = None
    seconds: float = 0.0


TOOLS = (
    ToolSpec("grep", "Search.", Grep, "sandbox", 2.0, touches(reads=("path",)), list[Hit]),
    ToolSpec("read", "Read a file.", Read, "sandbox", 1.0, touches(reads=("path",)), Text),
    ToolSpec("edit", "Change a file.", Edit, "sandbox", 1.0, touches(reads=("path",), writes=("path",))),
    ToolSpec("move", "Rename a file.", Move, "sandbox", 1.0, touches(reads=("source",), writes=("source", "target"))),
    ToolSpec("run_tests", "Run the tests.", Nothing, "sandbox", 10.0, always(Effects(reads=(ALL,)))),
    ToolSpec("run", "Run a command.", Nothing, "sandbox", 5.0),
    ToolSpec("ask", "Ask a model.", Nothing, "model", 3.0, always(VOLATILE)),
    ToolSpec("think", "Give back what it gets.", Anything, "host", 0.1, always(PURE)),
)
