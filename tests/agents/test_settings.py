from pathlib import Path

import pytest

from agents.models.load import DEFAULT_BASE_URL, endpoints
from agents.settings import Settings


def test_the_address_comes_from_the_nearest_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("RUNOFF_BASE_URL", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)

    def where(given: str | None = None) -> list[str]:
        return [endpoint.name for endpoint in endpoints("m", Settings(), given)]

    assert where() == [DEFAULT_BASE_URL]
    (tmp_path / "runoff").mkdir()
    (tmp_path / "runoff" / "config.toml").write_text('base_url = "http://file/v1"\n')
    assert where() == ["http://file/v1"]
    monkeypatch.setenv("OPENAI_BASE_URL", "http://openai/v1")
    assert where() == ["http://openai/v1"]
    monkeypatch.setenv("RUNOFF_BASE_URL", "http://one/v1, http://two/v1,http://one/v1")
    assert where() == ["http://one/v1", "http://two/v1"]
    assert where("http://user:password@given/v1/") == ["http://given/v1"]
