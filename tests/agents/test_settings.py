import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from agents.errors import NoSuchEndpoint, SettingsUnreadable
from agents.models.load import DEFAULT_BASE_URL, endpoints
from agents.request import Request
from agents.settings import Settings
from api.errors import one_line


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
    assert where("http://given/v1/") == ["http://given/v1"]


SECRET = "sesame"
WITH_A_PASSWORD = [
    f"http://ann:{SECRET}@host/v1",
    f"https://{SECRET}@host/v1",
    f"ann:{SECRET}@host:8000",
    f"http://one/v1, http://ann:{SECRET}@two/v1",
    f"http://ann:{SECRET}/,?#@{SECRET}@host/v1",
    f"http://ann:1/{SECRET}@host/v1",
    f"ann:{SECRET}@http://{SECRET}@host/v1",
    f"HTTP://ann:{SECRET}\n@host/v1",
]


@pytest.mark.parametrize("url", WITH_A_PASSWORD)
def test_an_address_with_a_password_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name in ("RUNOFF_BASE_URL", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    raised: list[Exception] = []
    with pytest.raises(NoSuchEndpoint) as direct:
        endpoints("m", Settings(), url)
    raised.append(direct.value)
    for variable in ("OPENAI_BASE_URL", "RUNOFF_BASE_URL"):
        monkeypatch.setenv(variable, url)
        with pytest.raises(SettingsUnreadable, match=f"the environment variable {variable} cannot be used") as set_so:
            Settings()
        monkeypatch.delenv(variable)
        raised.append(set_so.value)
    with pytest.raises(ValidationError) as asked:
        Request(repo=Path("/repo"), issue="an issue", base_url=url)
    for told in (*map(str, raised), one_line(asked.value)):
        assert "give the key in OPENAI_API_KEY" in told
        assert SECRET not in told


@pytest.mark.parametrize("name", [f"m@{url}" for url in WITH_A_PASSWORD if ", " not in url])
def test_a_model_at_an_address_with_a_password_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("RUNOFF_OTHER_MODELS", json.dumps(["one", name]))
    with pytest.raises(SettingsUnreadable, match="RUNOFF_OTHER_MODELS cannot be used") as set_so:
        Settings()
    assert SECRET not in str(set_so.value)
    monkeypatch.delenv("RUNOFF_OTHER_MODELS")
    for given in ({"model": name}, {"other_models": ["one", name]}):
        with pytest.raises(ValidationError) as asked:
            Request.model_validate({"repo": "/repo", "issue": "an issue", **given})
        assert "write NAME@URL" in one_line(asked.value)
        assert SECRET not in one_line(asked.value)


@pytest.mark.parametrize("name", ["m", "@cf/meta/llama-3", "org/m@v2", "m@http://host/v1", "scripted:a@b.json"])
def test_a_name_may_hold_what_is_no_password(name: str) -> None:
    assert Request(repo=Path("/repo"), issue="an issue", model=name, other_models=(name,)).model == name


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
