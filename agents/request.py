"""What a user asks for: one Issue and how to work on it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from agents.addresses import Address, ModelName
from agents.errors import NoSuchModel
from agents.settings import Settings
from agents.text import Text
from memory import Budget

_OF_MODELS = ("trajectories", "plan_form", "answer_tokens", "relevance")


class NotAllowed(ValueError):
    """A caller asked for what only the settings may name."""


class Given(BaseModel):
    """A candidate that another system made. patch: its digest in the file store."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(description="the system that made it")
    sample: int = Field(1, ge=1, description="which of the system's patches it is")
    patch: str = Field(pattern="^[0-9a-f]{64}$", description="digest of the patch in the file store")


class Request(BaseModel):
    """One Issue to resolve. The same object serves the command line, the REST service and the Journal.

    None stands for what the settings say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    repo: Path = Field(description="a git repository on this machine")
    issue: str = Field(description="the problem, in Markdown or plain text", max_length=1 << 20)
    test: Text | None = Field(None, description='the tests that matter, e.g. "pytest -q tests/test_dates.py"')
    junit: Text | None = Field(
        None, description="where the test command writes a JUnit XML report, below the repository"
    )
    base: Text | None = Field(None, description="the commit to start from; by default HEAD of a clean checkout")
    budget: str | None = Field(None, description='limits, e.g. "wall=10m,candidates=200"')
    sandbox: Literal["auto", "docker", "bubblewrap"] | None = Field(None, description="what untrusted code runs in")
    image: Text | None = Field(None, description="docker only: an image that holds Python and what the tests need")
    python: Path | None = Field(None, description="the interpreter that runs the tests, as the sandbox sees it")
    model: ModelName | None = Field(
        None, description="a model's name, scripted:FILE or replay:DIR; none: the repair policy"
    )
    other_models: tuple[ModelName, ...] | None = Field(
        None, description="models that the run may turn to, where they promise more: as `model`, or NAME@URL"
    )
    base_url: Address | None = Field(
        None, description="where the model is served, …/v1; commas separate several replicas"
    )
    trajectories: int | None = Field(None, ge=1, le=1000, description="attempts of the model, as the budget allows")
    first_wave: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="attempts of the model before anything is decided; by default those that run at once",
    )
    plan_form: Literal["text", "grammar", "tools"] | None = Field(
        None, description="how the model writes plans: freely, held to a grammar by its server, or as tool calls"
    )
    answer_tokens: int | None = Field(None, ge=64, description="the most that one answer of the model may have")
    relevance: bool | None = Field(None, description="ask the model first which of the ranked files the issue is about")
    ask: bool = Field(False, description="where candidates still differ in the end, wait for a person's answer")
    candidates: tuple[Given, ...] = Field((), description="choose among these; nothing is generated")
    static: bool = Field(False, description="choose among them without running anything of the repository")
    record: Path | None = Field(None, description="a directory for the record of every call of the model")

    @field_validator("issue")
    @classmethod
    def _says_something(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("the issue is empty; say what is wrong, in a sentence at least")
        return text

    @field_validator("junit")
    @classmethod
    def _below_the_repository(cls, text: str | None) -> str | None:
        if text is not None and (not text.strip("/ ") or text.startswith("/") or ".." in PurePosixPath(text).parts):
            raise ValueError(f"junit: {text!r} is no file below the repository; write e.g. build/report.xml")
        return text

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.static and not self.candidates:
            raise ValueError("static: there are no candidates to choose among; leave it out, or give some")
        if self.static and (idle := [name for name in ("test", "junit", "ask") if getattr(self, name)]):
            raise ValueError(f"static: nothing is run, so that {' and '.join(idle)} would mean nothing; leave one out")
        if self.junit is not None and self.test is None:
            raise ValueError("junit: it is the report of a test command; name that, too")
        return self

    @field_validator("budget")
    @classmethod
    def _can_be_read(cls, text: str | None) -> str | None:
        if text is not None:
            Budget.parse(text)
        return text

    @property
    def repairs(self) -> bool:
        """Whether the built-in repair policy makes the candidates."""
        return self.model is None and not self.candidates

    def refuse_programs(self, settings: Settings) -> None:
        """For callers who must not choose what runs on this machine outside of a sandbox (an interpreter is asked for
        its places there), nor what docker fetches. Raises NotAllowed."""
        if self.python not in (None, settings.python):
            raise NotAllowed(
                f"python: {self.python} is not the interpreter that this service is set up with; leave it out, or let "
                "whoever runs the service set RUNOFF_PYTHON"
            )
        if self.image not in (None, settings.image, *settings.images):
            raise NotAllowed(
                f"image: {self.image} is not among the images that this service may start; leave it out, or let whoever "
                "runs the service add it to `images` in its settings"
            )
        for name in ("model", "other_models", "base_url", "record"):
            value = getattr(self, name)
            if value not in (None, (), getattr(settings, name, None)):
                shown = ", ".join(value) if isinstance(value, tuple) else value
                raise NotAllowed(
                    f"{name}: {shown} is not what this service is set up with; leave it out, or let whoever runs the service "
                    f"set RUNOFF_{name.upper()}"
                )

    def shaped(self, settings: Settings) -> Settings:
        """The settings with what was asked for in their place."""
        asked = {name: value for name in _OF_MODELS if (value := getattr(self, name)) is not None}
        return settings.model_copy(update=asked)

    def complete(self, settings: Settings) -> Request:
        """What was not asked for comes from the settings; a repository's relative path becomes absolute. Raises
        NoSuchModel."""
        names = ("budget", "sandbox", "image", "python", "model", "other_models", "base_url")
        given = {name: getattr(self, name) for name in names}
        if self.python is not None and len(self.python.parts) > 1 and self.python.exists():
            given["python"] = self.python.absolute()  # a link stays one: what it leads to may be another environment's
        filled = {name: getattr(settings, name) if value is None else value for name, value in given.items()}
        if filled["model"] is not None:  # kept with the Run: resumed or replayed elsewhere, it must be the same one
            filled |= {name: getattr(self.shaped(settings), name) for name in _OF_MODELS}
            filled["first_wave"] = self.first_wave or settings.workers
        if self.other_models and (self.candidates or (filled["model"] or "replay:").startswith("replay:")):
            raise NoSuchModel(
                "other models can only be turned to by a run that begins with a model: name it with --model, or leave "
                "--other-model out"
            )
        return self.model_copy(update={**filled, "repo": self.repo.absolute()})
