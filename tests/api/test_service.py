"""The REST face, over a real socket."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from agents.settings import Settings
from api.service import Service
from memory import OPENED, Journal, Runs, Store
from tests.api.conftest import INTERPRETER, ISSUE, commit

pytestmark = pytest.mark.bubblewrap
TOKEN = "a-token"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[httpx.Client]:
    yield from serve(tmp_path, RUNOFF_TOKEN=TOKEN)


def serve(tmp_path: Path, **variables: str) -> Iterator[httpx.Client]:
    """A client of a service, with the token that the service was given or has printed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "api", "serve", "--port", str(port)],
        env=os.environ | INTERPRETER | {"RUNOFF_STATE_DIR": str(tmp_path / "state")} | variables,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    token = variables.get("RUNOFF_TOKEN") or process.stderr.readline().split()[-1]
    threading.Thread(target=process.stderr.read, daemon=True).start()
    headers = {"Authorization": f"Bearer {token}"}
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, headers=headers) as client:
            for _ in range(200):
                try:
                    client.get("/v1/runs")
                    break
                except httpx.ConnectError:
                    time.sleep(0.1)
            yield client
    finally:
        process.terminate()
        assert process.wait(timeout=30) in (0, -15)


def test_a_run_is_started_followed_and_read(service: httpx.Client, repo: Path) -> None:
    started = service.post("/v1/runs", json={"repo": str(repo), "issue": ISSUE})
    assert started.status_code == 202, started.text
    run_id = started.json()["id"]
    with service.stream("GET", f"/v1/runs/{run_id}/events") as stream:
        lines = [line.removeprefix("data:") for line in stream.iter_lines() if line.startswith("data:")]
    kinds = [json.loads(line)["kind"] for line in lines]
    assert kinds[0] == "run.started"
    assert kinds[-1] == "run.finished"
    ended = service.get(f"/v1/runs/{run_id}").json()
    assert ended["state"] == "resolved"
    assert ended["verdict"]["winner"]
    assert "halves.py" in ended["patch"]
    assert [each["id"] for each in service.get("/v1/runs").json()] == [run_id]
    replayed = service.get(f"/v1/runs/{run_id}/events", headers={"Last-Event-ID": str(len(kinds) - 1)})
    assert replayed.text.count("data:") == 1
    for number in ("-1", "9" * 30):
        refused = service.get(f"/v1/runs/{run_id}/events", headers={"Last-Event-ID": number})
        assert refused.status_code == 422


def test_bad_input_is_refused_or_journaled_with_the_reason(service: httpx.Client, repo: Path, tmp_path: Path) -> None:
    refused = service.post("/v1/runs", json={"repo": "/somewhere", "issue": " "})
    assert refused.status_code == 422
    assert "issue is empty" in refused.text
    for path, why in (
        (str(tmp_path / "nothing"), "nothing"),
        (str(tmp_path), "git"),
        ("repo", "write the whole path"),
        ("/" + "long" * 1000, "too long"),
        ("/odd\0", "is not a directory"),
    ):
        refused = service.post("/v1/runs", json={"repo": path, "issue": ISSUE})
        assert refused.status_code == 422
        assert why in refused.json()["detail"]
    for text in ("HEAD\0", "\ud800"):
        sent = json.dumps({"repo": str(repo), "issue": ISSUE, "base": text})  # in escapes, as httpx would not send it
        refused = service.post("/v1/runs", content=sent, headers={"Content-Type": "application/json"})
        assert refused.status_code == 422
        assert "is no character" in refused.text
    assert service.get("/v1/runs").json() == []
    started = service.post("/v1/runs", json={"repo": str(repo), "issue": ISSUE, "base": "nosuch"}).json()
    service.get(f"/v1/runs/{started['id']}/events")  # ends with the run
    ended = service.get(f"/v1/runs/{started['id']}").json()
    assert ended["state"] == "failed"
    assert "nosuch" in ended["error"]
    assert service.get("/v1/runs/unknown").status_code == 404


def test_a_run_of_a_path_that_is_no_unicode_is_shown(service: httpx.Client, tmp_path: Path) -> None:
    with Store.open(tmp_path / "state") as store:
        run_id = Runs(store).create({"repo": "/odd\udcff"})
    for shown in (service.get(f"/v1/runs/{run_id}").json(), *service.get("/v1/runs").json()):
        assert shown["request"] == {"repo": "/odd\udcff"}


def test_a_name_that_is_not_loopback_is_refused(service: httpx.Client) -> None:
    assert service.get("/v1/runs", headers={"Host": "evil.example.org"}).status_code == 400


def test_another_address_needs_a_token() -> None:
    environment = {key: value for key, value in os.environ.items() if key != "RUNOFF_TOKEN"}
    ended = subprocess.run(
        [sys.executable, "-m", "api", "serve", "--host", "0.0.0.0"], env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 2
    assert "RUNOFF_TOKEN" in ended.stderr


def test_callers_need_the_token_on_loopback_too(service: httpx.Client) -> None:
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer another"}):
        for method, path in (("POST", "/v1/runs"), ("GET", "/v1/runs"), ("GET", "/v1/runs/x/events")):
            assert service.request(method, path, headers=headers).status_code == 401
        not_json = {"content": "{", "headers": headers | {"Content-Type": "application/json"}}
        assert service.post("/v1/runs", **not_json).status_code == 401  # before it is read
        assert "HTTPBearer" in service.get("/openapi.json", headers=headers).text


def test_without_a_token_of_the_users_one_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNOFF_TOKEN", raising=False)
    serving = serve(tmp_path)
    client = next(serving)
    assert client.get("/v1/runs").status_code == 200
    assert client.get("/v1/runs", headers={"Authorization": ""}).status_code == 401
    with pytest.raises(StopIteration):
        next(serving)


def test_callers_choose_no_program_of_this_machine(service: httpx.Client, repo: Path, tmp_path: Path) -> None:
    ran, program = tmp_path / "ran", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {ran}\n")
    program.chmod(0o755)
    for field, value in (("python", str(program)), ("image", "somebody/else")):
        refused = service.post("/v1/runs", json={"repo": str(repo), "issue": ISSUE, field: value})
        assert refused.status_code == 422
        assert field in refused.json()["detail"]
    assert not ran.exists()
    sent = json.dumps({"repo": str(repo), "issue": ISSUE})
    assert service.post("/v1/runs", content=sent, headers={"Content-Type": "text/plain"}).status_code == 422
    assert service.post("/v1/runs", content=sent).status_code == 422


@pytest.mark.parametrize(
    "given", [{"base_url": "http://ann:sesame@host/v1"}, {"other_models": ["n@http://ann:sesame@host/v1"]}]
)
def test_a_password_in_an_address_is_refused_and_not_sent_back(
    service: httpx.Client, repo: Path, given: dict[str, object]
) -> None:
    refused = service.post("/v1/runs", json={"repo": str(repo), "issue": ISSUE, "model": "m", **given})
    assert refused.status_code == 422
    assert "OPENAI_API_KEY" in refused.text
    assert "sesame" not in refused.text
    assert service.get("/v1/runs").json() == []


def test_an_interpreter_in_a_callers_repository_is_never_run(
    tmp_path: Path,
    repo: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran, program = tmp_path / "ran", repo / ".venv" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\ntouch {ran}\nexec {sys.executable} "$@"\n')
    program.chmod(0o755)
    (repo / ".gitignore").write_text(".venv\n")
    commit(repo)
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setitem(INTERPRETER, "RUNOFF_USE_REPOSITORY_VENV", "true")
    monkeypatch.delitem(INTERPRETER, "RUNOFF_PYTHON")
    serving = serve(tmp_path, RUNOFF_TOKEN=TOKEN)
    client = next(serving)
    run_id = client.post("/v1/runs", json={"repo": str(repo), "issue": ISSUE}).json()["id"]
    client.get(f"/v1/runs/{run_id}/events")
    assert client.get(f"/v1/runs/{run_id}").json()["state"] == "resolved"
    assert not ran.exists()
    with pytest.raises(StopIteration):
        next(serving)


async def test_the_stream_of_a_resumed_run_goes_on_to_its_end(tmp_path: Path) -> None:
    with Store.open(tmp_path / "state") as store:
        run_id = Runs(store).create({})
        journal = Journal(store, run_id)
        for kind in (OPENED, "run.interrupted", OPENED):
            journal.append(kind)
        seen = []
        async for event in Service(Settings(), store).events(run_id, 0):
            seen.append(event["event"])
            if len(seen) == 4:
                journal.append("run.finished")
        assert seen == ["run.started", OPENED, "run.interrupted", OPENED, "run.finished"]
