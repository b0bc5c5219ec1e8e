"""The one settings object: command line > environment (`RUNOFF_…`, then `OPENAI_BASE_URL`) > file > default."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from agents.addresses import Address, ModelName
from agents.errors import SettingsUnreadable
from agents.text import Text
from memory import Budget

_USUAL = "OPENAI_BASE_URL"


def _xdg(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default) / "runoff"


def _file() -> Path:
    return _xdg("XDG_CONFIG_HOME", ".config") / "config.toml"


class Settings(BaseSettings):
    """What holds for every Run of a user. The file is `$XDG_CONFIG_HOME/runoff/config.toml`."""

    model_config = SettingsConfigDict(env_prefix="RUNOFF_", extra="forbid")

    state_dir: Path = Field(
        default_factory=lambda: _xdg("XDG_STATE_HOME", ".local/state"),
        description="journal, ledger, mirrors, checkouts",
    )
    sandbox: Literal["auto", "docker", "bubblewrap"] = Field("auto", description="what untrusted code runs in")
    image: Text | None = Field(None, description="the image for docker; it must hold Python and the project's packages")
    images: tuple[str, ...] = Field((), description="other images that callers of the REST service may name")
    python: Path | None = Field(None, description="the interpreter that has pytest and the project's dependencies")
    use_repository_venv: bool = Field(
        True, description="where no interpreter is named, take the repository's own .venv; the REST service never does"
    )
    budget: str = Field("wall=10m,candidates=1000", description="the limits of a Run")
    ledger: str | None = Field(
        None,
        description="redis://HOST:PORT/DB: where processes of several hosts keep the account of a Run; none: in the state "
        "directory, for those of this machine",
    )
    ledger_s: float = Field(20.0, gt=0, description="how long that server may take to answer")
    workers: int = Field(
        default_factory=lambda: max(1, len(os.sched_getaffinity(0))),
        ge=1,
        le=256,
        description="candidates tried at once",
    )
    model: ModelName | None = Field(
        None, description="a model's name, scripted:FILE or replay:DIR; none: the repair policy"
    )
    other_models: tuple[ModelName, ...] = Field(
        (), description="models that a run may turn to, where they promise more: as `model`, or NAME@URL"
    )
    trajectories: int = Field(4, ge=1, le=1000, description="attempts of the model at one issue, as the budget allows")
    plan_form: Literal["text", "grammar", "tools"] = Field(
        "text",
        description="how the model writes plans: freely, held to a grammar by its server (vLLM), or as tool calls",
    )
    relevance: bool = Field(
        False, description="ask the model which of the first 20 ranked files the issue is about, before any trajectory"
    )
    leader_first: bool | None = Field(
        None,
        description="an issue's trajectories wait for the first token of the first one, which fills the server's prefix cache; "
        "by default where the server has no metrics of a vLLM",
    )
    answer_tokens: int = Field(4096, ge=64, description="the most that one answer of the model may have")
    base_url: Address | None = Field(
        None, description="where the model is served, …/v1; commas separate several replicas"
    )
    answer_s: float = Field(600.0, gt=0, description="how long the REST service waits for a person's answer")
    vllm: Path | None = Field(None, description="the vllm program, or the environment that it is installed in")
    first_token_s: float = Field(300.0, gt=0, description="how long an answer may take to begin")
    between_tokens_s: float = Field(60.0, gt=0, description="how long an answer may pause")
    patience_s: float = Field(
        180.0, ge=0, description="how long a model server that is away or throttles is waited for"
    )
    price_prompt: float | None = Field(None, ge=0, description="US dollars for a million prompt tokens")
    price_cached: float | None = Field(None, ge=0, description="the same, for those that come from the server's cache")
    price_completion: float | None = Field(None, ge=0, description="the same, for tokens of answers")
    secrets: list[str] = Field(default=[], description="environment variables whose values are never written down")

    def __init__(self, **values: Any) -> None:
        """Raises SettingsUnreadable, which names the file or the variable that is to be mended."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            key, message = str(first["loc"][0]), first["msg"].removeprefix("Value error, ")
            if key in values:
                raise
            variable = f"RUNOFF_{key.upper()}"
            if key == "base_url" and variable not in os.environ and os.environ.get(_USUAL):
                variable = _USUAL
            where = f"the environment variable {variable}" if variable in os.environ else f"{key} in {_file()}"
            what = "is no setting" if first["type"] == "extra_forbidden" else f"cannot be used: {message}"
            raise SettingsUnreadable(f"{where} {what}; mend or remove it") from error
        except SettingsError as error:  # only what a list stands in, in the environment
            raise SettingsUnreadable(f'{error}; write a list there, as in ["one", "two"]') from error

    @field_validator("budget")
    @classmethod
    def _can_be_read(cls, text: str) -> str:
        Budget.parse(text)
        return text

    @field_validator("ledger")
    @classmethod
    def _is_redis(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("it must begin with redis://, rediss:// or unix://")
        return url

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = _file()
        usual = {"base_url": url} if (url := os.environ.get(_USUAL)) else {}
        try:
            from_file = TomlConfigSettingsSource(settings_cls, toml_file=file)
        except (OSError, ValueError) as error:  # not TOML, not UTF-8, not ours to read
            raise SettingsUnreadable(f"the settings in {file} cannot be read: {error}; mend or remove it") from error
        return init_settings, env_settings, InitSettingsSource(settings_cls, usual), from_file
