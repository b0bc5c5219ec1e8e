from pathlib import Path

import pytest

from agents.errors import SettingsUnreadable
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


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("workerz = 3", "workerz in {file} is no setting"),
        ("workers = 0", "workers in {file} cannot be used: .* greater than or equal to 1"),
        ("budget = 'wall=soon'", "budget in {file} cannot be used: .* write 90s, 10m or 1h30m"),
    ],
)
def test_an_error_names_the_file_that_it_is_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str, says: str
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "runoff").mkdir()
    file = tmp_path / "runoff" / "config.toml"
    file.write_text(line)
    with pytest.raises(SettingsUnreadable, match=says.format(file=file)):
        Settings()
    file.write_text("")
    Settings()


@pytest.mark.parametrize(
    ("variable", "value"), [("RUNOFF_WORKERS", "many"), ("RUNOFF_BUDGET", "wall=soon"), ("RUNOFF_SECRETS", "ONE")]
)
def test_an_error_names_the_variable_that_it_is_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, value: str
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv(variable, value)
    with pytest.raises(
        SettingsUnreadable, match=variable.removeprefix("RUNOFF_").lower() if value == "ONE" else variable
    ):
        Settings()
