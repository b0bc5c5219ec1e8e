"""What a user asks for: one Issue and how to work on it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from memory import Budget


class Request(BaseModel):
    """One Issue to resolve. The same object serves the command line, the REST service and the Journal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repo: Path = Field(description="a git repository on this machine")
    issue: str = Field(description="the problem, in Markdown or plain text", max_length=1 << 20)
    test: str | None = Field(None, description='the tests that matter, e.g. "pytest -q tests/test_dates.py"')
    base: str | None = Field(None, description="the commit to start from; by default HEAD of a clean checkout")
    budget: str = Field("wall=10m,candidates=1000", description='limits, e.g. "wall=10m,candidates=200"')
    sandbox: Literal["auto", "docker", "bubblewrap"] = "auto"
    image: str | None = Field(None, description="docker only: an image that holds Python and what the tests need")
    python: Path | None = Field(None, description="the interpreter that runs the tests, as the sandbox sees it")

    @field_validator("issue")
    @classmethod
    def _says_something(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("the issue is empty; say what is wrong, in a sentence at least")
        return text

    @field_validator("budget")
    @classmethod
    def _can_be_read(cls, text: str) -> str:
        Budget.parse(text)
        return text
