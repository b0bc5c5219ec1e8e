"""What `runoff doctor` says of the model that would be asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.agents.models.servers import error, says, status
from tests.api.conftest import Runoff
from tests.api.test_bad_models import server, unused_port

KEY = "sk-never-shown-never-shown"


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("RUNOFF_SANDBOX", "bubblewrap")
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "RUNOFF_MODEL", "RUNOFF_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def model_lines(runoff: Runoff, **variables: str) -> tuple[int, list[str]]:
    ended = runoff("doctor", **variables)
    assert KEY not in ended.stdout + ended.stderr
    lines = ended.stdout.splitlines()
    first = next(place for place, line in enumerate(lines) if line.partition(" ")[2].strip().startswith("model:"))
    return ended.returncode, [" ".join(line.split()) for line in lines[first:]]


@pytest.mark.bubblewrap
def test_without_a_model_the_repair_policy_is_used(runoff: Runoff) -> None:
    code, lines = model_lines(runoff)
    assert code == 0
    assert lines[0].startswith("ok model: none: the built-in repair policy is used")
    assert "--model NAME would be asked for at http://127.0.0.1:8000/v1" in lines[0]


@pytest.mark.bubblewrap
def test_a_model_that_answers(runoff: Runoff) -> None:
    with server(says("hi")) as served:
        code, lines = model_lines(runoff, RUNOFF_MODEL="m", OPENAI_BASE_URL=served.url, OPENAI_API_KEY=KEY)
        assert (code, served.asked[0].headers["authorization"], served.calls) == (0, f"Bearer {KEY}", [])
        assert lines == [
            f"ok model: m at {served.url}, with the key of OPENAI_API_KEY: it answers, context 4096 tokens"
        ]
        code, lines = model_lines(runoff, OPENAI_BASE_URL=served.url)
        assert code == 0
        assert lines[0].startswith("ok model: none named, so the built-in repair policy is used")
        assert lines[0].endswith("without a key answers, and has m")


@pytest.mark.bubblewrap
def test_a_model_that_does_not_and_what_to_do(runoff: Runoff, tmp_path: Path) -> None:
    away = f"http://127.0.0.1:{unused_port()}/v1"
    code, lines = model_lines(runoff, RUNOFF_MODEL="m", RUNOFF_BASE_URL=away)
    assert code == 1
    assert lines[0].startswith("missing model: m, without a key: ")
    assert away in lines[0]
    assert "runoff model serve MODEL" in lines[-1] and "OPENAI_BASE_URL" in lines[-1]
    assert model_lines(runoff, RUNOFF_BASE_URL=away)[0] == 0  # nothing needs it
    with server(says("hi"), models=error(401, f"Incorrect API key provided: {KEY}")) as served:
        code, lines = model_lines(runoff, RUNOFF_MODEL="m", OPENAI_BASE_URL=served.url, OPENAI_API_KEY=KEY)
        assert code == 1
        assert "401" in lines[0] and "OPENAI_API_KEY" in lines[0]
        assert lines[-1] == "set OPENAI_API_KEY to a key that it accepts"
    with server(says("hi"), models=error(500, "boom")) as served:
        code, lines = model_lines(runoff, RUNOFF_MODEL="m", OPENAI_BASE_URL=served.url)
        assert code == 1
        assert "look at the server's log" in lines[-1]
    with server(says("hi"), models=status(200, {"data": [{"id": "other"}]})) as served:
        code, lines = model_lines(runoff, RUNOFF_MODEL="m", OPENAI_BASE_URL=served.url)
        assert code == 1
        assert "has no model 'm'; it has other" in lines[0]
        assert lines[1] == "name one of them with RUNOFF_MODEL or --model"


@pytest.mark.bubblewrap
def test_models_without_a_server(runoff: Runoff, tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    assert model_lines(runoff, RUNOFF_MODEL=f"scripted:{script}")[0] == 1
    script.write_text(json.dumps({"answers": ["hi"]}))
    assert model_lines(runoff, RUNOFF_MODEL=f"scripted:{script}") == (0, [f"ok model: scripted:{script}"])
