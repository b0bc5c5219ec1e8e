"""The one settings object: command line > environment (`RUNOFF_…`) > file > default."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


def _xdg(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default) / "runoff"


class Settings(BaseSettings):
    """What holds for every Run of a user. The file is `$XDG_CONFIG_HOME/runoff/config.toml`."""

    model_config = SettingsConfigDict(env_prefix="RUNOFF_", extra="forbid")

    state_dir: Path = Field(
        default_factory=lambda: _xdg("XDG_STATE_HOME", ".local/state"),
        description="journal, ledger, mirrors, checkouts",
    )
    sandbox: Literal["auto", "docker", "bubblewrap"] = Field("auto", description="what untrusted code runs in")
    image: str | None = Field(None, description="the image for docker; it must hold Python and the project's packages")
    python: Path | None = Field(None, description="the interpreter that has pytest and the project's dependencies")
    budget: str = Field("wall=10m,candidates=1000", description="the limits of a Run")
    workers: int = Field(
        default_factory=lambda: max(1, len(os.sched_getaffinity(0))),
        ge=1,
        le=256,
        description="candidates tried at once",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = _xdg("XDG_CONFIG_HOME", ".config") / "config.toml"
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file)
